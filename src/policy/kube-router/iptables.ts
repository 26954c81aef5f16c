/**
 * As iptables chains and ipsets.
 *
 *     FORWARD ─► KUBE-ROUTER-FORWARD ─ packet of a local Pod ─► KUBE-POD-FW-…   one per Pod of the node
 *     OUTPUT  ─► KUBE-ROUTER-OUTPUT                                │ its policies in turn, each may set mark 0x10000
 *     INPUT   ─► KUBE-ROUTER-INPUT                                 ├─► KUBE-NWPLCY-…  one per policy and direction
 *                                                                  └ without the mark: NFLOG, REJECT
 *
 * A connection between two Pods of one node passes both their chains. What was let through carries mark 0x20000, which
 * KUBE-NWPLCY-TAIL accepts at the end of FORWARD.
 */
import type { Step } from '#kernel/step.ts'
import type { Cluster, Pod } from '#model/cluster.ts'
import { type Cidr, cidr, type Family, familyOf, prefixOf } from '#net/net.ts'
import { kept } from '../kept.ts'
import type { AddressSet, Match } from '../matches.ts'
import { DIRECTIONS, isolating } from '../policy.ts'
import type { Dataplane, Judged } from './dataplane.ts'
import { by, COMMON, DEFAULT, FINE, fullName, LET, LOG_GROUP, NODE_PORTS, podChainName, policyChain, type Side, setName, whoIsIn } from './names.ts'

const MARKED = `${LET}/${LET}`
const PASSED = `${FINE}/${FINE}`
const TAIL = 'KUBE-NWPLCY-TAIL'
/** xt_comment takes 255 characters. */
const comment = (text: string): string => `-m comment --comment "${text.slice(0, 255)}"`

export const iptables: Dataplane = { policySteps, podChain, shared, entrances }

/** A policy's chain for one direction, and the sets its rules ask. */
function policySteps({ family, policy, direction, matches }: Judged): readonly Step[] {
  const who = fullName(policy)
  const sets = new Map<string, Step>()
  const ask = (set: AddressSet, side: Side): string => {
    const name = setName(side, set)
    sets.set(name, ipset(family, name, set))
    return `-m set --match-set ${name} ${side.toLowerCase()}`
  }
  const rules = matches.flatMap((match) => {
    const asked = [
      comment(`allow ${direction} by policy ${who}`),
      ...(match.peer === undefined ? [] : [ask(match.peer, direction === 'ingress' ? 'SRC' : 'DST')]),
      ...(match.destinations === undefined ? [] : [ask(match.destinations, 'DST')]),
      ...portWords(match),
    ].join(' ')
    return [`${asked} -j MARK --set-xmark ${MARKED}`, `${asked} -m mark --mark ${MARKED} -j RETURN`]
  })
  const why = `what ${who} lets ${direction === 'ingress' ? 'into' : 'out of'} its Pods`
  return [...sets.values(), { by, why, kind: 'chain', family, table: 'filter', chain: policyChain(policy, direction), rules }]
}

function portWords({ protocol, ports }: Match): readonly string[] {
  if (protocol === undefined) return []
  const name = protocol.toLowerCase()
  return ports === undefined ? [`-p ${name}`] : [`-p ${name} --dport ${ports[0] === ports[1] ? ports[0] : `${ports[0]}:${ports[1]}`}`]
}

function ipset(family: Family, name: string, set: AddressSet): Step {
  const { type, members } = ipsetOf(set)
  return kept(`${family} ${type} ${name}\n${members.join(' ')}`, () => ({ by, why: whoIsIn(set), kind: 'ipset', name, family, type, members }))
}

/** Holes before what they are holes of: while the set is filled, nobody is in it who should not be. */
function ipsetOf(set: AddressSet): { readonly type: string; readonly members: readonly string[] } {
  if (set.kind === 'pods') return { type: 'hash:ip', members: set.members }
  return { type: 'hash:net', members: [...set.except.flatMap(halves).map((hole) => `${hole} nomatch`), ...halves(set.cidr)] }
}

/** A set of ranges cannot hold the range of everything, but its two halves. */
function halves(range: Cidr): readonly Cidr[] {
  if (prefixOf(range) > 0) return [range]
  return familyOf(range) === 4 ? [cidr('0.0.0.0/1'), cidr('128.0.0.0/1')] : [cidr('::/1'), cidr('8000::/1')]
}

