/**
 * Names for Pods that are many of a kind. An annotation on their maker counts the names it has used, so that a Pod's name follows from its
 * maker's and none comes twice.
 */
import type { DaemonSet, PodObject, ReplicaSet } from '#api/kinds.ts'
import { updated } from './change.ts'
import type { Change } from './controller.ts'
import { suffix } from './hash.ts'
import { named } from './lookup.ts'

const CREATED = 'netlab.dev/pods-created'
/** Names made from a base are cut so that with their five letters they fit a host name. */
const GENERATED_MAX = 58 - 1

type Maker = ReplicaSet | DaemonSet

const podName = ({ metadata: { namespace, name } }: Maker, index: number): string =>
  `${name.slice(0, GENERATED_MAX)}-${suffix(`${namespace}/${name}/${index}`)}`

/** How far the names are used up is seen from the Pods that are there. */
function usedUp(pods: readonly PodObject[], maker: Maker): number {
  let used = Number(maker.metadata.annotations[CREATED] ?? 0)
  while (named(pods, maker.metadata.namespace, podName(maker, used)) !== undefined) used += 1
  return used
}

/** The next names. */
export function freshNames(pods: readonly PodObject[], maker: Maker, count: number): readonly string[] {
  const first = usedUp(pods, maker)
  return Array.from({ length: count }, (_, at) => podName(maker, first + at))
}

/** Writes down how many names are used. */
export function counted(pods: readonly PodObject[], maker: Maker): readonly Change[] {
  const used = String(usedUp(pods, maker))
  const { annotations } = maker.metadata
  return used === (annotations[CREATED] ?? '0') ? [] : [updated<Maker>(maker, { metadata: { annotations: { ...annotations, [CREATED]: used } } })]
}
