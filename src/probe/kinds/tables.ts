/** What a kernel holds: devices, routes, neighbours, forwarding entries, as iproute2 prints them in JSON. */
import type { Output } from '#kernel/command.ts'
import { parseCidr, parseIp, parseMac } from '#net/net.ts'
import { LOOK } from '../defaults.ts'
import { ask, type Finding, type Inquiry, linesOf, pasteable, run, unreadable } from '../question.ts'
import type { Scene, Spot } from '../scene.ts'
import type { Specs } from '../schema.ts'
import { everywhere } from './between.ts'

export type Entry = Readonly<Record<string, unknown>>
type Facts = readonly (readonly [name: string, wanted: string | number | boolean | undefined, found: unknown])[]

export const iface = (of: Specs['interface'], scene: Scene): Inquiry =>
  everywhere(of.at, scene, (spot) =>
    table(spot, ['ip', '-d', 'addr', 'show', 'dev', of.dev], {
      what: `device ${of.dev}`,
      absent: of.absent,
      select: (entries) => entries.filter((entry) => entry['ifname'] === of.dev),
      facts: (entry) => [
        ['mtu', of.mtu, entry['mtu']],
        ['mac', of.mac === undefined ? undefined : (parseMac(of.mac) ?? of.mac), entry['address']],
        ['up', of.up, listAt(entry, 'flags').includes('UP')],
        ['master', of.master, entry['master'] ?? 'none'],
        ['type', of.type, kindOf(entry)],
        ...[of.address ?? []].flat().map((address) => ['address', address, addressIn(entry, address)] as const),
      ],
    }),
  )

export const vxlan = (of: Specs['vxlan'], scene: Scene): Inquiry =>
  everywhere(of.at, scene, (spot) =>
    table(spot, ['ip', '-d', 'link', 'show', 'dev', of.dev], {
      what: `VXLAN device ${of.dev}`,
      absent: false,
      select: (entries) => entries.filter((entry) => entry['ifname'] === of.dev && kindOf(entry) === 'vxlan'),
      facts: (entry) => {
        const { id, port, local, link, learning } = (entry['linkinfo'] as { info_data?: Entry })?.info_data ?? {}
        return [
          ['vni', of.vni, id],
          ['port', of.port, port],
          ['local', of.local, local],
          ['underlay', of.underlay, link],
          ['learning', of.learning, learning ?? false],
          ['mac', of.mac === undefined ? undefined : (parseMac(of.mac) ?? of.mac), entry['address']],
          ['mtu', of.mtu, entry['mtu']],
        ]
      },
    }),
  )

export const route = (of: Specs['route'], scene: Scene): Inquiry => {
  const { lookup } = of
  const words =
    lookup === undefined
      ? []
      : [lookup.dst, ...(lookup.from === undefined ? [] : ['from', lookup.from]), ...(lookup.iif === undefined ? [] : ['iif', lookup.iif])]
  const [dst, family] = [of.dst ?? 'default', (lookup?.dst ?? of.dst ?? '').includes(':') ? ['-6'] : []]
  const argv = lookup === undefined ? ['ip', ...family, 'route', 'show', 'table', 'main'] : ['ip', ...family, 'route', 'get', ...words]
  return everywhere(of.at, scene, (spot) =>
    table(spot, argv, {
      what: lookup === undefined ? `route to ${dst}` : `way to ${lookup.dst}${lookup.from === undefined ? '' : ` from ${lookup.from}`}`,
      absent: of.absent,
      noWay: lookup !== undefined,
      select: (entries) => (lookup === undefined ? entries.filter((entry) => String(entry['dst']) === shortest(dst)) : entries),
      facts: (entry) => [
        ['dev', of.dev, entry['dev'] ?? entry['type']],
        ['via', of.via === undefined ? undefined : [of.via].flat().toSorted().join(' and '), hopsOf(entry)],
        ['src', of.src, entry['prefsrc']],
        ['onlink', of.onlink, listAt(entry, 'flags').includes('onlink')],
      ],
    }),
  )
}

/** Who comes next; of a way that is several, all of them. */
const hopsOf = (entry: Entry): string => {
  const hops = (entry['nexthops'] as readonly Entry[] | undefined) ?? [entry]
  return hops
    .map((hop) => String(hop['gateway'] ?? (hop['via'] as Entry | undefined)?.['host'] ?? 'none'))
    .toSorted()
    .join(' and ')
}