function podChain(cluster: Cluster, pod: Pod): Step {
  const who = fullName(pod)
  const judged = DIRECTIONS.flatMap((direction) => {
    const to = direction === 'ingress' ? `-d ${pod.ip}` : `-s ${pod.ip}`
    const mine = isolating(cluster, pod, direction)
    if (mine.length === 0) return [`${to} ${comment(`default ${direction}`)} -j ${DEFAULT}`]
    return mine.map((policy) => `${to} ${comment(fullName(policy))} -j ${policyChain(policy, direction)}`)
  })
  const rules = [
    `${comment('common netpol rules')} -j ${COMMON}`,
    `${comment('from local node')} -m addrtype --src-type LOCAL -d ${pod.ip} -j ACCEPT`,
    ...judged,
    `${comment(`${who} log drop`)} -m mark ! --mark ${MARKED} -m limit --limit 10/min --limit-burst 10 -j NFLOG --nflog-group ${LOG_GROUP}`,
    `${comment(`${who} reject`)} -m mark ! --mark ${MARKED} -j REJECT --reject-with icmp-port-unreachable`,
    `-j MARK --set-xmark 0x0/${LET}`,
    `${comment('set netpol-ok mark')} -j MARK --set-xmark ${PASSED}`,
  ]
  const why = `every packet to or from ${who} is judged here, by the policies that select it`
  return { by, why, kind: 'chain', family: familyOf(pod.ip), table: 'filter', chain: podChainName(pod), rules }
}

/** Chains that every Pod's chain uses, and the end of the way. */
function shared(family: Family): readonly Step[] {
  const chain = (name: string, why: string, rules: readonly string[]): Step => ({ by, why, kind: 'chain', family, table: 'filter', chain: name, rules })
  return [
    chain(DEFAULT, 'a direction that no policy governs is open', [
      `${comment('rule to mark traffic matching a network policy')} -j MARK --set-xmark ${MARKED}`,
    ]),
    chain(COMMON, 'replies of what was allowed once pass; what fits no connection does not', [
      `${comment('drop invalid state')} -m conntrack --ctstate INVALID -j DROP`,
      `${comment('stateful firewall')} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    ]),
    chain(TAIL, 'what was let through is accepted, when nobody else has refused it: kube-proxy refuses Services without endpoints', [
      `${comment('accept traffic that complies with network policies')} -m mark --mark ${PASSED} -j ACCEPT`,
    ]),
  ]
}

/** From the built-in chains to the Pods' own. Switched packets come by FORWARD too, for the node's bridge hands them to iptables. */
function entrances({ podCIDR, serviceCIDR }: Cluster, local: readonly Pod[]): readonly Step[] {
  const family = familyOf(podCIDR)
  const into = (pod: Pod, place: string): readonly string[] => {
    const [inward, outward] = [comment(`${fullName(pod)} in`), comment(`${fullName(pod)} out`)]
    const to = `-d ${pod.ip} ${inward} -j ${podChainName(pod)}`
    const from = `-s ${pod.ip} ${outward} -j ${podChainName(pod)}`
    return place === 'INPUT' ? [from] : [to, from]
  }
  const inward = [
    `-d ${serviceCIDR} ${comment('allow traffic to cluster IPs')} -j RETURN`,
    ...['tcp', 'udp'].map(
      (protocol) =>
        `-p ${protocol} ${comment(`allow ${protocol} node ports`)} -m addrtype --dst-type LOCAL -m multiport --dports ${NODE_PORTS.join(':')} -j RETURN`,
    ),
  ]
  const why = 'what comes from or goes to a Pod of this node is led to that Pod’s chain'
  const places = ['INPUT', 'FORWARD', 'OUTPUT'].flatMap((place): readonly Step[] => {
    const rules = [...(place === 'INPUT' ? inward : []), ...local.flatMap((pod) => into(pod, place))]
    return [
      { by, why, kind: 'chain', family, table: 'filter', chain: `KUBE-ROUTER-${place}`, rules },
      { by, why, kind: 'jump', family, table: 'filter', chain: place, rule: `${comment('kube-router netpol')} -j KUBE-ROUTER-${place}`, place: 'first' },
    ]
  })
  const last = `${comment('kube-router netpol')} -j ${TAIL}`
  return [
    ...places,
    { by, why: 'the end of the way for what policies let through', kind: 'jump', family, table: 'filter', chain: 'FORWARD', rule: last, place: 'last' },
  ]
}
