/** A rule of a policy in the terms of a packet filter: sets of addresses, and what a packet must match to be let through. */
import type { Cluster, Pod } from '#model/cluster.ts'
import { type Cidr, contains, type Family, familyOf, type Ip } from '#net/net.ts'
import { podIndex } from './pods.ts'
import { type Direction, HIGHEST_PORT, numberOf, type Peer, type Policy, type Port, type Protocol, type Rule } from './policy.ts'

/** Addresses that a rule asks for, as ipset(8) or an nft set holds them. */
export type AddressSet =
  | { readonly kind: 'pods'; readonly key: string; readonly members: readonly Ip[] }
  | { readonly kind: 'block'; readonly key: string; readonly cidr: Cidr; readonly except: readonly Cidr[] }

/** One way to be let through: who the other end is, and where the packet goes; what is absent may be anything. */
export type Match = {
  readonly peer?: AddressSet
  readonly protocol?: Protocol
  /** Destination ports, both ends inclusive. */
  readonly ports?: readonly [from: number, to: number]
  /** With a named port: the Pods that give this number the name. */
  readonly destinations?: AddressSet
}

/** Of the other end's address family nothing is left when no peer is of it. */
export function matchesOf(cluster: Cluster, policy: Policy, direction: Direction, family: Family = familyOf(cluster.podCIDR)): readonly Match[] {
  return (policy[direction] ?? []).flatMap((rule, at) => ofRule({ cluster, policy, direction, family }, rule, at))
}

type About = { readonly cluster: Cluster; readonly policy: Policy; readonly direction: Direction; readonly family: Family }

function ofRule(about: About, { peers, ports }: Rule, at: number): readonly Match[] {
  const ends = peers === 'all' ? [undefined] : addressSets(about, peers, at)
  const doors = ports === 'all' ? [{}] : ports.flatMap((port) => ofPort(about, port))
  return ends.flatMap((peer) => doors.map((door): Match => ({ ...(peer === undefined ? {} : { peer }), ...door })))
}

/** Selectors of one rule add up to one set; a block is a set of its own, so that what it excepts is excepted from nothing else. */
function addressSets({ family, direction }: About, peers: readonly Peer[], at: number): readonly AddressSet[] {
  const pods = peers.filter((peer) => peer.kind === 'pods')
  const members = addresses(
    pods.flatMap((peer) => peer.pods),
    family,
  )
  return [
    ...(pods.length === 0 ? [] : [{ kind: 'pods', key: `${direction} ${at} pods`, members } as const]),
    ...peers.flatMap((peer, i): readonly AddressSet[] =>
      peer.kind === 'block' && familyOf(peer.cidr) === family
        ? [{ kind: 'block', key: `${direction} ${at} block ${i}`, cidr: peer.cidr, except: outermost(peer.except) }]
        : [],
    ),
  ]
}

type Door = Pick<Match, 'protocol' | 'ports' | 'destinations'>

function ofPort(about: About, port: Port): readonly Door[] {
  const { protocol } = port
  if ('name' in port) return byNumber(about, port)
  return port.from === 0 && port.to === HIGHEST_PORT ? [{ protocol }] : [{ protocol, ports: [port.from, port.to] }]
}

/** A name is another number at another destination: for each number the Pods that mean it. */
function byNumber({ cluster, policy, direction, family }: About, port: { readonly protocol: Protocol; readonly name: string }): readonly Door[] {
  const numbers = new Map<number, Pod[]>()
  for (const pod of direction === 'ingress' ? policy.pods : podIndex(cluster).all) {
    const number = numberOf(pod, port)
    if (number !== undefined) numbers.set(number, [...(numbers.get(number) ?? []), pod])
  }
  return [...numbers].map(([number, pods]) => ({
    protocol: port.protocol,
    ports: [number, number] as const,
    destinations: { kind: 'pods', key: `${direction} ${port.protocol} ${port.name} ${number}`, members: addresses(pods, family) } as const,
  }))
}

export const addresses = (pods: readonly Pod[], family: Family): readonly Ip[] => [...new Set(pods.map(({ ip }) => ip))].filter((ip) => familyOf(ip) === family)

/** Ranges without those that lie in another. */
const outermost = (ranges: readonly Cidr[]): readonly Cidr[] =>
  ranges.filter((one, i) => !ranges.some((other, j) => contains(other, one) && (other !== one || j < i)))
