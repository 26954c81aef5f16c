/**
 * The sets that stand for all Services in the rules of IPVS mode: their names, types and comments are kube-proxy's, and the comments
 * come back in the rules. A rule asks a set, so the number of rules does not grow with the number of Services.
 */
import type { Step } from '#kernel/step.ts'
import type { Node, ServicePort } from '#model/cluster.ts'
import { contains, type Family, type Ip, network, prefixOf } from '#net/net.ts'
import { protocolOf } from '../names.ts'

export const by = 'kube-proxy/ipvs'

/** In kube-proxy's order. */
export const SETS = {
  'KUBE-LOOP-BACK': ['hash:ip,port,ip', 'Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose'],
  'KUBE-CLUSTER-IP': ['hash:ip,port', 'Kubernetes service cluster ip + port for masquerade purpose'],
  'KUBE-EXTERNAL-IP': ['hash:ip,port', 'Kubernetes service external ip + port for masquerade and filter purpose'],
  'KUBE-EXTERNAL-IP-LOCAL': ['hash:ip,port', 'Kubernetes service external ip + port with externalTrafficPolicy=local'],
  'KUBE-LOAD-BALANCER': ['hash:ip,port', 'Kubernetes service lb portal'],
  'KUBE-LOAD-BALANCER-FW': ['hash:ip,port', 'Kubernetes service load balancer ip + port for load balancer with sourceRange'],
  'KUBE-LOAD-BALANCER-LOCAL': ['hash:ip,port', 'Kubernetes service load balancer ip + port with externalTrafficPolicy=local'],
  'KUBE-LOAD-BALANCER-SOURCE-IP': ['hash:ip,port,ip', 'Kubernetes service load balancer ip + port + source IP for packet filter purpose'],
  'KUBE-LOAD-BALANCER-SOURCE-CIDR': ['hash:ip,port,net', 'Kubernetes service load balancer ip + port + source cidr for packet filter purpose'],
  'KUBE-NODE-PORT-TCP': ['bitmap:port', 'Kubernetes nodeport TCP port for masquerade purpose'],
  'KUBE-NODE-PORT-LOCAL-TCP': ['bitmap:port', 'Kubernetes nodeport TCP port with externalTrafficPolicy=local'],
  'KUBE-NODE-PORT-UDP': ['bitmap:port', 'Kubernetes nodeport UDP port for masquerade purpose'],
  'KUBE-NODE-PORT-LOCAL-UDP': ['bitmap:port', 'Kubernetes nodeport UDP port with externalTrafficPolicy=local'],
  'KUBE-NODE-PORT-SCTP-HASH': ['hash:ip,port', "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'"],
  'KUBE-NODE-PORT-LOCAL-SCTP-HASH': ['hash:ip,port', "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'"],
  'KUBE-HEALTH-CHECK-NODE-PORT': ['bitmap:port', 'Kubernetes health check node port'],
  'KUBE-IPVS-IPS': ['hash:ip', 'Addresses on the ipvs interface'],
} as const satisfies Readonly<Record<string, readonly [type: string, comment: string]>>

export type SetName = keyof typeof SETS
const SET_NAMES = Object.keys(SETS) as readonly SetName[]

const NAME_MAX = 31
/** Sets of both families live side by side; a name that gets too long is cut. */
export const nameIn = (family: Family, set: SetName): string => (family === 4 ? set : set.replace('KUBE-', 'KUBE-6-').slice(0, NAME_MAX))

export type Members = Readonly<Record<SetName, ReadonlySet<string>>>

/** What each Service puts into the sets of a node whose NodePorts answer on `addresses`; `vips` are the addresses on kube-ipvs0. */
export function membersOf(
  services: readonly ServicePort[],
  o: { readonly node: Node; readonly addresses: readonly Ip[]; readonly vips: Iterable<Ip> },
): Members {
  const members = Object.fromEntries(SET_NAMES.map((set) => [set, new Set<string>()])) as Record<SetName, Set<string>>
  for (const service of services) for (const [set, member] of entries(service, o.node, o.addresses)) members[set].add(member)
  for (const vip of o.vips) members['KUBE-IPVS-IPS'].add(vip)
  return members
}

function* entries(service: ServicePort, node: Node, addresses: readonly Ip[]): Generator<readonly [SetName, string]> {
  const protocol = protocolOf(service)
  const at = (ip: Ip, port = service.port): string => `${ip},${protocol}:${port}`
  // An endpoint that reaches itself through a Service must not see its own address as sender.
  for (const { ip, port, node: home } of service.endpoints) if (home === node.name) yield ['KUBE-LOOP-BACK', `${at(ip, port)},${ip}`]
  yield ['KUBE-CLUSTER-IP', at(service.clusterIP)]
  for (const ip of service.externalIPs) yield [service.externalLocal ? 'KUBE-EXTERNAL-IP-LOCAL' : 'KUBE-EXTERNAL-IP', at(ip)]
  for (const ip of service.loadBalancerIPs) {
    yield ['KUBE-LOAD-BALANCER', at(ip)]
    if (service.externalLocal) yield ['KUBE-LOAD-BALANCER-LOCAL', at(ip)]
    if (service.sourceRanges.length === 0) continue
    yield ['KUBE-LOAD-BALANCER-FW', at(ip)]
    // ipset cannot hold a range of all addresses, so a Service that names one lets nobody in; it is the same in a real cluster.
    for (const range of service.sourceRanges) if (prefixOf(range) > 0) yield ['KUBE-LOAD-BALANCER-SOURCE-CIDR', `${at(ip)},${network(range)}`]
    if (nodeMayUse(service, node)) yield ['KUBE-LOAD-BALANCER-SOURCE-IP', `${at(ip)},${ip}`]
  }
  if (service.nodePort !== undefined) {
    const ports = service.protocol === 'SCTP' ? addresses.map((ip) => at(ip, service.nodePort)) : [`${service.nodePort}`]
    for (const member of ports) {
      yield [NODE_PORT[service.protocol], member]
      if (service.externalLocal) yield [NODE_PORT_LOCAL[service.protocol], member]
    }
  }
  if (service.healthCheckNodePort !== undefined) yield ['KUBE-HEALTH-CHECK-NODE-PORT', `${service.healthCheckNodePort}`]
}

const NODE_PORT = { TCP: 'KUBE-NODE-PORT-TCP', UDP: 'KUBE-NODE-PORT-UDP', SCTP: 'KUBE-NODE-PORT-SCTP-HASH' } as const
const NODE_PORT_LOCAL = { TCP: 'KUBE-NODE-PORT-LOCAL-TCP', UDP: 'KUBE-NODE-PORT-LOCAL-UDP', SCTP: 'KUBE-NODE-PORT-LOCAL-SCTP-HASH' } as const

/** A node in one of the ranges speaks to the balancer's address from that address, for it holds it itself. */
export const nodeMayUse = ({ sourceRanges }: ServicePort, { ip }: Node): boolean => sourceRanges.some((range) => contains(range, ip))

export const setSteps = (members: Members, family: Family): readonly Step[] =>
  SET_NAMES.map((set) => {
    const [type, why] = SETS[set]
    return { by, why, kind: 'ipset', name: nameIn(family, set), type, family, members: [...members[set]] }
  })
