/**
 * NetworkPolicies as they stand in one cluster: which Pods each governs, and what its rules let pass. Data planes and decide.ts read this,
 * so that what is computed and what is built come from one place.
 */
import type { NetworkPolicy } from '#api/kinds.ts'
import type { Cluster, Pod } from '#model/cluster.ts'
import { type Cidr, cidr, network } from '#net/net.ts'
import { type PodIndex, podIndex, type Where } from './pods.ts'

export type Direction = 'ingress' | 'egress'
export const DIRECTIONS: readonly Direction[] = ['ingress', 'egress']
export type Protocol = 'TCP' | 'UDP' | 'SCTP'

export type Policy = {
  readonly namespace: string
  readonly name: string
  readonly object: NetworkPolicy
  /** The Pods it isolates, in the order of the cluster. */
  readonly pods: readonly Pod[]
  /** What may pass in each direction it governs; a direction it does not govern is absent. */
  readonly ingress?: readonly Rule[]
  readonly egress?: readonly Rule[]
}

/** One item of `ingress` or `egress`: any of the peers on any of the ports. */
export type Rule = { readonly peers: 'all' | readonly Peer[]; readonly ports: 'all' | readonly Port[] }

export type Peer =
  /** `selector` is canonical text: two peers with the same text mean the same Pods. */
  | { readonly kind: 'pods'; readonly where: Where; readonly selector: string; readonly pods: readonly Pod[] }
  | { readonly kind: 'block'; readonly cidr: Cidr; readonly except: readonly Cidr[] }

export type Port =
  /** Both ends inclusive; all ports of the protocol are 0 to 65535. */
  | { readonly protocol: Protocol; readonly from: number; readonly to: number }
  /** Resolved at each destination Pod by numberOf. */
  | { readonly protocol: Protocol; readonly name: string }

export const HIGHEST_PORT = 65_535

/** In the order of namespace and name. */
export function policiesOf(cluster: Cluster): readonly Policy[] {
  const found = known.get(cluster)
  if (found !== undefined) return found
  const index = podIndex(cluster)
  const policies = cluster.networkPolicies.map((object) => policyOf(object, index))
  known.set(cluster, policies)
  return policies
}
const known = new WeakMap<Cluster, readonly Policy[]>()

/** Policies that isolate the Pod in this direction, in their order; none means the Pod is open there. */
export const isolating = (cluster: Cluster, pod: Pod, direction: Direction): readonly Policy[] => governorsOf(cluster).get(pod)?.[direction] ?? []

type Governors = ReadonlyMap<Pod, { readonly [D in Direction]: readonly Policy[] }>

function governorsOf(cluster: Cluster): Governors {
  const found = governors.get(cluster)
  if (found !== undefined) return found
  const now = new Map<Pod, { readonly [D in Direction]: Policy[] }>()
  for (const policy of policiesOf(cluster))
    for (const pod of policy.pods) {
      const its = now.get(pod) ?? { ingress: [], egress: [] }
      now.set(pod, its)
      for (const direction of DIRECTIONS) if (policy[direction] !== undefined) its[direction].push(policy)
    }
  governors.set(cluster, now)
  return now
}
const governors = new WeakMap<Cluster, Governors>()

/** The number a Pod's containers give this name for this protocol, or nothing. */
export function numberOf(pod: Pod, port: { readonly protocol: Protocol; readonly name: string }): number | undefined {
  for (const { ports } of pod.object.spec.containers)
    for (const one of ports) if (one.name === port.name && one.protocol === port.protocol) return one.containerPort
  return undefined
}

function policyOf(object: NetworkPolicy, index: PodIndex): Policy {
  const { name, namespace = 'default' } = object.metadata
  const { podSelector, policyTypes = [], ingress = [], egress = [] } = object.spec
  return {
    namespace,
    name,
    object,
    pods: index.select({ namespace, pods: podSelector }).pods,
    ...(policyTypes.includes('Ingress') ? { ingress: ingress.map(({ from, ports }) => ruleOf(from, ports, namespace, index)) } : {}),
    ...(policyTypes.includes('Egress') ? { egress: egress.map(({ to, ports }) => ruleOf(to, ports, namespace, index)) } : {}),
  }
}

type Spec = NetworkPolicy['spec']
type Said = NonNullable<Spec['ingress']>[number]

const ruleOf = (peers: Said['from'] = [], ports: Said['ports'] = [], namespace: string, index: PodIndex): Rule => ({
  peers: peers.length === 0 ? 'all' : peers.map((peer) => peerOf(peer, namespace, index)),
  ports: ports.length === 0 ? 'all' : ports.map(portOf),
})

function peerOf({ podSelector, namespaceSelector, ipBlock }: NonNullable<Said['from']>[number], namespace: string, index: PodIndex): Peer {
  if (ipBlock !== undefined) return { kind: 'block', cidr: network(cidr(ipBlock.cidr)), except: (ipBlock.except ?? []).map((hole) => network(cidr(hole))) }
  const pods = podSelector ?? {}
  const where = namespaceSelector === undefined ? { namespace, pods } : { namespaces: namespaceSelector, pods }
  return { kind: 'pods', where, ...index.select(where) }
}

function portOf({ protocol, port, endPort }: NonNullable<Said['ports']>[number]): Port {
  if (port === undefined) return { protocol, from: 0, to: HIGHEST_PORT }
  return typeof port === 'string' ? { protocol, name: port } : { protocol, from: port, to: endPort ?? port }
}
