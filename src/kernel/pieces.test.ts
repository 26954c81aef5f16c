import { expect, test } from 'vitest'
import { change } from './compile.ts'
import { restorePieces } from './pieces.ts'
import { manyServices } from './sample.ts'
import type { NodeProgram } from './step.ts'

const TOO_LONG = { code: 1, stdout: '', stderr: 'sendmsg() failed: Message too long\niptables-restore: line 9 failed: Message too long.\n' }

function restoring(applied: NodeProgram, wanted: NodeProgram) {
  const [command] = change(applied, wanted)
  if (command?.kind !== 'run') throw new Error('no restore')
  const [piece] = restorePieces(command, TOO_LONG) ?? []
  return { command, piece, pieces: (piece?.stdin ?? '').split(/^(?=\*)/m).map((text) => text.split('\n').slice(0, -1)) }
}

const before = manyServices(300)
/** Every Service gets another endpoint, and some go. */
const after = manyServices(280, 'NEW')

test('the pieces hold the lines of the whole, short enough each, however the way leads', () => {
  const said = (lines: readonly string[]): readonly string[] => lines.filter((line) => /^[-:]/.test(line) && line !== '-S' && line !== '-F CANARY').sort()
  for (const [from, to] of [[[], before] as const, [before, after] as const]) {
    const { command, pieces } = restoring(from, to)
    expect(said(pieces.flat())).toEqual(said((command.stdin ?? '').split('\n')))
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(210)
  }
})

test('no Service is ever split over two pieces', () => {
  const { pieces } = restoring(before, after)
  const pieceOf = new Map(pieces.flatMap((lines, at) => lines.filter((line) => line.startsWith(':')).map((line) => [line.slice(1).split(' ')[0], at])))
  const split = after.flatMap((step) => {
    if (step.kind !== 'chain' || step.of === undefined) return []
    const its = after.filter((one) => one.kind === 'chain' && one.of === step.of).flatMap((one) => (one.kind === 'chain' ? (pieceOf.get(one.chain) ?? []) : []))
    return new Set(its).size === 1 ? [] : [step.chain]
  })
  expect(split).toEqual([])
})

test('whatever a rule jumps to is there in its piece or before, and what leads into Services comes last', () => {
  const { pieces } = restoring([], before)
  const declared = new Set<string>()
  const early: string[] = []
  for (const piece of pieces) {
    for (const line of piece) if (line.startsWith(':')) declared.add(line.slice(1).split(' ')[0] ?? '')
    for (const line of piece) {
      const [, target = 'DNAT'] = / -j (\S+)$/.exec(line.replace('-j MARK', '')) ?? []
      if (target !== 'DNAT' && !declared.has(target)) early.push(line)
    }
  }
  expect(early).toEqual([])
  expect(pieces.at(-1)?.slice(-2)).toEqual(['-I OUTPUT -j SERVICES', 'COMMIT'])
})

test('each piece asks for the canary before it writes anything', () => {
  const { pieces } = restoring(before, after)
  const late = pieces.filter((piece) => !piece.includes('-F CANARY') || piece.some((line, at) => line.startsWith('-A') && at < piece.indexOf('-F CANARY')))
  expect(late).toEqual([])
})

test('tables that were done before the one that is too long are not done again', () => {
  const filter: NodeProgram = [
    { by: 'x', why: 'y', kind: 'chain', family: 4, table: 'filter', chain: 'GUARD', rules: ['-j ACCEPT'] },
    { by: 'x', why: 'y', kind: 'jump', family: 4, table: 'filter', chain: 'INPUT', rule: '-j GUARD', place: 'first' },
  ]
  const { command, pieces } = restoring([], [...filter, ...before])
  expect([command.stdin?.split('\n', 5), new Set(pieces.map(([table]) => table))]).toEqual([
    ['*filter', ':GUARD - [0:0]', '-A GUARD -j ACCEPT', '-I INPUT -j GUARD', 'COMMIT'],
    new Set(['*nat']),
  ])
})

test('pieces that are refused are not cut again, and other failures are none of this', () => {
  const { command, piece } = restoring([], before)
  expect(piece && restorePieces(piece, TOO_LONG)).toBeUndefined()
  expect(restorePieces(command, { ...TOO_LONG, stderr: 'iptables-restore: line 9 failed' })).toBeUndefined()
})
