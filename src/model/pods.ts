/** Where Pods are. A node with the very same Pods as at the last turn has the very same lists, so that what is made of them can be remembered. */
import type { Cluster, Node, Pod } from './cluster.ts'
import { remembered, sameItems } from './remember.ts'

/** All of a node, in the order of the cluster. */
export const podsOn = ({ pods }: Cluster, { name }: Pick<Node, 'name'>): readonly Pod[] => byNode(pods).get(name) ?? NONE

/** Those with a network of their own. */
export const sandboxedOn = (cluster: Cluster, node: Pick<Node, 'name'>): readonly Sandboxed[] => sandboxed(podsOn(cluster, node))
export type Sandboxed = Pod & { readonly sandbox: string }

const NONE: readonly Pod[] = []
let last: ReadonlyMap<string, readonly Pod[]> = new Map()

const byNode = remembered((pods: readonly Pod[]): ReadonlyMap<string, readonly Pod[]> => {
  const before = last
  last = new Map([...Map.groupBy(pods, ({ node }) => node)].map(([node, its]) => [node, again(before.get(node) ?? NONE, its)]))
  return last
})

/** What was there before, when it has the very same items. */
const again = <T>(before: readonly T[], now: readonly T[]): readonly T[] => (sameItems(before, now) ? before : now)

const sandboxed = remembered((pods: readonly Pod[]) => pods.filter((pod): pod is Sandboxed => pod.sandbox !== undefined))
