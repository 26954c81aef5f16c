/** The cluster's objects in memory, with Kubernetes' own rules: resourceVersion, conflicts, watches, graceful deletion. */
import type { Kind, KubeObject, ObjectOf } from './kinds.ts'

/** metav1.Status of a failure, as kubectl expects it. */
export type Status = {
  readonly apiVersion: 'v1'
  readonly kind: 'Status'
  readonly status: 'Failure' | 'Success'
  readonly code: number
  readonly reason: string
  readonly message: string
  readonly details?: {
    readonly name?: string
    readonly group?: string
    readonly kind?: string
    readonly causes?: readonly { readonly reason: string; readonly message: string; readonly field: string }[]
  }
}

export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly status: Status }

export type Selection = { readonly namespace?: string; readonly labelSelector?: string; readonly fieldSelector?: string }
export type WatchEvent = { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: KubeObject }
export type Snapshot = { readonly resourceVersion: number; readonly objects: readonly KubeObject[] }

export type Store = {
  readonly get: <K extends Kind>(kind: K, namespace: string | undefined, name: string) => ObjectOf<K> | undefined
  /** Objects in the order of namespace and name. */
  readonly list: <K extends Kind>(kind: K, selection?: Selection) => readonly ObjectOf<K>[]
  /** Defaults, validates, admits (allocation is admission's part, see `Admit`); `input` is what a client sent. */
  readonly create: (kind: Kind, namespace: string | undefined, input: unknown) => Answer<KubeObject>
  /** Replaces; a resourceVersion in the input must be the current one (409 otherwise). */
  readonly update: (kind: Kind, namespace: string | undefined, name: string, input: unknown, subresource?: 'status') => Answer<KubeObject>
  readonly patch: (
    kind: Kind,
    namespace: string | undefined,
    name: string,
    patch: unknown,
    type: 'merge' | 'strategic' | 'json',
    subresource?: 'status',
  ) => Answer<KubeObject>
  /** A Pod with a grace period is marked and stays until it is deleted with grace 0; finalizers hold an object likewise. */
  readonly delete: (kind: Kind, namespace: string | undefined, name: string, options?: { readonly gracePeriodSeconds?: number }) => Answer<KubeObject>
  readonly resourceVersion: () => number
  /** Calls back for every change after `since`; answers 410 when the history no longer reaches back that far. */
  readonly watch: (
    kind: Kind,
    selection: Selection,
    since: number,
    listener: (event: WatchEvent) => void,
  ) => { readonly ok: true; readonly stop: () => void } | { readonly ok: false; readonly status: Status }
  /** Calls back once per change of any kind, for the engine. */
  readonly onChange: (listener: (event: WatchEvent) => void) => () => void
  readonly snapshot: () => Snapshot
}
