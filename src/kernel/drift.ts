/** Where a kernel differs from the plan: a learner's change, a crash, or a bug of ours. Found by asking, told by the Step it concerns. */
import { familyOf, prefixOf } from '#net/net.ts'
import type { Command, Output } from './command.ts'
import { commandsOf, sysctlKey } from './compile.ts'
import { difference, type Found, isLink, type Link, type StepOf } from './difference.ts'
import { failureOf } from './failure.ts'
import { keyOf } from './identity.ts'
import { readServers, savedServer } from './ipvs.ts'
import {
  type Device,
  type Forwarding,
  plain,
  type Route,
  readFiles,
  readForwarding,
  readPolicies,
  readRules,
  readSets,
  readSettings,
  readSpace,
  type Space,
} from './kernelstate.ts'
import { ETHERNET_MTU, speaksIpv6 } from './lines.ts'
import { type NftState, readTables, stateKey } from './nft.ts'
import { type Question, questions } from './observe.ts'
import { FAMILIES, isChain, isJump, restoreArgv } from './rules.ts'
import type { NodeProgram, Step } from './step.ts'
import { say } from './text.ts'

/** As the restore programs take it. */
type Policy = { readonly table: string; readonly chain: string; readonly is: string }

export type Drift = {
  readonly step: Step
  readonly what: 'missing' | 'changed'
  readonly wanted: string
  readonly found: string
  /** Of a chain or set: all that it lacks, of which `wanted` names the first. */
  readonly lacks?: readonly string[]
  /** A device or set that can be mended; without it a changed one is made anew with all that stands on it. */
  readonly inPlace?: boolean
  /** Of a built-in chain that holds what `step` says: what becomes of packets that no rule decides. The rest of it is as wanted. */
  readonly policy?: Policy
}

/** `outputs` are those of `observe(program)`, in its order. @throws StepFailed when a machine cannot be read. */
export function drift(program: NodeProgram, outputs: readonly Output[], machine = 'machine'): readonly Drift[] {
  const state = read(questions(program), outputs, machine)
  return [...program.flatMap((step) => differs(step, state) ?? []), ...policies(state)]
}

/** Puts back what drifted, and what goes or comes with it. */
export const repair = (program: NodeProgram, drifts: readonly Drift[]): readonly Command[] => [
  ...commandsOf(difference(program, program, foundBy(drifts.filter(({ policy }) => policy === undefined))), speaksIpv6(program)),
  ...drifts.flatMap(({ step, policy }) => (policy === undefined ? [] : [restorePolicy(step, policy)])),
]

/** A built-in chain that is declared with --noflush keeps its rules. */
const restorePolicy = (step: Step, { table, chain, is }: Policy): Command => ({
  kind: 'run',
  argv: restoreArgv('family' in step && step.family === 6 ? 6 : 4),
  ...(step.in === undefined ? {} : { in: step.in }),
  stdin: `*${table}\n:${chain} ${is} [0:0]\nCOMMIT\n`,
  does: [step],
})

const foundBy = (drifts: readonly Drift[]): Found =>
  new Map(
    drifts.map(({ step, what, inPlace }) => {
      const isMadeAnew = step.kind === 'addr' || ((isLink(step) || step.kind === 'ipset' || step.kind === 'virtual-server') && inPlace !== true)
      return [keyOf(step), what === 'missing' ? 'missing' : isMadeAnew ? 'remake' : 'adjust'] as const
    }),
  )

/** The part of a program that somebody flushes with `iptables -X` or `nft flush ruleset`, where something in it tells: a canary, or a table of its own. */
export function flushable(program: NodeProgram): NodeProgram {
  const owners = new Set(program.filter(isCanary).map(({ by }) => by))
  return program.filter((step) => step.in === undefined && owners.has(step.by) && isFlushable(step))
}

export const isFlushable = ({ kind }: Step): boolean => kind === 'chain' || kind === 'jump' || kind === 'nft' || kind === 'ipset'
const isCanary = (step: Step): boolean => (step.kind === 'chain' ? step.canary === true : step.kind === 'nft' && step.object === 'table')

