/** One nftables rule as something that can be asked: its statements from left to right, each of which may end it. */
import { contains, familyOf, type Ip, parseCidr, parseIp } from '#net/net.ts'
import type { Seen } from './rule.ts'
import { drawn } from './walk.ts'

export type NftRule = { readonly text: string; readonly statements: readonly Statement[] }

/** What a chain's rules may ask of their table. */
export type Sets = {
  readonly has: (set: string, key: readonly Value[]) => boolean
  readonly find: (map: string, key: readonly Value[]) => Verdict | undefined
}

export type Statement =
  | { readonly does: 'match'; readonly matches: (seen: Seen, sets: Sets) => boolean }
  | { readonly does: 'look-up'; readonly find: (seen: Seen, sets: Sets) => Verdict | undefined }
  | { readonly does: 'change'; readonly change: (seen: Seen) => void }
  | Verdict

export type Verdict =
  | { readonly does: 'accept' | 'drop' | 'reject' | 'return' | 'masquerade' }
  | { readonly does: 'jump' | 'goto'; readonly chain: string }
  | { readonly does: 'dnat'; readonly to: Ip; readonly port?: number }

/** What a packet shows of itself; undefined where it has no such thing. */
export type Value = string | number | undefined
type Field = (seen: Seen) => Value

/** @throws on a word that is not known here. */
export function readNftRule(text: string): NftRule {
  const words = reader(text)
  const statements: Statement[] = []
  while (words.peek() !== undefined) statements.push(...statement(words))
  return { text, statements }
}

/** `key`, or `key : verdict` in a map, perhaps with a comment between. */
export function readElement(text: string): { readonly key: readonly string[]; readonly verdict?: Verdict } {
  const words = reader(text)
  const key = keyOf(words)
  if (words.take('comment')) words.next()
  if (!words.take(':')) return { key }
  const verdict = verdictOf(words) ?? words.refuse()
  return { key, verdict }
}

export const isKey = (key: readonly string[], values: readonly Value[]): boolean =>
  key.length === values.length && key.every((part, at) => isValue(part, values[at]))

type Words = {
  readonly peek: () => string | undefined
  readonly next: () => string
  /** Takes these words if they are the next ones. */
  readonly take: (...words: readonly string[]) => boolean
  readonly refuse: () => never
}

function reader(text: string): Words {
  const words = text.match(/"[^"]*"|[{},]|[^\s{},]+/g) ?? []
  let at = 0
  return {
    peek: () => words[at],
    next: () => words[at++] ?? refuse(text, 'the end'),
    take: (...some) => {
      const taken = some.every((word, ahead) => words[at + ahead] === word)
      if (taken) at += some.length
      return taken
    },
    refuse: () => refuse(text, words[at] ?? 'the end'),
  }
}

function statement(words: Words): readonly Statement[] {
  if (words.take('comment')) {
    words.next()
    return []
  }
  if (words.take('counter') || words.take('continue') || words.take('notrack')) return []
  // One packet is within any limit, and is not held up by being logged.
  if (words.take('log', 'group') || words.take('limit', 'rate')) {
    words.next()
    if (words.take('burst')) words.next()
    words.take('packets')
    return []
  }
  if (words.take('update') || words.take('add')) return [remember(words)]
  if (words.take('mark', 'set') || words.take('meta', 'mark', 'set')) return [markChange(words)]
  const verdict = verdictOf(words)
  if (verdict !== undefined) return [verdict]
  const fields = [fieldOf(words)]
  while (words.take('.')) fields.push(fieldOf(words))
  const values: (seen: Seen) => readonly Value[] = (seen) => fields.map((field) => field(seen))
  if (!words.take('vmap')) return [match(words, values)]
  if (words.peek()?.startsWith('@')) {
    const map = words.next().slice(1)
    return [{ does: 'look-up', find: (seen, sets) => sets.find(map, values(seen)) }]
  }
  const elements = bracedVerdicts(words)
  return [{ does: 'look-up', find: (seen) => lookUp(elements, values(seen)) }]
}

type Elements = readonly (readonly [key: readonly string[], verdict: Verdict])[]
const lookUp = (elements: Elements, values: readonly Value[]): Verdict | undefined => elements.find(([key]) => isKey(key, values))?.[1]

/** `update @set { ip saddr }`: the rule that ends in it puts the packet's sender on the set. */
function remember(words: Words): Statement {
  const set = words.next().slice(1)
  if (!words.take('{', 'ip', 'saddr', '}') && !words.take('{', 'ip6', 'saddr', '}')) words.refuse()
  return { does: 'change', change: (seen) => seen.remembered.push(set) }
}

const BITS: Readonly<Record<string, (a: number, b: number) => number>> = {
  ...{ and: (a, b) => a & b, or: (a, b) => a | b, xor: (a, b) => a ^ b },
  ...{ '&': (a, b) => a & b, '|': (a, b) => a | b, '^': (a, b) => a ^ b },
}

/** A value, or the mark with one bit operation after the other. */
function markChange(words: Words): Statement {
  const changes: ((mark: number) => number)[] = []
  const change = (way: (a: number, b: number) => number): void => {
    const value = Number(words.next())
    changes.push((mark) => way(mark, value) >>> 0)
  }
  if (words.take('mark') || words.take('meta', 'mark')) {
    do change(BITS[words.next()] ?? words.refuse())
    while (words.peek() !== undefined && (words.peek() ?? '') in BITS)
  } else change((_, value) => value)
  return {
    does: 'change',
    change: (seen) => {
      for (const one of changes) seen.mark = one(seen.mark)
    },
  }
}

