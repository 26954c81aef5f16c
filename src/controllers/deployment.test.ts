import { expect, test } from 'vitest'
import type { PodObject } from '#api/kinds.ts'
import { labWith } from '#model/build.ts'
import type { Controller } from './controller.ts'
import { isReady, isTerminating } from './objects.ts'
import { type Scene, scene } from './scene.ts'
import { luckyKubelet } from './settle.ts'

const labels = { app: 'web' }

const web = (image: string, spec: object = {}) => ({
  metadata: { name: 'web' },
  spec: { replicas: 4, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [{ name: 'c', image }] } }, ...spec },
})

const imagesOf = (pods: readonly PodObject[]) => pods.map(({ spec }) => spec.containers[0]?.image ?? '').sort()
const sizesOf = ({ all }: Scene) =>
  all('ReplicaSet')
    .map(({ spec, metadata }) => `${metadata.annotations['deployment.kubernetes.io/revision']}: ${spec.replicas}`)
    .sort()
const stateOf = ({ all }: Scene) => all('Deployment')[0]?.status.conditions?.map(({ type, status, reason }) => `${type} ${status} ${reason}`)

/** One Pod a turn, oldest first, becomes ready; one that runs a bad image never. */
const slowKubelet: Controller = {
  name: 'kubelet',
  changes: (world) =>
    luckyKubelet
      .changes(world)
      .filter((change) => !('object' in change) || imagesOf([change.object as PodObject])[0] !== 'bad')
      .slice(0, 1),
}

test('a template has its ReplicaSet, named after the template; Pods and ReplicaSet carry the hash', () => {
  const { apply, all } = scene(labWith())
  apply('Deployment', web('netlab/echo'))
  const [set] = all('ReplicaSet')
  const hash = set?.metadata.labels['pod-template-hash']
  expect([set?.metadata.name, hash, new Set(all('Pod').map(({ metadata }) => metadata.labels['pod-template-hash']))]).toEqual([
    `web-${hash}`,
    expect.stringMatching(/^[bcdfghjklmnpqrstvwxz2-9]{1,10}$/),
    new Set([hash]),
  ])
})

test('a finished rollout says so', () => {
  const s = scene(labWith())
  s.apply('Deployment', web('netlab/echo'))
  expect([s.all('Deployment')[0]?.status, stateOf(s)]).toMatchObject([
    { replicas: 4, updatedReplicas: 4, readyReplicas: 4, availableReplicas: 4, unavailableReplicas: 0 },
    ['Available True MinimumReplicasAvailable', 'Progressing True NewReplicaSetAvailable'],
  ])
})

test.each([
  ['25%', '25%'],
  [1, 0],
  [0, 1],
  ['100%', 0],
  [3, 2],
])('a rolling update with maxSurge %s and maxUnavailable %s stays within both all along', (maxSurge, maxUnavailable) => {
  const s = scene(labWith(), { kubelet: slowKubelet })
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } }
  s.apply('Deployment', web('netlab/echo', { replicas: 10, strategy }))
  const of = (limit: number | string, round: (value: number) => number) => (typeof limit === 'number' ? limit : round(Number.parseInt(limit, 10) / 10))
  let [most, least] = [0, 10]
  s.store.onChange(() => {
    const living = s.all('Pod').filter((one) => !isTerminating(one))
    most = Math.max(most, living.length)
    least = Math.min(least, living.filter(isReady).length)
  })
  s.apply('Deployment', web('nginx', { replicas: 10, strategy }))
  expect(imagesOf(s.all('Pod'))).toEqual(Array(10).fill('nginx'))
  expect(most).toBeLessThanOrEqual(10 + of(maxSurge, Math.ceil))
  expect(least).toBeGreaterThanOrEqual(10 - of(maxUnavailable, Math.floor))
})

test('a rollout to Pods that never get ready stops where availability would suffer', () => {
  const s = scene(labWith(), { kubelet: slowKubelet })
  s.apply('Deployment', web('netlab/echo'))
  s.apply('Deployment', web('bad'))
  const stuck = [sizesOf(s), stateOf(s)]
  s.tick(601)
  expect([stuck, stateOf(s)]).toEqual([
    [
      ['1: 3', '2: 2'],
      ['Available True MinimumReplicasAvailable', 'Progressing True ReplicaSetUpdated'],
    ],
    ['Available True MinimumReplicasAvailable', 'Progressing False ProgressDeadlineExceeded'],
  ])
})