/** What to make anew when a canary is gone: all rules of its owner, and what they ask. `outputs` are those of `observe(part)`, `part` is `flushable(…)`. */
export function flushed(part: NodeProgram, outputs: readonly Output[], machine: string): Found | undefined {
  const drifts = drift(part, outputs, machine)
  const owners = new Set(drifts.filter(({ step, what }) => what === 'missing' && isCanary(step)).map(({ step }) => step.by))
  if (owners.size === 0) return undefined
  const all = part.filter((step) => owners.has(step.by) && step.kind === 'chain').map((step) => [keyOf(step), 'adjust'] as const)
  return new Map([...all, ...foundBy(drifts.filter(({ step }) => owners.has(step.by)))])
}

type Rules = ReadonlyMap<string, readonly string[]>
type Seen = {
  readonly space?: Space
  readonly fdb?: readonly Forwarding[]
  readonly settings?: ReadonlyMap<string, string>
  readonly sets?: ReturnType<typeof readSets>
  readonly servers?: ReturnType<typeof readServers>
  readonly files?: ReadonlyMap<string, string>
  readonly absentFiles?: ReadonlySet<string>
  readonly nft?: NftState
  readonly 'nft plan'?: NftState
  readonly rules?: Readonly<Partial<Record<4 | 6, Rules>>>
  readonly plan?: Readonly<Partial<Record<4 | 6, Rules>>>
  readonly policies?: Readonly<Partial<Record<`${'rules' | 'plan'}${4 | 6}`, ReadonlyMap<string, string>>>>
}
type State = { readonly bySpace: ReadonlyMap<string | undefined, Seen>; readonly program: readonly Step[] }
type Difference = Omit<Drift, 'step'>

function read(asked: readonly Question[], outputs: readonly Output[], machine: string): State {
  const bySpace = new Map<string | undefined, Seen>()
  const program: Step[] = []
  asked.forEach((question, index) => {
    const output = outputs[index]
    if (output === undefined) throw new RangeError(`${asked.length} questions, but ${outputs.length} answers`)
    if (question.about === 'plan') program.push(...question.run.does)
    const known = bySpace.get(question.in) ?? {}
    const spaces = bySpace.get(undefined)?.space?.spaces
    // A namespace that is not there cannot be asked; all that should be in it is missing.
    if (question.in !== undefined && spaces !== undefined && !spaces.has(question.in)) return
    bySpace.set(question.in, { ...known, ...readAnswer(question, output, machine, known) })
  })
  return { bySpace, program }
}

function readAnswer(question: Question, output: Output, machine: string, known: Seen): Seen {
  // grep ends with 1 or 2 when a file is empty or absent, and says which.
  const failure = question.about === 'files' && (output.code ?? 3) <= 2 ? undefined : failureOf(machine, question.run, output)
  if (failure !== undefined) throw failure
  switch (question.about) {
    case 'devices':
      return { space: readSpace(output.stdout) }
    case 'fdb':
      return { fdb: readForwarding(output.stdout) }
    case 'settings':
      return { settings: readSettings(output.stdout) }
    case 'sets':
      return { sets: readSets(output.stdout) }
    case 'servers':
      return { servers: readServers(output.stdout) }
    case 'files':
      return {
        files: readFiles(output.stdout),
        absentFiles: new Set([...output.stderr.matchAll(/^grep: (.*): No such file or directory$/gm)].map(([, path = '']) => path)),
      }
    case 'nft':
    case 'nft plan':
      return { [question.about]: readTables(output.stdout) }
    case 'rules':
    case 'plan':
      return {
        [question.about]: { ...known[question.about], [question.family]: readRules(output.stdout) },
        policies: { ...known.policies, [`${question.about}${question.family}`]: readPolicies(output.stdout) },
      }
    default:
      return question satisfies never
  }
}

const missing = (step: Step, found = 'nothing'): Difference => ({ what: 'missing', wanted: say(step), found })
const changed = (step: Step, found: string): Difference => ({ what: 'changed', wanted: say(step), found })

