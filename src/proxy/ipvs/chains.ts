/**
 * The rules around IPVS, as many for one Service as for ten thousand: they decide whose address a connection bears, and who may come at all.
 * Where a connection goes is not theirs to say. Order and words are kube-proxy 1.30's.
 */
import type { Step, Table } from '#kernel/step.ts'
import type { Node, ServicePort } from '#model/cluster.ts'
import { FORWARD_RULES, MARK_RULES, POSTROUTING_RULES } from '../masquerade.ts'
import { protocolOf } from '../names.ts'
import type { Settings } from '../view.ts'
import { by, type Members, nameIn, nodeMayUse, SETS, type SetName } from './sets.ts'

type Of = { readonly services: readonly ServicePort[]; readonly node: Node; readonly members: Members; readonly settings: Settings }

export function chainSteps(of: Of): readonly Step[] {
  const { family } = of.settings
  const said = rulesIn(of)
  const chain = (table: Table, chain: string, why: string, ...rules: readonly (readonly string[])[]): Step => ({
    by,
    why,
    kind: 'chain',
    family,
    table,
    chain,
    rules: rules.flat(),
  })
  return [
    chain('nat', 'KUBE-SERVICES', 'who gets the node’s address as sender on the way to a Service', said.services),
    chain('nat', 'KUBE-POSTROUTING', 'what was marked, and who draws itself, leaves with the node’s own address as sender', said.loopBack, POSTROUTING_RULES),
    chain('nat', 'KUBE-NODE-PORT', 'NodePorts keep the sender only with externalTrafficPolicy Local', said.nodePorts),
    chain('nat', 'KUBE-LOAD-BALANCER', 'so do addresses of load balancers', said.balancers),
    chain('nat', 'KUBE-MARK-MASQ', 'marks a packet to get the node’s address as sender when it leaves', MARK_RULES),
    chain('filter', 'KUBE-FORWARD', 'what belongs to a Service may be forwarded though the policy of FORWARD is DROP', FORWARD_RULES),
    chain('filter', 'KUBE-NODE-PORT', 'load balancers may ask whether this node has endpoints', said.health),
    chain('filter', 'KUBE-PROXY-FIREWALL', 'addresses with loadBalancerSourceRanges', said.firewall),
    chain('filter', 'KUBE-SOURCE-RANGES-FIREWALL', 'senders that loadBalancerSourceRanges leaves out are dropped', said.ranges),
    chain('filter', 'KUBE-IPVS-FILTER', 'the VIPs are the node’s own addresses: only their Services’ ports may be reached there', said.filter),
    chain('filter', 'KUBE-IPVS-OUT-FILTER', 'a node outside loadBalancerSourceRanges may not use the address either', said.outFilter),
    ...JUMPS.map(([table, chain, to, comment]): Step => {
      return { by, why: `${chain} asks ${to}`, kind: 'jump', family, table, chain, rule: `-m comment --comment "${comment}" -j ${to}`, place: 'first' }
    }),
  ]
}

/** Each is put in front of its chain, so the last one here is the first one asked. */
const JUMPS: readonly (readonly [table: Table, chain: string, to: string, comment: string])[] = [
  ['nat', 'OUTPUT', 'KUBE-SERVICES', 'kubernetes service portals'],
  ['nat', 'PREROUTING', 'KUBE-SERVICES', 'kubernetes service portals'],
  ['nat', 'POSTROUTING', 'KUBE-POSTROUTING', 'kubernetes postrouting rules'],
  ['filter', 'FORWARD', 'KUBE-FORWARD', 'kubernetes forwarding rules'],
  ['filter', 'INPUT', 'KUBE-NODE-PORT', 'kubernetes health check rules'],
  ['filter', 'INPUT', 'KUBE-PROXY-FIREWALL', 'kube-proxy firewall rules'],
  ['filter', 'FORWARD', 'KUBE-PROXY-FIREWALL', 'kube-proxy firewall rules'],
  ['filter', 'INPUT', 'KUBE-IPVS-FILTER', 'kubernetes ipvs access filter'],
  ['filter', 'OUTPUT', 'KUBE-IPVS-OUT-FILTER', 'kubernetes ipvs access filter'],
]

const MARK_MASQ = 'KUBE-MARK-MASQ'
/** The set is asked for the packet's destination address and port. */
const DST = 'dst,dst'

