import { expect, test } from 'vitest'
import { clusterWith, pod } from './build.ts'
import { podsOn } from './pods.ts'
import { lastOf } from './remember.ts'

test('what was made of an object is made again only when something that it follows from is another', () => {
  const made: string[] = []
  const last = lastOf<object, number>()
  const [one, other] = [{}, {}]
  const ask = (of: object, beside: readonly unknown[], why: string): number => last(of, beside, () => made.push(why))
  ask(one, [1, one], 'the first')
  ask(one, [1, one], 'the same')
  ask(one, [2, one], 'another value beside it')
  ask(one, [2], 'less beside it')
  ask(other, [2], 'another object')
  ask(one, [2], 'the same again')
  expect(made).toEqual(['the first', 'another value beside it', 'less beside it', 'another object'])
})

test('a node whose Pods nothing happened to has the very same list of them, and any other a new one', () => {
  const [a, b, c] = [
    pod('a', { node: 'node-1', ip: '10.244.0.2' }),
    pod('b', { node: 'node-2', ip: '10.244.1.2' }),
    pod('c', { node: 'node-2', ip: '10.244.1.3' }),
  ]
  const [before, after] = [clusterWith({ objects: [a, b, c] }), clusterWith({ objects: [a, b, { ...c, metadata: { ...c.metadata, labels: { app: 'c' } } }] })]
  const lists = [before, after].map((cluster) => ['node-1', 'node-2', 'node-3'].map((name) => podsOn(cluster, { name })))
  expect(lists.map((nodes) => nodes.map((pods) => pods.map(({ name }) => name)))).toEqual([
    [['a'], ['b', 'c'], []],
    [['a'], ['b', 'c'], []],
  ])
  expect(lists[0]?.map((list, at) => list === lists[1]?.[at])).toEqual([true, false, true])
  expect(lists[1]?.[1]?.[1]?.object.metadata.labels).toEqual({ app: 'c' })
})
