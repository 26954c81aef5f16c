/** Look-ups that controllers share: built once per list of objects, since neither lists nor objects change in place. */
import type { PodObject } from '#api/kinds.ts'
import { remembered } from '#model/remember.ts'
import { keyOf } from './objects.ts'

type Listed = readonly { readonly metadata: { readonly namespace?: string | undefined; readonly name: string; readonly uid: string } }[]

const byName = remembered((list: Listed) => new Map(list.map((object) => [keyOf(object), object])))

/** The object of that name in the list. */
export const named = <T extends Listed[number]>(list: readonly T[], namespace: string | undefined, name: string): T | undefined =>
  byName(list).get(namespace === undefined ? name : `${namespace}/${name}`) as T | undefined

type Owned = readonly { readonly metadata: { readonly ownerReferences: readonly { readonly uid: string; readonly controller?: boolean | undefined }[] } }[]

/** The uid of the object that made this one and looks after it. */
export const controllerOf = (object: Owned[number]): string | undefined => object.metadata.ownerReferences.find((ref) => ref.controller)?.uid

const byOwner = remembered((list: Owned) => Map.groupBy(list, (object) => controllerOf(object) ?? ''))

const NOBODY: readonly Owned[number][] = []

/** The objects that `uid` looks after; with an empty uid, those nobody does. */
export const ownedBy = <T extends Owned[number]>(list: readonly T[], uid: string): readonly T[] =>
  (byOwner(list).get(uid) ?? NOBODY) as readonly Owned[number][] as readonly T[]

/** Each label of a Pod as `namespace/key=value`. */
const labelsOf = remembered(({ metadata }: PodObject): readonly string[] =>
  Object.entries(metadata.labels).map(([key, value]) => `${metadata.namespace}/${key}=${value}`),
)

/** So that a selector need not look at every Pod. */
const podsByLabel = remembered((pods: readonly PodObject[]): ReadonlyMap<string, readonly PodObject[]> => {
  const index = new Map<string, PodObject[]>()
  for (const pod of pods) {
    for (const label of labelsOf(pod)) {
      const there = index.get(label)
      if (there === undefined) index.set(label, [pod])
      else there.push(pod)
    }
  }
  return index
})

const NONE: readonly PodObject[] = []

/** The Pods of a namespace that carry all of these labels, in the list's order. */
export function podsWith(pods: readonly PodObject[], namespace: string | undefined, labels: Readonly<Record<string, string>>): readonly PodObject[] {
  const pairs = Object.entries(labels)
  const index = podsByLabel(pods)
  const lists = pairs.map(([key, value]) => index.get(`${namespace}/${key}=${value}`) ?? NONE)
  const shortest = lists.reduce((least, list) => (list.length < least.length ? list : least), lists[0] ?? NONE)
  return pairs.length === 1 ? shortest : shortest.filter((pod) => pairs.every(([key, value]) => pod.metadata.labels[key] === value))
}
