import { expect, test } from 'vitest'
import { createStore } from '#api/store.ts'
import { labWith, NOW } from '#model/build.ts'
import { stated, updated } from './change.ts'
import type { Controller } from './controller.ts'
import { settleControllers } from './turn.ts'

const lab = labWith()
const labelled = (name: string, of: (before: string) => string): Controller => ({
  name,
  changes: ({ objects }) =>
    objects.ConfigMap.filter(({ data }) => data['x'] !== of(data['x'] ?? '')).map((one) => {
      const change = updated(one, {})
      return change.verb === 'update' && change.object.kind === 'ConfigMap'
        ? { ...change, object: { ...change.object, data: { x: of(one.data['x'] ?? '') } } }
        : change
    }),
})

function storeWith(data: Record<string, string>) {
  const store = createStore({ now: () => NOW })
  store.create('ConfigMap', 'default', { metadata: { name: 'a' }, data })
  return store
}

test('controllers that agree come to rest', () => {
  const store = storeWith({ x: 'a' })
  settleControllers(store, { lab, now: () => NOW, controllers: [labelled('upper', (text) => text.toUpperCase())] })
  expect(store.get('ConfigMap', 'default', 'a')?.data).toEqual({ x: 'A' })
})

test('controllers that disagree are told by name', () => {
  const store = storeWith({ x: 'a' })
  const quarrel = [labelled('yes', () => 'yes'), labelled('no', () => 'no')]
  expect(() => settleControllers(store, { lab, now: () => NOW, controllers: quarrel })).toThrow('the controller no never settles')
})

test('a change that the API refuses is told once, without the Event of its success, and holds nobody up', () => {
  const store = storeWith({})
  const broken: Controller = {
    name: 'broken',
    changes: ({ objects }) =>
      objects.ConfigMap.flatMap((about) => [
        { verb: 'update', object: { ...about, metadata: { ...about.metadata, labels: { 'not a label': 'x' } } } },
        { verb: 'event', about, type: 'Normal', reason: 'Done', message: 'done', from: 'broken' },
      ]),
  }
  for (let time = 0; time < 2; time += 1) settleControllers(store, { lab, now: () => NOW, controllers: [broken] })
  expect(store.list('Event').map(({ reason, involvedObject, count }) => [reason, involvedObject.name, count])).toEqual([['FailedUpdate', 'a', 1]])
})

test('spec and status of one object can be changed in one turn', () => {
  const store = createStore({ now: () => NOW })
  store.create('Pod', 'default', { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'netlab/echo' }] } })
  const both: Controller = {
    name: 'both',
    changes: ({ objects }) =>
      objects.Pod.filter(({ spec }) => !spec.nodeName).flatMap((pod) => [updated(pod, { spec: { nodeName: 'node-1' } }), stated(pod, { phase: 'Running' })]),
  }
  settleControllers(store, { lab, now: () => NOW, controllers: [both] })
  expect([store.get('Pod', 'default', 'p')?.spec.nodeName, store.get('Pod', 'default', 'p')?.status.phase]).toEqual(['node-1', 'Running'])
})
