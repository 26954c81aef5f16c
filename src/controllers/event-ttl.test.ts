import { expect, test } from 'vitest'
import { labWith, object } from '#model/build.ts'
import { eventTtl } from './event-ttl.ts'
import { objectsOf } from './objects.ts'

const event = (name: string, lastTimestamp: string) =>
  object('Event', { metadata: { name, namespace: 'default' }, involvedObject: { kind: 'Pod', name: 'web' }, lastTimestamp })

test('an Event goes an hour after the last time, however often it came before', () => {
  const objects = objectsOf([event('old', '2026-01-01T10:00:00Z'), event('young', '2026-01-01T10:00:01Z'), event('timeless', '')])
  expect(eventTtl.changes({ lab: labWith({ nodes: 1 }), objects, now: '2026-01-01T11:00:00Z' })).toEqual([
    { verb: 'delete', kind: 'Event', namespace: 'default', name: 'old' },
  ])
})
