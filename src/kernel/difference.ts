/** What must be undone, made and adjusted so that a kernel that holds one program holds another. */
import { addressOf, contains } from '#net/net.ts'
import { keyOf, same } from './identity.ts'
import { inOrder, inReverse } from './order.ts'
import type { NodeProgram, Step } from './step.ts'

export type StepOf<K extends Step['kind']> = Extract<Step, { kind: K }>
export type Link = StepOf<'bridge' | 'vxlan' | 'dummy' | 'veth'>

export type Difference = {
  /** In the order of undoing. */
  readonly undo: readonly Step[]
  /** In the order of making. */
  readonly make: readonly Step[]
  /** Changes that the kernel takes without losing what stands on the thing. */
  readonly adjust: readonly { readonly from: Step; readonly to: Step }[]
}

/** How the kernel was found to differ from what was applied, by key: gone, or there with other content. */
export type Found = ReadonlyMap<string, 'missing' | 'adjust' | 'remake'>

export function difference(applied: NodeProgram, wanted: NodeProgram, found: Found = new Map()): Difference {
  // Ten thousand Services are a hundred thousand Steps, and a change leaves most of them the very same objects.
  if (found.size === 0) {
    const few = apart(applied, wanted)
    const plain = compared({ before: byKey(few.applied), after: byKey(few.wanted), found })
    if (standsAlone(plain)) return picked(plain)
  }
  const all = compared({ before: byKey(applied), after: byKey(wanted), found })
  const { before, after, undo, make, adjust } = all
  const lost = lostPlaces(all)
  for (const key of undo) if (isImplied(before.get(key), lost)) undo.delete(key)
  addDependants({ before, after, undo, make, lost, adjust })
  keepJumpOrder(after, before, undo, make)
  keepNftReferences(after, make, undo)
  return picked(all)
}

/** How far a step may have moved to be found again; what is not found counts as new, which costs time and nothing else. */
const MOVED_MAX = 16

/** Both programs without the steps that are the same objects in the same order. */
export function apart(applied: NodeProgram, wanted: NodeProgram): { readonly applied: NodeProgram; readonly wanted: NodeProgram } {
  const [old, now]: [Step[], Step[]] = [[], []]
  let [i, j] = [0, 0]
  while (i < applied.length && j < wanted.length) {
    const [from, to] = [applied[i], wanted[j]]
    if (from !== to && from !== undefined && to !== undefined) {
      const isReplaced = applied[i + 1] === wanted[j + 1]
      const come = isReplaced ? -1 : wanted.slice(j, j + MOVED_MAX).indexOf(from)
      const gone = isReplaced || come > 0 ? -1 : applied.slice(i, i + MOVED_MAX).indexOf(to)
      now.push(...(come > 0 ? wanted.slice(j, j + come) : gone > 0 ? [] : [to]))
      old.push(...(gone > 0 ? applied.slice(i, i + gone) : come > 0 ? [] : [from]))
      j += Math.max(come, 0)
      i += Math.max(gone, 0)
      if (come > 0 || gone > 0) continue
    }
    i += 1
    j += 1
  }
  return { applied: [...old, ...applied.slice(i)], wanted: [...now, ...wanted.slice(j)] }
}

type Steps = ReadonlyMap<string, Step>
type Compared = {
  readonly before: Steps
  readonly after: Steps
  readonly found: Found
  readonly undo: Set<string>
  readonly make: Set<string>
  readonly adjust: { readonly from: Step; readonly to: Step }[]
}

/** Step by step, without what goes together with others. */
function compared({ before, after, found }: Pick<Compared, 'before' | 'after' | 'found'>): Compared {
  const undo = new Set<string>()
  const make = new Set<string>()
  const adjust: { from: Step; to: Step }[] = []
  for (const key of before.keys()) if (!after.has(key)) undo.add(key)
  for (const [key, to] of after) {
    const from = before.get(key)
    const seen = found.get(key)
    if (from === undefined || seen === 'missing') make.add(key)
    else if (seen !== undefined || !same(from, to)) {
      const how = seen ?? howToChange(from, to)
      if (how === 'adjust' && isAdjustable(to, seen)) adjust.push({ from, to })
      else make.add(key)
      if (how === 'remake') undo.add(key)
    }
  }
  return { before, after, found, undo, make, adjust }
}

/** Nothing else is lost, moved or to be written again because of it. */
function standsAlone({ before, after, undo, make, adjust }: Compared): boolean {
  const isAlone = (step: Step | undefined): boolean =>
    step === undefined ||
    !(isLink(step) || step.kind === 'netns' || step.kind === 'addr' || step.kind === 'jump' || (step.kind === 'nft' && step.object !== 'chain'))
  return [...undo].every((key) => isAlone(before.get(key))) && [...make].every((key) => isAlone(after.get(key))) && !adjust.some(({ to }) => isLink(to))
}

