/** Objects: made, grouped by kind, and asked what every controller asks them. */
import type { Condition, Kind, KubeObject, ObjectOf, PodObject } from '#api/kinds.ts'
import { schemas } from '#api/kinds.ts'
import { resources } from '#api/resources.ts'
import type { Objects } from './controller.ts'

export { same as sameJson } from '#api/change.ts'

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

export const isFinished = (pod: PodObject): boolean => pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed'
export const isTerminating = (object: KubeObject): boolean => object.metadata.deletionTimestamp !== undefined
export const conditionOf = <T extends { readonly type: string }>(of: readonly T[] | undefined, type: string): T | undefined =>
  of?.find((condition) => condition.type === type)
export const isReady = (pod: PodObject): boolean => conditionOf(pod.status.conditions, 'Ready')?.status === 'True'

/** The Pod's conditions with this one in the place of the one of its type. */
export const withCondition = (pod: PodObject, condition: Condition): Pick<PodObject['status'], 'conditions'> => ({
  conditions: [...pod.status.conditions.filter(({ type }) => type !== condition.type), condition],
})
