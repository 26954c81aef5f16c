/** Pods by label, so that a thousand selectors over a thousand Pods are not a million questions. */
import type { LabelSelector } from '#api/kinds.ts'
import { matchesSelector } from '#api/selectors.ts'
import type { Cluster, Pod } from '#model/cluster.ts'
import { remembered, sameItems } from '#model/remember.ts'

/** Pods of one namespace, or of all whose labels match. */
export type Where = { readonly pods: LabelSelector } & ({ readonly namespace: string } | { readonly namespaces: LabelSelector })
export type Selected = { readonly selector: string; readonly pods: readonly Pod[] }
export type PodIndex = {
  /** Pods with a network of their own. */
  readonly all: readonly Pod[]
  readonly select: (where: Where) => Selected
}

/** A Pod on its node's network is the node, and no selector means it. */
export const podIndex = remembered((cluster: Cluster): PodIndex => {
  const byNamespace = new Map<string, Pod[]>()
  const byLabel = new Map<string, Pod[]>()
  for (const pod of cluster.pods) {
    if (pod.sandbox === undefined) continue
    put(byNamespace, pod.namespace, pod)
    for (const label of labelsOf(pod)) put(byLabel, label, pod)
  }
  const before = last
  const selected = new Map<string, Selected>()
  last = selected
  const inNamespace = (namespace: string, selector: LabelSelector): readonly Pod[] => {
    const lists = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => byLabel.get(labelText(namespace, key, value)) ?? [])
    const fewest = [byNamespace.get(namespace) ?? [], ...lists].reduce((best, list) => (list.length < best.length ? list : best))
    return fewest.filter((pod) => matchesSelector(selector, pod.object.metadata.labels))
  }
  return {
    all: [...byNamespace.values()].flat(),
    select: (where) => {
      const selector = textOf(where)
      const found = selected.get(selector)
      if (found !== undefined) return found
      const namespaces =
        'namespace' in where ? [where.namespace] : [...byNamespace.keys()].filter((name) => matchesSelector(where.namespaces, namespaceLabels(cluster, name)))
      const pods = namespaces.flatMap((name) => inNamespace(name, where.pods))
      const then = before.get(selector)
      const now = then !== undefined && sameItems(then.pods, pods) ? then : { selector, pods }
      selected.set(selector, now)
      return now
    },
  }
})
/** What was selected at the last turn: a selector that means the very same Pods gives the very same answer. */
let last: ReadonlyMap<string, Selected> = new Map()

const labelsOf = remembered(({ namespace, object }: Pod) => Object.entries(object.metadata.labels).map(([key, value]) => labelText(namespace, key, value)))
const labelText = (namespace: string, key: string, value: string): string => `${namespace} ${key}=${value}`

/** A namespace always has its name as a label, also where nobody made the object. */
const namespaceLabels = (cluster: Cluster, name: string) => cluster.namespaces[name] ?? { 'kubernetes.io/metadata.name': name }

function put(lists: Map<string, Pod[]>, key: string, pod: Pod): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [pod])
  else list.push(pod)
}

/** Of a policy these are the same objects as long as it is. */
const textOf = remembered(
  (where: Where): string =>
    `${'namespace' in where ? `namespace ${where.namespace}` : `namespaces ${selectorText(where.namespaces)}`}, pods ${selectorText(where.pods)}`,
)

/** The requirements in one order, so that the same wish has the same text. */
function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key} In (${value})`)
  const expressions = matchExpressions.map(({ key, operator, values = [] }) => `${key} ${operator} (${[...values].sort().join(' ')})`)
  return [...labels, ...expressions].sort().join(', ') || 'all'
}
