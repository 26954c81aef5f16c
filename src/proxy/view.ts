/** How one port of a Service looks from one node: the same for every mode, only how it is written into the kernel differs. */
import type { Cluster, Node, ServicePort } from '#model/cluster.ts'
import { type Cidr, contains, type Family, familyOf, type Ip, network } from '#net/net.ts'
import { usableEndpoints, usesLocal } from './endpoints.ts'
import { portNameOf } from './names.ts'

/** What all Services of one family share. */
export type Settings = {
  readonly family: Family
  readonly masqueradeAll: boolean
  /** Senders from here are Pods (kube-proxy's local detector by cluster CIDR). Without it nobody is known to be a Pod. */
  readonly podRange: Cidr | undefined
}

export const familiesOf = ({ podCIDR, services }: Cluster): readonly Family[] =>
  ([4, 6] as const).filter((family) => family === familyOf(podCIDR) || services.some((service) => service.family === family))

export const podRangeOf = ({ podCIDR }: Cluster, family: Family): Cidr | undefined => (familyOf(podCIDR) === family ? podCIDR : undefined)

export type View<S extends Settings = Settings> = {
  readonly service: ServicePort
  readonly settings: S
  readonly node: Node
  readonly usable: ReturnType<typeof usableEndpoints>
  /** `namespace/name:port` */
  readonly name: string
  /** Traffic to the ClusterIP finds an endpoint. */
  readonly inside: boolean
  /** Traffic from outside the cluster finds an endpoint. */
  readonly outside: boolean
}

export function viewOf<S extends Settings>(service: ServicePort, node: Node, settings: S): View<S> {
  const usable = usableEndpoints(service, node)
  const forPolicy = (local: boolean): boolean => (local ? usable.local.length > 0 : usable.any)
  const [inside, outside] = [forPolicy(service.internalLocal), forPolicy(service.externalLocal)]
  return { service, settings, node, usable, name: portNameOf(service), inside, outside }
}

/** Who may use the balancer's addresses: the ranges and, where the node itself may, those addresses, for a node that holds one speaks from it. */
export function sourcesOf({ service, node }: View): readonly (Cidr | Ip)[] {
  const ranges = service.sourceRanges.map(network)
  return [...ranges, ...(ranges.some((range) => contains(range, node.ip)) ? service.loadBalancerIPs : [])]
}

/** Rules worked out once per Service and kind of node: nodes that see the same endpoints get the same rules, and the same Step objects. */
export function remembering<T, S extends Settings>(workOut: (view: View<S>) => T): (service: ServicePort, node: Node, settings: S) => T {
  const remembered = new WeakMap<ServicePort, Map<string, T>>()
  return (service, node, settings) => {
    const known = remembered.get(service) ?? new Map<string, T>()
    remembered.set(service, known)
    const key = [
      (usesLocal(service) && service.endpoints.some((endpoint) => endpoint.node === node.name)) || service.endpoints.some(({ forNodes }) => forNodes.length > 0)
        ? node.name
        : '',
      service.endpoints.some(({ zones }) => zones.length > 0) ? node.zone : '',
      service.sourceRanges.length > 0 ? node.ip : '',
      ...Object.values(settings),
    ].join(' ')
    const rules = known.get(key) ?? workOut(viewOf(service, node, settings))
    known.set(key, rules)
    return rules
  }
}
