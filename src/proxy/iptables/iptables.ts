/** kube-proxy in iptables mode: Services as NAT rules. The chains all Services share, and the jumps that lead into them. */
import type { Component, Step, Table } from '#kernel/step.ts'
import type { Cluster, Node, ServicePort } from '#model/cluster.ts'
import { type Family, familyOf, type Ip } from '#net/net.ts'
import { answering, isAll, isLoopback } from '../addresses.ts'
import { connectionSettings, staleEntries } from '../conntrack.ts'
import { healthSteps } from '../health.ts'
import { FORWARD_RULES, MARK_RULES, POSTROUTING_RULES } from '../masquerade.ts'
import { familiesOf, podRangeOf } from '../view.ts'
import { by, type Shared, serviceRules } from './chains.ts'

/** kube-proxy's flags, as far as they change rules. */
export type Flags = {
  readonly masqueradeAll: boolean
  /** --iptables-localhost-nodeports: NodePorts answer on 127.0.0.1 too. IPv4 only. */
  readonly localhostNodePorts: boolean
  /** --nodeport-addresses: the node's addresses on which NodePorts answer; absent means all of them. */
  readonly nodePortAddresses?: readonly Ip[]
}

export const kubeProxyIptables: Component = {
  name: by,
  wanted: ({ proxy }) => proxy.mode === 'iptables',
  forgets: staleEntries,
  steps: (cluster, node, there = []) => (cluster.proxy.mode === 'iptables' ? proxySteps(cluster, node, flagsOf(cluster.proxy, node, there)) : []),
}

function flagsOf(proxy: Extract<Cluster['proxy'], { mode: 'iptables' }>, node: Node, there: readonly Step[]): Flags {
  const { masqueradeAll, nodePortAddresses: chosen, localhostNodePorts = true } = proxy
  const ofFamily = (family: Family): readonly Ip[] => answering(chosen, { node, there, family })
  const all = isAll(chosen, familyOf(node.ip))
  return {
    masqueradeAll,
    localhostNodePorts: localhostNodePorts && (all || ofFamily(4).some(isLoopback)),
    ...(all ? {} : { nodePortAddresses: ([4, 6] as const).flatMap(ofFamily) }),
  }
}

export function proxySteps(cluster: Cluster, node: Node, flags: Flags): readonly Step[] {
  return [
    ...(flags.localhostNodePorts ? [ROUTE_LOCALNET] : []),
    ...familiesOf(cluster).flatMap((family) => familySteps(cluster, node, { family, ...flags })),
    ...connectionSettings(by),
    ...healthSteps(by, cluster, node),
  ]
}

const ROUTE_LOCALNET: Step = {
  by,
  why: 'a NodePort shall answer on 127.0.0.1: what the node sends from there may leave it',
  kind: 'sysctl',
  key: 'net.ipv4.conf.all.route_localnet',
  value: '1',
}

/** kube-proxy's largeClusterEndpointsThreshold. */
const LARGE = 1000

function familySteps(cluster: Cluster, node: Node, flags: Flags & { readonly family: Family }): readonly Step[] {
  const { family, masqueradeAll } = flags
  const services = cluster.services.filter((service) => service.family === family)
  const settings = { family, masqueradeAll, podRange: podRangeOf(cluster, family), large: endpointCount(services) > LARGE }
  const { shared, own } = allRules(services, node, settings)
  const chain = (table: Table, chain: string, why: string, rules: readonly string[]): Step => ({ by, why, kind: 'chain', family, table, chain, rules })
  return [
    chain('filter', 'KUBE-SERVICES', 'a ClusterIP without endpoints refuses at once', shared['filter KUBE-SERVICES']),
    chain('filter', 'KUBE-EXTERNAL-SERVICES', 'external addresses without an endpoint for this node', shared['filter KUBE-EXTERNAL-SERVICES']),
    chain('filter', 'KUBE-FORWARD', 'what belongs to a Service may be forwarded though the policy of FORWARD is DROP', [
      '-m conntrack --ctstate INVALID -j DROP',
      ...FORWARD_RULES,
    ]),
    chain('filter', 'KUBE-NODEPORTS', 'load balancers may ask whether this node has endpoints', shared['filter KUBE-NODEPORTS']),
    chain('filter', 'KUBE-PROXY-FIREWALL', 'senders that loadBalancerSourceRanges leaves out', shared['filter KUBE-PROXY-FIREWALL']),
    chain('filter', 'KUBE-FIREWALL', 'nobody from elsewhere may speak to 127.0.0.0/8', family === 4 && flags.localhostNodePorts ? LOCALNET_GUARD : []),
    chain('nat', 'KUBE-SERVICES', 'where every new connection asks whether its destination is a Service', [
      ...shared['nat KUBE-SERVICES'],
      ...nodePortEntries(flags),
    ]),
    chain('nat', 'KUBE-NODEPORTS', 'NodePorts: a port on every node', shared['nat KUBE-NODEPORTS']),
    chain('nat', 'KUBE-POSTROUTING', 'what was marked leaves with the node’s own address as sender', POSTROUTING_RULES),
    chain('nat', 'KUBE-MARK-MASQ', 'marks a packet to get the node’s address as sender when it leaves', MARK_RULES),
    ...own,
    ...CANARY_TABLES.map((table) => ({
      ...chain(table, 'KUBE-PROXY-CANARY', 'when it is gone, somebody flushed the rules: kube-proxy writes all anew', []),
      canary: true as const,
    })),
    ...JUMPS.map(([table, chain, to, comment, match]): Step => {
      const rule = [match, comment === '' ? '' : `-m comment --comment "${comment}"`, `-j ${to}`].filter((part) => part !== '').join(' ')
      return { by, why: `${chain} asks ${to}`, kind: 'jump', family, table, chain, rule, place: 'first' }
    }),
  ]
}

