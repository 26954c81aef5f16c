import { expect, test } from 'vitest'
import { describe } from './describe.ts'
import { fieldName } from './field.ts'
import type { Kind } from './kinds.ts'
import { createStore } from './store.ts'
import { printTable, tableOf } from './table.ts'
import { readObject } from './validate.ts'

const NOW = '2026-01-01T00:05:00Z'
const labels = { app: 'web' }
const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'netlab/echo' }] } }
const of = (kind: 'StatefulSet' | 'DaemonSet', spec: object = {}) => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name: 'web' },
  spec: { selector: { matchLabels: labels }, template, ...spec },
})
const endpoints = (subset: object) => ({ apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'web' }, subsets: [subset] })
const mistakes = (input: object) => {
  const read = readObject(input)
  return read.ok ? [] : read.errors.map(({ path, says }) => `${fieldName(path)}: ${says}`)
}

test('what a StatefulSet may not say', () => {
  expect([
    mistakes(of('StatefulSet', { serviceName: 'Web_1', updateStrategy: { type: 'OnDelete', rollingUpdate: {} } })),
    mistakes(of('StatefulSet', { podManagementPolicy: 'Paralel', updateStrategy: { rollingUpdate: { maxUnavailable: 0 } } })),
    mistakes(of('StatefulSet', { selector: { matchLabels: { app: 'else' } } })),
  ]).toEqual([
    [
      expect.stringMatching(/^spec\.serviceName: "Web_1" is not allowed here/),
      'spec.updateStrategy.rollingUpdate: only allowed with type RollingUpdate, found OnDelete',
    ],
    [expect.stringMatching(/^spec\.podManagementPolicy: /), 'spec.updateStrategy.rollingUpdate.maxUnavailable: cannot be 0: no Pod could ever be replaced'],
    ['spec.selector: does not match spec.template.metadata.labels (app=web): its Pods would not be its own'],
  ])
})

test('what a DaemonSet may not say', () => {
  const rolling = (rollingUpdate: object) => mistakes(of('DaemonSet', { updateStrategy: { rollingUpdate } }))
  expect([rolling({ maxSurge: 1, maxUnavailable: 1 }), rolling({ maxUnavailable: 0 }), rolling({ maxSurge: '50%', maxUnavailable: 0 })]).toEqual([
    ['spec.updateStrategy.rollingUpdate.maxSurge: may not be set when maxUnavailable is non-zero'],
    ['spec.updateStrategy.rollingUpdate.maxUnavailable: cannot be 0 when maxSurge is 0: no Pod could ever be replaced'],
    [],
  ])
})

test('what Endpoints may not say', () => {
  expect([
    mistakes(endpoints({ ports: [{ port: 80 }] })),
    mistakes(endpoints({ addresses: [{ ip: '127.0.0.1' }, { ip: 'x' }], ports: [{ port: 80 }, { port: 81 }] })),
  ]).toEqual([
    ['subsets[0]: required: addresses or notReadyAddresses'],
    [
      'subsets[0].addresses[0].ip: "127.0.0.1" is a loopback address, which no other machine can reach',
      'subsets[0].addresses[1].ip: "x" is not an IP address',
      'subsets[0].ports[0].name: required: with more than one port each needs a name',
      'subsets[0].ports[1].name: required: with more than one port each needs a name',
    ],
  ])
})

test('a StatefulSet changes in what may change only', () => {
  const store = createStore({ now: () => NOW })
  store.create('StatefulSet', 'default', of('StatefulSet', { serviceName: 'web' }))
  const said = [{ replicas: 3 }, { serviceName: 'other' }].map((spec) => {
    const answer = store.patch('StatefulSet', 'default', 'web', { spec }, 'merge')
    return answer.ok ? 'done' : answer.status.message
  })
  expect(said).toEqual([
    'done',
    "StatefulSet.apps \"web\" is invalid: spec: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'minReadySeconds' are forbidden",
  ])
})

test('they are listed and described as kubectl does', async () => {
  const store = createStore({ now: () => '2026-01-01T00:00:00Z' })
  store.create('StatefulSet', 'default', of('StatefulSet', { serviceName: 'web' }))
  store.create('DaemonSet', 'default', of('DaemonSet'))
  store.create('Endpoints', 'default', endpoints({ addresses: ['1', '2', '3', '4'].map((at) => ({ ip: `192.0.2.${at}` })), ports: [{ port: 80 }] }))
  const kinds: readonly Kind[] = ['StatefulSet', 'DaemonSet', 'Endpoints']
  expect(kinds.map((kind) => printTable(tableOf(kind, store.list(kind), { now: NOW }))).join('')).toBe(`\
NAME   READY   AGE
web    0/1     5m
NAME   DESIRED   CURRENT   READY   UP-TO-DATE   AVAILABLE   NODE SELECTOR   AGE
web    0         0         0       0            0           <none>          5m
NAME   ENDPOINTS                                            AGE
web    192.0.2.1:80,192.0.2.2:80,192.0.2.3:80 + 1 more...   5m
`)
  await expect(kinds.map((kind) => describe(store.list(kind)[0] as never, { now: NOW, events: [] })).join('\n')).toMatchFileSnapshot('workloads.test.txt')
})
