import { expect, test } from 'vitest'
import { labWith } from '#model/build.ts'
import { type Scene, scene } from './scene.ts'

const labels = { app: 'agent' }
const set = (template: object = {}, spec: object = {}) => ({
  metadata: { name: 'agent' },
  spec: {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'netlab/echo' }], ...template } },
    ...spec,
  },
})
const nodes = ({ all }: Scene) =>
  all('Pod')
    .map(({ spec }) => spec.nodeName)
    .sort()
const counts = ({ all }: Scene) => {
  const {
    desiredNumberScheduled: desired,
    currentNumberScheduled: current,
    numberReady: ready,
    updatedNumberScheduled: fresh,
  } = all('DaemonSet')[0]?.status ?? {}
  return { desired, current, ready, fresh }
}

test('each node has one Pod', () => {
  const s = scene(labWith({ nodes: 3 }))
  s.apply('DaemonSet', set())
  expect([nodes(s), counts(s)]).toEqual([['node-1', 'node-2', 'node-3'], { desired: 3, current: 3, ready: 3, fresh: 3 }])
})

test('a node selector leaves out the others, and a new label takes a node in', () => {
  const s = scene(labWith({ nodes: 2 }))
  s.store.patch('Node', undefined, 'node-1', { metadata: { labels: { disk: 'ssd' } } }, 'merge')
  s.apply('DaemonSet', set({ nodeSelector: { disk: 'ssd' } }))
  const before = nodes(s)
  s.store.patch('Node', undefined, 'node-2', { metadata: { labels: { disk: 'ssd' } } }, 'merge')
  s.store.patch('Node', undefined, 'node-1', { metadata: { labels: { disk: null } } }, 'merge')
  s.settle()
  expect([before, nodes(s)]).toEqual([['node-1'], ['node-2']])
})

test('a taint keeps it away unless tolerated; a node that takes no new Pods still has its daemons', () => {
  const s = scene(labWith({ nodes: 2 }))
  s.store.patch('Node', undefined, 'node-1', { spec: { taints: [{ key: 'gpu', effect: 'NoSchedule' }] } }, 'merge')
  s.store.patch('Node', undefined, 'node-2', { spec: { unschedulable: true } }, 'merge')
  s.apply('DaemonSet', set())
  const before = nodes(s)
  s.apply('DaemonSet', set({ tolerations: [{ key: 'gpu', operator: 'Exists' }] }))
  expect([before, nodes(s)]).toEqual([['node-2'], ['node-1', 'node-2']])
})

test('a node that comes gets one, under a name that was never there', () => {
  const s = scene(labWith({ nodes: 2 }))
  s.apply('DaemonSet', set())
  const before = s.all('Pod').map(({ metadata }) => metadata.name)
  s.store.delete('Node', undefined, 'node-2')
  s.settle()
  const alone = nodes(s)
  s.apply('Node', {
    metadata: { name: 'node-2' },
    spec: { podCIDR: '10.244.1.0/24' },
    status: { addresses: [{ type: 'InternalIP', address: '192.168.0.11' }] },
  })
  const added = s.all('Pod').find(({ spec }) => spec.nodeName === 'node-2')
  expect([alone, nodes(s), before.includes(added?.metadata.name ?? '')]).toEqual([['node-1'], ['node-1', 'node-2'], false])
})

test.each([{}, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } }])(
  'an update replaces every Pod: %j',
  (spec) => {
    const s = scene(labWith({ nodes: 3 }))
    s.apply('DaemonSet', set({}, spec))
    s.apply('DaemonSet', set({ containers: [{ name: 'c', image: 'nginx' }] }, spec))
    expect([s.all('Pod').map((pod) => pod.spec.containers[0]?.image), nodes(s), counts(s).fresh]).toEqual([
      ['nginx', 'nginx', 'nginx'],
      ['node-1', 'node-2', 'node-3'],
      3,
    ])
  },
)

test('with OnDelete nothing is replaced by itself', () => {
  const s = scene(labWith({ nodes: 2 }))
  const spec = { updateStrategy: { type: 'OnDelete' } }
  s.apply('DaemonSet', set({}, spec))
  s.apply('DaemonSet', set({ containers: [{ name: 'c', image: 'nginx' }] }, spec))
  expect([s.all('Pod').map((pod) => pod.spec.containers[0]?.image), counts(s).fresh]).toEqual([['netlab/echo', 'netlab/echo'], 0])
})