function differs(step: Step, state: State): Drift | undefined {
  const seen = state.bySpace.get(step.in)
  const difference = step.kind === 'process' ? undefined : seen === undefined ? missing(step, `no namespace ${step.in}`) : compare(step, seen, state)
  return difference === undefined ? undefined : { step, ...difference }
}

function compare(step: Step, seen: Seen, state: State): Difference | undefined {
  switch (step.kind) {
    case 'bridge':
    case 'vxlan':
    case 'dummy':
    case 'veth':
      return compareLink(step, seen.space?.devices.get(step.dev), state)
    case 'netns':
      return seen.space?.spaces.has(step.name) ? undefined : missing(step)
    case 'port': {
      const port = seen.space?.devices.get(step.dev)
      if (port?.master === step.master && port.hairpin === step.hairpin) return undefined
      return port?.master === undefined ? missing(step) : changed(step, `port ${step.dev} of ${port.master}${port.hairpin ? ' hairpin' : ''}`)
    }
    case 'addr': {
      const addr = seen.space?.devices.get(step.dev)?.addresses.find(({ cidr }) => cidr === step.cidr)
      if (addr === undefined) return missing(step)
      return addr.scope === (step.scope ?? 'global') ? undefined : changed(step, `addr ${addr.cidr} on ${step.dev} scope ${addr.scope}`)
    }
    case 'up': {
      const dev = seen.space?.devices.get(step.dev)
      if (!dev?.up) return missing(step, dev === undefined ? 'no such device' : `${step.dev} is down`)
      return step.mtu === undefined || step.mtu === dev.mtu ? undefined : changed(step, `${step.dev} mtu ${dev.mtu}`)
    }
    case 'route':
      return compareRoute(step, seen.space?.routes ?? [])
    case 'neigh': {
      const one = seen.space?.neighbours.find(({ ip, dev, permanent }) => ip === step.ip && dev === step.dev && permanent)
      if (one === undefined) return missing(step)
      return one.mac === step.mac ? undefined : changed(step, `neigh ${one.ip} at ${one.mac} on ${one.dev}`)
    }
    case 'fdb': {
      const entries = (seen.fdb ?? []).filter(({ mac, dev, permanent }) => mac === step.mac && dev === step.dev && permanent)
      if (entries.some(({ dst }) => dst === step.dst)) return undefined
      return entries[0] === undefined ? missing(step) : changed(step, `fdb ${step.mac} behind ${entries[0].dst} on ${step.dev}`)
    }
    case 'sysctl': {
      const value = seen.settings?.get(sysctlKey(step))
      if (value === undefined) return missing(step, 'no such setting')
      return value === plain(step.value) ? undefined : changed(step, `sysctl ${step.key} = ${value}`)
    }
    case 'ipset':
      return compareSet(step, seen.sets?.get(step.name))
    case 'virtual-server':
      return compareServer(step, seen.servers)
    case 'file': {
      const text = seen.files?.get(step.path)
      if (seen.absentFiles?.has(step.path)) return missing(step)
      return (text ?? '') === step.text.replace(/\n$/, '') ? undefined : changed(step, firstDifference(step.text.split('\n'), (text ?? '').split('\n')))
    }
    case 'chain':
      return compareChain(step, seen)
    case 'jump':
      return compareJump(step, seen, state)
    case 'nft':
      return compareNft(step, seen)
    case 'process':
      return undefined
    default:
      return step satisfies never
  }
}

