import { expect, test } from 'vitest'
import { FOREVER, lab, never, pod, worlds } from '#engine/testing.ts'
import type { Event } from '#report/event.ts'
import { bringUp } from './up.ts'

const { world } = worlds()

test('a machine that dies while one waits is told as that, and what is left of the lab stays up', async () => {
  const at = world()
  const made = lab(pod('slow', FOREVER, 'readinessProbe: {exec: {command: ["false"]}}'))
  const events: Event[] = []
  const emit = (event: Event): void => {
    events.push(event)
    if (event.kind === 'phase' && event.id === 'pods' && event.state === 'start') void at.driver.crash('node-2')
  }
  const how = { fresh: true, wait: true, made: 'of memory', standing: async () => {}, signal: never, clock: () => 0, emit }
  const stands = await bringUp({ engine: at.engine, lab: made, ...how })
  const says = 'node-2 died: its first process has ended'
  expect([stands, events.at(-2), events.at(-1)]).toEqual([
    true,
    { kind: 'phase', id: 'pods', state: 'fail', ms: 0, says },
    { kind: 'end', exit: 1, ms: 0, says: `lab test is up, but not well: ${says}`, next: ['netlab up test'] },
  ])
})
