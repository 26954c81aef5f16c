/**
 * An imagined packet meets planned rules: which rules it passes, which one decides, where it goes and under whose address. No kernel needed.
 *
 *     from the wire or a Pod:  PREROUTING raw mangle nat ─ routing ┬ to the node: INPUT mangle filter nat
 *                                                                  └ to others:   FORWARD mangle filter ─ POSTROUTING mangle nat
 *     from the node itself:    OUTPUT raw mangle nat filter ─ POSTROUTING mangle nat (─ once more in, when it is to the node itself)
 *
 * A rule with a word this file does not know is an error, never a guess.
 */
import { contains, type Family, type Ip, prefixOf } from '#net/net.ts'
import { type Rule, readRule, type Seen } from './rule.ts'
import type { NodeProgram, Step, Table } from './step.ts'

export type Packet = {
  readonly family: Family
  readonly proto: Seen['proto']
  readonly from: Ip
  readonly sport?: number
  readonly to: Ip
  /** 0 where the protocol has none. */
  readonly dport: number
  /** The device it came in by; absent means the one that the route to the sender leads over. */
  readonly inDev?: string
  /** The node itself sends it. */
  readonly local?: boolean
  /** All addresses of the node but the loopback ones. */
  readonly nodeIPs: readonly Ip[]
  /** NEW unless said; of other states the nat table is not asked. */
  readonly ctstate?: Seen['ctstate']
  readonly mark?: number
  /** Lists of `-m recent` in which the sender stands already. */
  readonly recent?: readonly string[]
}

export type Hop = { readonly table: Table | 'routing'; readonly chain: string; readonly rule: string; readonly hit: boolean }

export type TraceResult = {
  readonly verdict: 'accept' | 'drop' | 'reject'
  readonly to: Ip
  readonly dport: number
  /** It leaves with the node's address as sender. */
  readonly masquerade: boolean
  /** Every rule it was held against, in order. */
  readonly path: readonly Hop[]
}

/** Answers a rule that draws lots: does it say yes, when its odds of that are `probability`? */
export type Draw = (probability: number) => boolean

export function trace(program: NodeProgram, packet: Packet, draw: Draw): TraceResult {
  const walk = walker(program, packet, draw)
  const { seen, path } = walk
  const stopped = packet.local ? sendOut(walk) : comeIn(walk)
  return { verdict: stopped ?? 'accept', to: seen.to, dport: seen.dport, masquerade: walk.masquerade, path }
}

/** Always the first that is offered, for when only one path matters. */
export const firstDrawn: Draw = () => true

/** Every way it may go, with the odds of each: outcomes that differ only in the rules on their way are one, shown by its first path. */
export function possible(program: NodeProgram, packet: Packet): readonly (TraceResult & { readonly probability: number })[] {
  const outcomes = new Map<string, TraceResult & { probability: number }>()
  let answers: boolean[] = []
  for (;;) {
    let [asked, probability] = [0, 1]
    const result = trace(program, packet, (odds) => {
      const answer = answers[asked] ?? true
      answers[asked++] = answer
      probability *= answer ? odds : 1 - odds
      return answer
    })
    const key = `${result.verdict} ${result.to} ${result.dport} ${result.masquerade}`
    const known = outcomes.get(key)
    outcomes.set(key, { ...(known ?? result), probability: (known?.probability ?? 0) + probability })
    const lastYes = answers.lastIndexOf(true)
    if (lastYes < 0) return [...outcomes.values()]
    answers = [...answers.slice(0, lastYes), false]
  }
}

type Stop = 'drop' | 'reject'

/** The packet under way: what it is now, and what became of it so far. */
type Walk = {
  readonly seen: Seen
  readonly path: Hop[]
  readonly tables: Tables
  readonly program: NodeProgram
  masquerade: boolean
}

function walker(program: NodeProgram, packet: Packet, draw: Draw): Walk {
  const { from, sport = 0, to, dport, proto, family, ctstate = 'NEW', mark = 0, recent = [], inDev, local = false } = packet
  const isLocal = (ip: Ip): boolean => isLoopback(ip) || packet.nodeIPs.includes(ip)
  const sets = new Map(program.flatMap((step) => (step.kind === 'ipset' && step.in === undefined ? [[step.name, step] as const] : [])))
  const seen: Seen = {
    ...{ from, sport, to, dport, proto, family, ctstate, mark, recent, isLocal, draw, isTranslated: false },
    setOf: (name) => sets.get(name) ?? unknown(`a rule asks the set ${name}, which is not planned`),
    inDev: local ? undefined : (inDev ?? deviceTo(program, from, isLocal)),
    outDev: undefined,
  }
  return { seen, path: [], tables: tablesOf(program, family), program, masquerade: false }
}

function comeIn(walk: Walk): Stop | undefined {
  const { seen, program } = walk
  const stopped = pass(walk, 'PREROUTING', ['raw', 'mangle', 'nat'])
  if (stopped !== undefined) return stopped
  if (seen.isLocal(seen.to)) return pass(walk, 'INPUT', ['mangle', 'filter', 'nat'])
  seen.outDev = deviceTo(program, seen.to, seen.isLocal)
  const forwarded = pass(walk, 'FORWARD', ['mangle', 'filter'])
  seen.inDev = undefined
  return forwarded ?? pass(walk, 'POSTROUTING', ['mangle', 'nat'])
}

