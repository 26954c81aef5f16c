/** From one program to another in few processes: everything of one namespace and one tool goes into one call. */
import type { Family } from '#net/net.ts'
import type { Command, Run } from './command.ts'
import { type Difference, difference, type Found, type StepOf } from './difference.ts'
import { keyOf } from './identity.ts'
import { serverRuns } from './ipvs.ts'
import { adjustLines, type Line, makeLines, speaksIpv6, undoLines } from './lines.ts'
import { NFT, nftLines } from './nft.ts'
import { isLate, turnOf } from './order.ts'
import {
  FAMILIES,
  isChain,
  isJump,
  jumpMove,
  jumpRemoval,
  readsFirst,
  restoreArgv,
  restoreInput,
  setComers,
  setLeavers,
  setLines,
  setRemoval,
} from './rules.ts'
import type { NodeProgram, Step } from './step.ts'

/** The machine's own namespace first, then its others, which do not depend on one another. */
export function change(applied: NodeProgram, wanted: NodeProgram, found?: Found): readonly Command[] {
  const what = difference(applied, wanted, found)
  const made = new Set(what.make)
  return commandsOf(
    what,
    speaksIpv6(wanted),
    wanted.filter(isChain).filter((step) => step.canary === true && !made.has(step)),
  )
}

/** `canaries`: those that stand, and are to stand. */
export function commandsOf(what: Difference, ipv6: boolean, canaries: readonly StepOf<'chain'>[] = []): readonly Command[] {
  const spaces = new Map<string | undefined, Work>([[undefined, { undo: [], make: [], adjust: [] }]])
  const work = (space: string | undefined): Work => {
    const known = spaces.get(space) ?? { undo: [], make: [], adjust: [] }
    spaces.set(space, known)
    return known
  }
  for (const step of what.undo) work(step.in).undo.push(step)
  for (const step of what.make) work(step.in).make.push(step)
  for (const one of what.adjust) {
    work(one.to.in).adjust.push(one)
    if (one.to.kind === 'veth') work(one.to.peerIn)
  }
  const ends = what.adjust.flatMap(({ from, to }) => adjustLines(from, to))
  return [
    ...[...spaces].flatMap(([space, its]) =>
      inSpace(
        space,
        its,
        ends.filter((line) => line.in === space),
        { ipv6, canaries: canaries.filter((step) => step.in === space) },
      ),
    ),
    ...files(what),
  ]
}

type Work = { readonly undo: Step[]; readonly make: Step[]; readonly adjust: { readonly from: Step; readonly to: Step }[] }

type Kernel = { readonly ipv6: boolean; readonly canaries: readonly StepOf<'chain'>[] }

function inSpace(space: string | undefined, work: Work, adjusted: readonly Line[], { ipv6, canaries }: Kernel): readonly Command[] {
  const undone = undoLines(work.undo)
  const made = work.make.flatMap((step) => makeLines(step, ipv6))
  const ofTool = (lines: readonly Line[], tool: Line['tool']): readonly Line[] => lines.filter((line) => line.tool === tool)
  const settings = work.make.filter((step): step is StepOf<'sysctl'> => step.kind === 'sysctl')
  const ofDevices = settings.filter((step) => step.dev !== undefined)
  const isEarly = (line: Line): boolean => ofDevices[0] === undefined || turnOf(line.step) < turnOf(ofDevices[0])
  const links = ofTool(made, 'ip')
  return [
    ...sysctl(
      space,
      settings.filter((step) => step.dev === undefined && !isLate(step)),
    ),
    ...batch('ip', space, ofTool(undone, 'ip'), [...adjusted, ...links.filter(isEarly)]),
    ...sysctl(space, ofDevices),
    ...batch(
      'ip',
      space,
      [],
      links.filter((line) => !isEarly(line)),
    ),
    ...batch('bridge', space, ofTool(undone, 'bridge'), ofTool(made, 'bridge')),
    ...rules(space, work, canaries),
    ...nft(space, work),
    ...serverRuns(space, work),
    ...sysctl(space, settings.filter(isLate)),
  ]
}

const within = (space: string | undefined): { readonly in?: string } => (space === undefined ? {} : { in: space })

/** Undoing goes on after a failure, to come past what is gone already. */
function batch(tool: Line['tool'], space: string | undefined, undo: readonly Line[], make: readonly Line[]): readonly Run[] {
  const all = [...undo, ...make]
  if (all.length === 0) return []
  const lines = all.map((line) => line.step)
  return [
    {
      kind: 'run',
      argv: [tool, ...(undo.length > 0 ? ['-force'] : []), '-batch', '-'],
      ...within(space),
      stdin: all.map((line) => `${line.text}\n`).join(''),
      does: [...new Set(lines)],
      lines,
      ...(undo.length > 0 ? { undoes: undo.length } : {}),
    },
  ]
}

/** A setting that nobody wants any more is left as it is: what it was before is not known, and it harms nobody. */
function sysctl(space: string | undefined, steps: readonly StepOf<'sysctl'>[]): readonly Run[] {
  if (steps.length === 0) return []
  return [{ kind: 'run', argv: ['sysctl', '-q', '-w', ...steps.map((step) => `${sysctlKey(step)}=${step.value}`)], ...within(space), does: steps }]
}

