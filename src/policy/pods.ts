/** Pods by label, so that a thousand selectors over a thousand Pods are not a million questions. */
import type { LabelSelector } from '#api/kinds.ts'
import { matchesSelector } from '#api/selectors.ts'
import type { Cluster, Pod } from '#model/cluster.ts'

/** Pods of one namespace, or of all whose labels match. */
export type Where = { readonly pods: LabelSelector } & ({ readonly namespace: string } | { readonly namespaces: LabelSelector })
export type Selected = { readonly selector: string; readonly pods: readonly Pod[] }
export type PodIndex = {
  /** Pods with a network of their own. */
  readonly all: readonly Pod[]
  readonly select: (where: Where) => Selected
}

/** A Pod on its node's network is the node, and no selector means it. */
export function podIndex(cluster: Cluster): PodIndex {
  const found = known.get(cluster)
  if (found !== undefined) return found
  const index = indexOf(cluster)
  known.set(cluster, index)
  return index
}
const known = new WeakMap<Cluster, PodIndex>()

function indexOf(cluster: Cluster): PodIndex {
  const byNamespace = new Map<string, Pod[]>()
  const byLabel = new Map<string, Pod[]>()
  for (const pod of cluster.pods) {
    if (pod.sandbox === undefined) continue
    put(byNamespace, pod.namespace, pod)
    for (const [key, value] of Object.entries(pod.object.metadata.labels)) put(byLabel, `${pod.namespace} ${key}=${value}`, pod)
  }
  const selected = new Map<string, Selected>()
  const inNamespace = (namespace: string, selector: LabelSelector): readonly Pod[] => {
    const lists = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => byLabel.get(`${namespace} ${key}=${value}`) ?? [])
    const fewest = [byNamespace.get(namespace) ?? [], ...lists].reduce((best, list) => (list.length < best.length ? list : best))
    return fewest.filter((pod) => matchesSelector(selector, pod.object.metadata.labels))
  }
  return {
    all: [...byNamespace.values()].flat(),
    select: (where) => {
      const selector = textOf(where)
      const before = selected.get(selector)
      if (before !== undefined) return before
      const namespaces =
        'namespace' in where ? [where.namespace] : [...byNamespace.keys()].filter((name) => matchesSelector(where.namespaces, labelsOf(cluster, name)))
      const now = { selector, pods: namespaces.flatMap((name) => inNamespace(name, where.pods)) }
      selected.set(selector, now)
      return now
    },
  }
}

/** A namespace always has its name as a label, also where nobody made the object. */
const labelsOf = (cluster: Cluster, name: string) => cluster.namespaces[name] ?? { 'kubernetes.io/metadata.name': name }

function put(lists: Map<string, Pod[]>, key: string, pod: Pod): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [pod])
  else list.push(pod)
}

const textOf = (where: Where): string =>
  `${'namespace' in where ? `namespace ${where.namespace}` : `namespaces ${selectorText(where.namespaces)}`}, pods ${selectorText(where.pods)}`

/** The requirements in one order, so that the same wish has the same text. A policy's selectors are the same objects as long as it is. */
function selectorText(selector: LabelSelector): string {
  const before = texts.get(selector)
  if (before !== undefined) return before
  const text = sorted(selector)
  texts.set(selector, text)
  return text
}
const texts = new WeakMap<LabelSelector, string>()

function sorted({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key} In (${value})`)
  const expressions = matchExpressions.map(({ key, operator, values = [] }) => `${key} ${operator} (${[...values].sort().join(' ')})`)
  return [...labels, ...expressions].sort().join(', ') || 'all'
}
