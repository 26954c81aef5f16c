import { expect, test } from 'vitest'
import { mutantsOf } from './mutants.ts'
import { NOTHING, type Submission } from './submission.ts'

const script = (text: string) => ({ place: 'node/node-1', file: 'nodes/node-1.sh', text })
const without = (submission: Submission) => mutantsOf(submission).map((one) => one.without)

test('each object and each command is left out once', () => {
  const two = 'kind: Service\nmetadata: {name: a}\n---\nkind: Pod\nmetadata: {name: b}\n'
  const solution = { ...NOTHING, manifests: new Map([['m.yaml', two]]), scripts: [script('# why\nip link set a up\n\nip route add b \\\n  dev a\n')] }
  expect(without(solution)).toEqual([
    'Service a of m.yaml',
    'Pod b of m.yaml',
    '"ip link set a up" of nodes/node-1.sh',
    '"ip route add b    dev a" of nodes/node-1.sh',
  ])
  expect(mutantsOf(solution)[0]?.submission.manifests).toEqual(new Map([['m.yaml', '{"kind":"Pod","metadata":{"name":"b"}}']]))
  expect(mutantsOf(solution)[2]?.submission.scripts).toEqual([script('# why\n\nip route add b    dev a\n')])
})

test('a solution of one part without it is the start, and half a block is no program', () => {
  expect([without({ ...NOTHING, scripts: [script('true\n')] }), without({ ...NOTHING, scripts: [script('if true\nthen x\nfi\ny\n')] })]).toEqual([[], []])
})
