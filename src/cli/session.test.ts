import { expect, test } from 'vitest'
import type { Event } from '#report/event.ts'
import { initial } from '#report/state.ts'
import type { Progress } from './progress.ts'
import { follow, hints } from './session.ts'

async function* told(...events: readonly Event[]): AsyncGenerator<Event> {
  yield* events
}

function watched(): Progress & { readonly log: string[] } {
  const log: string[] = []
  return { log, event: (event) => void log.push(event.kind), close: async () => void log.push('closed'), state: () => initial, drawn: () => false }
}

const end: Event = { kind: 'end', exit: 1, says: 'one probe failed', next: [], ms: 5 }

test('every event is shown, the screen is closed, and the end is the result', async () => {
  const progress = watched()
  expect([await follow(told({ kind: 'note', level: 'info', says: 'x' }, end), progress), progress.log]).toEqual([end, ['note', 'end', 'closed']])
})

test('events that stop before the end are no success', async () => {
  await expect(follow(told(), watched())).rejects.toMatchObject({ exit: 3 })
})

test('the next commands are those that work here: no check without check.yaml, and the lab named where there are several', () => {
  const next = ['netlab get pods -o wide', 'netlab check web']
  expect([
    hints(next, { name: 'web', alone: true, checks: true }),
    hints(next, { name: 'web', alone: true, checks: false }),
    hints(next, { name: 'web', alone: false, checks: true }),
  ]).toEqual([next, ['netlab get pods -o wide'], ['netlab get pods -o wide --lab web', 'netlab check web']])
})
