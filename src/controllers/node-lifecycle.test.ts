import { expect, test } from 'vitest'
import { labWith } from '#model/build.ts'
import { type Scene, scene } from './scene.ts'
import { luckyKubelet } from './settle.ts'

/** No kubelet speaks for Pods of a node that is silent. */
const kubelet: typeof luckyKubelet = {
  ...luckyKubelet,
  changes: (world) => {
    const silent = new Set(world.objects.Node.filter(({ status }) => status.conditions[0]?.status === 'Unknown').map(({ metadata }) => metadata.name))
    return luckyKubelet.changes({ ...world, objects: { ...world.objects, Pod: world.objects.Pod.filter(({ spec }) => !silent.has(spec.nodeName ?? '')) } })
  },
}
const hears = (s: Scene, node: string, status: 'True' | 'Unknown') => {
  s.store.patch('Node', undefined, node, { status: { conditions: [{ type: 'Ready', status }] } }, 'merge', 'status')
  s.settle()
}
const labels = { app: 'web' }
const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'netlab/echo' }] } }
const withPods = (): Scene => {
  const s = scene(labWith({ nodes: 2 }), { kubelet })
  s.apply('Service', { metadata: { name: 'web' }, spec: { selector: labels, ports: [{ port: 80 }] } })
  s.apply('ReplicaSet', { metadata: { name: 'web' }, spec: { replicas: 2, selector: { matchLabels: labels }, template } })
  s.apply('DaemonSet', {
    metadata: { name: 'agent' },
    spec: { selector: { matchLabels: { app: 'agent' } }, template: { ...template, metadata: { labels: { app: 'agent' } } } },
  })
  return s
}
const pods = (s: Scene, app: string) =>
  s
    .all('Pod')
    .filter(({ metadata }) => metadata.labels['app'] === app)
    .map(({ spec, metadata, status }) => {
      const ready = status.conditions.find(({ type }) => type === 'Ready')?.status === 'True'
      return `${spec.nodeName} ${metadata.deletionTimestamp === undefined ? (ready ? 'ready' : 'not ready') : 'terminating'}`
    })
    .sort()
const endpoints = (s: Scene) =>
  s
    .all('EndpointSlice')
    .flatMap((slice) => slice.endpoints.map(({ nodeName, conditions }) => `${nodeName} ${conditions.ready}`))
    .sort()

test('of a node that is silent Pods are not ready at once, and Services know it', () => {
  const s = withPods()
  hears(s, 'node-2', 'Unknown')
  expect([pods(s, 'web'), endpoints(s).filter((one) => one.startsWith('node'))]).toEqual([
    ['node-1 ready', 'node-2 not ready'],
    ['node-1 true', 'node-2 false'],
  ])
})

test('after a while its Pods are deleted and others made elsewhere; daemons stay, and nobody is gone before its kubelet says so', () => {
  const s = withPods()
  hears(s, 'node-2', 'Unknown')
  s.tick(4)
  const before = pods(s, 'web')
  s.tick(2)
  expect([before, pods(s, 'web'), pods(s, 'agent')]).toEqual([
    ['node-1 ready', 'node-2 not ready'],
    ['node-1 ready', 'node-1 ready', 'node-2 terminating'],
    ['node-1 ready', 'node-2 not ready'],
  ])
})

test('a Pod may say how long it stays', () => {
  const s = scene(labWith({ nodes: 1 }), { kubelet })
  const bound = (name: string, more: object) =>
    s.apply('Pod', {
      metadata: { name, labels: { app: name } },
      spec: { ...template.spec, tolerations: [{ key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', ...more }] },
    })
  bound('brief', { tolerationSeconds: 1 })
  bound('patient', { tolerationSeconds: 60 })
  bound('faithful', {})
  hears(s, 'node-1', 'Unknown')
  const after = [1, 10, 60].map((seconds) => {
    s.tick(seconds)
    return ['brief', 'patient', 'faithful'].map((name) => pods(s, name)[0])
  })
  const [gone, waits] = ['node-1 terminating', 'node-1 not ready']
  expect(after).toEqual([
    [gone, waits, waits],
    [gone, waits, waits],
    [gone, gone, waits],
  ])
})

test('a node that is back has no taint, and takes Pods again', () => {
  const s = withPods()
  hears(s, 'node-2', 'Unknown')
  const tainted = s.store.get('Node', undefined, 'node-2')?.spec.taints?.map(({ effect }) => effect)
  hears(s, 'node-2', 'True')
  expect([tainted, s.store.get('Node', undefined, 'node-2')?.spec.taints, pods(s, 'web')]).toEqual([
    ['NoSchedule', 'NoExecute'],
    [],
    ['node-1 ready', 'node-2 ready'],
  ])
})
