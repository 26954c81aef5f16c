/** Objects by kind, and the look-ups that controllers share: built once per list of objects, since objects never change in place. */
import type { Condition, Kind, KubeObject, Metadata, ObjectOf, PodObject } from '#api/kinds.ts'
import { schemas } from '#api/kinds.ts'
import { resources } from '#api/resources.ts'
import type { Change, Objects } from './controller.ts'
import { canonical } from './hash.ts'

export const kinds = Object.keys(schemas) as readonly Kind[]

export const keyOf = (of: { readonly metadata: { readonly namespace?: string | undefined; readonly name: string } }): string =>
  of.metadata.namespace === undefined ? of.metadata.name : `${of.metadata.namespace}/${of.metadata.name}`

/** Orders objects by namespace and name, as the store lists them. */
export function byKey(a: KubeObject, b: KubeObject): number {
  const left = a.metadata.namespace ?? ''
  const right = b.metadata.namespace ?? ''
  if (left !== right) return left < right ? -1 : 1
  return a.metadata.name < b.metadata.name ? -1 : a.metadata.name > b.metadata.name ? 1 : 0
}

/** An object as a manifest would say it; apiVersion and the namespace `default` are filled in. @throws when it is no such object. */
export function object<K extends Kind>(kind: K, input: object): ObjectOf<K> {
  const resource = resources.find((one) => one.kind === kind)
  const apiVersion = resource?.group ? `${resource.group}/${resource.version}` : resource?.version
  const metadata = { ...(resource?.namespaced ? { namespace: 'default' } : {}), ...('metadata' in input ? (input.metadata as object) : {}) }
  return schemas[kind].parse({ apiVersion, kind, ...input, metadata }) as ObjectOf<K>
}

export function objectsOf(list: readonly KubeObject[]): Objects {
  const of = <K extends Kind>(kind: K) => list.filter((object) => object.kind === kind).sort(byKey) as unknown as readonly ObjectOf<K>[]
  return Object.fromEntries(kinds.map((kind) => [kind, of(kind)])) as unknown as Objects
}

/** Remembers what `make` said of an object for as long as that object lives. */
export function remembered<K extends object, V>(make: (of: K) => V): (of: K) => V {
  const known = new WeakMap<K, V>()
  return (of) => {
    const before = known.get(of)
    if (before !== undefined) return before
    const made = make(of)
    known.set(of, made)
    return made
  }
}

type Listed = readonly { readonly metadata: { readonly namespace?: string | undefined; readonly name: string; readonly uid: string } }[]

const byName = remembered((list: Listed) => new Map(list.map((object) => [keyOf(object), object])))

/** The object of that name in the list. */
export const named = <T extends Listed[number]>(list: readonly T[], namespace: string | undefined, name: string): T | undefined =>
  byName(list).get(namespace === undefined ? name : `${namespace}/${name}`) as T | undefined

type Owned = readonly { readonly metadata: { readonly ownerReferences: readonly { readonly uid: string; readonly controller?: boolean | undefined }[] } }[]

/** The uid of the object that made this one and looks after it. */
export const controllerOf = (object: Owned[number]): string | undefined => object.metadata.ownerReferences.find((ref) => ref.controller)?.uid

const byOwner = remembered((list: Owned) => Map.groupBy(list, (object) => controllerOf(object) ?? ''))

/** The objects that `uid` looks after; with an empty uid, those nobody does. */
export const ownedBy = <T extends Owned[number]>(list: readonly T[], uid: string): readonly T[] =>
  (byOwner(list).get(uid) ?? []) as readonly Owned[number][] as readonly T[]

/** Pods by one `namespace/key=value` of their labels each, so that a selector need not look at every Pod. */
export const podsByLabel = remembered((pods: readonly PodObject[]) => {
  const index = new Map<string, PodObject[]>()
  for (const pod of pods) {
    for (const [key, value] of Object.entries(pod.metadata.labels)) {
      const at = `${pod.metadata.namespace}/${key}=${value}`
      const there = index.get(at)
      if (there === undefined) index.set(at, [pod])
      else there.push(pod)
    }
  }
  return index
})

/** The Pods of a namespace that carry all of these labels, in the list's order. */
export function podsWith(pods: readonly PodObject[], namespace: string | undefined, labels: Readonly<Record<string, string>>): readonly PodObject[] {
  const pairs = Object.entries(labels)
  const lists = pairs.map(([key, value]) => podsByLabel(pods).get(`${namespace}/${key}=${value}`) ?? [])
  const shortest = lists.reduce((least, list) => (list.length < least.length ? list : least), lists[0] ?? [])
  return pairs.length === 1 ? shortest : shortest.filter((pod) => pairs.every(([key, value]) => pod.metadata.labels[key] === value))
}

export const isFinished = (pod: PodObject): boolean => pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed'
export const isTerminating = (object: KubeObject): boolean => object.metadata.deletionTimestamp !== undefined
export const conditionOf = <T extends { readonly type: string }>(of: readonly T[] | undefined, type: string): T | undefined =>
  of?.find((condition) => condition.type === type)
export const isReady = (pod: PodObject): boolean => conditionOf(pod.status.conditions, 'Ready')?.status === 'True'

/** The Pod with this condition in the place of the one of its type. */
export const withCondition = (pod: PodObject, condition: Condition): PodObject => ({
  ...pod,
  status: { ...pod.status, conditions: [...pod.status.conditions.filter(({ type }) => type !== condition.type), condition] },
})

/** Whether two values say the same, in whatever order of keys. */
export const sameJson = (a: unknown, b: unknown): boolean => a === b || canonical(a) === canonical(b)

/** The reference that makes `owner` the one controller of an object. */
export const ownedByReference = ({ apiVersion, kind, metadata: { name, uid } }: KubeObject): Metadata['ownerReferences'][number] => ({
  apiVersion,
  kind,
  name,
  uid,
  controller: true,
  blockOwnerDeletion: true,
})

/** Does no work for `key` while its inputs are the very objects with which there was nothing to do. */
export function quiet<K extends object>(): (key: K, inputs: readonly object[], work: () => readonly Change[]) => readonly Change[] {
  const idle = new WeakMap<K, readonly object[]>()
  return (key, inputs, work) => {
    const before = idle.get(key)
    if (before?.length === inputs.length && before.every((object, at) => object === inputs[at])) return []
    const changes = work()
    if (changes.length === 0) idle.set(key, inputs)
    return changes
  }
}
