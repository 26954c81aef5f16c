/** Events tell what happened lately: an hour after the last time they go, as kube-apiserver has it (--event-ttl). */
import type { EventObject } from '#api/kinds.ts'
import type { Controller } from './controller.ts'

const TTL_MS = 3_600_000

export const eventTtl: Controller = {
  name: 'event-ttl',
  changes: ({ objects, now }) =>
    overdue(objects.Event, now).map(({ metadata: { namespace, name } }) => ({
      verb: 'delete',
      kind: 'Event',
      ...(namespace === undefined ? {} : { namespace }),
      name,
    })),
}

/** Times of RFC 3339 in UTC sort as they are written. */
export function overdue(events: readonly EventObject[], now: string): readonly EventObject[] {
  const limit = `${new Date(Date.parse(now) - TTL_MS).toISOString().slice(0, 19)}Z`
  return events.filter(({ lastTimestamp, metadata }) => (lastTimestamp || metadata.creationTimestamp || now) <= limit)
}
