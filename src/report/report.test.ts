import { expect, test } from 'vitest'
import type { ProbeResult, Verdict } from '#probe/probe.ts'
import type { Event } from './event.ts'
import { EXIT, exitCode, exitOf, summary } from './exit.ts'
import { report } from './json.ts'
import { junit } from './junit.ts'
import { fold, initial, type RunState } from './state.ts'
import { lines } from './text.ts'

const result = (id: string, verdict: Verdict, o: Partial<ProbeResult> = {}): ProbeResult => ({
  id,
  title: `the title of ${id}`,
  group: 'first',
  verdict,
  expected: 'an answer',
  observed: verdict === 'pass' ? 'an answer' : 'silence',
  evidence: [],
  reproduce: 'netlab exec pod/client -- ping -c 1 10.244.1.2',
  attempts: [],
  ms: 120,
  points: 1,
  ...o,
})

const ENDS: Event = { kind: 'end', exit: 3, says: 'done', next: ['netlab status'], ms: 4200 }
const RUN: readonly Event[] = [
  { kind: 'begin', verb: 'check', lab: 'flannel-vxlan', phases: [{ id: 'read', title: 'read the check' }] },
  { kind: 'phase', id: 'read', state: 'start', ms: 0 },
  { kind: 'phase', id: 'read', state: 'done', ms: 12, says: '5 probes' },
  { kind: 'probes', probes: ['a', 'b', 'c', 'd'].map((id) => ({ id, title: `the title of ${id}`, group: 'first' })) },
  { kind: 'probes', probes: [{ id: 'e', title: 'the title of e', group: 'second' }] },
  { kind: 'probing', id: 'a' },
  { kind: 'result', result: result('a', 'pass') },
  { kind: 'result', result: result('b', 'fail', { expected: 'x < 5 & "y"', observed: "it's <b>\u0007]]></b>\nand more", evidence: ['<line 1>', '\tline 2'] }) },
  { kind: 'result', result: result('c', 'blocked', { observed: 'needs b, which did not pass (fail)', ms: 0 }) },
  { kind: 'note', level: 'warn', says: 'something odd' },
  { kind: 'result', result: result('d', 'error', { reproduce: '', points: 2.5 }) },
  { kind: 'result', result: result('e', 'skip', { group: 'second', observed: 'no such kernel feature' }) },
  ENDS,
]
const folded = (events: readonly Event[]): RunState => events.reduce(fold, initial)

test('plain lines tell each thing once, when it is over', () => {
  const text: string[] = []
  RUN.reduce((state, event) => {
    const after = fold(state, event)
    text.push(...lines(event, state, after))
    return after
  }, initial)
  expect(text.join('\n')).toMatchInlineSnapshot(`
    "✓ read the check 0.01 s  5 probes
    warn: something odd
    first: 1 of 4
      ✓ the title of a 0.12 s
      ✗ the title of b (failed)
          expected  x < 5 & "y"
          observed  it's <b>]]></b>
                    and more
          try       netlab exec pod/client -- ping -c 1 10.244.1.2
      · the title of c (blocked: needs b, which did not pass (fail))
      ! the title of d (could not be decided)
          expected  an answer
          observed  silence
    second: 0 of 1
      - the title of e (skipped: no such kernel feature)
    done 4.20 s
    next: netlab status"
  `)
})

test('JUnit keeps failures and errors apart and holds any text', async () => {
  await expect(junit(folded(RUN))).toMatchFileSnapshot('junit.golden.xml')
})

test('what is over only ever grows', () => {
  const overs = RUN.map((_, at) => folded(RUN.slice(0, at + 1)).over)
  expect(overs.map((over, at) => over.slice(0, overs[at - 1]?.length ?? 0))).toEqual([[], ...overs.slice(0, -1)])
})

test('the report counts every verdict and only the points of what passed', () => {
  const { verdicts, points, exit, notes } = report(folded(RUN))
  expect({ verdicts, points, exit, notes }).toEqual({
    verdicts: { pass: 1, fail: 1, error: 1, blocked: 1, skip: 1 },
    points: { reached: 1, of: 6.5 },
    exit: 3,
    notes: [{ level: 'warn', says: 'something odd' }],
  })
})

test.each<[string, readonly Verdict[], number]>([
  ['all passed', ['pass', 'pass'], EXIT.passed],
  ['a skipped probe is no failure', ['pass', 'skip'], EXIT.passed],
  ['one failed', ['pass', 'fail'], EXIT.failed],
  ['one blocked', ['pass', 'blocked'], EXIT.failed],
  ['an error leaves the run open even beside a failure', ['fail', 'error'], EXIT.inconclusive],
])('%s', (_, verdicts, exit) => {
  expect(exitOf(verdicts.map((verdict, at) => result(`p${at}`, verdict)))).toBe(exit)
})

test('a run that breaks off is inconclusive, a lab that did not start says so, and an end has the last word', () => {
  expect(
    [
      folded(RUN.slice(0, 8)),
      folded([...RUN.slice(0, 2), { kind: 'phase', id: 'read', state: 'fail', ms: 1 }]),
      folded([...RUN.slice(0, 5), { ...ENDS, exit: 130 }]),
    ].map(exitCode),
  ).toEqual([EXIT.inconclusive, EXIT.notStarted, EXIT.interrupted])
})

test('the summary names every verdict there is', () => {
  expect([summary([result('a', 'pass')]), summary((['pass', 'fail', 'error', 'blocked', 'skip'] as const).map((verdict) => result('x', verdict)))]).toEqual([
    '1 of 1 probes passed',
    '1 of 5 probes passed, 1 failed, 1 could not be decided, 1 blocked, 1 skipped',
  ])
})
