/** Addresses and ranges of a lab: read from text, kept apart, large enough. All of a lab is IPv4. */
import type { FieldError, Path } from '#api/validate.ts'
import { type Cidr, cidr, familyOf, type Ip, network, overlaps, parseCidr, parseIp, prefixOf } from '#net/net.ts'

/** Mistakes on the way, a value at the end: undefined when there is none to go on with. */
export type Judging<T> = Generator<FieldError, T>

/** A range in use, under the name its author knows. */
export type Range = { readonly label: string; readonly path: Path; readonly range: Cidr }

export function* addressOf(text: string | undefined, path: Path): Judging<Ip | undefined> {
  if (text === undefined) return yield* wrong(path, 'required: an IPv4 address such as 192.168.0.10')
  const address = parseIp(text)
  if (address !== undefined && familyOf(address) === 4) return address
  return yield* wrong(path, `expected an IPv4 address such as 192.168.0.10, found "${text}"`)
}

export function* rangeOf(text: string | undefined, path: Path): Judging<Cidr | undefined> {
  if (text === undefined) return yield* wrong(path, 'required: an IPv4 range such as 10.244.0.0/16')
  const range = parseCidr(text)
  if (range === undefined || familyOf(range) !== 4) return yield* wrong(path, `expected an IPv4 range such as 10.244.0.0/16, found "${text}"`)
  if ((yield* withoutHostBits(range, path)) === undefined) return undefined
  const taken = RESERVED.find(([reserved]) => overlaps(cidr(reserved), range))
  return taken === undefined ? range : yield* wrong(path, `${range} overlaps ${taken[0]}, which is ${taken[1]}`)
}

/** Whether the address or the length is meant, netlab cannot know. */
export function* withoutHostBits(range: Cidr, path: Path): Judging<Cidr | undefined> {
  return network(range) === range ? range : yield* wrong(path, `"${range}" has host bits set; the range that holds this address is ${network(range)}`)
}

const RESERVED = [
  ['0.0.0.0/8', 'no address of any machine'],
  ['127.0.0.0/8', 'loopback on every machine'],
  ['169.254.0.0/16', 'link-local'],
  ['224.0.0.0/3', 'multicast and reserved'],
] as const

/** Of two ranges that overlap the later one is told, unless only the earlier one was written by the author. */
export function* apart(ranges: readonly Range[], written: (path: Path) => boolean): Judging<void> {
  for (const [i, later] of ranges.entries())
    for (const earlier of ranges.slice(0, i)) {
      if (!overlaps(earlier.range, later.range)) continue
      const [one, other] = !written(later.path) && written(earlier.path) ? [earlier, later] : [later, earlier]
      yield { path: one.path, says: `${one.range} overlaps ${other.label} ${other.range}${written(other.path) ? '' : ' (the default)'}` }
    }
}

const NODE_PREFIX_MAX = 28

/** Each node gets one range of `nodePrefix` out of podCIDR. */
export function* roomForNodes(
  podCIDR: Cidr,
  o: { readonly nodePrefix: number; readonly nodes: number; readonly setting: string; readonly path: Path },
): Judging<void> {
  const room = o.nodePrefix < prefixOf(podCIDR) ? 0 : 2 ** (o.nodePrefix - prefixOf(podCIDR))
  if (room >= o.nodes) return
  const bits = Math.ceil(Math.log2(o.nodes))
  const [longer, wider] = [prefixOf(podCIDR) + bits, Math.max(0, o.nodePrefix - bits)]
  const out = longer <= NODE_PREFIX_MAX ? `set ${o.setting} to ${longer} or widen podCIDR to a /${wider}` : `widen podCIDR to a /${wider}`
  yield { path: o.path, says: `${podCIDR} has room for ${room} node${room === 1 ? '' : 's'} with a /${o.nodePrefix} each, but the lab has ${o.nodes}; ${out}` }
}

const SERVICE_PREFIX_MIN = 12
const SERVICE_PREFIX_MAX = 28

export function* roomForServices(serviceCIDR: Cidr): Judging<void> {
  const prefix = prefixOf(serviceCIDR)
  if (prefix >= SERVICE_PREFIX_MIN && prefix <= SERVICE_PREFIX_MAX) return
  yield { path: ['spec', 'serviceCIDR'], says: `expected a range from /${SERVICE_PREFIX_MIN} to /${SERVICE_PREFIX_MAX}, found ${serviceCIDR}` }
}

export function* wrong(path: Path, says: string): Judging<undefined> {
  yield { path, says }
  return undefined
}