export const neigh = (of: Specs['neigh'], scene: Scene): Inquiry =>
  everywhere(of.at, scene, (spot) =>
    table(spot, ['ip', 'neigh', 'show', 'to', of.ip, ...(of.dev === undefined ? [] : ['dev', of.dev])], {
      what: `neighbour ${of.ip}${of.dev === undefined ? '' : ` on ${of.dev}`}`,
      absent: of.absent,
      select: (entries) => entries.filter((entry) => entry['dst'] === (parseIp(of.ip) ?? of.ip) && entry['lladdr'] !== undefined),
      facts: (entry) => [
        ['mac', of.mac === undefined ? undefined : (parseMac(of.mac) ?? of.mac), entry['lladdr']],
        ['state', of.state?.toUpperCase(), listAt(entry, 'state').join(' ')],
      ],
    }),
  )

export const fdb = (of: Specs['fdb'], scene: Scene): Inquiry =>
  everywhere(of.at, scene, (spot) =>
    table(spot, ['bridge', 'fdb', 'show', 'dev', of.dev], {
      what: `forwarding entry for ${of.mac} on ${of.dev}`,
      absent: of.absent,
      select: (entries) => entries.filter((entry) => entry['mac'] === (parseMac(of.mac) ?? of.mac)),
      facts: (entry) => [['dst', of.dst, entry['dst']]],
    }),
  )

type Wanted = {
  readonly what: string
  readonly absent: boolean
  /** `ip route get` answers "unreachable" with an exit code: that is no entry. */
  readonly noWay?: boolean
  readonly select: (entries: readonly Entry[]) => readonly Entry[]
  readonly facts: (entry: Entry) => Facts
}

function table(spot: Spot, argv: readonly string[], wanted: Wanted): Inquiry {
  const facts = wanted.facts({}).flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]))
  const [program = '', ...rest] = argv
  return ask(run(spot, [program, '-j', ...rest], { timeoutMs: LOOK }), {
    expected: `${spot.name} has ${wanted.absent ? 'no ' : ''}${wanted.what}${facts.length === 0 ? '' : ` with ${facts.join(', ')}`}`,
    reproduce: pasteable(spot, argv),
    judge: (output) => {
      const entries = readEntries(output, wanted.noWay)
      return entries === undefined
        ? unreadable(program, output)
        : { ...judged(wanted.select(entries), wanted), evidence: linesOf(output.stdout).map((line) => line.slice(0, 400)) }
    },
  })
}

/** The entries of a listing. A device that does not exist has none: iproute2 then says so. */
export function readEntries({ code, stdout, stderr }: Output, noWay = false): readonly Entry[] | undefined {
  if (code !== 0 && /^(Device "[^"]+" does not exist\.|Cannot find device "[^"]+")$/m.test(stderr)) return []
  if (noWay && code === 2 && /^RTNETLINK answers: (Network is unreachable|No route to host|Invalid argument|Invalid cross-device link)$/m.test(stderr))
    return []
  if (code !== 0) return undefined
  if (stdout.trim() === '') return []
  try {
    const entries: unknown = JSON.parse(stdout)
    return Array.isArray(entries) ? entries.filter((entry) => Object.keys(entry).length > 0) : undefined
  } catch {
    return undefined
  }
}

/** Of several entries one must have all that is wanted. */
function judged(entries: readonly Entry[], { what, absent, facts }: Wanted): Pick<Finding, 'verdict' | 'observed'> {
  const wrong = entries.map((entry) => facts(entry).filter(([, value, found]) => value !== undefined && String(found) !== String(value)))
  const best = [...wrong].sort((a, b) => a.length - b.length)[0]
  if (best === undefined) return { verdict: absent ? 'pass' : 'fail', observed: `no ${what}` }
  if (best.length === 0) return { verdict: absent ? 'fail' : 'pass', observed: `there is such a ${what}` }
  return { verdict: absent ? 'pass' : 'fail', observed: best.map(([name, , found]) => `${name} is ${found ?? 'not set'}`).join(', ') }
}

function addressIn(entry: Entry, wanted: string): string {
  const all = listAt(entry, 'addr_info').map((info) => ({ local: String((info as Entry)['local']), length: (info as Entry)['prefixlen'] }))
  const found = wanted.includes('/') ? all.map(({ local, length }) => `${local}/${length}`) : all.map(({ local }) => local)
  return found.includes(wanted) ? wanted : found.join(' ') || 'none'
}

/** iproute2 leaves the length of a host route away. */
const shortest = (dst: string): string => {
  const range = parseCidr(dst)
  return range === undefined ? dst : range.replace(range.includes(':') ? /\/128$/ : /\/32$/, '')
}
const listAt = (entry: Entry, name: string): readonly unknown[] => (Array.isArray(entry[name]) ? entry[name] : [])
const kindOf = (entry: Entry): unknown => (entry['linkinfo'] as Entry | undefined)?.['info_kind'] ?? entry['link_type']
