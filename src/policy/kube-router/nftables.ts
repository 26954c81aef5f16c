/**
 * As one table of nftables. Its chains hook in by themselves; maps lead from a Pod's address to its chain, so that a node of many Pods asks once.
 *
 *     forward ─ KUBE-ROUTER-FORWARD ─ ip daddr, then ip saddr ─► KUBE-POD-FW-…   one per Pod of the node
 *                                                                  │ its policies in turn, each may set mark 0x10000
 *                                                                  ├─► KUBE-NWPLCY-…  one per policy and direction
 *                                                                  └ without the mark: log group 100, reject
 *
 * What comes out at the end is accepted, as far as this table goes. A block with exceptions is two sets: nftables has no `nomatch`.
 */
import type { Step } from '#kernel/step.ts'
import type { Cluster, Pod } from '#model/cluster.ts'
import { type Cidr, type Family, familyOf } from '#net/net.ts'
import { kept } from '../kept.ts'
import type { AddressSet, Match } from '../matches.ts'
import { DIRECTIONS, isolating } from '../policy.ts'
import type { Dataplane, Judged } from './dataplane.ts'
import { by, COMMON, DEFAULT, FINE, fullName, LET, LOG_GROUP, NODE_PORTS, podChainName, policyChain, type Side, setName, whoIsIn } from './names.ts'

const TO_PODS = 'KUBE-POD-FW-IN'
const FROM_PODS = 'KUBE-POD-FW-OUT'
const SET_LET = `meta mark set mark or ${LET}`
const NOT_LET = `meta mark and ${LET} != ${LET}`
/** A mark without the bit of LET. */
const UNSET_LET = 'meta mark set mark and 0xfffeffff'
const ADDRESS = { 4: 'ip', 6: 'ip6' } as const
/** nft takes 128 characters. */
const comment = (text: string): string => `comment "${text.slice(0, 128)}"`

type Of = { readonly family: Family; readonly table: string }
const tableOf = (family: Family): Of => ({ family, table: `kube-router-filter-ipv${family}` })

const chain = (of: Of, name: string, o: { readonly why: string; readonly declared?: string; readonly rules: readonly string[] }): Step => ({
  ...{ by, why: o.why, kind: 'nft', ...of, object: 'chain', name },
  ...{ declared: o.declared ?? '', rules: o.rules },
})

export const nftables: Dataplane = { policySteps, podChain, shared, entrances }

/** A policy's chain for one direction, and the sets its rules ask. */
function policySteps({ family, policy, direction, matches }: Judged): readonly Step[] {
  const of = tableOf(family)
  const who = fullName(policy)
  const sets = new Map<string, Step>()
  const ask = (set: AddressSet, side: Side): string => {
    const field = `${ADDRESS[of.family]} ${side === 'SRC' ? 'saddr' : 'daddr'}`
    const [first, ...more] = setsOf(set, side).map((one) => {
      sets.set(one.name, setStep(of, one))
      return one.name
    })
    return [`${field} @${first}`, ...more.map((name) => `${field} != @${name}`)].join(' ')
  }
  const rules = matches.map((match) =>
    [
      ...(match.peer === undefined ? [] : [ask(match.peer, direction === 'ingress' ? 'SRC' : 'DST')]),
      ...(match.destinations === undefined ? [] : [ask(match.destinations, 'DST')]),
      ...portWords(match),
      ...['counter', SET_LET, 'return', comment(`allow ${direction} by policy ${who}`)],
    ].join(' '),
  )
  return [
    ...sets.values(),
    chain(of, policyChain(policy, direction), { why: `what ${who} lets ${direction === 'ingress' ? 'into' : 'out of'} its Pods`, rules }),
  ]
}

function portWords({ protocol, ports }: Match): readonly string[] {
  if (protocol === undefined) return []
  const name = protocol.toLowerCase()
  return ports === undefined ? [`meta l4proto ${name}`] : [`${name} dport ${ports[0] === ports[1] ? ports[0] : `${ports[0]}-${ports[1]}`}`]
}

type Named = { readonly name: string; readonly why: string; readonly elements: readonly string[]; readonly ranges: boolean }

