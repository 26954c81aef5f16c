import { expect, test } from 'vitest'
import { labWith, pod } from '#model/build.ts'
import type { Controller } from './controller.ts'
import { deletionOrder } from './replicaset.ts'
import { scene } from './scene.ts'

const labels = { app: 'web' }
const set = (replicas: number) => ({
  metadata: { name: 'web' },
  spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'netlab/echo' }] } } },
})
const sleepy: Controller = { name: 'kubelet', changes: () => [] }

test('there are as many Pods as asked for, and fewer when fewer are asked for', () => {
  const { apply, all } = scene(labWith())
  const counts = [3, 5, 1, 0].map((replicas) => {
    apply('ReplicaSet', set(replicas))
    return [all('Pod').length, all('ReplicaSet')[0]?.status.readyReplicas]
  })
  expect(counts).toEqual([
    [3, 3],
    [5, 5],
    [1, 1],
    [0, 0],
  ])
})

test('the same ReplicaSet gives its Pods the same names on every run', () => {
  const names = () => {
    const { apply, all } = scene(labWith())
    apply('ReplicaSet', set(3))
    return all('Pod').map(({ metadata }) => metadata.name)
  }
  expect(names()).toEqual(names())
})

test('a deleted Pod is replaced under a name that was never there', () => {
  const { apply, delete: erase, all } = scene(labWith())
  apply('ReplicaSet', set(2))
  const seen = new Set(all('Pod').map(({ metadata }) => metadata.name))
  for (let round = 0; round < 5; round += 1) {
    erase('Pod', all('Pod')[0]?.metadata.name ?? '', { gracePeriodSeconds: 0 })
    for (const { metadata } of all('Pod')) seen.add(metadata.name)
  }
  expect([all('Pod').length, seen.size]).toEqual([2, 7])
})

test('a terminating Pod does not count: its successor comes while it still holds its address', () => {
  const { apply, delete: erase, all } = scene(labWith({ nodes: 1 }), { kubelet: sleepy })
  apply('ReplicaSet', set(1))
  erase('Pod', all('Pod')[0]?.metadata.name ?? '')
  const told = all('Pod').map(({ metadata, status }) => `${metadata.deletionTimestamp === undefined ? 'lives' : 'ends'} at ${status.podIP}`)
  expect(told.sort()).toEqual(['ends at 10.244.0.2', 'lives at 10.244.0.3'])
})

test('a failed Pod is replaced', () => {
  const { apply, patch, all } = scene(labWith())
  apply('ReplicaSet', set(1))
  patch('Pod', all('Pod')[0]?.metadata.name ?? '', { status: { phase: 'Failed' } }, 'status')
  expect(
    all('Pod')
      .map(({ status }) => status.phase)
      .sort(),
  ).toEqual(['Failed', 'Running'])
})

test('an orphan that the selector means is adopted, a Pod that leaves the selector let go', () => {
  const { apply, patch, all } = scene(labWith())
  apply('Pod', { metadata: { name: 'orphan', labels }, spec: { containers: [{ name: 'c', image: 'netlab/echo' }] } })
  apply('ReplicaSet', set(2))
  const owners = () =>
    all('Pod').map(({ metadata }) => `${metadata.name === 'orphan' ? 'orphan' : 'made'}: ${metadata.ownerReferences.map(({ name }) => name)}`)
  const adopted = owners()
  patch('Pod', 'orphan', { metadata: { labels: { app: 'else' } } })
  expect([adopted.sort(), owners().sort()]).toEqual([
    ['made: web', 'orphan: web'],
    ['made: web', 'made: web', 'orphan: '],
  ])
})

test('its Pods go with it', () => {
  const { apply, delete: erase, all } = scene(labWith())
  apply('ReplicaSet', set(3))
  erase('ReplicaSet', 'web')
  expect(all('Pod')).toEqual([])
})

test('those Pods go first that serve least', () => {
  const ready = pod('ready', { node: 'node-1', ip: '10.244.0.2' })
  const alone = pod('alone', { node: 'node-2', ip: '10.244.1.2' })
  const cheap = pod('cheap', { node: 'node-3', ip: '10.244.2.2' })
  const paid = { ...cheap, metadata: { ...cheap.metadata, annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-1' } } }
  const unready = pod('unready', { node: 'node-1', ip: '10.244.0.3', ready: false })
  const pending = pod('pending', { node: 'node-1' })
  expect(deletionOrder([ready, alone, paid, unready, pending, pod('homeless')]).map(({ metadata }) => metadata.name)).toEqual([
    'homeless',
    'pending',
    'unready',
    'cheap',
    'ready',
    'alone',
  ])
})
