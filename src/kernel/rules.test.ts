import { expect, test } from 'vitest'
import { isChain, restore, restoreInput } from './rules.ts'
import type { Step } from './step.ts'

const chain = (name: string, rules: readonly string[]): Step => ({ by: 'x', why: 'y', kind: 'chain', family: 4, table: 'nat', chain: name, rules })
const services = (count: number) => [
  chain(
    'SERVICES',
    Array.from({ length: count }, (_, at) => `-d 10.96.0.${at} -j SVC-${at}`),
  ),
  ...Array.from({ length: count }, (_, at) => [
    chain(`SVC-${at}`, ['-m statistic --mode random --probability 0.5 -j SEP-A', `-j SEP-${at}`]),
    chain(`SEP-${at}`, ['-j DNAT']),
  ]).flat(),
  chain('SEP-A', ['-j DNAT']),
]
const input = (steps: readonly Step[]) => ({ chains: steps.filter(isChain), jumps: [], gone: [] })
const piecesOf = (text: string): readonly (readonly string[])[] =>
  text
    .split('*nat\n')
    .slice(1)
    .map((piece) => piece.split('\n'))

test('few chains come in one piece, many in several with the same lines', () => {
  const [few, many] = [input(services(100)), input(services(1000))]
  expect(restoreInput(few, 4)).toBe(restore(few, 4))
  const lines = (text: string): readonly string[] =>
    text
      .split('\n')
      .filter((line) => line.startsWith('-') || line.startsWith(':'))
      .sort()
  expect(lines(restoreInput(many, 4))).toEqual(lines(restore(many, 4)))
  expect(piecesOf(restoreInput(many, 4)).length).toBe(5)
})

test('in whichever piece a rule stands, the chain it jumps to is declared there or before', () => {
  const declared = new Set<string>()
  const early: string[] = []
  for (const piece of piecesOf(restoreInput(input(services(1000)), 4))) {
    for (const line of piece) if (line.startsWith(':')) declared.add(line.slice(1).split(' ')[0] ?? '')
    for (const line of piece) {
      const [, target = 'DNAT'] = / -j (\S+)$/.exec(line) ?? []
      if (target !== 'DNAT' && !declared.has(target)) early.push(line)
    }
  }
  expect(early).toEqual([])
})

test('each piece asks for the canary before it writes anything', () => {
  const canaries = [chain('CANARY', [])].filter(isChain)
  const pieces = piecesOf(restoreInput({ ...input(services(1000)), canaries }, 4))
  expect(pieces.map((piece) => piece.indexOf('-F CANARY') < piece.findIndex((line) => line.startsWith('-A')) && piece.includes('-F CANARY'))).toEqual(
    pieces.map(() => true),
  )
})