function compareLink(step: Link, dev: Device | undefined, state: State): Difference | undefined {
  if (dev === undefined) return missing(step)
  const peer = step.kind === 'veth' ? state.bySpace.get(step.peerIn)?.space?.devices.get(step.peer) : undefined
  if (step.kind === 'veth' && peer === undefined) return changed(step, `${step.dev} without its other end ${step.peer} in ${step.peerIn}`)
  const kind = dev.kind ?? 'a device of another kind'
  if (kind !== step.kind) return changed(step, `${kind} ${step.dev}`)
  if (step.kind === 'dummy') return undefined
  if (step.kind === 'vxlan') {
    const { id, port, local, link, learning } = dev.vxlan ?? { id: 0, port: 0, local: '', link: '', learning: true }
    const isSame = id === step.vni && port === step.port && local === step.local && link === step.underlay && learning === step.learning
    if (!isSame) return changed(step, `vxlan ${step.dev} vni ${id} port ${port} from ${local} over ${link}${learning ? '' : ' nolearning'}`)
  }
  const wantedMac = step.kind === 'veth' ? step.peerMac : step.mac
  const mac = peer?.mac ?? dev.mac
  const mtus = [dev.mtu, ...(peer === undefined ? [] : [peer.mtu])]
  const isOwnMac = step.kind !== 'veth' || step.mac === undefined || dev.mac === step.mac
  const isMtu = mtus.every((mtu) => mtu === step.mtu) || (step.kind === 'bridge' && step.mtu === ETHERNET_MTU && dev.mtu === smallestPort(step, state))
  if (isMtu && isOwnMac && (wantedMac === undefined || mac === wantedMac)) return undefined
  return { ...changed(step, `${step.kind} ${step.dev} mac ${isOwnMac ? mac : dev.mac} mtu ${mtus.join(' and ')}`), inPlace: true }
}

/** A bridge that was given no MTU of its own follows its ports. */
function smallestPort(bridge: Link, state: State): number {
  const devices = [...(state.bySpace.get(bridge.in)?.space?.devices.values() ?? [])]
  return Math.min(...devices.filter(({ master }) => master === bridge.dev).map(({ mtu }) => mtu))
}

function compareRoute(step: StepOf<'route'>, routes: readonly Route[]): Difference | undefined {
  const [address = ''] = step.to.split('/')
  const printed = prefixOf(step.to) === 0 ? 'default' : prefixOf(step.to) === (familyOf(step.to) === 6 ? 128 : 32) ? address : step.to
  const isFamily = (route: Route): boolean =>
    route.to !== 'default' || familyOf(step.to) === (route.via === undefined ? familyOf(step.to) : route.via.includes(':') ? 6 : 4)
  const candidates = routes.filter((route) => route.to === printed && isFamily(route))
  const asWanted = (route: Route): boolean =>
    route.type === (step.type ?? 'unicast') &&
    route.via === step.via &&
    (step.dev === undefined || route.dev === step.dev) &&
    (step.src === undefined || route.src === step.src) &&
    (step.scope === undefined || route.scope === step.scope) &&
    route.onlink === (step.onlink ?? false)
  if (candidates.some(asWanted)) return undefined
  const [other] = candidates
  if (other === undefined) return missing(step)
  const words = [
    other.type === 'unicast' ? '' : `${other.type} `,
    other.to,
    other.via && ` via ${other.via}`,
    other.dev && ` dev ${other.dev}`,
    other.onlink && ' onlink',
  ]
  return changed(step, `route ${words.filter(Boolean).join('')}`)
}

function compareSet(step: StepOf<'ipset'>, set: { readonly type: string; readonly members: readonly string[] } | undefined): Difference | undefined {
  if (set === undefined) return missing(step)
  if (set.type !== step.type) return changed(step, `ipset ${step.name} ${set.type}`)
  // A range of one address is printed without its length.
  const short = (member: string): string => member.replace(/\/(32|128)(?=$|,)/g, '')
  const [wanted, found] = [step.members.map(short).sort(), set.members.map(short).sort()]
  return wanted.join() === found.join() ? undefined : { what: 'changed', ...strangers(wanted, found, say(step)), inPlace: true }
}

/** Real servers of weight 0 that nobody wants are ending their connections. */
function compareServer(step: StepOf<'virtual-server'>, servers: Seen['servers']): Difference | undefined {
  const { name, settings, reals } = savedServer(step)
  const found = servers?.get(name)
  if (found === undefined) return missing(step)
  if (found.settings !== settings) return changed(step, `virtual-server ${found.settings}`)
  const there = found.reals.filter((one) => reals.includes(one) || !one.endsWith(' -w 0'))
  return reals.toSorted().join() === there.toSorted().join() ? undefined : { what: 'changed', ...strangers(reals, there, say(step)) }
}

