/** A cluster in memory for tests: a store, the controllers, and a kubelet whose Pods always come up. */
import type { Kind, KubeObject, ObjectOf } from '#api/kinds.ts'
import { createStore, type Store } from '#api/store.ts'
import type { Lab } from '#lab/lab.ts'
import { controllers } from './all.ts'
import { admitService } from './allocate.ts'
import type { Controller } from './controller.ts'
import { object } from './objects.ts'
import { providedObjects } from './provided.ts'
import { luckyKubelet } from './settle.ts'
import { settleControllers } from './turn.ts'

export type Scene = {
  readonly store: Store
  readonly settle: () => void
  /** Lets time pass. */
  readonly tick: (seconds: number) => void
  /** Writes the object, new or again, and lets all settle. @throws when it is refused. */
  readonly apply: <K extends Kind>(kind: K, input: object) => ObjectOf<K>
  /** Changes a field of an object with a merge patch, and lets all settle. */
  readonly patch: (kind: Kind, name: string, patch: object, subresource?: 'status') => void
  readonly delete: (kind: Kind, name: string, o?: { readonly gracePeriodSeconds?: number }) => void
  readonly all: <K extends Kind>(kind: K) => readonly ObjectOf<K>[]
  readonly events: () => readonly string[]
}

export function scene(lab: Lab, { kubelet = luckyKubelet }: { readonly kubelet?: Controller } = {}): Scene {
  let seconds = 0
  const now = () => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString().replace('.000', '')
  const store = createStore({ now, admit: admitService(lab) })
  const settle = () => settleControllers(store, { lab, now, controllers: [...controllers, kubelet] })
  const checked = (answer: ReturnType<Store['create']>): KubeObject => {
    if (!answer.ok) throw new Error(answer.status.message)
    settle()
    return answer.value
  }
  for (const one of providedObjects(lab, { now: now() })) if (one.kind !== 'Namespace') store.create(one.kind, one.metadata.namespace, one)
  return {
    store,
    settle,
    tick: (by) => {
      seconds += by
      settle()
    },
    apply: (kind, input) => {
      const wanted = object(kind, input)
      const { namespace, name } = wanted.metadata
      const there = store.get(kind, namespace, name) !== undefined
      checked(there ? store.update(kind, namespace, name, wanted) : store.create(kind, namespace, wanted))
      return store.get(kind, namespace, name) as never
    },
    patch: (kind, name, patch, subresource) => void checked(store.patch(kind, 'default', name, patch, 'merge', subresource)),
    delete: (kind, name, o = {}) => void checked(store.delete(kind, 'default', name, o)),
    all: (kind) => store.list(kind).filter(({ metadata }) => metadata.namespace === undefined || metadata.namespace === 'default') as never,
    events: () => store.list('Event').map(({ reason, message }) => `${reason}: ${message}`),
  }
}
