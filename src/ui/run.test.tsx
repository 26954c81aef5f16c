import { renderToString } from 'ink'
import { render } from 'ink-testing-library'
import { expect, test } from 'vitest'
import type { ProbeResult, Verdict } from '#probe/probe.ts'
import type { Event } from '#report/event.ts'
import { fold, initial } from '#report/state.ts'
import { Run } from './run.tsx'

const frame = (events: readonly Event[]): string => {
  const state = events.reduce(fold, initial)
  return renderToString(<Run state={state} tick={0} elapsed={() => 1234} />, { columns: 80 }).replaceAll(/ +$/gm, '')
}

const begin: Event = {
  kind: 'begin',
  verb: 'up',
  lab: 'x',
  phases: [
    { id: 'wires', title: 'machines and wires' },
    { id: 'pods', title: 'Pods ready' },
  ],
}
const wires: readonly Event[] = [
  { kind: 'phase', id: 'wires', state: 'start', ms: 0 },
  { kind: 'phase', id: 'wires', state: 'done', ms: 94, says: '3 nodes' },
]
const pods: Event = { kind: 'phase', id: 'pods', state: 'start', ms: 0 }

test('a phase that is over stands above the one that goes on', () => {
  expect(frame([begin, ...wires, pods])).toBe('✓ machines and wires 0.09 s  3 nodes\n⠋ Pods ready 1.23 s')
})

test('the end says what to type next, and nothing turns any more', () => {
  const end: Event = { kind: 'end', exit: 0, says: 'lab x is up', next: ['netlab get pods'], ms: 812 }
  expect(frame([begin, ...wires, pods, end])).toBe('✓ machines and wires 0.09 s  3 nodes\nlab x is up 0.81 s\nnext: netlab get pods')
})

test('a phase that failed says why, and notes keep their place among what happened', () => {
  const failed: Event = { kind: 'phase', id: 'pods', state: 'fail', ms: 30_000, says: 'coredns does not start' }
  const note: Event = { kind: 'note', level: 'warn', says: 'node-2 is slow' }
  expect(frame([begin, ...wires, note, pods, failed])).toBe('✓ machines and wires 0.09 s  3 nodes\nnode-2 is slow\n✗ Pods ready 30.0 s  coredns does not start')
})

const probe = (id: string, group: string) => ({ id, group, title: `${id} holds` })
const result = (id: string, group: string, verdict: Verdict): Event => {
  const rest = { why: 'flannel drops it', evidence: [], attempts: [], ms: 5, points: 1 }
  const told: ProbeResult = {
    ...probe(id, group),
    verdict,
    expected: 'an answer',
    observed: verdict === 'pass' ? 'an answer' : 'silence',
    reproduce: `netlab exec ${id} -- ping`,
    ...rest,
  }
  return { kind: 'result', result: told }
}
const probes: Event = { kind: 'probes', probes: [probe('a', 'reach'), probe('b', 'reach'), probe('c', 'reach'), probe('d', 'dns'), probe('e', 'dns')] }

test('a group is told once all its probes have ended: what failed in full, what could not be tried in a line', () => {
  expect(frame([probes, result('a', 'reach', 'pass'), result('d', 'dns', 'pass'), result('b', 'reach', 'fail'), result('c', 'reach', 'blocked')])).toBe(
    `✗ reach 1 of 3
    ✗ b holds
      expected  an answer
      observed  silence
      why       flannel drops it
      try       netlab exec b -- ping
    · c holds: not tried, silence
⠋ dns 1 of 2`,
  )
})

test('what netlab could not decide is neither passed nor failed', () => {
  expect(
    frame([probes, result('d', 'dns', 'pass'), result('e', 'dns', 'error')])
      .split('\n')
      .slice(0, 2),
  ).toEqual(['! dns 1 of 2', '    ! e holds'])
})

test('a screen that saw every event shows what one that came late shows', () => {
  const events = [begin, ...wires, pods, { kind: 'end', exit: 0, says: 'lab x is up', next: [], ms: 812 } as const]
  const states = events.map((_, i) => events.slice(0, i + 1).reduce(fold, initial))
  const { rerender, lastFrame, unmount } = render(<Run state={initial} tick={0} elapsed={() => 0} />)
  for (const state of states) rerender(<Run state={state} tick={0} elapsed={() => 0} />)
  expect(lastFrame()?.trim()).toBe(frame(events))
  unmount()
})
