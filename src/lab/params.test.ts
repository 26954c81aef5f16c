import { expect, test } from 'vitest'
import { issueText } from './issue.ts'
import { drawn, filled, seedOf } from './params.ts'
import { readLab } from './read.ts'

const yaml = (params: string, vni = '"{{vni}}"') => `apiVersion: netlab.dev/v1
kind: Lab
metadata: {name: two}
spec:
  params: ${params}
  nodes: 2
  cni: {name: flannel-vxlan, vni: ${vni}}
`
const manifest = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {vni: "{{vni}}", other: "{{ .Values.x }}"}\n'
const read = (params: string, { vni, seed }: { vni?: string; seed?: string } = {}) =>
  readLab(
    new Map([
      ['two/lab.yaml', yaml(params, vni)],
      ['two/manifests/a.yaml', manifest],
    ]),
    'two/lab.yaml',
    seed === undefined ? {} : { seed },
  )
const mistakes = (...of: Parameters<typeof read>) => {
  const said = read(...of)
  return said.ok ? [] : said.errors.map(issueText)
}

test('a lab’s params are the same in lab.yaml and in manifests, of every seed its own, and other braces stay', () => {
  const variant = (seed: string) => {
    const said = read('{vni: {seeded: [100, 4000]}}', { seed })
    if (!said.ok) throw new Error(said.errors.map(issueText).join('\n'))
    const [object] = said.value.lab.objects
    return { cni: said.value.lab.cni, data: object?.kind === 'ConfigMap' ? object.data : undefined }
  }
  const { vni } = drawn({ vni: { seeded: [100, 4000] } }, 'ann')
  expect(variant('ann')).toEqual({
    cni: { name: 'flannel-vxlan', vni, port: 8472, directRouting: false },
    data: { vni: String(vni), other: '{{ .Values.x }}' },
  })
  expect(new Set(['a', 'b', 'c', 'd'].map((seed) => JSON.stringify(variant(seed)))).size).toBe(4)
})

test('bad params, names that are none, and values that do not fit are told at their place', () => {
  expect([
    mistakes('{vni: {seeded: [9, 3]}}'),
    mistakes('{vni: {seeded: [9]}}', { vni: '7' }),
    mistakes('{vni: {oneOf: []}}', { vni: '7' }),
    mistakes('{vin: 7}'),
    mistakes('{vni: 70000000}'),
    mistakes('{"v-n": 7}', { vni: '7' }),
  ]).toMatchInlineSnapshot(`
    [
      [
        "two/lab.yaml:5:26 spec.params.vni.seeded: 9 is more than 3: the lower end comes first",
      ],
      [
        "two/lab.yaml:5:17 spec.params.vni: expected text or a whole number or an object with seeded … or an object with oneOf …, found an object",
      ],
      [
        "two/lab.yaml:5:25 spec.params.vni.oneOf: expected at least 1 item, found none",
      ],
      [
        "two/lab.yaml:7:35 spec.cni.vni: {{vni}}: no param "vni" in spec.params; did you mean "vin"?",
      ],
      [
        "two/lab.yaml:7:35 spec.cni.vni: expected a whole number from 1 to 16777215, found 70000000",
      ],
      [
        "two/lab.yaml:5:19 spec.params.v-n: "v-n" is no name of a param: letters, digits and _, a letter first",
      ],
    ]
  `)
})

test('a number between braces stays a number, inside of a text it is written out; unknown names stay', () => {
  expect(filled({ a: '{{n}}', b: 'x{{ n }}y', c: ['{{m}}'], d: '{{l.i}}' }, { n: 7, 'l.i': [1] })).toEqual({ a: 7, b: 'x7y', c: ['{{m}}'], d: [1] })
})

test('a student’s seed is of the course’s key: neither alone tells it', () => {
  expect(new Set([seedOf('key', 'ann'), seedOf('key', 'bob'), seedOf('yek', 'ann'), seedOf('key', 'ann')]).size).toBe(3)
})