test('a template that comes back takes its old ReplicaSet, as the newest revision', () => {
  const s = scene(labWith())
  s.apply('Deployment', web('netlab/echo'))
  s.apply('Deployment', web('nginx'))
  s.apply('Deployment', web('netlab/echo'))
  expect([sizesOf(s), s.all('Deployment')[0]?.metadata.annotations['deployment.kubernetes.io/revision'], imagesOf(s.all('Pod'))[0]]).toEqual([
    ['2: 0', '3: 4'],
    '3',
    'netlab/echo',
  ])
})

test('Recreate lets nothing old and new run side by side', () => {
  const s = scene(labWith(), { kubelet: slowKubelet })
  const strategy = { type: 'Recreate' }
  s.apply('Deployment', web('netlab/echo', { strategy }))
  const mixtures = new Set<string>()
  s.store.onChange(() => mixtures.add([...new Set(imagesOf(s.all('Pod')))].join(' and ')))
  s.apply('Deployment', web('nginx', { strategy }))
  s.apply('Deployment', web('busybox', { strategy }))
  s.apply('Deployment', web('nginx', { strategy }))
  expect([[...mixtures].sort(), imagesOf(s.all('Pod'))]).toEqual([['', 'busybox', 'netlab/echo', 'nginx'], Array(4).fill('nginx')])
})

test('a paused Deployment is scaled, but not rolled', () => {
  const s = scene(labWith())
  s.apply('Deployment', web('netlab/echo'))
  s.apply('Deployment', web('nginx', { paused: true, replicas: 6 }))
  const paused = [imagesOf(s.all('Pod')), stateOf(s)]
  s.apply('Deployment', web('nginx', { paused: false, replicas: 6 }))
  expect([paused, imagesOf(s.all('Pod'))]).toEqual([
    [Array(6).fill('netlab/echo'), ['Available True MinimumReplicasAvailable', 'Progressing Unknown DeploymentPaused']],
    Array(6).fill('nginx'),
  ])
})

test('the history keeps as many empty revisions as its limit says', () => {
  const s = scene(labWith())
  for (const image of ['netlab/echo', 'nginx', 'busybox', 'netlab/netshoot']) s.apply('Deployment', web(image, { revisionHistoryLimit: 2 }))
  expect(sizesOf(s)).toEqual(['2: 0', '3: 0', '4: 4'])
})

test('a Pod counts as available only after minReadySeconds', () => {
  const s = scene(labWith())
  s.apply('Deployment', web('netlab/echo', { minReadySeconds: 10 }))
  const available = [0, 9, 1].map((seconds) => {
    s.tick(seconds)
    return s.all('Deployment')[0]?.status.availableReplicas
  })
  expect(available).toEqual([0, 0, 4])
})

test('scaling in the middle of a rollout goes to both sides', () => {
  const s = scene(labWith(), { kubelet: slowKubelet })
  s.apply('Deployment', web('netlab/echo', { replicas: 10 }))
  s.apply('Deployment', web('bad', { replicas: 10 }))
  const before = sizesOf(s)
  s.apply('Deployment', web('bad', { replicas: 20 }))
  expect([before, sizesOf(s)]).toEqual([
    ['1: 8', '2: 5'],
    ['1: 15', '2: 10'],
  ])
})

test('ReplicaSets and Pods go with their Deployment', () => {
  const s = scene(labWith())
  s.apply('Deployment', web('netlab/echo'))
  s.delete('Deployment', 'web')
  expect([s.all('ReplicaSet'), s.all('Pod')]).toEqual([[], []])
})

test('what a rollout did is told in Events', () => {
  const s = scene(labWith())
  s.apply('Deployment', web('netlab/echo', { replicas: 1 }))
  const name = s.all('ReplicaSet')[0]?.metadata.name
  s.apply('Deployment', web('netlab/echo', { replicas: 3 }))
  s.apply('Deployment', web('netlab/echo', { replicas: 2 }))
  expect(
    s
      .events()
      .filter((text) => text.startsWith('Scaling'))
      .sort(),
  ).toEqual([
    `ScalingReplicaSet: Scaled down replica set ${name} from 3 to 2`,
    `ScalingReplicaSet: Scaled up replica set ${name} from 0 to 1`,
    `ScalingReplicaSet: Scaled up replica set ${name} from 1 to 3`,
  ])
})
