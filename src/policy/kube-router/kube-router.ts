/**
 * NetworkPolicies enforced as kube-router does (its part "netpol"), for any network whose Pods hang on a bridge or on routes of their node.
 *
 *     FORWARD ─► KUBE-ROUTER-FORWARD ─ packet of a local Pod ─► KUBE-POD-FW-…   one per Pod of the node
 *     OUTPUT  ─► KUBE-ROUTER-OUTPUT                                │ its policies in turn, each may set mark 0x10000
 *     INPUT   ─► KUBE-ROUTER-INPUT                                 ├─► KUBE-NWPLCY-…  one per policy and direction
 *                                                                  └ without the mark: NFLOG, REJECT
 *
 * A connection between two Pods of one node passes both their chains. What was let through carries mark 0x20000, which
 * KUBE-NWPLCY-TAIL accepts at the end of FORWARD.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { base32 } from '@scure/base'
import type { Component, Step } from '#kernel/step.ts'
import type { Cluster, Pod } from '#model/cluster.ts'
import { type Cidr, cidr, familyOf, prefixOf } from '#net/net.ts'
import { type AddressSet, addresses, type Match, matchesOf } from '../matches.ts'
import { type Direction, isolating, type Policy, policiesOf } from '../policy.ts'

const by = 'policy/kube-router'
const DIRECTIONS: readonly Direction[] = ['ingress', 'egress']

/** Set by a policy that lets the packet through, and by a Pod's chain when all was well. */
const LET = '0x10000/0x10000'
const FINE = '0x20000/0x20000'
const NODE_PORTS = '30000:32767'
const LOG_GROUP = 100

export const kubeRouter: Component = {
  name: by,
  wanted: ({ policy }) => policy === 'kube-router',
  steps: (cluster, node) => {
    const policies = policiesOf(cluster)
    const local = cluster.pods.filter((pod) => pod.node === node.name && pod.sandbox !== undefined)
    const chosen = policies.filter((policy) => policy.pods.some((pod) => pod.node === node.name))
    return [
      ...chosen.flatMap((policy) => DIRECTIONS.flatMap((direction) => (policy[direction] === undefined ? [] : policySteps(cluster, policy, direction)))),
      ...shared(cluster),
      ...local.map((pod) => podChain(pod, policies)),
      ...entrances(cluster, local),
    ]
  },
}

/** The hash in kube-router's names: 16 letters of base32(sha256(text)). */
const hashOf = (text: string): string => base32.encode(sha256(new TextEncoder().encode(text))).slice(0, 16)
const policyChain = ({ namespace, name }: Policy, direction: Direction): string => `KUBE-NWPLCY-${hashOf(`${namespace}${name}${direction}`)}`
const podChainName = ({ namespace, name }: Pod): string => `KUBE-POD-FW-${hashOf(`${namespace}${name}`)}`
const setName = (side: 'SRC' | 'DST', policy: Policy, key: string): string => `KUBE-${side}-${hashOf(`${policy.namespace}${policy.name}${key}`)}`
const comment = (text: string): string => `-m comment --comment "${text}"`

/** A policy's chain for one direction, and the sets its rules ask. */
function policySteps(cluster: Cluster, policy: Policy, direction: Direction): readonly Step[] {
  const family = familyOf(cluster.podCIDR)
  const [own, other] = direction === 'ingress' ? (['DST', 'SRC'] as const) : (['SRC', 'DST'] as const)
  const side = { SRC: 'src', DST: 'dst' } as const
  const target = setName(own, policy, 'target')
  const who = `${policy.namespace}/${policy.name}`
  const matches = matchesOf(cluster, policy, direction)
  const sets = new Map<string, Step>([
    [target, { by, why: `the Pods that ${who} isolates`, kind: 'ipset', name: target, type: 'hash:ip', family, members: addresses(policy.pods, family) }],
  ])
  const ask = (set: AddressSet, which: 'SRC' | 'DST'): string => {
    const name = setName(which, policy, set.key)
    sets.set(name, { by, why: `whom ${who} lets ${direction === 'ingress' ? 'in' : 'out'}`, kind: 'ipset', name, family, ...ipsetOf(set) })
    return `-m set --match-set ${name} ${side[which]}`
  }
  const rules = matches.flatMap((match) => {
    const asked = [
      comment(`allow ${direction} by policy ${who}`),
      ...(match.peer === undefined ? [] : [ask(match.peer, other)]),
      ...(match.destinations === undefined ? [] : [ask(match.destinations, 'DST')]),
      `-m set --match-set ${target} ${side[own]}`,
      ...portWords(match),
    ].join(' ')
    return [`${asked} -j MARK --set-xmark ${LET}`, `${asked} -m mark --mark ${LET} -j RETURN`]
  })
  const why = `what ${who} lets ${direction === 'ingress' ? 'into' : 'out of'} its Pods`
  return [...sets.values(), { by, why, kind: 'chain', family, table: 'filter', chain: policyChain(policy, direction), rules }]
}

