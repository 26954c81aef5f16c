/** The wheel: objects changed → controllers → cluster → programs → the difference, applied to every machine. One turn at a time. */
import type { KubeObject } from '#api/kinds.ts'
import type { Store } from '#api/store.ts'
import { controllers } from '#controllers/all.ts'
import type { Change, Objects } from '#controllers/controller.ts'
import { kinds } from '#controllers/objects.ts'
import type { NodeDriver } from '#driver/driver.ts'
import { change } from '#kernel/compile.ts'
import { failureOf } from '#kernel/failure.ts'
import type { NodeProgram } from '#kernel/step.ts'
import type { Lab } from '#lab/lab.ts'

/** More turns than any chain of controllers needs; reaching it means two of them disagree. */
const SETTLE_MAX = 200

export const objectsIn = (store: Store): Objects => Object.fromEntries(kinds.map((kind) => [kind, store.list(kind)])) as unknown as Objects

/** Lets the controllers have their say until none wants a change. @throws naming the controller that never settles. */
export function settleControllers(store: Store, lab: Lab, now: () => string): void {
  let last = ''
  for (let turn = 0; turn < SETTLE_MAX; turn += 1) {
    let changed = false
    for (const controller of controllers) {
      const changes = controller.changes({ lab, objects: objectsIn(store), now: now() })
      for (const one of changes) applyChange(store, one, now())
      if (changes.length > 0) {
        changed = true
        last = controller.name
      }
    }
    if (!changed) return
  }
  throw new Error(`controller ${last} never settles`)
}

function applyChange(store: Store, one: Change, now: string): void {
  switch (one.verb) {
    case 'create':
      store.create(one.object.kind, one.object.metadata.namespace, one.object)
      return
    case 'update':
    case 'status': {
      const { kind, metadata } = one.object
      store.update(kind, metadata.namespace, metadata.name, one.object, ...(one.verb === 'status' ? (['status'] as const) : []))
      return
    }
    case 'delete':
      store.delete(one.kind, one.namespace, one.name)
      return
    case 'event':
      recordEvent(store, one, now)
      return
    default:
      one satisfies never
  }
}

/** An Event of the same words about the same object is counted, not repeated. */
export function recordEvent(store: Store, said: Omit<Extract<Change, { verb: 'event' }>, 'verb'>, now: string): void {
  const { kind, apiVersion, metadata } = said.about
  const namespace = metadata.namespace ?? 'default'
  const same = store
    .list('Event', { namespace, fieldSelector: `involvedObject.name=${metadata.name}` })
    .find((event) => event.involvedObject.kind === kind && event.reason === said.reason && event.message === said.message)
  if (same !== undefined) {
    store.update('Event', namespace, same.metadata.name, { ...same, count: (same.count ?? 1) + 1, lastTimestamp: now })
    return
  }
  const event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { generateName: `${metadata.name}.`, namespace },
    involvedObject: {
      kind,
      apiVersion,
      name: metadata.name,
      uid: metadata.uid,
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
    },
    reason: said.reason,
    message: said.message,
    type: said.type,
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
    source: { component: said.from },
  }
  store.create('Event', namespace, event)
}

export const nameOf = ({ metadata }: KubeObject): string => (metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`)

/**
 * Makes one machine hold what is wanted. After a failure the machine is brought back to what it held before, and the failure is thrown.
 * @returns what the machine holds now
 */
export async function applyProgram(driver: NodeDriver, machine: string, applied: NodeProgram, wanted: NodeProgram): Promise<NodeProgram> {
  const commands = change(applied, wanted)
  for (const command of commands) {
    const failure = failureOf(machine, command, await driver.run(machine, command))
    if (failure === undefined) continue
    await undo(driver, machine, applied, wanted)
    throw failure
  }
  return wanted
}

/** Going back is best effort: what is not there need not be removed. */
async function undo(driver: NodeDriver, machine: string, applied: NodeProgram, wanted: NodeProgram): Promise<void> {
  for (const command of change(wanted, applied)) await driver.run(machine, command)
}