const endpointCount = (services: readonly ServicePort[]): number => services.reduce((sum, { endpoints }) => sum + endpoints.length, 0)

function allRules(
  services: readonly ServicePort[],
  node: Node,
  settings: Parameters<typeof serviceRules>[2],
): { shared: Readonly<Record<Shared, string[]>>; own: readonly Step[] } {
  const shared: Record<Shared, string[]> = {
    'filter KUBE-SERVICES': [],
    'filter KUBE-EXTERNAL-SERVICES': [],
    'filter KUBE-NODEPORTS': [],
    'filter KUBE-PROXY-FIREWALL': [],
    'nat KUBE-SERVICES': [],
    'nat KUBE-NODEPORTS': [],
  }
  const own: Step[] = []
  for (const service of services) {
    const rules = serviceRules(service, node, settings)
    for (const [chain, rule] of rules.shared) shared[chain].push(rule)
    for (const step of rules.own) own.push(step)
  }
  return { shared, own }
}

/** The hole that route_localnet=1 would open. */
const LOCALNET_GUARD = [
  '-m comment --comment "block incoming localnet connections" -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
]

function nodePortEntries({ family, nodePortAddresses, localhostNodePorts }: Flags & { readonly family: Family }): readonly string[] {
  const about = '-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain"'
  const noLoopback = family === 6 ? ' ! -d ::1/128' : localhostNodePorts ? '' : ' ! -d 127.0.0.0/8'
  if (nodePortAddresses === undefined) return [`${about} -m addrtype --dst-type LOCAL${noLoopback} -j KUBE-NODEPORTS`]
  const answering = nodePortAddresses.filter((ip) => familyOf(ip) === family && (noLoopback === '' || !isLoopback(ip)))
  return answering.map((ip) => `${about} -d ${ip} -j KUBE-NODEPORTS`)
}

const CANARY_TABLES: readonly Table[] = ['mangle', 'nat', 'filter']

const NEW = '-m conntrack --ctstate NEW'

/** Each is put in front of its chain, so the last one here is the first one asked. */
const JUMPS: readonly (readonly [table: Table, chain: string, to: string, comment: string, match: string])[] = [
  ['filter', 'INPUT', 'KUBE-EXTERNAL-SERVICES', 'kubernetes externally-visible service portals', NEW],
  ['filter', 'FORWARD', 'KUBE-EXTERNAL-SERVICES', 'kubernetes externally-visible service portals', NEW],
  ['filter', 'INPUT', 'KUBE-NODEPORTS', 'kubernetes health check service ports', ''],
  ['filter', 'FORWARD', 'KUBE-SERVICES', 'kubernetes service portals', NEW],
  ['filter', 'OUTPUT', 'KUBE-SERVICES', 'kubernetes service portals', NEW],
  ['filter', 'FORWARD', 'KUBE-FORWARD', 'kubernetes forwarding rules', ''],
  ['filter', 'INPUT', 'KUBE-PROXY-FIREWALL', 'kubernetes load balancer firewall', NEW],
  ['filter', 'OUTPUT', 'KUBE-PROXY-FIREWALL', 'kubernetes load balancer firewall', NEW],
  ['filter', 'FORWARD', 'KUBE-PROXY-FIREWALL', 'kubernetes load balancer firewall', NEW],
  ['nat', 'OUTPUT', 'KUBE-SERVICES', 'kubernetes service portals', ''],
  ['nat', 'PREROUTING', 'KUBE-SERVICES', 'kubernetes service portals', ''],
  ['nat', 'POSTROUTING', 'KUBE-POSTROUTING', 'kubernetes postrouting rules', ''],
  ['filter', 'INPUT', 'KUBE-FIREWALL', '', ''],
  ['filter', 'OUTPUT', 'KUBE-FIREWALL', '', ''],
]
