import { expect, test } from 'vitest'
import { printTable } from '#api/table.ts'
import { look, printed, type WireTable } from './get.ts'
import { findKind } from './kinds.ts'

const table: WireTable = {
  columnDefinitions: [{ name: 'Name' }, { name: 'Ready' }, { name: 'IP', priority: 1 }],
  rows: [{ cells: ['web', '1/1', '10.244.0.2'], object: { metadata: { name: 'web', namespace: 'shop', labels: { app: 'web' } } } }],
}
const shown = (flags: Readonly<Record<string, string | boolean>>, several = false): string =>
  printTable(look(table, { resource: findKind('po'), names: [], namespace: 'shop', several, args: { words: [], rest: [], flags } }))

test('wide columns, namespaces and labels come when they are asked for', () => {
  expect([shown({}), shown({ output: 'wide' }), shown({ 'all-namespaces': true, 'show-labels': true }), shown({}, true)]).toEqual([
    'NAME   READY\nweb    1/1\n',
    'NAME   READY   IP\nweb    1/1     10.244.0.2\n',
    'NAMESPACE   NAME   READY   LABELS\nshop        web    1/1     app=web\n',
    'NAME      READY\npod/web   1/1\n',
  ])
})

test('YAML is as kubectl writes it: sorted, lists not indented, texts that look like something else quoted', async () => {
  expect(await printed({ kind: 'Pod', apiVersion: 'v1', a: [{ b: 'yes', c: '2024-01-01T00:00:00Z', d: {}, e: '1' }] }, true)).toBe(
    'a:\n- b: "yes"\n  c: "2024-01-01T00:00:00Z"\n  d: {}\n  e: "1"\napiVersion: v1\nkind: Pod\n',
  )
})

test.each([
  ['po', 'Pod'],
  ['services', 'Service'],
  ['Deployment', 'Deployment'],
  ['deployments.apps', 'Deployment'],
  ['endpointslices.discovery.k8s.io', 'EndpointSlice'],
  ['deploy.v1.apps', 'Deployment'],
])('%s is a %s', (word, kind) => {
  expect(findKind(word).kind).toBe(kind)
})

test('who asks for Endpoints is led to EndpointSlices', () => {
  expect(() => findKind('ep')).toThrow(expect.objectContaining({ says: expect.stringContaining('netlab get endpointslices') }))
})

test('an unknown kind is refused with the nearest', () => {
  expect(() => findKind('pdos')).toThrow(expect.objectContaining({ says: 'no kind named "pdos"; did you mean pods?' }))
})
