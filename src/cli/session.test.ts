import { expect, test } from 'vitest'
import type { Event } from '#report/event.ts'
import { plain } from './lines.ts'
import type { Progress } from './progress.ts'
import { follow } from './session.ts'

async function* told(...events: readonly Event[]): AsyncGenerator<Event> {
  yield* events
}

function watched(): Progress & { readonly log: string[] } {
  const log: string[] = []
  return { log, event: (event) => void log.push(event.kind), close: async () => void log.push('closed'), seen: () => [] }
}

const end: Event = { kind: 'end', exit: 1, says: 'one probe failed', next: [], ms: 5 }

test('every event is shown, the screen is closed, and the end is the result', async () => {
  const progress = watched()
  expect([await follow(told({ kind: 'note', level: 'info', says: 'x' }, end), progress), progress.log]).toEqual([end, ['note', 'end', 'closed']])
})

test('events that stop before the end are no success', async () => {
  await expect(follow(told(), watched())).rejects.toMatchObject({ exit: 3 })
})

test('plain lines say what failed, what was expected, and what to type', () => {
  const result = {
    id: 'a',
    title: 'client reaches web',
    group: 'reach',
    expected: 'an answer',
    observed: 'silence',
    reproduce: 'netlab exec client -- ping web',
  }
  const more = { evidence: [], attempts: [], ms: 5, points: 1 }
  const probes = [{ id: 'a', title: result.title, group: 'reach', result: { ...result, ...more, verdict: 'fail' as const } }]
  expect(plain({ kind: 'group', title: 'reach', probes })).toBe(
    'reach: 0 of 1\n  ✗ client reaches web\n      expected  an answer\n      observed  silence\n      try       netlab exec client -- ping web\n',
  )
})
