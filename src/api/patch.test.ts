import { expect, test } from 'vitest'
import { type PatchType, patched } from './patch.ts'

const apply = (value: unknown, patch: unknown, type: PatchType): unknown => {
  const result = patched(value, patch, type)
  return result.ok ? result.value : result.errors
}

test('a merge patch replaces values and lists, merges objects, and takes away what is null', () => {
  expect(apply({ a: 1, b: { c: 2, d: 3 }, e: [1, 2] }, { a: null, b: { c: null, x: 9 }, e: [3], f: { g: null } }, 'merge')).toEqual({
    b: { d: 3, x: 9 },
    e: [3],
    f: {},
  })
})

const pod = {
  spec: {
    containers: [
      { name: 'a', image: 'x', env: [{ name: 'K', value: '1' }] },
      { name: 'b', image: 'y' },
    ],
  },
}

test('a strategic merge finds list items by their key', () => {
  const patch = {
    spec: {
      containers: [
        { name: 'a', image: 'z', env: [{ name: 'L', value: '2' }] },
        { name: 'c', image: 'w' },
      ],
    },
  }
  expect(apply(pod, patch, 'strategic')).toEqual({
    spec: {
      containers: [
        {
          name: 'a',
          image: 'z',
          env: [
            { name: 'K', value: '1' },
            { name: 'L', value: '2' },
          ],
        },
        { name: 'b', image: 'y' },
        { name: 'c', image: 'w' },
      ],
    },
  })
})

test('a strategic merge deletes, reorders, keeps and replaces as its directives say', () => {
  expect([
    apply(pod, { spec: { containers: [{ name: 'a', $patch: 'delete' }] } }, 'strategic'),
    apply(pod, { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }], containers: [{ name: 'b', image: 'v' }] } }, 'strategic'),
    apply({ s: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } }, { s: { $retainKeys: ['type'], type: 'Recreate' } }, 'strategic'),
    apply({ m: { a: 1 } }, { m: { $patch: 'replace', b: 2 } }, 'strategic'),
    apply({ m: { a: 1, b: 2 }, n: 3 }, { m: { a: null }, n: null }, 'strategic'),
    apply({ metadata: { finalizers: ['a', 'b'] } }, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'], finalizers: ['c'] } }, 'strategic'),
    apply(
      { spec: { ports: [{ port: 80, name: 'a' }] } },
      {
        spec: {
          ports: [
            { port: 81, name: 'b' },
            { port: 80, name: 'c' },
          ],
        },
      },
      'strategic',
    ),
    apply({ endpoints: [{ addresses: ['1.1.1.1'] }] }, { endpoints: [{ addresses: ['2.2.2.2'] }] }, 'strategic'),
  ]).toEqual([
    { spec: { containers: [{ name: 'b', image: 'y' }] } },
    {
      spec: {
        containers: [
          { name: 'b', image: 'v' },
          { name: 'a', image: 'x', env: [{ name: 'K', value: '1' }] },
        ],
      },
    },
    { s: { type: 'Recreate' } },
    { m: { b: 2 } },
    { m: { b: 2 } },
    { metadata: { finalizers: ['b', 'c'] } },
    {
      spec: {
        ports: [
          { port: 80, name: 'c' },
          { port: 81, name: 'b' },
        ],
      },
    },
    { endpoints: [{ addresses: ['2.2.2.2'] }] },
  ])
})

test('a JSON patch does its operations one after another', () => {
  const value = { a: [1, 2], b: { 'c/d': 3 } }
  expect([
    apply(
      value,
      [
        { op: 'add', path: '/a/-', value: 9 },
        { op: 'add', path: '/a/0', value: 0 },
        { op: 'remove', path: '/a/1' },
      ],
      'json',
    ),
    apply(
      value,
      [
        { op: 'test', path: '/b/c~1d', value: 3 },
        { op: 'replace', path: '/b/c~1d', value: 4 },
        { op: 'copy', from: '/b', path: '/e' },
        { op: 'move', from: '/a', path: '/f' },
      ],
      'json',
    ),
  ]).toEqual([
    { a: [0, 2, 9], b: { 'c/d': 3 } },
    { b: { 'c/d': 4 }, e: { 'c/d': 4 }, f: [1, 2] },
  ])
})

test('a JSON patch that does not fit says which operation', () => {
  const value = { a: [1] }
  expect([
    apply(value, [{ op: 'test', path: '/a/0', value: 2 }], 'json'),
    apply(value, [{ op: 'remove', path: '/b' }], 'json'),
    apply(value, [{ op: 'add', path: '/a/7', value: 1 }], 'json'),
    apply(value, [{ op: 'grow', path: '/a' }], 'json'),
    apply(value, {}, 'json'),
    apply(value, [], 'merge'),
  ]).toEqual([
    ['operation 0 (test /a/0): the test does not hold'],
    ['operation 0 (remove /b): there is no "b"'],
    ['operation 0 (add /a/7): "7" is no place in the list'],
    ['operation 0 (grow /a): unknown op "grow"'],
    ['a JSON patch is a list of operations'],
    ['a merge patch is an object'],
  ])
})

test('ports of one number and two protocols are two ports of a Service', () => {
  const before = {
    spec: {
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53, protocol: 'TCP' },
      ],
    },
  }
  const patch = {
    spec: {
      ports: [{ port: 53, protocol: 'TCP', targetPort: 5353 }],
      '$setElementOrder/ports': [
        { port: 53, protocol: 'UDP' },
        { port: 53, protocol: 'TCP' },
      ],
    },
  }
  expect(apply(before, patch, 'strategic')).toEqual({
    spec: {
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 5353 },
      ],
    },
  })
})