function verdictOf(words: Words): Verdict | undefined {
  for (const does of ['accept', 'drop', 'return'] as const) if (words.take(does)) return { does }
  for (const does of ['jump', 'goto'] as const) if (words.take(does)) return { does, chain: words.next() }
  if (words.take('reject')) {
    if (words.take('with')) while (words.peek() !== undefined && words.peek() !== 'comment') words.next()
    return { does: 'reject' }
  }
  if (words.take('masquerade')) {
    while (words.take('fully-random') || words.take('random') || words.take('persistent') || words.take(','));
    return { does: 'masquerade' }
  }
  return words.take('dnat', 'to') ? { does: 'dnat', ...destinationOf(words) } : undefined
}

function destinationOf(words: Words): { readonly to: Ip; readonly port?: number } {
  const text = words.next()
  const whole = parseIp(text)
  if (whole !== undefined) return { to: whole }
  const [, six, four = six ?? '', port] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(text) ?? refuse(text, text)
  return { to: parseIp(four) ?? refuse(text, text), port: Number(port) }
}

function fieldOf(words: Words): Field {
  for (const [family, name] of [
    [4, 'ip'],
    [6, 'ip6'],
  ] as const) {
    if (words.take(name, 'saddr')) return (seen) => (seen.family === family ? seen.from : undefined)
    if (words.take(name, 'daddr')) return (seen) => (seen.family === family ? seen.to : undefined)
  }
  for (const proto of ['tcp', 'udp', 'sctp', 'th'] as const) {
    const has = (seen: Seen): boolean => seen.proto === proto || (proto === 'th' && !seen.proto.startsWith('icmp'))
    if (words.take(proto, 'dport')) return (seen) => (has(seen) ? seen.dport : undefined)
    if (words.take(proto, 'sport')) return (seen) => (has(seen) ? seen.sport : undefined)
  }
  if (words.take('meta', 'l4proto')) return (seen) => seen.proto
  if (words.take('ct', 'state')) return (seen) => seen.ctstate.toLowerCase()
  if (words.take('ct', 'status')) return (seen) => (seen.isTranslated ? 'dnat' : 'none')
  // The index of the device that leads back to the sender, or 0 when that is another one.
  if (words.take('fib', 'saddr', '.', 'mark', '.', 'iif', 'oif')) return (seen) => (seen.inDev === seen.wayBack ? 1 : 0)
  if (words.take('iifname') || words.take('meta', 'iifname')) return (seen) => seen.inDev
  if (words.take('oifname') || words.take('meta', 'oifname')) return (seen) => seen.outDev
  if (words.take('fib', 'saddr', 'type')) return (seen) => typeOf(seen, seen.from)
  if (words.take('fib', 'daddr', 'type')) return (seen) => typeOf(seen, seen.to)
  if (words.take('numgen', 'random', 'mod')) {
    const all = Array.from({ length: Number(words.next()) }, (_, at) => at)
    return (seen) => drawn(all, seen.draw)
  }
  if (words.take('mark') || words.take('meta', 'mark')) {
    const mask = words.take('and') || words.take('&') ? Number(words.next()) : 0xffffffff
    return (seen) => (seen.mark & mask) >>> 0
  }
  return words.refuse()
}

/** Here an address is the node's or it is somebody's; the other types are not told apart. */
const typeOf = (seen: Seen, ip: Ip): string => (seen.isLocal(ip) ? 'local' : 'unicast')

function match(words: Words, values: (seen: Seen) => readonly Value[]): Statement {
  const not = words.take('!=')
  if (!not) words.take('==')
  const has = members(words)
  return {
    does: 'match',
    matches: (seen, sets) => {
      const found = values(seen)
      return !found.includes(undefined) && has(found, sets, seen) !== not
    },
  }
}

/** A set holds what the plan puts there, and the senders that the kernel remembers in it. */
function members(words: Words): (values: readonly Value[], sets: Sets, seen: Seen) => boolean {
  if (words.peek()?.startsWith('@')) {
    const set = words.next().slice(1)
    return (values, sets, seen) => sets.has(set, values) || (values[0] === seen.from && seen.recent.includes(set))
  }
  const isBraced = words.take('{')
  const keys = [keyOf(words)]
  while (words.take(',')) keys.push(keyOf(words))
  if (isBraced && !words.take('}')) words.refuse()
  return (values) => keys.some((key) => isKey(key, values))
}

function bracedVerdicts(words: Words): Elements {
  const elements: (readonly [readonly string[], Verdict])[] = []
  if (!words.take('{')) words.refuse()
  do {
    const key = keyOf(words)
    if (!words.take(':')) words.refuse()
    elements.push([key, verdictOf(words) ?? words.refuse()])
  } while (words.take(','))
  return words.take('}') ? elements : words.refuse()
}

function keyOf(words: Words): readonly string[] {
  const key = [words.next()]
  while (words.take('.')) key.push(words.next())
  return key
}

/** Addresses, ranges of addresses or numbers, names. */
function isValue(text: string, value: Value): boolean {
  if (value === undefined) return false
  if (typeof value === 'number') {
    const [first = '', last = first] = text.split('-')
    return value >= Number(first) && value <= Number(last)
  }
  const range = parseCidr(text)
  const ip = parseIp(value)
  if (range !== undefined) return ip !== undefined && familyOf(range) === familyOf(ip) && contains(range, ip)
  const name = text.startsWith('"') ? text.slice(1, -1) : text
  return name === value || (name.endsWith('*') && value.startsWith(name.slice(0, -1)))
}

function refuse(rule: string, word: string): never {
  throw new Error(`cannot trace "${word}" in the rule: ${rule}`)
}
