/**
 * An imagined packet meets planned rules: which rules it passes, which one decides, where it goes and under whose address. No kernel needed.
 *
 *     from the wire or a Pod:  PREROUTING ─ routing ┬ to the node: INPUT ──┬ to a program
 *                                                   │                      └ IPVS: another destination ─ OUTPUT ─ POSTROUTING
 *                                                   └ to others:   FORWARD ─ POSTROUTING
 *     from the node itself:    OUTPUT (┬ IPVS: another destination ─ OUTPUT) ─ POSTROUTING (─ once more in, when it is to the node itself)
 *
 * At each place the kernel asks, by priority, the tables of iptables, the chains of nftables that hook in there, and IPVS: whatever of these a
 * node's plan holds is asked, so that all modes of kube-proxy, and what a network plugin adds to them, are walked by the same way.
 * A rule with a word that is not known here is an error, never a guess.
 */
import { contains, type Family, type Ip, prefixOf } from '#net/net.ts'
import type { Seen } from './rule.ts'
import type { NodeProgram } from './step.ts'
import { type Asked, type Draw, type Hook, type Hop, PRIORITY, type Stop, unknown, type Walk } from './walk.ts'
import { serversAt } from './walkipvs.ts'
import { nftChainsAt } from './walknft.ts'
import { tablesAt } from './walktables.ts'

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
  /** The node itself sends it: from its own address or, as the kernel chooses, from the destination where that is the node's too. */
  readonly local?: boolean
  /** All addresses of the node but the loopback ones. */
  readonly nodeIPs: readonly Ip[]
  /** NEW unless said; of other states nat and IPVS are not asked. */
  readonly ctstate?: Seen['ctstate']
  readonly mark?: number
  /** Where the kernel remembers the sender already, as an earlier trace's `remembered` names it. */
  readonly recent?: readonly string[]
}

export type TraceResult = {
  readonly verdict: 'accept' | 'drop' | 'reject'
  /** The sender that the destination sees unless it is masqueraded. */
  readonly from: Ip
  readonly to: Ip
  readonly dport: number
  /** It leaves with the node's address as sender. */
  readonly masquerade: boolean
  /** What remembers its sender now: lists of `-m recent`, sets of nftables, real servers of IPVS. */
  readonly remembered: readonly string[]
  /** Every rule it was held against, in order. */
  readonly path: readonly Hop[]
}

export function trace(program: NodeProgram, packet: Packet, draw: Draw): TraceResult {
  const walk = walker(program, packet, draw)
  const { seen, path } = walk
  const stopped = packet.local ? sendOut(walk) : comeIn(walk)
  const { from, to, dport, remembered } = seen
  return { verdict: stopped ?? 'accept', from, to, dport, masquerade: walk.masquerade, remembered, path }
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

function walker(program: NodeProgram, packet: Packet, draw: Draw): Walk {
  const { from: sender, sport = 0, to, dport, proto, family, ctstate = 'NEW', mark = 0, recent = [], local = false } = packet
  const isLocal = (ip: Ip): boolean => isLoopback(ip) || packet.nodeIPs.includes(ip)
  const sets = new Map(program.flatMap((step) => (step.kind === 'ipset' && step.in === undefined ? [[step.name, step] as const] : [])))
  const from = local && packet.nodeIPs.includes(to) && !isLoopback(sender) ? to : sender
  const wayBack = deviceTo(program, from, isLocal)
  const inDev = local ? undefined : (packet.inDev ?? wayBack)
  const seen: Seen = {
    ...{ from, sport, to, dport, proto, family, ctstate, mark, recent, isLocal, draw, inDev, wayBack },
    ...{ remembered: [], virtual: undefined, isTranslated: false, outDev: undefined },
    isBridged: program.some((step) => step.kind === 'bridge' && step.in === undefined && step.dev === inDev),
    setOf: (name) => sets.get(name) ?? unknown(`a rule asks the set ${name}, which is not planned`),
  }
  return { seen, path: [], program, masquerade: false }
}

function comeIn(walk: Walk): Stop | undefined {
  const { seen, program } = walk
  const stopped = pass(walk, 'PREROUTING')
  if (stopped !== undefined && stopped !== 'taken') return stopped
  if (seen.isLocal(seen.to)) {
    const end = pass(walk, 'INPUT')
    return end === 'taken' ? sendOn(walk) : end
  }
  seen.outDev = deviceTo(program, seen.to, seen.isLocal)
  const forwarded = pass(walk, 'FORWARD')
  seen.inDev = undefined
  return (forwarded === 'taken' ? undefined : forwarded) ?? leave(walk)
}

function sendOut(walk: Walk): Stop | undefined {
  const { seen, program } = walk
  seen.outDev = deviceTo(program, seen.to, seen.isLocal)
  const sent = pass(walk, 'OUTPUT')
  if (sent === 'taken') return sendOn(walk)
  const left = sent ?? leave(walk)
  if (left !== undefined || !seen.isLocal(seen.to)) return left
  seen.inDev = 'lo'
  seen.outDev = undefined
  // Its destination was settled on the way out; nat is not asked again.
  const end = pass(walk, 'PREROUTING', false) ?? pass(walk, 'INPUT', false)
  return end === 'taken' ? sendOn(walk) : end
}

/** What IPVS gave a new destination goes out as if the node sent it; nat's OUTPUT is not asked, for the connection's destination was settled before. */
function sendOn(walk: Walk): Stop | undefined {
  const { seen, program } = walk
  seen.inDev = undefined
  seen.outDev = deviceTo(program, seen.to, seen.isLocal)
  const sent = pass(walk, 'OUTPUT', false)
  return (sent === 'taken' ? undefined : sent) ?? leave(walk)
}

function leave(walk: Walk): Stop | undefined {
  const end = pass(walk, 'POSTROUTING')
  return end === 'taken' ? undefined : end
}

/** The built-in chains' policy is ACCEPT. Of chains that rewrite an address the first that does so is the last one asked. */
function pass(walk: Walk, hook: Hook, nat = walk.seen.ctstate === 'NEW'): Stop | 'taken' | undefined {
  const { seen } = walk
  const addresses = (): string => `${seen.to} ${seen.dport} ${walk.masquerade}`
  const before = addresses()
  for (const { isNat, ask } of askedAt(walk, hook)) {
    if (isNat && (!nat || addresses() !== before)) continue
    const end = ask()
    if (end !== undefined) return end
  }
  return undefined
}

function askedAt(walk: Walk, hook: Hook): readonly Asked[] {
  const asked = [
    ...tablesAt(walk, hook),
    ...nftChainsAt(walk, hook),
    ...serversAt(walk, hook),
    ...(hook === 'OUTPUT' ? [{ priority: PRIORITY.dstnat + 1, isNat: false, ask: () => route(walk) }] : []),
  ]
  return asked.sort((a, b) => a.priority - b.priority)
}

/** Where what the node sends goes is asked anew when nat gave it another destination. */
function route({ seen, path, program }: Walk): Stop | undefined {
  seen.outDev = deviceTo(program, seen.to, seen.isLocal)
  if (!isLoopback(seen.from) || seen.isLocal(seen.to) || allowsLocalnet(program)) return undefined
  path.push({ table: 'routing', chain: 'OUTPUT', rule: `${seen.from} may not leave the node while route_localnet is 0`, hit: true })
  return 'drop'
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
