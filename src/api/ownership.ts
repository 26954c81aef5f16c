/** Who owns whom, by uid: what garbage collection needs to know without looking at every object. */
import type { KubeObject } from './kinds.ts'

export type Ownership = {
  /** Tells of a change: what was there and what is there now. */
  readonly replace: (before: KubeObject | undefined, now: KubeObject | undefined) => void
  /** The objects that name this one as an owner. */
  readonly by: (owner: KubeObject) => readonly KubeObject[]
  readonly lives: (uid: string) => KubeObject | undefined
}

export function createOwnership(): Ownership {
  const living = new Map<string, KubeObject>()
  const children = new Map<string, Map<string, KubeObject>>()
  const leave = (object: KubeObject) => {
    living.delete(object.metadata.uid)
    for (const { uid } of object.metadata.ownerReferences) {
      children.get(uid)?.delete(object.metadata.uid)
      if (children.get(uid)?.size === 0) children.delete(uid)
    }
  }
  const enter = (object: KubeObject) => {
    living.set(object.metadata.uid, object)
    for (const { uid } of object.metadata.ownerReferences) {
      if (uid === '') continue
      const siblings = children.get(uid) ?? new Map<string, KubeObject>()
      siblings.set(object.metadata.uid, object)
      children.set(uid, siblings)
    }
  }
  return {
    replace: (before, now) => {
      if (before !== undefined) leave(before)
      if (now !== undefined) enter(now)
    },
    by: (owner) => [...(children.get(owner.metadata.uid)?.values() ?? [])],
    lives: (uid) => living.get(uid),
  }
}