function portWords({ protocol, ports }: Match): readonly string[] {
  if (protocol === undefined) return []
  const name = protocol.toLowerCase()
  return ports === undefined ? [`-p ${name}`] : [`-p ${name} --dport ${ports[0] === ports[1] ? ports[0] : `${ports[0]}:${ports[1]}`}`]
}

function ipsetOf(set: AddressSet): { readonly type: string; readonly members: readonly string[] } {
  if (set.kind === 'pods') return { type: 'hash:ip', members: set.members }
  return { type: 'hash:net', members: [...halves(set.cidr), ...set.except.flatMap(halves).map((hole) => `${hole} nomatch`)] }
}

/** A set of ranges cannot hold the range of everything, but its two halves. */
function halves(range: Cidr): readonly Cidr[] {
  if (prefixOf(range) > 0) return [range]
  return familyOf(range) === 4 ? [cidr('0.0.0.0/1'), cidr('128.0.0.0/1')] : [cidr('::/1'), cidr('8000::/1')]
}

function podChain(pod: Pod, policies: readonly Policy[]): Step {
  const who = `${pod.namespace}/${pod.name}`
  const judged = DIRECTIONS.flatMap((direction) => {
    const to = direction === 'ingress' ? `-d ${pod.ip}` : `-s ${pod.ip}`
    const mine = isolating(policies, pod, direction)
    if (mine.length === 0) return [`${to} ${comment(`default ${direction}`)} -j KUBE-NWPLCY-DEFAULT`]
    return mine.map((policy) => `${to} ${comment(`${policy.namespace}/${policy.name}`)} -j ${policyChain(policy, direction)}`)
  })
  return {
    by,
    why: `every packet to or from ${who} is judged here, by the policies that select it`,
    kind: 'chain',
    family: familyOf(pod.ip),
    table: 'filter',
    chain: podChainName(pod),
    rules: [
      `${comment('common netpol rules')} -j KUBE-NWPLCY-COMMON`,
      `${comment('from local node')} -m addrtype --src-type LOCAL -d ${pod.ip} -j ACCEPT`,
      ...judged,
      `${comment(`${who} log drop`)} -m mark ! --mark ${LET} -m limit --limit 10/min --limit-burst 10 -j NFLOG --nflog-group ${LOG_GROUP}`,
      `${comment(`${who} reject`)} -m mark ! --mark ${LET} -j REJECT --reject-with icmp-port-unreachable`,
      `-j MARK --set-xmark 0x0/0x10000`,
      `${comment('set netpol-ok mark')} -j MARK --set-xmark ${FINE}`,
    ],
  }
}

/** Chains that every Pod's chain uses. */
function shared({ podCIDR }: Cluster): readonly Step[] {
  const family = familyOf(podCIDR)
  return [
    {
      by,
      why: 'a direction that no policy governs is open',
      kind: 'chain',
      family,
      table: 'filter',
      chain: 'KUBE-NWPLCY-DEFAULT',
      rules: [`${comment('rule to mark traffic matching a network policy')} -j MARK --set-xmark ${LET}`],
    },
    {
      by,
      why: 'replies of what was allowed once pass; what fits no connection does not',
      kind: 'chain',
      family,
      table: 'filter',
      chain: 'KUBE-NWPLCY-COMMON',
      rules: [
        `${comment('drop invalid state')} -m conntrack --ctstate INVALID -j DROP`,
        `${comment('stateful firewall')} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
      ],
    },
    {
      by,
      why: 'what was let through is accepted, when nobody else has refused it: kube-proxy refuses Services without endpoints',
      kind: 'chain',
      family,
      table: 'filter',
      chain: 'KUBE-NWPLCY-TAIL',
      rules: [`${comment('accept traffic that complies with network policies')} -m mark --mark ${FINE} -j ACCEPT`],
    },
  ]
}

/** From the built-in chains to the Pods' own. Switched packets come by FORWARD too, for the node's bridge hands them to iptables. */
function entrances({ podCIDR, serviceCIDR }: Cluster, local: readonly Pod[]): readonly Step[] {
  const family = familyOf(podCIDR)
  const into = (pod: Pod, place: string): readonly string[] => {
    const [inward, outward] = [comment(`${pod.namespace}/${pod.name} in`), comment(`${pod.namespace}/${pod.name} out`)]
    const to = `-d ${pod.ip} ${inward} -j ${podChainName(pod)}`
    const from = `-s ${pod.ip} ${outward} -j ${podChainName(pod)}`
    return place === 'INPUT' ? [from] : [to, from]
  }
  const inward = [
    `-d ${serviceCIDR} ${comment('allow traffic to cluster IPs')} -j RETURN`,
    ...['tcp', 'udp'].map(
      (protocol) => `-p ${protocol} ${comment(`allow ${protocol} node ports`)} -m addrtype --dst-type LOCAL -m multiport --dports ${NODE_PORTS} -j RETURN`,
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
  const last = `${comment('kube-router netpol')} -j KUBE-NWPLCY-TAIL`
  return [
    ...places,
    { by, why: 'the end of the way for what policies let through', kind: 'jump', family, table: 'filter', chain: 'FORWARD', rule: last, place: 'last' },
  ]
}