function sendOut(walk: Walk): Stop | undefined {
  const { seen, path, program } = walk
  const route = (): void => {
    seen.outDev = deviceTo(program, seen.to, seen.isLocal)
  }
  route()
  const stopped = pass(walk, 'OUTPUT', ['raw', 'mangle', 'nat'])
  if (stopped !== undefined) return stopped
  route()
  if (isLoopback(seen.from) && !seen.isLocal(seen.to) && !allowsLocalnet(program)) {
    path.push({ table: 'routing', chain: 'OUTPUT', rule: `${seen.from} may not leave the node while route_localnet is 0`, hit: true })
    return 'drop'
  }
  const sent = pass(walk, 'OUTPUT', ['filter']) ?? pass(walk, 'POSTROUTING', ['mangle', 'nat'])
  if (sent !== undefined || !seen.isLocal(seen.to)) return sent
  seen.inDev = 'lo'
  seen.outDev = undefined
  // Its destination was settled on the way out; nat's PREROUTING is not asked again.
  return pass(walk, 'PREROUTING', ['raw', 'mangle']) ?? pass(walk, 'INPUT', ['mangle', 'filter', 'nat'])
}

/** The built-in chains' policy is ACCEPT. */
function pass(walk: Walk, hook: string, tables: readonly Table[]): Stop | undefined {
  for (const table of tables) {
    if (table === 'nat' && walk.seen.ctstate !== 'NEW') continue
    const end = through(walk, table, hook)
    if (end === 'drop' || end === 'reject') return end
  }
  return undefined
}

/** Undefined when the packet comes out at the end of the chain. */
function through(walk: Walk, table: Table, chain: string): Stop | 'accept' | undefined {
  const { seen } = walk
  for (const rule of rulesOf(walk.tables, table, chain)) {
    const hit = rule.checks.every((check) => check(seen))
    walk.path.push({ table, chain, rule: rule.text, hit })
    const { target } = rule
    if (!hit || target === undefined) continue
    switch (target.does) {
      case 'accept':
      case 'drop':
      case 'reject':
        return target.does
      case 'return':
        return undefined
      case 'goto':
        return through(walk, table, target.chain)
      case 'jump': {
        const end = through(walk, table, target.chain)
        if (end !== undefined) return end
        break
      }
      case 'mark':
        seen.mark = target.change(seen.mark)
        break
      case 'dnat':
        seen.to = target.to
        seen.dport = target.port ?? seen.dport
        seen.isTranslated = true
        return 'accept'
      case 'masquerade':
        walk.masquerade = true
        return 'accept'
      default:
        return target satisfies never
    }
  }
  return undefined
}

type Tables = Map<string, readonly string[]>

const readTables = new WeakMap<NodeProgram, Map<Family, Tables>>()

/** The node's own chains by table and name. A jump put first stands above those put first before it. */
function tablesOf(program: NodeProgram, family: Family): Tables {
  const known = readTables.get(program) ?? new Map<Family, Tables>()
  readTables.set(program, known)
  const tables = known.get(family) ?? new Map(BUILT_IN.map((chain) => [chain, jumpsOf(program, family, chain)]))
  if (!known.has(family)) {
    for (const step of program) if (isOurs(step, family) && step.kind === 'chain') tables.set(`${step.table} ${step.chain}`, step.rules)
    known.set(family, tables)
  }
  return tables
}

const BUILT_IN: readonly string[] = [
  ...['raw PREROUTING', 'raw OUTPUT', 'nat PREROUTING', 'nat INPUT', 'nat OUTPUT', 'nat POSTROUTING', 'filter INPUT', 'filter FORWARD', 'filter OUTPUT'],
  ...['mangle PREROUTING', 'mangle INPUT', 'mangle FORWARD', 'mangle OUTPUT', 'mangle POSTROUTING'],
]

function jumpsOf(program: NodeProgram, family: Family, chain: string): readonly string[] {
  const jumps = program.filter((step) => step.kind === 'jump').filter((step) => isOurs(step, family) && `${step.table} ${step.chain}` === chain)
  const rules = (place: 'first' | 'last'): readonly string[] => jumps.filter((step) => step.place === place).map(({ rule }) => rule)
  return [...rules('first').toReversed(), ...rules('last')]
}

const isOurs = (step: Step, family: Family): boolean => step.in === undefined && 'family' in step && step.family === family

const readRules = new WeakMap<readonly string[], readonly Rule[]>()

function rulesOf(tables: Tables, table: Table, chain: string): readonly Rule[] {
  const texts = tables.get(`${table} ${chain}`) ?? unknown(`a rule leads to ${chain}, which is no chain of table ${table} and no target known here`)
  const rules = readRules.get(texts) ?? texts.map(readRule)
  readRules.set(texts, rules)
  return rules
}

const isLoopback = (ip: Ip): boolean => ip === '::1' || ip.startsWith('127.')

const allowsLocalnet = (program: NodeProgram): boolean =>
  program.some((step) => step.kind === 'sysctl' && step.in === undefined && step.key === 'net.ipv4.conf.all.route_localnet' && step.value === '1')

/** By the planned addresses and routes, the longest prefix first. What no Step speaks of is on the machine's wire. */
function deviceTo(program: NodeProgram, ip: Ip, isLocal: (ip: Ip) => boolean): string {
  if (isLocal(ip)) return 'lo'
  const ways = program.flatMap((step) => {
    if (step.in !== undefined) return []
    if (step.kind === 'addr') return [{ to: step.cidr, dev: step.dev }]
    return step.kind === 'route' && step.dev !== undefined ? [{ to: step.to, dev: step.dev }] : []
  })
  const leading = ways.filter(({ to }) => contains(to, ip)).sort((a, b) => prefixOf(b.to) - prefixOf(a.to))
  return leading[0]?.dev ?? WIRE
}

const WIRE = 'eth0'

function unknown(says: string): never {
  throw new Error(says)
}
