/**
 * Selectors in Calico's own language, written out in the one form from which Felix names sets and groups:
 *
 *     (projectcalico.org/namespace == "shop" && (projectcalico.org/orchestrator == "k8s" && app == "web"))
 *
 * A namespace's labels stand on its Pods with `pcns.` before the key.
 */
import type { LabelSelector } from '#api/kinds.ts'
import type { Where } from '../pods.ts'
import type { Policy } from '../policy.ts'

export const ALL = 'all()'

/** The Pods that a peer of a rule means. */
export const peerSelector = (where: Where): string => and([namespacesOf(where), podsOf(where.pods)])

/** The Pods that a policy governs. */
export const ownSelector = ({ namespace, object }: Policy): string => and([podsOf(object.spec.podSelector), inNamespace(namespace)])

const namespacesOf = (where: Where): string =>
  'namespace' in where ? inNamespace(where.namespace) : isEmpty(where.namespaces) ? 'has(projectcalico.org/namespace)' : and(terms(where.namespaces, 'pcns.'))

const inNamespace = (name: string): string => `projectcalico.org/namespace == "${name}"`
const podsOf = (selector: LabelSelector): string => and(['projectcalico.org/orchestrator == "k8s"', ...terms(selector)])
const and = (all: readonly string[]): string => (all.length === 1 ? all.join('') : `(${all.join(' && ')})`)

const isEmpty = ({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean => Object.keys(matchLabels).length === 0 && matchExpressions.length === 0

function terms({ matchLabels = {}, matchExpressions = [] }: LabelSelector, prefix = ''): readonly string[] {
  const labels = Object.entries(matchLabels).sort(([a], [b]) => (a < b ? -1 : 1))
  return [
    ...labels.map(([key, value]) => `${prefix}${key} == "${value}"`),
    ...matchExpressions.map(({ key, operator, values = [] }) => {
      const among = [...new Set(values)].sort().map((value) => `"${value}"`)
      switch (operator) {
        case 'In':
          return `${prefix}${key} in {${among.join(', ')}}`
        case 'NotIn':
          return `${prefix}${key} not in {${among.join(', ')}}`
        case 'Exists':
          return `has(${prefix}${key})`
        case 'DoesNotExist':
          return `!has(${prefix}${key})`
        default:
          return operator satisfies never
      }
    }),
  ]
}