const picked = ({ before, after, undo, make, adjust }: Compared): Difference => ({
  undo: inReverse(pick(before, undo)),
  make: inOrder(pick(after, make)),
  adjust,
})

function byKey(program: NodeProgram): Steps {
  const steps = new Map<string, Step>()
  for (const step of program) steps.set(keyOf(step), step)
  return steps
}

const pick = (steps: ReadonlyMap<string, Step>, keys: ReadonlySet<string>): readonly Step[] =>
  keys.size === 0 ? [] : [...steps].filter(([key]) => keys.has(key)).map(([, step]) => step)

/** Kinds that cannot simply be said again; the words of the others replace. A set found changed is filled anew, for its strangers are not known. */
const isAdjustable = (step: Step, seen: 'adjust' | 'remake' | undefined): boolean =>
  isLink(step) ||
  ((step.kind === 'ipset' || step.kind === 'virtual-server' || (step.kind === 'nft' && (step.object === 'set' || step.object === 'map'))) && seen === undefined)

function howToChange(from: Step, to: Step): 'adjust' | 'remake' {
  if (isLink(to)) return from.kind === to.kind && same(shape(from), shape(to)) ? 'adjust' : 'remake'
  if (to.kind === 'ipset') return from.kind === 'ipset' && from.type === to.type && from.family === to.family ? 'adjust' : 'remake'
  if (to.kind === 'nft') return from.kind === 'nft' && from.object === to.object && from.declared === to.declared ? 'adjust' : 'remake'
  return to.kind === 'addr' || to.kind === 'jump' ? 'remake' : 'adjust'
}

/** A device without what `ip link set` can change on it. */
function shape(step: Step): Step {
  switch (step.kind) {
    case 'bridge': {
      const { mac: _, ...rest } = step
      return { ...rest, mtu: 0 }
    }
    case 'vxlan':
      return { ...step, mtu: 0, mac: '' as typeof step.mac }
    case 'veth': {
      const { mac: _, ...rest } = step
      return { ...rest, mtu: 0, peerMac: '' as typeof step.peerMac }
    }
    default:
      return step
  }
}

export const isLink = (step: Step): step is Link => step.kind === 'bridge' || step.kind === 'vxlan' || step.kind === 'dummy' || step.kind === 'veth'

type Lost = { readonly devices: Set<string>; readonly spaces: ReadonlySet<string> }
const device = (space: string | undefined, dev: string): string => `${space ?? ''} ${dev}`
const endsOf = (link: Link): readonly string[] =>
  link.kind === 'veth' ? [device(link.in, link.dev), device(link.peerIn, link.peer)] : [device(link.in, link.dev)]

/** The kernel takes with a namespace its devices, and with a device all that stands on it: addresses, routes, neighbours, tunnels. */
function lostPlaces(o: {
  readonly before: ReadonlyMap<string, Step>
  readonly after: ReadonlyMap<string, Step>
  readonly undo: Set<string>
  readonly make: Set<string>
  readonly found: Found
}): Lost {
  const spaces = new Set<string>()
  const devices = new Set<string>()
  const lose = (link: Link): void => {
    for (const end of endsOf(link)) devices.add(end)
  }
  for (const [key, step] of o.before) {
    const isGone = o.undo.has(key) || o.found.get(key) === 'missing'
    if (isGone && step.kind === 'netns') spaces.add(step.name)
    if (isGone && isLink(step)) lose(step)
  }
  if (spaces.size + devices.size === 0) return { devices, spaces }
  const links = [...o.after].filter((entry): entry is [string, Link] => isLink(entry[1]))
  // A tunnel over a lost device is lost, and a tunnel over that one; each round finds the next.
  for (let grown = true; grown; ) {
    grown = false
    for (const [key, link] of links) {
      if (endsOf(link).every((end) => devices.has(end)) || !o.before.has(key)) continue
      const isLost =
        (link.in !== undefined && spaces.has(link.in)) ||
        (link.kind === 'veth' && spaces.has(link.peerIn)) ||
        (link.kind === 'vxlan' && devices.has(device(link.in, link.underlay)))
      if (!isLost) continue
      lose(link)
      o.undo.add(key)
      o.make.add(key)
      grown = true
    }
  }
  return { devices, spaces }
}

