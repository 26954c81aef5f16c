import { expect, test } from 'vitest'
import type { Path } from '#api/validate.ts'
import { FILE_MAX, readYaml } from './yaml.ts'

const TEXT = `# a comment
metadata:
  name: web
  labels: {app: web, tier: front}
spec:
  ports:
    - port: 80
      name: http
    - {port: 443}
  empty:
`

test('a field is placed at its value, a block at its name', () => {
  const place = (...path: Path) => placeIn(TEXT, path)
  expect([place('metadata', 'name'), place('metadata', 'labels', 'tier'), place('spec', 'ports', 1, 'port')]).toEqual(['f:3:9', 'f:4:28', 'f:9:14'])
  expect([place('metadata'), place('spec', 'ports'), place('spec', 'empty')]).toEqual(['f:2:1', 'f:6:3', 'f:10:9'])
  expect([place('metadata', 'labels'), place('spec', 'ports', 0)]).toEqual(['f:4:11', 'f:7:7'])
})

test('a field that is not written is placed at the nearest part that is', () => {
  expect([placeIn(TEXT, ['metadata', 'namespace']), placeIn(TEXT, ['spec', 'ports', 7, 'port']), placeIn(TEXT, ['status'])]).toEqual([
    'f:2:1',
    'f:6:3',
    'f:2:1',
  ])
})

test('a field can be placed at its name', () => {
  expect(readYaml('f', TEXT).documents[0]?.place(['metadata', 'labels', 'tier'], 'name')).toBe('f:4:22')
})

test('what stands behind an alias is placed where it is written', () => {
  expect(placeIn('base: &base\n  cpu: 1\nother: *base\n', ['other', 'cpu'])).toBe('f:2:8')
})

test('documents are those that say something', () => {
  const { documents } = readYaml('f', '---\n# nothing\n---\na: 1\n---\nb: 2\n...\n')
  expect(documents.map((one) => one.value)).toEqual([{ a: 1 }, { b: 2 }])
  expect(documents.map((one) => one.place(['b']))).toEqual(['f:4:1', 'f:6:4'])
})

test('scalars are read as the Kubernetes tools read them', () => {
  expect(readValue('a: yes\nb: 0644\nc: 1:30\nd: 2026-01-01\ne: "8"\nf: ~\ng: 1.10\nh: |\n  text\n')).toEqual({
    a: true,
    b: 0o644,
    c: '1:30',
    d: '2026-01-01',
    e: '8',
    f: null,
    g: 1.1,
    h: 'text\n',
  })
})

test('anchors and merges are followed', () => {
  expect(readValue('a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}\n')).toEqual({ a: { x: 1 }, b: { x: 1 }, c: { x: 1, y: 2 } })
})

test('names of fields are text, whatever they look like', () => {
  expect(readValue('y: 1\n8080: 2\non: 3\n')).toEqual({ y: 1, '8080': 2, on: 3 })
})

test('JSON is read as it is, tabs and all', () => {
  expect(readValue('{\n\t"a": [1, {"b": null}],\n\t"c": "d"\n}\n')).toEqual({ a: [1, { b: null }], c: 'd' })
})

test('a field written twice is told, and the rest is read all the same', () => {
  const { documents, issues } = readYaml('f', 'a: 1\nb: 2\na: 3\n')
  expect([documents.length, issues.map((one) => one.at)]).toEqual([1, ['f:3:1']])
})

test('a file of exactly 1 MiB is read, one byte more is not; bytes count, not characters', () => {
  const padded = (bytes: number) => `a: 1\n#${'x'.repeat(bytes - 6)}`
  const accents = `a: 1\n#${'é'.repeat(FILE_MAX / 2)}`
  expect([padded(FILE_MAX), padded(FILE_MAX + 1), accents].map((text) => readYaml('f', text).issues.length)).toEqual([0, 1, 1])
})

const placeIn = (text: string, path: Path): string | undefined => readYaml('f', text).documents[0]?.place(path)

function readValue(text: string): unknown {
  const { documents, issues } = readYaml('f', text)
  expect(issues).toEqual([])
  return documents[0]?.value
}
