import { expect, test } from 'vitest'
import type { Event } from '#report/event.ts'
import { initial } from '#report/state.ts'
import type { Progress } from './progress.ts'
import { follow } from './session.ts'

async function* told(...events: readonly Event[]): AsyncGenerator<Event> {
  yield* events
}

function watched(): Progress & { readonly log: string[] } {
  const log: string[] = []
  return { log, event: (event) => void log.push(event.kind), close: async () => void log.push('closed'), state: () => initial }
}

const end: Event = { kind: 'end', exit: 1, says: 'one probe failed', next: [], ms: 5 }

test('every event is shown, the screen is closed, and the end is the result', async () => {
  const progress = watched()
  expect([await follow(told({ kind: 'note', level: 'info', says: 'x' }, end), progress), progress.log]).toEqual([end, ['note', 'end', 'closed']])
})

test('events that stop before the end are no success', async () => {
  await expect(follow(told(), watched())).rejects.toMatchObject({ exit: 3 })
})