/** sysctl(8) writes a dot inside a device's name as a slash. */
export const sysctlKey = (step: StepOf<'sysctl'>): string =>
  step.dev === undefined ? step.key : step.key.replace(`.${step.dev}.`, `.${step.dev.replaceAll('.', '/')}.`)

/**
 * New sets, and what leaves sets, before the chains that ask them; what comes into sets, and gone sets, after. So at every moment a packet is let
 * through by what was wanted before or by what is wanted now, and never by an old rule that meets a new member.
 */
function rules(space: string | undefined, work: Work, canaries: readonly StepOf<'chain'>[]): readonly Run[] {
  const { undo, make, adjust } = work
  if (![...undo, ...make].some((step) => isChain(step) || isJump(step) || step.kind === 'ipset') && adjust.length === 0) return []
  const isSet = (step: Step): step is StepOf<'ipset'> => step.kind === 'ipset'
  const newSets = make.filter(isSet)
  const changedSets = adjust.flatMap(({ from, to }) => (isSet(from) && isSet(to) ? [{ from, to }] : []))
  const goneSets = undo.filter(isSet)
  const setsMadeAnew = goneSets.filter((step) => newSets.some((set) => set.name === step.name))
  const setsGoneForGood = goneSets.filter((step) => !setsMadeAnew.includes(step))
  const run: Runs = (argv, stdin, does, undoes) =>
    stdin === ''
      ? []
      : [{ kind: 'run', argv, ...within(space), stdin, ...(readsFirst(stdin) ? { quiet: true } : {}), does, ...(undoes === undefined ? {} : { undoes }) }]
  const sets = (lines: readonly string[], does: readonly Step[]): readonly Run[] =>
    run(['ipset', 'restore', '-exist'], lines.map((line) => `${line}\n`).join(''), does)
  const before = [...setsMadeAnew.flatMap(setRemoval), ...newSets.flatMap(setLines), ...changedSets.flatMap(({ from, to }) => setLeavers(from, to))]
  const after = [...changedSets.flatMap(({ from, to }) => setComers(from, to)), ...setsGoneForGood.flatMap(setRemoval)]
  const changed = changedSets.map(({ to }) => to)
  const chains = FAMILIES.flatMap((family) => ofFamily(family, work, canaries, run))
  if (chains.length === 0) return sets([...before, ...after], [...newSets, ...changed, ...setsGoneForGood])
  return [...sets(before, [...newSets, ...changed]), ...chains, ...sets(after, [...changed, ...setsGoneForGood])]
}

type Runs = (argv: readonly string[], stdin: string, does: readonly Step[], undoes?: number) => readonly Run[]

/** A jump that only changes its place stands twice for a moment, rather than not at all. */
function ofFamily(family: Family, { undo, make }: Work, canaries: readonly StepOf<'chain'>[], run: Runs): readonly Run[] {
  const mine = <S extends Step & { family: Family }>(steps: readonly S[]): readonly S[] => steps.filter((step) => step.family === family)
  const jumps = mine(make.filter(isJump))
  const made = new Set(jumps.map(keyOf))
  const [moved, goneJumps] = [new Set<string>(), [] as StepOf<'jump'>[]]
  for (const step of mine(undo.filter(isJump))) made.has(keyOf(step)) ? moved.add(keyOf(step)) : goneJumps.push(step)
  const gone = mine(undo.filter(isChain))
  const chains = mine(make.filter(isChain))
  // From the first that stands twice on, each is put where it belongs once more, so that they keep their order.
  const rest = moved.size === 0 ? [] : jumps.slice(jumps.findIndex((step) => moved.has(keyOf(step))))
  const asked = canaries.filter((one) => [...chains, ...gone].some(({ by, table }) => by === one.by && table === one.table))
  return [
    ...goneJumps.flatMap((step) => run(restoreArgv(family), jumpRemoval(step), [step], 2)),
    ...run(restoreArgv(family), restoreInput({ chains, jumps, gone, canaries: asked }, family), [...chains, ...jumps, ...gone]),
    ...rest.flatMap((step) => run(restoreArgv(family), jumpMove(step, moved.has(keyOf(step)) ? 2 : 1), [step], 3)),
  ]
}

/** Everything of nftables in one transaction: the kernel changes over in one go, or not at all. */
function nft(space: string | undefined, work: Work): readonly Run[] {
  const lines = nftLines(work)
  if (lines.length === 0) return []
  const steps = lines.map((line) => line.step)
  return [{ kind: 'run', argv: NFT, ...within(space), stdin: lines.map((line) => `${line.text}\n`).join(''), does: [...new Set(steps)], lines: steps }]
}

function files(what: Difference): readonly Command[] {
  const isFile = (step: Step): step is StepOf<'file'> => step.kind === 'file'
  const gone = what.undo.filter(isFile)
  const made = what.make.filter(isFile)
  if (gone.length + made.length === 0) return []
  return [
    {
      kind: 'write',
      files: [...gone.map(({ path }) => ({ path })), ...made.map(({ path, text, mode }) => ({ path, text, ...(mode === undefined ? {} : { mode }) }))],
      does: [...gone, ...made],
    },
  ]
}
