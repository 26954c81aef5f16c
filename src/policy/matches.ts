/** A rule of a policy in the terms of a packet filter: sets of addresses, and what a packet must match to be let through. */
import type { Cluster, Pod } from '#model/cluster.ts'
import { type Cidr, contains, type Family, familyOf, type Ip } from '#net/net.ts'
import { podIndex } from './pods.ts'
import { type Direction, HIGHEST_PORT, numberOf, type Peer, type Policy, type Port, type Protocol, type Rule } from './policy.ts'

/**
 * Addresses that a rule asks for, as ipset(8) or an nft set holds them. The key says in words who they are, and never where in a policy they are
 * written: a policy that comes to mean others asks another set, so that no packet meets an old rule with a new set.
 */
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
  return (policy[direction] ?? []).flatMap((rule) => ofRule({ cluster, policy, direction, family }, rule))
}

type About = { readonly cluster: Cluster; readonly policy: Policy; readonly direction: Direction; readonly family: Family }

function ofRule(about: About, { peers, ports }: Rule): readonly Match[] {
  const ends = peers === 'all' ? [undefined] : addressSets(about, peers)
  const doors = ports === 'all' ? [{}] : ports.flatMap((port) => ofPort(about, port))
  return ends.flatMap((peer) => doors.map((door): Match => ({ ...(peer === undefined ? {} : { peer }), ...door })))
}

/** Selectors of one rule add up to one set; a block is a set of its own, so that what it excepts is excepted from nothing else. */
function addressSets({ family }: About, peers: readonly Peer[]): readonly AddressSet[] {
  const pods = peers.filter((peer) => peer.kind === 'pods')
  const blocks = peers.filter((peer) => peer.kind === 'block').filter(({ cidr }) => familyOf(cidr) === family)
  const [first] = pods
  const members = addresses(pods.length === 1 && first !== undefined ? first.pods : pods.flatMap((peer) => peer.pods), family)
  const selectors = [...new Set(pods.map(({ selector }) => selector))].sort()
  return [
    ...(pods.length === 0 ? [] : [{ kind: 'pods', key: selectors.join('; or '), members } as const]),
    ...blocks.map((block): AddressSet => {
      const except = outermost(block.except)
      return { kind: 'block', key: `${block.cidr}${except.length === 0 ? '' : ` except ${except.join(', ')}`}`, cidr: block.cidr, except }
    }),
  ]
}

type Door = Pick<Match, 'protocol' | 'ports' | 'destinations'>

function ofPort(about: About, port: Port): readonly Door[] {
  const { protocol } = port
  if ('name' in port) return byNumber(about, port)
  return port.from === 0 && port.to === HIGHEST_PORT ? [{ protocol }] : [{ protocol, ports: [port.from, port.to] }]
}

/** A name is another number at another destination: for each number the Pods that mean it. */
function byNumber({ cluster, policy, direction, family }: About, port: Named): readonly Door[] {
  const all = podIndex(cluster).all
  const own = direction === 'ingress' ? policy.pods : all
  const numbers = [...new Set(own.flatMap((pod) => numberOf(pod, port) ?? []))].sort((a, b) => a - b)
  return numbers.map((number) => ({
    protocol: port.protocol,
    ports: [number, number] as const,
    destinations: {
      kind: 'pods',
      key: `all that call ${number}/${port.protocol} ${port.name}`,
      members: addresses(
        all.filter((pod) => numberOf(pod, port) === number),
        family,
      ),
    } as const,
  }))
}
type Named = Extract<Port, { readonly name: string }>

/** Many policies name the same Pods: a list is gone through once. */
export function addresses(pods: readonly Pod[], family: Family): readonly Ip[] {
  const found = known[family].get(pods)
  if (found !== undefined) return found
  const all = [...new Set(pods.map(({ ip }) => ip))].filter((ip) => familyOf(ip) === family)
  known[family].set(pods, all)
  return all
}
const known = { 4: new WeakMap<readonly Pod[], readonly Ip[]>(), 6: new WeakMap<readonly Pod[], readonly Ip[]>() }

/** Ranges without those that lie in another. */
const outermost = (ranges: readonly Cidr[]): readonly Cidr[] =>
  ranges.filter((one, i) => !ranges.some((other, j) => contains(other, one) && (other !== one || j < i)))
