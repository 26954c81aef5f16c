import { expect, test } from 'vitest'
import { labWith } from '#model/build.ts'
import type { Controller } from './controller.ts'
import { isTerminating } from './objects.ts'
import { type Scene, scene } from './scene.ts'
import { luckyKubelet } from './settle.ts'

const labels = { app: 'web' }
const set = (spec: object = {}, image = 'netlab/echo') => ({
  metadata: { name: 'web' },
  spec: {
    replicas: 3,
    serviceName: 'web',
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'c', image }] } },
    ...spec,
  },
})
/** Ends Pods, but starts none. */
const sleepy: Controller = { name: 'kubelet', changes: (world) => luckyKubelet.changes(world).filter(({ verb }) => verb === 'delete') }
const names = ({ all }: Scene) => all('Pod').map(({ metadata }) => metadata.name)
const images = ({ all }: Scene) => all('Pod').map(({ spec }) => spec.containers[0]?.image)
const ready = { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } }

test('its Pods are numbered, bear their names as host names, and are under the governing Service', () => {
  const s = scene(labWith())
  s.apply('StatefulSet', set())
  expect(s.all('Pod').map(({ metadata, spec }) => [metadata.name, spec.hostname, spec.subdomain, metadata.labels['apps.kubernetes.io/pod-index']])).toEqual([
    ['web-0', 'web-0', 'web', '0'],
    ['web-1', 'web-1', 'web', '1'],
    ['web-2', 'web-2', 'web', '2'],
  ])
  expect(s.all('StatefulSet')[0]?.status).toMatchObject({ replicas: 3, readyReplicas: 3, availableReplicas: 3, currentReplicas: 3, updatedReplicas: 3 })
})

test('in order, each Pod waits until the one before it is ready; in parallel none waits', () => {
  const ordered = scene(labWith(), { kubelet: sleepy })
  ordered.apply('StatefulSet', set())
  const steps = [names(ordered)]
  for (const pod of ['web-0', 'web-1']) {
    ordered.patch('Pod', pod, ready, 'status')
    steps.push(names(ordered))
  }
  const parallel = scene(labWith(), { kubelet: sleepy })
  parallel.apply('StatefulSet', set({ podManagementPolicy: 'Parallel' }))
  expect([steps, names(parallel)]).toEqual([
    [['web-0'], ['web-0', 'web-1'], ['web-0', 'web-1', 'web-2']],
    ['web-0', 'web-1', 'web-2'],
  ])
})

test('a Pod that goes comes back under its name; fewer replicas take the highest numbers away', () => {
  const s = scene(labWith())
  s.apply('StatefulSet', set())
  const uid = s.all('Pod')[1]?.metadata.uid
  s.delete('Pod', 'web-1')
  const again = [names(s), s.all('Pod')[1]?.metadata.uid !== uid]
  s.apply('StatefulSet', set({ replicas: 1 }))
  expect([again, names(s)]).toEqual([[['web-0', 'web-1', 'web-2'], true], ['web-0']])
})

test('numbers may begin elsewhere than at 0', () => {
  const s = scene(labWith())
  s.apply('StatefulSet', set({ ordinals: { start: 5 }, replicas: 2 }))
  expect(names(s)).toEqual(['web-5', 'web-6'])
})

test('an update goes from the last to the first, one at a time', () => {
  const order: string[] = []
  const watchful: Controller = {
    name: 'kubelet',
    changes: (world) => {
      for (const pod of world.objects.Pod) if (isTerminating(pod) && !order.includes(pod.metadata.name)) order.push(pod.metadata.name)
      return luckyKubelet.changes(world)
    },
  }
  const s = scene(labWith(), { kubelet: watchful })
  s.apply('StatefulSet', set())
  s.apply('StatefulSet', set({}, 'nginx'))
  const { status } = s.all('StatefulSet')[0] ?? {}
  expect([order, images(s), status?.currentRevision === status?.updateRevision]).toEqual([['web-2', 'web-1', 'web-0'], ['nginx', 'nginx', 'nginx'], true])
})

test('Pods below the partition keep the template before, even when they are made anew', () => {
  const s = scene(labWith())
  const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: 2 } }
  s.apply('StatefulSet', set({ updateStrategy }))
  s.apply('StatefulSet', set({ updateStrategy }, 'nginx'))
  const half = images(s)
  s.delete('Pod', 'web-0')
  const again = images(s)
  s.apply('StatefulSet', set({}, 'nginx'))
  expect([half, again, images(s)]).toEqual([
    ['netlab/echo', 'netlab/echo', 'nginx'],
    ['netlab/echo', 'netlab/echo', 'nginx'],
    ['nginx', 'nginx', 'nginx'],
  ])
})

test('with OnDelete a Pod takes the new template when somebody deletes it', () => {
  const s = scene(labWith())
  const updateStrategy = { type: 'OnDelete' }
  s.apply('StatefulSet', set({ updateStrategy }))
  s.apply('StatefulSet', set({ updateStrategy }, 'nginx'))
  const before = images(s)
  s.delete('Pod', 'web-1')
  expect([before, images(s)]).toEqual([
    ['netlab/echo', 'netlab/echo', 'netlab/echo'],
    ['netlab/echo', 'nginx', 'netlab/echo'],
  ])
})

test('the governing Service tells the name of each', () => {
  const s = scene(labWith())
  s.apply('Service', { metadata: { name: 'web' }, spec: { clusterIP: 'None', selector: labels, ports: [{ port: 80 }] } })
  s.apply('StatefulSet', set({ replicas: 2 }))
  const slice = s.all('EndpointSlice').find(({ metadata }) => metadata.name !== 'kubernetes')
  expect(slice?.endpoints.map(({ hostname }) => hostname)).toEqual(['web-0', 'web-1'])
})