function compareChain(step: StepOf<'chain'>, seen: Seen): Difference | undefined {
  const name = `${step.table} ${step.chain}`
  const wanted = seen.plan?.[step.family]?.get(name)
  if (wanted === undefined) throw new RangeError(`the plan's own rules were read back without chain ${name}`)
  const found = seen.rules?.[step.family]?.get(name)
  if (found === undefined) return missing(step)
  return wanted.join('\n') === found.join('\n') ? undefined : { what: 'changed', ...strangers(wanted, found, say(step)) }
}

/**
 * No component wants a policy: packets pass that no rule decides, as in a kernel that nobody has touched, which is what the plan was read back from. Told by
 * who has a jump in that chain, else by who has anything in that table.
 */
function policies(state: State): readonly Drift[] {
  return [...state.bySpace].flatMap(([space, seen]) =>
    FAMILIES.flatMap((family) =>
      [...(seen.policies?.[`plan${family}`] ?? [])].flatMap(([name, is]): readonly Drift[] => {
        const found = seen.policies?.[`rules${family}`]?.get(name)
        if (found === undefined || found === is) return []
        const [table = '', chain = ''] = name.split(' ')
        const own = state.program.filter((one) => (isJump(one) || isChain(one)) && one.in === space && one.family === family && one.table === table)
        const step = own.find((one) => isJump(one) && one.chain === chain) ?? own[0]
        return step === undefined
          ? []
          : [{ step, what: 'changed', wanted: `${table} ${chain}: policy ${is}`, found: `policy ${found}`, policy: { table, chain, is } }]
      }),
    ),
  )
}

function compareNft(step: StepOf<'nft'>, seen: Seen): Difference | undefined {
  const key = stateKey(step)
  const [wanted, found] = [seen['nft plan']?.get(key), seen.nft?.get(key)]
  if (wanted === undefined) throw new RangeError(`the plan's own tables were read back without ${key}`)
  if (found === undefined) return missing(step)
  return wanted.join('\n') === found.join('\n') ? undefined : { what: 'changed', ...strangers(wanted, found, say(step)) }
}

/** Names the first thing that lacks and the first that is too many. */
function strangers(wanted: readonly string[], found: readonly string[], where: string): Pick<Drift, 'wanted' | 'found' | 'lacks'> {
  const there = new Set(found)
  const all = wanted.filter((one) => !there.has(one)).map((one) => `${where}: ${one}`)
  const [lacks] = all
  const extra = found.find((one) => !wanted.includes(one))
  if (lacks === undefined && extra === undefined) return { wanted: `${where}: ${wanted.length} in this order`, found: `${found.length} in another order` }
  return {
    wanted: lacks ?? `${where}: no more`,
    found: extra ?? (found.length === 0 ? 'empty' : 'the others without it'),
    ...(all.length > 1 ? { lacks: all } : {}),
  }
}

/** In the throw-away namespace a built-in chain holds nothing but the plan's jumps: those put first in reverse, then those put last. */
function compareJump(step: StepOf<'jump'>, seen: Seen, state: State): Difference | undefined {
  const name = `${step.table} ${step.chain}`
  const siblings = state.program.filter(
    (one): one is StepOf<'jump'> => isJump(one) && one.in === step.in && one.family === step.family && `${one.table} ${one.chain}` === name,
  )
  const printed = [...siblings.filter(({ place }) => place === 'first').toReversed(), ...siblings.filter(({ place }) => place === 'last')]
  const rule = seen.plan?.[step.family]?.get(name)?.[printed.findIndex((one) => keyOf(one) === keyOf(step))]
  if (rule === undefined) throw new RangeError(`the plan's own rules were read back without the jump ${say(step)}`)
  return seen.rules?.[step.family]?.get(name)?.includes(rule) ? undefined : missing(step)
}

function firstDifference(wanted: readonly string[], found: readonly string[]): string {
  const at = wanted.findIndex((line, index) => line !== found[index])
  return `line ${at + 1}: ${found[at] ?? 'nothing'}`
}
