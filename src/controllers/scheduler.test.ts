import { expect, test } from 'vitest'
import { labWith, object, pod } from '#model/build.ts'
import { settle } from './settle.ts'

const NOW = '2026-01-01T00:00:00Z'
const app = (name: string, spec: object = {}) => pod(name, { labels: { app: name.split('-')[0] ?? '' }, spec: spec as never })

function placesOf(objects: Parameters<typeof settle>[0]['objects'], o: Parameters<typeof labWith>[0] = {}): Record<string, string> {
  const settled = settle(labWith({ ...o, objects }), { now: NOW })
  return Object.fromEntries(settled.Pod.map(({ metadata, spec, status }) => [metadata.name, spec.nodeName ?? status.conditions[0]?.message ?? '']))
}

test('Pods of one app go to different nodes, whatever else is there', () => {
  expect(placesOf([app('a-1'), app('a-2'), app('a-3'), app('b-1'), app('b-2'), app('b-3')])).toEqual({
    'a-1': 'node-1',
    'a-2': 'node-2',
    'a-3': 'node-3',
    'b-1': 'node-1',
    'b-2': 'node-2',
    'b-3': 'node-3',
  })
})

test('a second Pod of an app goes to a node without one, however full', () => {
  const there = ['b-1', 'c-1', 'd-1', 'e-1'].map((name, at) => app(name, { nodeName: at % 2 === 0 ? 'node-2' : 'node-3' }))
  expect(placesOf([app('a-1', { nodeName: 'node-1' }), ...there, app('a-2')])['a-2']).toBe('node-2')
})

test('among nodes without a Pod of the app the emptiest is taken, then the first', () => {
  expect(placesOf([app('a-1'), app('b-1'), app('c-1'), app('d-1')])).toEqual({ 'a-1': 'node-1', 'b-1': 'node-2', 'c-1': 'node-3', 'd-1': 'node-1' })
})

test('nodeName is kept, nodeSelector obeyed', () => {
  const nodes = [1, 2].map((at) => ({ name: `node-${at}`, ip: `192.168.0.1${at}` as never, labels: at === 2 ? { disk: 'ssd' } : {} }))
  expect(placesOf([app('a-1', { nodeName: 'node-2' }), app('b-1', { nodeSelector: { disk: 'ssd' } })], { nodes })).toEqual({ 'a-1': 'node-2', 'b-1': 'node-2' })
})

test('a Pod that fits nowhere says of each node why', () => {
  const objects = [
    object('Node', { metadata: { name: 'node-1' }, spec: { unschedulable: true } }),
    object('Node', { metadata: { name: 'node-2' }, spec: { taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] } }),
    app('a-1', { nodeSelector: { disk: 'ssd' } }),
  ]
  expect(placesOf(objects)).toEqual({
    'a-1':
      "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint {dedicated: db}, 1 node(s) were unschedulable.",
  })
})

test('a toleration opens the tainted node', () => {
  const tainted = object('Node', { metadata: { name: 'node-1' }, spec: { taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] } })
  const tolerations = [{ key: 'dedicated', operator: 'Equal', value: 'db', effect: 'NoSchedule' }]
  expect(placesOf([tainted, app('a-1', { tolerations }), app('b-1')])).toEqual({ 'a-1': 'node-1', 'b-1': 'node-2' })
})

test('one port of a machine is given once', () => {
  const on = (hostPort: number, hostIP?: string) => ({ containers: [{ name: 'c', image: 'netlab/echo', ports: [{ containerPort: 80, hostPort, hostIP }] }] })
  expect(
    placesOf([app('a-1', on(80)), app('b-1', on(80)), app('c-1', on(81)), app('d-1', on(82, '127.0.0.1')), app('e-1', on(82, '192.168.0.10'))], { nodes: 1 }),
  ).toEqual({
    'a-1': 'node-1',
    'b-1': "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
    'c-1': 'node-1',
    'd-1': 'node-1',
    'e-1': 'node-1',
  })
})
