/**
 * NetworkPolicies as they stand in one cluster: which Pods each governs, and what its rules let pass. Data planes and decide.ts read this,
 * so that what is computed and what is built come from one place.
 */
import type { NetworkPolicy } from '#api/kinds.ts'
import type { Cluster, Node, Pod } from '#model/cluster.ts'
import { lastOf, remembered } from '#model/remember.ts'
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

/** In the order of namespace and name. One that means the very same Pods as at the last turn is the very same. */
export const policiesOf = remembered((cluster: Cluster): readonly Policy[] => {
  const index = podIndex(cluster)
  return cluster.networkPolicies.map((object) => lastMeant(object, pointedAt(object, index), () => policyOf(object, index)))
})
const lastMeant = lastOf<NetworkPolicy, Policy>()

/** Those that govern a Pod of the node. */
export const policiesAt = (cluster: Cluster, { name }: Node): readonly Policy[] => byNode(cluster).get(name) ?? []

const byNode = remembered((cluster: Cluster): ReadonlyMap<string, readonly Policy[]> => {
  const there = new Map(cluster.nodes.map(({ name }): [string, Policy[]] => [name, []]))
  for (const policy of policiesOf(cluster)) for (const node of nodesOf(policy)) there.get(node)?.push(policy)
  return there
})
const nodesOf = remembered(({ pods }: Policy): readonly string[] => [...new Set(pods.map(({ node }) => node))])

/** Policies that isolate the Pod in this direction, in their order; none means the Pod is open there. */
export const isolating = (cluster: Cluster, pod: Pod, direction: Direction): readonly Policy[] => governorsOf(cluster).get(pod)?.[direction] ?? NOBODY
const NOBODY: readonly Policy[] = []

/** All that a Pod's own chain follows from, the Pod itself left out: which policies isolate it in which direction. */
export const governing = (cluster: Cluster, pod: Pod): readonly unknown[] =>
  DIRECTIONS.flatMap((direction) => [direction, ...isolating(cluster, pod, direction).map(({ object }) => object)])

type Governors = ReadonlyMap<Pod, { readonly [D in Direction]: readonly Policy[] }>

const governorsOf = remembered((cluster: Cluster): Governors => {
  const now = new Map<Pod, { readonly [D in Direction]: Policy[] }>()
  for (const policy of policiesOf(cluster))
    for (const pod of policy.pods) {
      const its = now.get(pod) ?? { ingress: [], egress: [] }
      now.set(pod, its)
      for (const direction of DIRECTIONS) if (policy[direction] !== undefined) its[direction].push(policy)
    }
  return now
})

/** The number a Pod's containers give this name for this protocol, or nothing. */
export function numberOf(pod: Pod, port: { readonly protocol: Protocol; readonly name: string }): number | undefined {
  for (const { ports } of pod.object.spec.containers)
    for (const one of ports) if (one.name === port.name && one.protocol === port.protocol) return one.containerPort
  return undefined
}

/** What its selectors select; and all Pods where it names a port, which each of them may number otherwise. */
const pointedAt = (object: NetworkPolicy, index: PodIndex): readonly unknown[] => {
  const { wheres, names } = saidBy(object)
  const selected: unknown[] = wheres.map((where) => index.select(where))
  return names ? [...selected, index.all] : selected
}

const saidBy = remembered(({ metadata: { namespace = 'default' }, spec }: NetworkPolicy) => {
  const rules = [
    ...(spec.ingress ?? []).map(({ from = [], ports = [] }) => ({ peers: from, ports })),
    ...(spec.egress ?? []).map(({ to = [], ports = [] }) => ({ peers: to, ports })),
  ]
  const peers = rules.flatMap(({ peers }) => peers).filter(({ ipBlock }) => ipBlock === undefined)
  return {
    wheres: [{ namespace, pods: spec.podSelector }, ...peers.map((peer) => whereOf(peer, namespace))],
    names: rules.some(({ ports }) => ports.some(({ port }) => typeof port === 'string')),
  }
})

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

type SaidPeer = NonNullable<Said['from']>[number]

function peerOf(peer: SaidPeer, namespace: string, index: PodIndex): Peer {
  const { ipBlock } = peer
  if (ipBlock !== undefined) return { kind: 'block', cidr: network(cidr(ipBlock.cidr)), except: (ipBlock.except ?? []).map((hole) => network(cidr(hole))) }
  const where = whereOf(peer, namespace)
  return { kind: 'pods', where, ...index.select(where) }
}

const whereOf = ({ podSelector: pods = {}, namespaceSelector: namespaces }: SaidPeer, namespace: string): Where =>
  namespaces === undefined ? { namespace, pods } : { namespaces, pods }

function portOf({ protocol, port, endPort }: NonNullable<Said['ports']>[number]): Port {
  if (port === undefined) return { protocol, from: 0, to: HIGHEST_PORT }
  return typeof port === 'string' ? { protocol, name: port } : { protocol, from: port, to: endPort ?? port }
}
