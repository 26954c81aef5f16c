/** Objects of one kind in the order of namespace and name; a write costs a search, not a copy. */
import type { KubeObject } from './kinds.ts'

export type Shelf = {
  readonly get: (namespace: string, name: string) => KubeObject | undefined
  readonly put: (object: KubeObject) => void
  readonly remove: (object: KubeObject) => void
  /** The same list until the next write. */
  readonly all: () => readonly KubeObject[]
}

export function createShelf(): Shelf {
  const byKey = new Map<string, KubeObject>()
  const sorted: KubeObject[] = []
  let view: readonly KubeObject[] | undefined
  return {
    get: (namespace, name) => byKey.get(keyOf(namespace, name)),
    put: (object) => {
      const key = keyOf(object.metadata.namespace ?? '', object.metadata.name)
      const at = placeOf(sorted, key)
      sorted.splice(at, byKey.has(key) ? 1 : 0, object)
      byKey.set(key, object)
      view = undefined
    },
    remove: (object) => {
      const key = keyOf(object.metadata.namespace ?? '', object.metadata.name)
      if (byKey.delete(key)) sorted.splice(placeOf(sorted, key), 1)
      view = undefined
    },
    all: () => {
      view ??= sorted.slice()
      return view
    },
  }
}

/** Smaller than any character of a name, so that keys sort as the pairs do. */
const SEPARATOR = '\u0000'
const keyOf = (namespace: string, name: string): string => namespace + SEPARATOR + name

/** The index of the key, or where it would stand. */
function placeOf(sorted: readonly KubeObject[], key: string): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const object = sorted[middle]
    if (object !== undefined && keyOf(object.metadata.namespace ?? '', object.metadata.name) < key) low = middle + 1
    else high = middle
  }
  return low
}