/** A veth is taken away by name even when its namespace goes: the kernel clears a namespace later, and its name may come back at once. */
function isImplied(step: Step | undefined, lost: Lost): boolean {
  if (step === undefined || step.kind === 'file' || step.kind === 'process') return false
  if (step.in !== undefined && lost.spaces.has(step.in)) return true
  return standsOn(step, (end) => lost.devices.has(end))
}

const standsOn = (step: Step, isLost: (end: string) => boolean): boolean =>
  'dev' in step && step.dev !== undefined && !isLink(step) && isLost(device(step.in, step.dev))

/** What the plan still wants, but what went together with something else. */
function addDependants(o: {
  readonly before: ReadonlyMap<string, Step>
  readonly after: ReadonlyMap<string, Step>
  readonly undo: ReadonlySet<string>
  readonly make: Set<string>
  readonly lost: Lost
  readonly adjust: Difference['adjust']
}): void {
  const { devices, spaces } = o.lost
  /** A device that gets another MAC forgets its neighbours, permanent ones too. */
  const renamed = new Set(o.adjust.flatMap(({ from, to }) => (isLink(from) && isLink(to) && (from === to || macOf(from) !== macOf(to)) ? endsOf(to) : [])))
  const readdressed = [...o.undo].flatMap((key) => o.before.get(key) ?? []).filter((step): step is StepOf<'addr'> => step.kind === 'addr')
  if (devices.size + spaces.size + readdressed.length + renamed.size === 0) return
  const addresses = [...o.before.values(), ...o.after.values()].filter((step): step is StepOf<'addr'> => step.kind === 'addr')
  /** With a device's last address go its routes, with any address the routes that name it as their source. */
  const routeIsLost = (route: StepOf<'route'>): boolean => {
    const owners = addresses.filter((addr) => addr.in === route.in && (route.dev === undefined ? leadsTo(addr, route) : addr.dev === route.dev))
    return (
      owners.some((addr) => devices.has(device(addr.in, addr.dev))) ||
      readdressed.some((addr) => addr.in === route.in && (owners.some((owner) => owner.dev === addr.dev) || addressOf(addr.cidr) === route.src))
    )
  }
  for (const [key, step] of o.after) {
    if (o.make.has(key) || step.kind === 'file' || step.kind === 'process') continue
    const isLost =
      (step.in !== undefined && spaces.has(step.in)) ||
      standsOn(step, (end) => devices.has(end)) ||
      (step.kind === 'port' && devices.has(device(step.in, step.master))) ||
      (step.kind === 'neigh' && renamed.has(device(step.in, step.dev))) ||
      (step.kind === 'route' && routeIsLost(step))
    if (isLost) o.make.add(key)
  }
}

const macOf = (link: Link): string | undefined => (link.kind === 'veth' ? link.peerMac : link.kind === 'dummy' ? undefined : link.mac)
const leadsTo = (addr: StepOf<'addr'>, route: StepOf<'route'>): boolean => route.via !== undefined && contains(addr.cidr, route.via)

/** Jumps of one built-in chain keep the order of the plan: those said later than a new one are made again after it. */
function keepJumpOrder(after: ReadonlyMap<string, Step>, before: ReadonlyMap<string, Step>, undo: Set<string>, make: Set<string>): void {
  const disturbed = new Set<string>()
  for (const [key, step] of after) {
    if (step.kind !== 'jump') continue
    const place = `${step.in ?? ''} ${step.family} ${step.table} ${step.chain} ${step.place}`
    if (make.has(key)) disturbed.add(place)
    else if (disturbed.has(place) && before.has(key)) {
      undo.add(key)
      make.add(key)
    }
  }
}

/** With a table of nftables goes all that is in it; a set that is made anew leaves the rules that ask it, which are then written again. */
function keepNftReferences(after: ReadonlyMap<string, Step>, make: Set<string>, undo: ReadonlySet<string>): void {
  const place = (step: StepOf<'nft'>): string => `${step.in ?? ''} ${step.family} ${step.table}`
  const tables = new Set<string>()
  const sets = new Set<string>()
  for (const key of make) {
    const step = after.get(key)
    if (step?.kind !== 'nft') continue
    if (step.object === 'table') tables.add(place(step))
    else if (step.object !== 'chain' && undo.has(key)) sets.add(`${place(step)} @${step.name}`)
  }
  if (tables.size + sets.size === 0) return
  const asks = (step: StepOf<'nft'>): boolean =>
    step.object === 'chain' && step.rules.some((rule) => (rule.match(/@\S+/g) ?? []).some((set) => sets.has(`${place(step)} ${set}`)))
  for (const [key, step] of after) if (step.kind === 'nft' && (tables.has(place(step)) || asks(step))) make.add(key)
}
