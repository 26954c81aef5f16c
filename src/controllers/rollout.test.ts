import { expect, test } from 'vitest'
import { limitsOf, newReplicas, oldReplicas, proportional, type Share } from './rollout.ts'

const share = (name: string, replicas: number, available = replicas): Share => ({ name, replicas, available })

test('a surge is rounded up, an absence down', () => {
  const quarter = (replicas: number) => limitsOf({ replicas, maxSurge: '25%', maxUnavailable: '25%' })
  expect([1, 3, 4, 10].map(quarter)).toEqual([
    { replicas: 1, maxSurge: 1, maxUnavailable: 0 },
    { replicas: 3, maxSurge: 1, maxUnavailable: 0 },
    { replicas: 4, maxSurge: 1, maxUnavailable: 1 },
    { replicas: 10, maxSurge: 3, maxUnavailable: 2 },
  ])
})

test('neither surge nor absence would be no rollout at all: one may be missing', () => {
  expect(limitsOf({ replicas: 2, maxSurge: 0, maxUnavailable: '25%' })).toEqual({ replicas: 2, maxSurge: 0, maxUnavailable: 1 })
})

test('the new ReplicaSet grows as far as the surge leaves room', () => {
  const limits = { replicas: 10, maxSurge: 3, maxUnavailable: 2 }
  expect([
    newReplicas(0, [share('old', 10)], limits),
    newReplicas(3, [share('new', 3), share('old', 10)], limits),
    newReplicas(3, [share('new', 3), share('old', 8)], limits),
    newReplicas(12, [share('new', 12)], limits),
  ]).toEqual([3, 3, 5, 10])
})

test('old ReplicaSets shrink as far as availability allows', () => {
  const limits = { replicas: 10, maxSurge: 3, maxUnavailable: 2 }
  expect([
    oldReplicas(share('new', 3, 0), [share('old', 10)], limits),
    oldReplicas(share('new', 3, 3), [share('old', 8)], limits),
    oldReplicas(share('new', 5, 0), [share('old', 8)], limits),
  ]).toEqual([new Map([['old', 8]]), new Map([['old', 5]]), new Map()])
})

test('of the old Pods those that serve nobody go first', () => {
  const limits = { replicas: 4, maxSurge: 1, maxUnavailable: 1 }
  expect(oldReplicas(share('new', 1, 0), [share('older', 2, 2), share('broken', 2, 0)], limits)).toEqual(new Map([['broken', 1]]))
})

test('counts that lag behind never take more than the sizes allow', () => {
  const limits = { replicas: 10, maxSurge: 3, maxUnavailable: 2 }
  expect(oldReplicas(share('new', 3, 1), [share('old', 8, 10)], limits)).toEqual(new Map([['old', 7]]))
})

test('each ReplicaSet grows and shrinks by its share', () => {
  const limits = { replicas: 20, maxSurge: 5, maxUnavailable: 5 }
  expect(proportional([share('new', 5), share('old', 8)], limits)).toEqual(
    new Map([
      ['old', 15],
      ['new', 10],
    ]),
  )
  expect(proportional([share('new', 5), share('old', 8)], { replicas: 0, maxSurge: 3, maxUnavailable: 0 })).toEqual(
    new Map([
      ['old', 0],
      ['new', 0],
    ]),
  )
})