function rulesIn({ services, node, members, settings }: Of) {
  const { family } = settings
  const match = (set: SetName, what: string): string => `-m set --match-set ${nameIn(family, set)} ${what}`
  const about = (set: SetName, what = DST): string => `-m comment --comment "${SETS[set][1]}" ${match(set, what)}`
  /** A set without members has no rule, except where the rule is about what is not in the set. */
  const used = (set: SetName, ...rules: readonly string[]): readonly string[] => (members[set].size === 0 ? [] : rules)
  const unlike = (protocol: string, set: SetName, what: string, to: string): readonly string[] => used(set, `-p ${protocol} ${about(set, what)} -j ${to}`)
  const fromAfar = (set: SetName): readonly string[] => [
    `${about(set)} -m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL -j ACCEPT`,
    `${about(set)} -m addrtype --dst-type LOCAL -j ACCEPT`,
  ]
  return {
    services: [
      `-s ${family === 6 ? '::1/128' : '127.0.0.0/8'} -j RETURN`,
      ...used('KUBE-LOAD-BALANCER', `${about('KUBE-LOAD-BALANCER')} -j KUBE-LOAD-BALANCER`),
      ...used('KUBE-CLUSTER-IP', `${about('KUBE-CLUSTER-IP', noPods(settings))} -j ${MARK_MASQ}`),
      ...used('KUBE-EXTERNAL-IP', `${about('KUBE-EXTERNAL-IP')} -j ${MARK_MASQ}`, ...fromAfar('KUBE-EXTERNAL-IP')),
      ...used('KUBE-EXTERNAL-IP-LOCAL', ...fromAfar('KUBE-EXTERNAL-IP-LOCAL')),
      '-m addrtype --dst-type LOCAL -j KUBE-NODE-PORT',
      ...used('KUBE-CLUSTER-IP', `${match('KUBE-CLUSTER-IP', DST)} -j ACCEPT`),
      ...used('KUBE-LOAD-BALANCER', `${match('KUBE-LOAD-BALANCER', DST)} -j ACCEPT`),
    ],
    loopBack: used('KUBE-LOOP-BACK', `${about('KUBE-LOOP-BACK', 'dst,dst,src')} -j MASQUERADE`),
    nodePorts: [
      ...unlike('tcp', 'KUBE-NODE-PORT-LOCAL-TCP', 'dst', 'RETURN'),
      ...unlike('tcp', 'KUBE-NODE-PORT-TCP', 'dst', MARK_MASQ),
      ...unlike('udp', 'KUBE-NODE-PORT-LOCAL-UDP', 'dst', 'RETURN'),
      ...unlike('udp', 'KUBE-NODE-PORT-UDP', 'dst', MARK_MASQ),
      ...unlike('sctp', 'KUBE-NODE-PORT-LOCAL-SCTP-HASH', DST, 'RETURN'),
      ...unlike('sctp', 'KUBE-NODE-PORT-SCTP-HASH', DST, MARK_MASQ),
    ],
    balancers: [...used('KUBE-LOAD-BALANCER-LOCAL', `${about('KUBE-LOAD-BALANCER-LOCAL')} -j RETURN`), `-j ${MARK_MASQ}`],
    health: [`${about('KUBE-HEALTH-CHECK-NODE-PORT', 'dst')} -j ACCEPT`],
    firewall: used('KUBE-LOAD-BALANCER-FW', `${about('KUBE-LOAD-BALANCER-FW')} -j KUBE-SOURCE-RANGES-FIREWALL`),
    ranges: [
      ...used('KUBE-LOAD-BALANCER-SOURCE-CIDR', `${about('KUBE-LOAD-BALANCER-SOURCE-CIDR', 'dst,dst,src')} -j RETURN`),
      ...used('KUBE-LOAD-BALANCER-SOURCE-IP', `${about('KUBE-LOAD-BALANCER-SOURCE-IP', 'dst,dst,src')} -j RETURN`),
      '-j DROP',
    ],
    filter: [
      ...SERVED.map((set) => `${match(set, DST)} -j RETURN`),
      `${match('KUBE-HEALTH-CHECK-NODE-PORT', 'dst')} -j RETURN`,
      `-m conntrack --ctstate NEW ${match('KUBE-IPVS-IPS', 'dst')} -j REJECT`,
    ],
    outFilter: services.flatMap((service) =>
      service.sourceRanges.length === 0 || nodeMayUse(service, node)
        ? []
        : service.loadBalancerIPs.map((ip) => `-s ${ip} -m ipvs --vaddr ${ip} --vproto ${protocolOf(service)} --vport ${service.port} -j DROP`),
    ),
  }
}

const SERVED = ['KUBE-LOAD-BALANCER', 'KUBE-CLUSTER-IP', 'KUBE-EXTERNAL-IP', 'KUBE-EXTERNAL-IP-LOCAL'] as const

/** Without a Pod range only the node's own connections are known to be none of a Pod's: they come from a VIP, since the node holds it. */
const noPods = ({ masqueradeAll, podRange }: Settings): string => (masqueradeAll ? DST : podRange === undefined ? 'src,dst' : `${DST} ! -s ${podRange}`)