/** The set, and the set of what is excepted from it. */
function setsOf(set: AddressSet, side: Side): readonly Named[] {
  const [name, why] = [setName(side, set), whoIsIn(set)]
  if (set.kind === 'pods') return [{ name, why, elements: set.members, ranges: false }]
  const ranges = (suffix: string, elements: readonly Cidr[]): Named => ({ name: `${name}${suffix}`, why, elements, ranges: true })
  return [ranges('', [set.cidr]), ...(set.except.length === 0 ? [] : [ranges('-except', set.except)])]
}

const setStep = (of: Of, { name, why, elements, ranges }: Named): Step =>
  kept(`${of.table} ${name}\n${elements.join(' ')}`, () => ({
    ...{ by, why, kind: 'nft', ...of, object: 'set', name },
    ...{ declared: `type ipv${of.family}_addr ;${ranges ? ' flags interval ;' : ''}`, elements },
  }))

function podChain(cluster: Cluster, pod: Pod): Step {
  const of = tableOf(familyOf(pod.ip))
  const who = fullName(pod)
  const [to, from] = [`${ADDRESS[of.family]} daddr ${pod.ip}`, `${ADDRESS[of.family]} saddr ${pod.ip}`]
  const judged = DIRECTIONS.flatMap((direction) => {
    const its = direction === 'ingress' ? to : from
    const mine = isolating(cluster, pod, direction)
    if (mine.length === 0) return [`${its} jump ${DEFAULT} ${comment(`default ${direction}`)}`]
    return mine.map((policy) => `${its} jump ${policyChain(policy, direction)} ${comment(fullName(policy))}`)
  })
  return chain(of, podChainName(pod), {
    why: `every packet to or from ${who} is judged here, by the policies that select it`,
    rules: [
      `jump ${COMMON} ${comment('common netpol rules')}`,
      `fib saddr type local ${to} counter accept ${comment('from local node')}`,
      ...judged,
      `${NOT_LET} limit rate 10/minute burst 10 packets log group ${LOG_GROUP} ${comment(`${who} log drop`)}`,
      `${NOT_LET} counter reject ${comment(`${who} reject`)}`,
      UNSET_LET,
      `meta mark set mark or ${FINE} ${comment('set netpol-ok mark')}`,
    ],
  })
}

/** The table, and the chains that every Pod's chain uses. */
function shared(family: Family): readonly Step[] {
  const of = tableOf(family)
  return [
    { ...{ by, why: 'everything of NetworkPolicies on this node', kind: 'nft', ...of, object: 'table' }, declared: `comment "rules for ${of.table}" ;` },
    chain(of, DEFAULT, { why: 'a direction that no policy governs is open', rules: [`counter ${SET_LET} ${comment('mark netpol match')}`] }),
    chain(of, COMMON, {
      why: 'replies of what was allowed once pass; what fits no connection does not',
      rules: [
        `ct state invalid counter drop ${comment('drop invalid state')}`,
        `ct state established,related counter accept ${comment('accept established/related')}`,
      ],
    }),
  ]
}

/** From the kernel's hooks to the Pods' own chains. Switched packets come by forward too, for the node's bridge hands them over. */
function entrances({ podCIDR, serviceCIDR }: Cluster, local: readonly Pod[]): readonly Step[] {
  const of = tableOf(familyOf(podCIDR))
  const ip = ADDRESS[of.family]
  const why = 'what comes from or goes to a Pod of this node is led to that Pod’s chain'
  const map = (name: string): Step => ({
    ...{ by, why, kind: 'nft', ...of, object: 'map', name },
    ...{ declared: `type ipv${of.family}_addr : verdict ;`, elements: local.map((pod) => `${pod.ip} : jump ${podChainName(pod)}`) },
  })
  const [to, from] = [`${ip} daddr vmap @${TO_PODS}`, `${ip} saddr vmap @${FROM_PODS}`]
  const own = [
    `${ip} daddr ${serviceCIDR} counter return ${comment('allow traffic to cluster IPs')}`,
    ...['tcp', 'udp'].map(
      (protocol) => `fib daddr type local ${protocol} dport ${NODE_PORTS.join('-')} counter return ${comment(`allow ${protocol} node ports`)}`,
    ),
  ]
  const base = (place: string, rules: readonly string[]): Step =>
    chain(of, `KUBE-ROUTER-${place}`, { why, declared: `type filter hook ${place.toLowerCase()} priority filter ;`, rules })
  return [map(TO_PODS), map(FROM_PODS), base('INPUT', [...own, from]), base('FORWARD', [to, from]), base('OUTPUT', [to, from])]
}
