/** One iptables rule as something that can be asked: does it match, and what does it do then? */
import { contains, type Family, familyOf, type Ip, parseCidr, parseIp, prefixOf } from '#net/net.ts'
import type { Step } from './step.ts'

/** What a rule can see of a packet on its way. */
export type Seen = {
  readonly family: Family
  readonly proto: 'tcp' | 'udp' | 'sctp' | 'icmp' | 'icmpv6'
  from: Ip
  readonly sport: number
  to: Ip
  dport: number
  inDev: string | undefined
  outDev: string | undefined
  readonly ctstate: 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID' | 'UNTRACKED'
  /** Its connection has another destination than it was sent to. */
  isTranslated: boolean
  mark: number
  readonly recent: readonly string[]
  /** Where the kernel remembers the sender from now on. */
  readonly remembered: string[]
  /** The virtual server of IPVS that gave it its destination. */
  virtual: { readonly ip: Ip; readonly port: number } | undefined
  /** It came in by a port of a bridge, and the bridge shows its packets to iptables. */
  readonly isBridged: boolean
  readonly isLocal: (ip: Ip) => boolean
  /** The device that leads back to its sender. */
  readonly wayBack: string
  readonly setOf: (name: string) => IpSet
  readonly draw: (probability: number) => boolean
}

export type Rule = { readonly text: string; readonly checks: readonly Check[]; readonly target?: Target }
type Check = (seen: Seen) => boolean
type IpSet = Extract<Step, { kind: 'ipset' }>

type Target =
  | { readonly does: 'accept' | 'drop' | 'reject' | 'return' | 'masquerade' }
  | { readonly does: 'jump' | 'goto'; readonly chain: string }
  | { readonly does: 'dnat'; readonly to: Ip; readonly port?: number }
  | { readonly does: 'mark'; readonly change: (mark: number) => number }

/** @throws on a word that is not known here. */
export function readRule(text: string): Rule {
  const options = optionsOf(text)
  const read: Reading = { text, options, value: (name) => options.find((option) => option.name === name)?.values[0] }
  const checks = options.flatMap((option): readonly Check[] => {
    const check = CHECKS[option.name]?.(option.values, read)
    return check === undefined ? [] : [option.not ? (seen) => !check(seen) : check]
  })
  // Lots are drawn last, so that they are drawn only for packets that the rest of the rule is about.
  const odds = read.value('--probability')
  const lots: readonly Check[] = odds === undefined ? [] : [(seen) => seen.draw(Number(odds))]
  const target = targetOf(read)
  return { text, checks: [...checks, ...lots], ...(target === undefined ? {} : { target }) }
}

type Option = { readonly name: string; readonly not: boolean; readonly values: readonly string[] }
type Reading = { readonly text: string; readonly options: readonly Option[]; readonly value: (name: string) => string | undefined }

function optionsOf(text: string): readonly Option[] {
  const words = (text.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? []).map((word) => (word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word))
  const options: Option[] = []
  for (let at = 0; at < words.length; ) {
    const not = words[at] === '!'
    const word = words[not ? at + 1 : at] ?? ''
    const name = LONG[word] ?? word
    const count = VALUES[name] ?? refuse(text, word)
    const from = at + (not ? 2 : 1)
    const values = words.slice(from, from + count)
    if (values.length < count || values.includes('!')) refuse(text, word)
    if (name === '-m' && !MATCHES.has(values[0] ?? '')) refuse(text, `-m ${values[0]}`)
    if (name !== '-m' && name !== '--comment' && name !== '--match-set' && options.some((option) => option.name === name)) refuse(text, `${word} twice`)
    options.push({ name, not, values })
    at = from + count
  }
  return options
}

const MATCHES: ReadonlySet<string> = new Set(
  'tcp udp sctp icmp icmp6 addrtype comment conntrack state mark statistic recent set multiport physdev ipvs limit rpfilter'.split(' '),
)

const LONG: Readonly<Record<string, string>> = {
  '--source': '-s',
  '--src': '-s',
  '--destination': '-d',
  '--dst': '-d',
  '--protocol': '-p',
  '--in-interface': '-i',
  '--out-interface': '-o',
  '--match': '-m',
  '--jump': '-j',
  '--goto': '-g',
  '--source-port': '--sport',
  '--destination-port': '--dport',
  '--source-ports': '--sports',
  '--destination-ports': '--dports',
  '--state': '--ctstate',
}

/** How many words follow an option. */
const VALUES: Readonly<Record<string, number>> = {
  ...of(1, '-s -d -p -i -o -m -j -g --dport --sport --dports --sports --ports --src-type --dst-type --mark --comment --ctstate'),
  ...of(1, '--mode --probability --name --seconds --hitcount'),
  ...of(0, '--rcheck --update --set --reap --rsource --physdev-is-in --invert --validmark'),
  ...of(1, '--vaddr --vproto --vport --limit --limit-burst --nflog-group --nflog-prefix'),
  ...of(2, '--match-set'),
  ...of(1, '--to-destination --set-mark --set-xmark --or-mark --and-mark --xor-mark --reject-with'),
  ...of(0, '--random --random-fully --persistent'),
}

