/**
 * A policy as Felix writes it: one chain for each direction it governs, a rule for each peer and protocol of its own rules. A rule that lets a packet
 * pass marks it and returns. What one rule of iptables cannot say, several lines say together with the scratch marks: more than fifteen ports, names
 * beside numbers, and what a block excepts.
 */
import type { Step } from '#kernel/step.ts'
import type { Cluster, Pod } from '#model/cluster.ts'
import { type Cidr, type Family, familyOf } from '#net/net.ts'
import { addresses } from '../matches.ts'
import { podIndex } from '../pods.ts'
import { type Direction, HIGHEST_PORT, numberOf, type Peer, type Policy, type Port, type Protocol } from '../policy.ts'
import { policyChainName, setName, uniqueId } from './names.ts'
import { clearMark, isSet, jump, MARK, type Rule, setMark, type Writer } from './rules.ts'
import { ALL, peerSelector } from './selectors.ts'

type About = { readonly cluster: Cluster; readonly direction: Direction; readonly writer: Writer; readonly sets: Map<string, Step> }

/** The chain, and the sets its rules ask. */
export function policySteps(cluster: Cluster, policy: Policy, direction: Direction, writer: Writer): readonly Step[] {
  const sets = new Map<string, Step>()
  const about = { cluster, direction, writer, sets }
  const all = (policy[direction] ?? []).flatMap(({ peers, ports }) =>
    protocolsOf(ports).flatMap((wish) =>
      (peers === 'all' ? [undefined] : peers.filter((peer) => isOf(writer.family, peer))).flatMap((peer) => lines(about, peer, wish)),
    ),
  )
  // At the end of a chain a packet returns by itself.
  const last = all.at(-1)?.does === RETURN ? all.slice(0, -1) : all
  const who = `${policy.namespace}/${policy.name}`
  const [first = {}, ...others] = last
  const why = `what ${who} lets ${direction === 'ingress' ? 'into' : 'out of'} its Pods`
  const rules = [{ ...first, comment: `KubernetesNetworkPolicy ${who} ${direction}` }, ...others]
  return [...sets.values(), writer.chain(policyChainName(policy, direction, writer.chainMax), why, rules)]
}

const isOf = (family: Family, peer: Peer): boolean => peer.kind === 'pods' || familyOf(peer.cidr) === family

/** The ports of one rule that are of one protocol; without ranges and names all of them are meant. */
type Wish = { readonly protocol?: Protocol; readonly ranges: readonly Range[]; readonly names: readonly string[] }
type Range = readonly [from: number, to: number]

function protocolsOf(ports: 'all' | readonly Port[]): readonly Wish[] {
  if (ports === 'all') return [{ ranges: [], names: [] }]
  const protocols = [...new Set(ports.map(({ protocol }) => protocol))].sort()
  return protocols.map((protocol): Wish => {
    const mine = ports.filter((port) => port.protocol === protocol)
    const ranges = mine.flatMap((port): readonly Range[] => ('name' in port ? [] : [[port.from, port.to]]))
    if (ranges.some(([from, to]) => from === 0 && to === HIGHEST_PORT)) return { protocol, ranges: [], names: [] }
    return { protocol, ranges: joined(ranges), names: [...new Set(mine.flatMap((port) => ('name' in port ? [port.name] : [])))] }
  })
}

/** In their order, those that touch as one. */
function joined(ranges: readonly Range[]): readonly Range[] {
  const all: [number, number][] = []
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = all.at(-1)
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else all.push([from, to])
  }
  return all
}

const RETURN = jump('RETURN')

