/** Controllers are functions from the objects there are to the changes they want; the engine applies them until none wants any. */
import type { Kind, KubeObject, ObjectOf } from '#api/kinds.ts'
import type { Lab } from '#lab/lab.ts'

export type Objects = { readonly [K in Kind]: readonly ObjectOf<K>[] }

export type World = {
  readonly lab: Lab
  readonly objects: Objects
  /** RFC 3339, handed in so that the same world gives the same changes. */
  readonly now: string
}

export type Change =
  | { readonly verb: 'create'; readonly object: KubeObject }
  /** Replaces metadata and spec. */
  | { readonly verb: 'update'; readonly object: KubeObject }
  /** Replaces the status subresource. */
  | { readonly verb: 'status'; readonly object: KubeObject }
  /** Without a grace period the object's own holds; 0 when nobody is left to confirm the end. */
  | { readonly verb: 'delete'; readonly kind: Kind; readonly namespace?: string; readonly name: string; readonly gracePeriodSeconds?: number }
  | {
      readonly verb: 'event'
      readonly about: KubeObject
      readonly type: 'Normal' | 'Warning'
      readonly reason: string
      readonly message: string
      readonly from: string
    }

export type Controller = { readonly name: string; readonly changes: (world: World) => readonly Change[] }
