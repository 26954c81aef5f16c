/** The last changes, so that a watch can begin in the past; and those who watch. */
import type { Kind, KubeObject } from './kinds.ts'
import { fieldHolds, holds, parseFieldSelector, parseLabelSelector } from './selectors.ts'
import { badRequest, expired } from './status.ts'
import type { Answer, Selection, WatchEvent } from './store.ts'

/** `before` is what an update replaced: a watch by labels sees an object leave its selection. */
export type Entry = { readonly version: number; readonly event: WatchEvent; readonly before?: KubeObject }
type Matches = (object: KubeObject) => boolean
type Watcher = { seen: number; readonly deliver: (entry: Entry) => void }

export type History = {
  readonly add: (entry: Entry) => void
  /** Calls the watchers, in order, for all that was added; a change made by a listener waits for its turn. */
  readonly flush: () => void
  readonly watch: (since: number, deliver: (entry: Entry) => void) => Answer<() => void>
}

/** Remembers the last `length` changes after version `start`; versions come without gaps. */
export function createHistory(start: number, length: number): History {
  const ring: Entry[] = []
  const watchers = new Set<Watcher>()
  const waiting: Entry[] = []
  let [last, flushing] = [start, false]
  const oldest = () => Math.max(start, last - length)
  const flush = () => {
    if (flushing) return
    flushing = true
    try {
      for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) for (const watcher of [...watchers]) call(watcher, entry)
    } finally {
      flushing = false
    }
  }
  const replay = (watcher: Watcher) => {
    const [since, until] = [watcher.seen, last]
    for (let version = since + 1; version <= until && watchers.has(watcher); version++) {
      const entry = ring[version % length]
      if (entry !== undefined) call(watcher, entry)
    }
  }
  const call = (watcher: Watcher, entry: Entry) => {
    if (entry.version <= watcher.seen) return
    watcher.seen = entry.version
    watcher.deliver(entry)
  }
  return {
    add: (entry) => {
      ring[entry.version % length] = entry
      last = entry.version
      waiting.push(entry)
    },
    flush,
    watch: (since, deliver) => {
      if (since < oldest()) return expired(since, oldest())
      const watcher: Watcher = { seen: since, deliver }
      watchers.add(watcher)
      const nested = flushing
      flushing = true
      try {
        replay(watcher)
      } finally {
        flushing = nested
      }
      flush()
      return { ok: true, value: () => watchers.delete(watcher) }
    },
  }
}

/** What a selection's watch is told of a change: an object that enters it is added, one that leaves it is deleted. */
export function seenThrough(matches: Matches, { event, before }: Entry): WatchEvent | undefined {
  const [now, then] = [event.type !== 'DELETED' && matches(event.object), before !== undefined && matches(before)]
  if (now) return { type: then ? 'MODIFIED' : 'ADDED', object: event.object }
  return then ? { type: 'DELETED', object: event.object } : undefined
}

/** The selection as a question to an object, or 400 when it cannot be read. */
export function matcherOf(kind: Kind, { namespace, labelSelector, fieldSelector }: Selection): Answer<Matches> {
  const labels = parseLabelSelector(labelSelector ?? '')
  if (!labels.ok) return badRequest(labels.errors.join(', '))
  const fields = parseFieldSelector(kind, fieldSelector ?? '')
  if (!fields.ok) return badRequest(fields.errors.join(', '))
  return {
    ok: true,
    value: (object) =>
      (namespace === undefined || object.metadata.namespace === namespace) &&
      labels.value.every((one) => holds(one, object.metadata.labels)) &&
      fields.value.every((one) => fieldHolds(one, object)),
  }
}