/** What lets pass what comes from, or goes to, this peer in this way. */
function lines(about: About, peer: Peer | undefined, { protocol, ranges, names }: Wish): readonly Rule[] {
  const { direction } = about
  const proto = protocol === undefined ? [] : [`-p ${protocol.toLowerCase()}`]
  const chosen = direction === 'egress' && peer?.kind === 'pods' ? peer : undefined
  const numbers = inPieces(ranges).map((piece) => `-m multiport --destination-ports ${piece.map(portText).join(',')}`)
  const named = protocol === undefined ? [] : names.map((name) => `-m set --match-set ${namedPort(about, { protocol, name }, chosen)} dst,dst`)
  const above = settled(
    [...numbers.map((text) => [...proto, text].join(' ')), ...named],
    peer?.kind === 'block' ? peer.except.map((hole) => net(direction, hole)) : [],
  )
  const isChoice = numbers.length + named.length > 1
  // Members of named ports of chosen Pods are of the peer already.
  const asksPods = peer?.kind === 'pods' && (chosen === undefined || names.length === 0 || ranges.length > 0)
  const match = [
    ...proto,
    ...(peer?.kind === 'block' ? [net(direction, peer.cidr)] : []),
    ...(asksPods ? [`-m set --match-set ${podSet(about, peer)} ${direction === 'ingress' ? 'src' : 'dst'}`] : []),
    ...(isChoice ? [] : [...numbers, ...named]),
    ...(above.length === 0 ? [] : [isSet(MARK.scratch0)]),
  ].join(' ')
  return [...above, { match, does: setMark(MARK.accept) }, { match: isSet(MARK.accept), does: RETURN }]
}

const net = (direction: Direction, range: Cidr): string => `--${direction === 'ingress' ? 'source' : 'destination'} ${range}`
const portText = ([from, to]: Range): string => (from === to ? `${from}` : `${from}:${to}`)

/** One multiport match takes fifteen; a range counts as two. */
const SLOTS = 15

function inPieces(ranges: readonly Range[]): readonly (readonly Range[])[] {
  const pieces: Range[][] = []
  let free = 0
  for (const range of ranges) {
    const needed = range[0] === range[1] ? 1 : 2
    if (free < needed) {
      pieces.push([])
      free = SLOTS
    }
    pieces.at(-1)?.push(range)
    free -= needed
  }
  return pieces
}

type Pods = Extract<Peer, { kind: 'pods' }>

function podSet({ writer: { family, set }, sets }: About, { where, selector, pods }: Pods): string {
  const name = setName(family, uniqueId('s', peerSelector(where)))
  sets.set(name, set(name, `addresses of Pods: ${selector}`, 'hash:net', addresses(pods, family)))
  return name
}

/** Each Pod that has the name, with the number it gives it: of those chosen, or of all. */
function namedPort({ cluster, writer: { family, set }, sets }: About, port: { readonly protocol: Protocol; readonly name: string }, chosen?: Pods): string {
  const selector = uniqueId('s', chosen === undefined ? ALL : peerSelector(chosen.where))
  const proto = port.protocol.toLowerCase()
  const name = setName(family, uniqueId('n', `${selector},${proto},${port.name}`))
  const member = (pod: Pod): readonly string[] => {
    const number = numberOf(pod, port)
    return number === undefined || familyOf(pod.ip) !== family ? [] : [`${pod.ip},${proto}:${number}`]
  }
  const members = [...new Set((chosen?.pods ?? podIndex(cluster).all).flatMap(member))]
  const whose = chosen === undefined ? 'all Pods' : chosen.selector
  sets.set(name, set(name, `where port ${port.name} is at ${whose}`, 'hash:ip,port', members))
  return name
}

/** Lines above a rule's last one, after which scratch0 stands if one of the ways holds, or there is no choice of ways, and none of the holes does. */
function settled(ways: readonly string[], holes: readonly string[]): readonly Rule[] {
  const isChoice = ways.length > 1
  if (!isChoice && holes.length === 0) return []
  return [
    { does: setMark(isChoice ? 0 : MARK.scratch0, MARK.scratch0 | MARK.scratch1) },
    ...(isChoice ? ways.map((match) => ({ match, does: setMark(MARK.scratch0) })) : []),
    ...holes.map((match) => ({ match, does: clearMark(MARK.scratch0) })),
  ]
}
