/**
 * A change of a Service's type in place. Who patches only `type` sends the fields of the former type along without meaning them: such a field
 * is dropped before the rules judge, as long as it is as it was; a field that was changed in the same breath is meant, and judged.
 */
import { same } from './change.ts'
import type { KubeObject, ServiceObject } from './kinds.ts'

type Spec = Partial<ServiceObject['spec']>
type Field = Exclude<keyof Spec, 'ports'>

const typeOf = ({ type = 'ClusterIP' }: Spec): string => type
const isOutside = (spec: Spec): boolean => ['NodePort', 'LoadBalancer'].includes(typeOf(spec))
const isLoadBalancer = (spec: Spec): boolean => typeOf(spec) === 'LoadBalancer'

/** Fields and when a Service has need of them. */
const NEEDS: readonly (readonly [fields: readonly Field[], needs: (spec: Spec) => boolean])[] = [
  [['externalName'], (spec) => typeOf(spec) === 'ExternalName'],
  [['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'], (spec) => typeOf(spec) !== 'ExternalName'],
  [['externalTrafficPolicy'], (spec) => isOutside(spec) || (spec.externalIPs ?? []).length > 0],
  [['healthCheckNodePort'], (spec) => isLoadBalancer(spec) && spec.externalTrafficPolicy === 'Local'],
  [['allocateLoadBalancerNodePorts', 'loadBalancerClass'], isLoadBalancer],
]

export function withoutFormer(input: unknown, old: KubeObject): unknown {
  const spec = (input as { readonly spec?: Spec } | null)?.spec
  if (old.kind !== 'Service' || typeof spec !== 'object' || spec === null) return input
  const gone = NEEDS.filter(([, needs]) => needs(old.spec) && !needs(spec))
    .flatMap(([fields]) => fields)
    .filter((field) => same(spec[field], old.spec[field]))
  const kept = Object.fromEntries(Object.entries(spec).filter(([field]) => !gone.includes(field as Field)))
  const samePorts = same(nodePorts(spec), nodePorts(old.spec))
  const ports =
    isOutside(old.spec) && !isOutside(spec) && samePorts && Array.isArray(spec.ports) ? { ports: spec.ports.map(({ nodePort: _, ...port }) => port) } : {}
  return { ...(input as object), spec: { ...kept, ...ports } }
}

const nodePorts = ({ ports }: Spec): unknown => (Array.isArray(ports) ? ports.map((port) => port?.nodePort) : [])