function of(count: number, options: string): Readonly<Record<string, number>> {
  return Object.fromEntries(options.split(' ').map((option) => [option, count]))
}

/** The options that ask something. What is not here only qualifies another option, or belongs to the target; one packet is within any limit. */
const CHECKS: Readonly<Record<string, (values: readonly string[], rule: Reading) => Check | undefined>> = {
  '-s': ([ranges = ''], rule) => inside(ranges, rule, (seen) => seen.from),
  '-d': ([ranges = ''], rule) => inside(ranges, rule, (seen) => seen.to),
  '-p': ([named = ''], rule) => {
    // Of protocols that no packet here is of, IP in IP is one that rules ask for.
    if (named === '4') return () => false
    const proto = named
    if (!['tcp', 'udp', 'sctp', 'icmp', 'icmpv6', 'ipv6-icmp', 'all'].includes(proto)) refuse(rule.text, `-p ${proto}`)
    return (seen) => proto === 'all' || seen.proto === (proto === 'ipv6-icmp' ? 'icmpv6' : proto)
  },
  '-i':
    ([dev = '']) =>
    (seen) =>
      isDevice(seen.inDev, dev),
  '-o':
    ([dev = '']) =>
    (seen) =>
      isDevice(seen.outDev, dev),
  '--dport': ([ports = ''], rule) => among(ports, rule, (seen) => [seen.dport]),
  '--sport': ([ports = ''], rule) => among(ports, rule, (seen) => [seen.sport]),
  '--dports': ([ports = ''], rule) => among(ports, rule, (seen) => [seen.dport]),
  '--sports': ([ports = ''], rule) => among(ports, rule, (seen) => [seen.sport]),
  '--ports': ([ports = ''], rule) => among(ports, rule, (seen) => [seen.sport, seen.dport]),
  '--src-type': ([type = ''], rule) => ofType(type, rule, (seen) => seen.from),
  '--dst-type': ([type = ''], rule) => ofType(type, rule, (seen) => seen.to),
  '--mark': ([mark = ''], rule) => {
    const [value, mask] = markOf(mark, rule)
    return (seen) => (seen.mark & mask) >>> 0 === value
  },
  '--ctstate': ([states = ''], rule) => {
    const wanted = states.split(',')
    const odd = wanted.find((state) => !['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED', 'DNAT'].includes(state))
    if (odd !== undefined) refuse(rule.text, `--ctstate ${odd}`)
    return (seen) => wanted.includes(seen.ctstate) || (seen.isTranslated && wanted.includes('DNAT'))
  },
  /** Of the check on the way back Felix asks one thing: is there none by the device it came in by? */
  '--validmark': (_, rule) => (seen) => (seen.inDev !== seen.wayBack) === rule.options.some(({ name }) => name === '--invert'),
  '--mode': ([mode = ''], rule) => (mode === 'random' && rule.value('--probability') !== undefined ? undefined : refuse(rule.text, `--mode ${mode}`)),
  '--rcheck': (_, rule) => (seen) => seen.recent.includes(rule.value('--name') ?? 'DEFAULT'),
  '--update': (_, rule) => (seen) => seen.recent.includes(rule.value('--name') ?? 'DEFAULT'),
  '--set': (_, rule) => (seen) => seen.remembered.push(rule.value('--name') ?? 'DEFAULT') > 0,
  '--hitcount': (_, rule) => refuse(rule.text, '--hitcount'),
  '--physdev-is-in': () => (seen) => seen.isBridged,
  '--vaddr': ([ranges = ''], rule) => inside(ranges, rule, (seen) => seen.virtual?.ip),
  '--vproto':
    ([proto = '']) =>
    (seen) =>
      seen.virtual !== undefined && seen.proto === proto,
  '--vport':
    ([port = '']) =>
    (seen) =>
      seen.virtual?.port === Number(port),
  '--match-set':
    ([name = '', sides = '']) =>
    (seen) =>
      isMember(seen.setOf(name), sides.split(','), seen),
}

function inside(ranges: string, rule: Reading, ipOf: (seen: Seen) => Ip | undefined): Check {
  const isInside = ranges.split(',').map((range): ((ip: Ip) => boolean) => {
    const one = parseIp(range)
    if (one !== undefined) return (ip) => ip === one
    const many = parseCidr(range) ?? refuse(rule.text, range)
    return (ip) => contains(many, ip)
  })
  return (seen) => {
    const ip = ipOf(seen)
    return ip !== undefined && isInside.some((is) => is(ip))
  }
}

const isDevice = (dev: string | undefined, wanted: string): boolean =>
  dev !== undefined && (wanted.endsWith('+') ? dev.startsWith(wanted.slice(0, -1)) : dev === wanted)

