import { expect, test } from 'vitest'
import { labWith, NOW, object } from '#model/build.ts'
import { clusterOf } from '#model/model.ts'
import { contains, ip } from '#net/net.ts'
import { fnv } from './hash.ts'
import { type Scene, scene } from './scene.ts'
import { settle } from './settle.ts'

const containers = [{ name: 'c', image: 'netlab/echo', ports: [{ name: 'http', containerPort: 3000 }] }]
const deployment = (name: string, replicas: number) => ({
  metadata: { name },
  spec: { replicas, selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { containers } } },
})
const service = (name: string, type = 'ClusterIP') => ({
  metadata: { name },
  spec: { type, selector: { app: name }, ports: [{ port: 80, targetPort: 'http' }] },
})

const lab = labWith({ dns: 'coredns', objects: [object('Deployment', deployment('web', 5)), object('Service', service('web'))] })

test('a lab settles to the same objects on every run', () => {
  expect(settle(lab, { now: NOW })).toEqual(settle(lab, { now: NOW }))
})

test('every Pod of a settled lab runs somewhere and stands behind its Service', () => {
  const objects = settle(lab, { now: NOW })
  const web = clusterOf(lab, objects).services.find(({ name }) => name === 'web')
  const pods = objects.Pod.filter(({ metadata }) => metadata.namespace === 'default')
  expect([pods.length, web?.endpoints.filter(({ ready }) => ready).map(({ ip: at }) => at)]).toEqual([5, pods.map(({ status }) => status.podIP).sort()])
})

test('a refused object is told with its name', () => {
  const twice = ['a', 'b'].map((name) => object('Service', { metadata: { name }, spec: { clusterIP: '10.96.0.99', ports: [{ port: 80 }] } }))
  expect(() => settle(labWith({ objects: twice }), { now: NOW })).toThrow(
    expect.objectContaining({ about: 'Service default/b', message: expect.stringMatching(/^Service "b" is invalid: spec.clusterIPs/) }),
  )
})

test('a Pod of a node that is no more goes at once, and its ReplicaSet makes another', () => {
  const s = scene(labWith())
  s.apply('Deployment', deployment('web', 3))
  s.store.delete('Node', undefined, 'node-2')
  s.settle()
  expect(
    s
      .all('Pod')
      .map(({ spec }) => spec.nodeName)
      .sort(),
  ).toEqual(['node-1', 'node-1', 'node-3'])
})

test.each([1, 2, 3, 4, 5])('walk %i: whatever is made and deleted in whatever order, no address is given twice, none leaks', (seed) => {
  const walk = scene(labWith({ nodePrefix: 28 }))
  const die = dice(seed)
  for (let step = 0; step < 60; step += 1) {
    stepOf(walk, die)
    expect(faultsOf(walk)).toEqual([])
  }
  for (const kind of ['Deployment', 'Pod', 'Service'] as const)
    for (const { metadata } of walk.all(kind))
      if (metadata.name !== 'kubernetes' && walk.store.get(kind, 'default', metadata.name)) walk.delete(kind, metadata.name)
  expect([walk.all('Pod'), walk.all('ReplicaSet'), walk.all('EndpointSlice').map(({ metadata }) => metadata.name)]).toEqual([[], [], ['kubernetes']])
  walk.apply('Pod', { metadata: { name: 'last' }, spec: { containers } })
  expect(walk.all('Pod').map(({ status }) => status.podIP)).toEqual(['10.244.0.2'])
})

/** Numbers below n that follow from a seed. */
function dice(seed: number): (below: number) => number {
  let throws = 0
  return (below) => {
    throws += 1
    return fnv(`${seed}/${throws}`) % below
  }
}

function stepOf({ apply, delete: erase, all }: Scene, die: (below: number) => number): void {
  const name = `a${die(4)}`
  const is = ({ metadata }: { readonly metadata: { readonly name: string } }) => metadata.name === name
  const pods = all('Pod')
  const steps: readonly (() => unknown)[] = [
    () => apply('Deployment', deployment(name, die(20))),
    () => apply('Deployment', deployment(name, die(20))),
    () => apply('Service', service(name, die(2) === 0 ? 'ClusterIP' : 'NodePort')),
    () => all('Deployment').some(is) && erase('Deployment', name),
    () => all('Service').some(is) && erase('Service', name),
    () => apply('Pod', { metadata: { name: `bare-${die(1000)}`, labels: { app: name } }, spec: { containers } }),
    () => pods.length > 0 && erase('Pod', pods[die(pods.length)]?.metadata.name ?? '', { gracePeriodSeconds: die(2) * 30 }),
  ]
  steps[die(steps.length)]?.()
}

/** Everything that may never be so, at any moment of rest. */
function faultsOf({ all, store }: Scene): readonly string[] {
  const pods = all('Pod')
  const nodes = store.list('Node')
  const addressed = pods.flatMap(({ metadata, spec, status }) => (status.podIP ? [{ name: metadata.name, at: ip(status.podIP), node: spec.nodeName }] : []))
  const services = store
    .list('Service')
    .flatMap(({ spec }) => [spec.clusterIP ?? '', ...spec.ports.flatMap(({ nodePort }) => (nodePort ? [String(nodePort)] : []))])
  const full = (node: string | undefined) => addressed.filter((pod) => pod.node === node).length === 16 - 3
  return [
    ...twice(addressed.map(({ at }): string => at)).map((at) => `${at} is given twice`),
    ...twice(services).map((at) => `${at} is given twice`),
    ...addressed.filter(({ at, node }) => !contains(rangeOf(nodes, node), at)).map(({ name }) => `${name} has an address of another node`),
    ...pods.filter(({ status, spec }) => !status.podIP && !full(spec.nodeName)).map(({ metadata }) => `${metadata.name} waits although there is room`),
    ...all('Deployment')
      .filter(({ spec, metadata }) => pods.filter((pod) => pod.metadata.ownerReferences[0]?.name.startsWith(`${metadata.name}-`)).length !== spec.replicas)
      .map(({ metadata }) => `${metadata.name} has another number of Pods`),
    ...all('Service')
      .filter(({ metadata }) => metadata.name !== 'kubernetes' && behind(metadata.name) !== labelled(metadata.name))
      .map(({ metadata }) => `${metadata.name} has other endpoints than Pods`),
  ]

  function behind(name: string): string {
    const slices = all('EndpointSlice').filter(({ metadata }) => metadata.labels['kubernetes.io/service-name'] === name)
    return slices
      .flatMap(({ endpoints }) => endpoints.map(({ addresses }) => addresses[0] ?? ''))
      .sort()
      .join()
  }
  function labelled(name: string): string {
    return pods
      .flatMap(({ metadata, status }) => (metadata.labels['app'] === name && status.podIP ? [status.podIP] : []))
      .sort()
      .join()
  }
}

const twice = (of: readonly string[]): readonly string[] => of.filter((one, at) => of.indexOf(one) !== at)
const rangeOf = (nodes: ReturnType<Scene['store']['list']>, name: string | undefined) => {
  const node = nodes.find(({ metadata }) => metadata.name === name)
  return (node?.kind === 'Node' ? node.spec.podCIDR : '') as Parameters<typeof contains>[0]
}
