/** Lets the controllers have their say on a store until none changes anything any more. */
import type { Kind, KubeObject } from '#api/kinds.ts'
import type { Store } from '#api/store.ts'
import type { Lab } from '#lab/lab.ts'
import { controllers } from './all.ts'
import type { Change, Controller, Objects } from './controller.ts'
import { fnv } from './hash.ts'
import { kinds } from './objects.ts'

/** More turns than any chain of controllers needs; reaching it means that two of them disagree. */
const TURNS_MAX = 200

export type TurnOptions = {
  readonly lab: Lab
  /** RFC 3339. */
  readonly now: () => string
  /** Who takes part, in this order; every controller when not said. */
  readonly controllers?: readonly Controller[]
}

export const objectsIn = (store: Store): Objects => Object.fromEntries(kinds.map((kind) => [kind, store.list(kind)])) as unknown as Objects

/**
 * Each controller sees what the ones before it did. A change that the API refuses is told as an Event, and the controller waits for
 * something else to change. @throws naming the controller that never settles.
 */
export function settleControllers(store: Store, { lab, now, controllers: all = controllers }: TurnOptions): void {
  let last = ''
  for (let turn = 0; turn < TURNS_MAX; turn += 1) {
    const busy = all.filter((controller) => applied(store, controller.changes({ lab, objects: objectsIn(store), now: now() }), now()))
    if (busy.length === 0) return
    last = busy.at(-1)?.name ?? ''
  }
  throw new Error(`the controller ${last} never settles`)
}

/** @returns whether any of them changed anything. An Event tells of the change before it, and is dropped when that was refused. */
function applied(store: Store, changes: readonly Change[], now: string): boolean {
  let changed = false
  let refused = false
  for (const change of changes) {
    if (change.verb === 'event') {
      if (!refused) recordEvent(store, change, now)
      continue
    }
    const from = store.resourceVersion()
    const answer = answerOf(store, change)
    changed ||= store.resourceVersion() !== from
    refused = !answer.ok
    if (!answer.ok && answer.status.code !== NOT_FOUND) complain(store, change, { message: answer.status.message, now })
  }
  return changed
}

const NOT_FOUND = 404

/** Says once, of the object or of the one that wanted it made, why the API refuses. */
function complain(store: Store, change: ObjectChange, { message, now }: { readonly message: string; readonly now: string }): void {
  const about = change.verb === 'delete' ? store.get(change.kind, change.namespace, change.name) : ownerOf(store, change.object)
  const reason = change.verb === 'create' ? 'FailedCreate' : change.verb === 'delete' ? 'FailedDelete' : 'FailedUpdate'
  if (about === undefined) return
  const said = { about, type: 'Warning', reason, message, from: 'netlab' } as const
  if (store.get('Event', about.metadata.namespace ?? 'default', eventName(said)) === undefined) recordEvent(store, said, now)
}

type ObjectChange = Exclude<Change, { verb: 'event' }>

function answerOf(store: Store, change: ObjectChange): ReturnType<Store['create']> {
  if (change.verb === 'delete') {
    const { kind, namespace, name, gracePeriodSeconds } = change
    return store.delete(kind, namespace, name, gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds })
  }
  const { kind, metadata } = change.object
  if (change.verb === 'create') return store.create(kind, metadata.namespace, change.object)
  if (change.verb === 'status') return store.update(kind, metadata.namespace, metadata.name, change.object, 'status', { known: true })
  return store.update(kind, metadata.namespace, metadata.name, change.object)
}

/** The object itself when it is there, else the one that wanted it made. */
function ownerOf(store: Store, { kind, metadata }: KubeObject): KubeObject | undefined {
  const owner = metadata.ownerReferences[0]
  return store.get(kind, metadata.namespace, metadata.name) ?? (owner && store.get(owner.kind as Kind, metadata.namespace, owner.name))
}

type Said = Omit<Extract<Change, { verb: 'event' }>, 'verb'>

/** The same words about the same object have the same name. */
function eventName({ about: { kind, metadata }, reason, message }: Said): string {
  const said = `${kind} ${metadata.uid} ${reason} ${message}`
  return `${metadata.name}.${[said, `again ${said}`].map((text) => fnv(text).toString(16).padStart(8, '0')).join('')}`
}

/** An Event of the same words about the same object is counted, not repeated. */
export function recordEvent(store: Store, said: Said, now: string): void {
  const { kind, apiVersion, metadata } = said.about
  const namespace = metadata.namespace ?? 'default'
  const name = eventName(said)
  const before = store.get('Event', namespace, name)
  if (before !== undefined) {
    store.update('Event', namespace, name, { ...before, count: (before.count ?? 1) + 1, lastTimestamp: now })
    return
  }
  store.create('Event', namespace, {
    metadata: { name, namespace },
    involvedObject: { kind, apiVersion, name: metadata.name, uid: metadata.uid, ...(metadata.namespace === undefined ? {} : { namespace }) },
    reason: said.reason,
    message: said.message,
    type: said.type,
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
    source: { component: said.from },
  })
}