function among(ports: string, rule: Reading, portsOf: (seen: Seen) => readonly number[]): Check {
  const ranges = ports.split(',').map((part) => {
    const [, first, last = first] = /^(\d+)(?::(\d+))?$/.exec(part) ?? refuse(rule.text, part)
    return [Number(first), Number(last)] as const
  })
  return (seen) => portsOf(seen).some((port) => ranges.some(([first, last]) => port >= first && port <= last))
}

function ofType(type: string, rule: Reading, ipOf: (seen: Seen) => Ip): Check {
  if (type !== 'LOCAL') refuse(rule.text, `addrtype ${type}`)
  return (seen) => seen.isLocal(ipOf(seen))
}

function markOf(text: string, rule: Reading): readonly [value: number, mask: number] {
  const [value, mask = 0xffffffff] = text.split('/').map((part) => (/^(0x[0-9a-f]+|\d+)$/i.test(part) ? Number(part) : refuse(rule.text, text)))
  return [value ?? refuse(rule.text, text), mask]
}

/** A member matches when each of its parts does; of several the narrowest range decides, and it may say `nomatch`. */
function isMember(set: IpSet, sides: readonly string[], seen: Seen): boolean {
  const [kind = '', parts = ''] = set.type.split(/[: ]/)
  if (kind !== 'hash' && kind !== 'bitmap') throw new Error(`a rule asks the set ${set.name} of type ${set.type}, which is not known here`)
  const kinds = parts.split(',')
  const matching = set.members.filter((member) => {
    const values = (member.split(' ')[0] ?? '').split(',')
    return kinds.every((kind, at) => isPart(kind, values[at] ?? '', sides[at] ?? 'dst', seen))
  })
  const narrowest = matching.toSorted((a, b) => narrowness(b) - narrowness(a))[0]
  return narrowest !== undefined && !narrowest.split(' ').includes('nomatch')
}

function isPart(kind: string, value: string, side: string, seen: Seen): boolean {
  const isSource = side === 'src'
  switch (kind) {
    case 'ip':
    case 'net': {
      const [ip, range] = [isSource ? seen.from : seen.to, parseCidr(value)]
      return range === undefined ? parseIp(value) === ip : familyOf(range) === familyOf(ip) && contains(range, ip)
    }
    case 'port': {
      const [, proto = seen.proto, first, last = first] = /^(?:(\w+):)?(\d+)(?:-(\d+))?$/.exec(value) ?? refuse(value, 'a port of a set')
      const port = isSource ? seen.sport : seen.dport
      return proto === seen.proto && port >= Number(first) && port <= Number(last)
    }
    default:
      throw new Error(`a set has parts of kind ${kind}, which is not known here`)
  }
}

const narrowness = (member: string): number =>
  (member.split(' ')[0] ?? '').split(',').reduce((sum, part) => {
    const range = parseCidr(part)
    return sum + (range === undefined ? 128 : prefixOf(range))
  }, 0)

function targetOf(rule: Reading): Target | undefined {
  const chain = rule.value('-g')
  if (chain !== undefined) return { does: 'goto', chain }
  const name = rule.value('-j')
  switch (name) {
    case undefined:
    case 'NFLOG':
    case 'NOTRACK':
      return undefined
    case 'ACCEPT':
      return { does: 'accept' }
    case 'DROP':
      return { does: 'drop' }
    case 'REJECT':
      return { does: 'reject' }
    case 'RETURN':
      return { does: 'return' }
    case 'MASQUERADE':
      return { does: 'masquerade' }
    case 'DNAT':
      return { does: 'dnat', ...destinationOf(rule) }
    case 'MARK':
      return { does: 'mark', change: markChange(rule) }
    default:
      return { does: 'jump', chain: name }
  }
}

function destinationOf(rule: Reading): { readonly to: Ip; readonly port?: number } {
  const text = rule.value('--to-destination') ?? ''
  const whole = parseIp(text)
  if (whole !== undefined) return { to: whole }
  const [, six, four = six ?? '', port] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? refuse(rule.text, `--to-destination ${text}`)
  return { to: parseIp(four) ?? refuse(rule.text, `--to-destination ${text}`), ...(port === undefined ? {} : { port: Number(port) }) }
}

function markChange(rule: Reading): (mark: number) => number {
  const ways: Readonly<Record<string, (mark: number, value: number, mask: number) => number>> = {
    '--set-mark': (mark, value, mask) => (mark & ~mask) | value,
    '--set-xmark': (mark, value, mask) => (mark & ~mask) ^ value,
    '--or-mark': (mark, value) => mark | value,
    '--and-mark': (mark, value) => mark & value,
    '--xor-mark': (mark, value) => mark ^ value,
  }
  const option = rule.options.find(({ name }) => name in ways) ?? refuse(rule.text, '-j MARK')
  const way = ways[option.name] ?? refuse(rule.text, option.name)
  const [value, mask] = markOf(option.values[0] ?? '', rule)
  return (mark) => way(mark, value, mask) >>> 0
}

function refuse(rule: string, word: string): never {
  throw new Error(`cannot trace "${word}" in the rule: ${rule}`)
}
