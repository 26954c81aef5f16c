import { expect, test } from 'vitest'
import { readManifests } from './read.ts'

const MAP = (name: string, more = '') => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}${more}}\n`

test('objects come in the order they are written, each with its place; lists are taken apart', () => {
  const files = new Map([
    ['a.yaml', `${MAP('one')}---\n${MAP('two', ', namespace: other')}`],
    ['b.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'three' } }] })],
    ['c.yaml', 'apiVersion: v1\nkind: ConfigMapList\nitems:\n  - apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: four}\n'],
  ])
  const read = readManifests(files)
  expect(read.ok && read.value.map(({ object, at }) => [at, object.kind, object.metadata.namespace, object.metadata.name])).toEqual([
    ['a.yaml:1:1', 'ConfigMap', 'default', 'one'],
    ['a.yaml:5:1', 'ConfigMap', 'other', 'two'],
    ['b.json:1:43', 'Namespace', undefined, 'three'],
    ['c.yaml:4:5', 'ConfigMap', 'default', 'four'],
  ])
})

test('a field of an object can be placed, in a list too', () => {
  const read = readManifests(new Map([['c.yaml', 'apiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: four}\n']]))
  expect(read.ok && read.value[0]?.place(['metadata', 'name'])).toBe('c.yaml:6:22')
})

test('an empty list and an empty file hold no objects and are no mistake', () => {
  const read = readManifests(
    new Map([
      ['a.yaml', 'apiVersion: v1\nkind: List\nitems: []\n'],
      ['b.yaml', ''],
    ]),
  )
  expect(read).toEqual({ ok: true, value: [] })
})

test('mistakes of all files are told together', () => {
  const read = readManifests(
    new Map([
      ['a.yaml', MAP('Upper')],
      ['b.yaml', 'a: [1\n'],
      ['c.yaml', `${MAP('x')}---\n${MAP('x')}`],
    ]),
  )
  expect(!read.ok && read.errors.map((error) => [error.at, error.path])).toEqual([
    ['a.yaml:3:18', 'metadata.name'],
    ['b.yaml:2:1', ''],
    ['c.yaml:7:18', 'metadata.name'],
  ])
})
