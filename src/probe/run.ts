/** Runs a check: groups one after another, their probes side by side, each until it holds or its time is up. Clock, programs and API are handed in. */
import { attempt, type Hands } from './attempt.ts'
import { ERROR_ATTEMPTS, isNegative, NEGATIVE_ATTEMPTS, POLL_MAX, patience, pauseAfter } from './defaults.ts'
import type { ProbeResult, Verdict } from './probe.ts'
import type { Finding } from './question.ts'
import type { CheckFile, Group, Probe } from './schema.ts'
import { doSteps, undoAll } from './steps.ts'
import type { Act, World } from './world.ts'

export type { Act, World } from './world.ts'

const SIDE_BY_SIDE = 4

/** Results in the order of the check; of an aborted run those that came. What groups did to the lab is undone in any case. */
export async function runChecks(checks: CheckFile, world: World): Promise<readonly ProbeResult[]> {
  const groups = chosen(checks, world.only)
  world.emit({ kind: 'probes', probes: groups.flatMap((group) => group.probes.map(({ id, title }) => ({ id, title, group: group.title }))) })
  const hands = handsOf(checks, world)
  const results = new Map<string, ProbeResult>()
  for (const group of groups) {
    if (world.signal.aborted) break
    await runGroup(group, { world, hands, results })
  }
  return groups.flatMap((group) => group.probes.flatMap((probe) => results.get(probe.id) ?? []))
}

type Running = { readonly world: World; readonly hands: Hands; readonly results: Map<string, ProbeResult> }

/** Groups cut to what is asked for, with everything it needs. */
function chosen(checks: CheckFile, only: readonly string[] | undefined): readonly Group[] {
  if (only === undefined || only.length === 0) return checks.groups
  const all = new Map(checks.groups.flatMap((group) => group.probes.map((probe) => [probe.id, probe] as const)))
  const wanted = new Set<string>()
  const want = (id: string): void => {
    if (wanted.has(id)) return
    wanted.add(id)
    for (const needed of all.get(id)?.needs ?? []) want(needed)
  }
  for (const group of checks.groups) for (const { id } of group.probes) if (only.includes(id) || only.includes(group.id)) want(id)
  return checks.groups.map((group) => ({ ...group, probes: group.probes.filter((probe) => wanted.has(probe.id)) })).filter((group) => group.probes.length > 0)
}

export function handsOf(checks: CheckFile, world: World): Hands {
  let count = 0
  return {
    ...world,
    probes: new Map(checks.groups.flatMap((group) => group.probes.map((probe) => [probe.id, probe] as const))),
    was: {},
    nonce: () => world.nonce(count++),
  }
}

async function runGroup(group: Group, { world, hands, results }: Running): Promise<void> {
  const undo: Act[] = []
  try {
    const done = await doSteps(group.steps, hands, undo)
    if (done.failed !== undefined) {
      for (const probe of group.probes) settle(broken(probe, group, done.failed), { world, results })
      return
    }
    await runProbes(group, { world, hands: { ...hands, was: { ...hands.was, ...done.was } }, results })
  } finally {
    await undoAll(undo, world)
  }
}

/** A probe that watches others' packets or counters, or that disturbs, runs alone, the others up to four at a time. */
async function runProbes(group: Group, running: Running): Promise<void> {
  const waiting = [...group.probes]
  const going = new Map<string, Promise<void>>()
  let alone = false
  while ((waiting.length > 0 || going.size > 0) && !(running.world.signal.aborted && going.size === 0)) {
    const at = waiting.findIndex((probe) => probe.needs.every((id) => running.results.has(id) || !group.probes.some((other) => other.id === id)))
    const next = waiting[at]
    const fits = next !== undefined && !alone && going.size < SIDE_BY_SIDE && !(watches(next) && going.size > 0)
    if (next === undefined || !fits || running.world.signal.aborted) {
      if (going.size === 0) break
      await Promise.race(going.values())
      continue
    }
    waiting.splice(at, 1)
    alone = watches(next)
    going.set(
      next.id,
      runProbe(next, group, running).finally(() => {
        going.delete(next.id)
        if (watches(next)) alone = false
      }),
    )
  }
}

export const watches = (probe: Probe): boolean => probe.kind === 'capture' || disturbs(probe) || (probe.kind === 'iptables' && probe.of.grew !== undefined)

/** It changes the lab while it asks. */
export const disturbs = (probe: Probe): boolean => probe.kind === 'converge'

async function runProbe(probe: Probe, group: Group, { world, hands, results }: Running): Promise<void> {
  const unmet = probe.needs.find((id) => results.get(id)?.verdict !== 'pass')
  if (unmet !== undefined) {
    const verdict = results.get(unmet)?.verdict
    settle(blocked(probe, group, { unmet, verdict }), { world, results })
    return
  }
  world.emit({ kind: 'probing', id: probe.id })
  const begun = world.clock.now()
  const tries = await until(probe, hands)
  const last = tries.at(-1)
  if (last === undefined || world.signal.aborted) return
  const attempts = tries.map(({ ms, finding }) => ({ ms, verdict: finding.verdict, observed: finding.observed }))
  settle({ ...empty(probe, group), ...last.finding, attempts, ms: world.clock.now() - begun }, { world, results })
}

export type Try = { readonly ms: number; readonly finding: Finding }

/** Attempts until the probe holds for as long as it should, or until its time is up. Time to hold is not counted against time to come true. */
export async function until(probe: Probe, hands: Hands): Promise<readonly Try[]> {
  const { clock, signal, slowness = 1 } = hands
  const [limits, begun, tries] = [patience(probe, slowness), clock.now(), [] as Try[]]
  const enough = isNegative(probe) && limits.for > 0 ? NEGATIVE_ATTEMPTS : 1
  let [passing, held, errors, pauses]: [number | undefined, number, number, number] = [undefined, 0, 0, 0]
  while (!signal.aborted) {
    const at = clock.now()
    const finding = await attempt(probe, hands)
    if (signal.aborted) break
    const now = clock.now()
    tries.push({ ms: now - at, finding })
    const passed = finding.verdict === 'pass'
    pauses = passed === (passing !== undefined) ? pauses + 1 : 1
    passing = passed ? (passing ?? at) : undefined
    held = passed ? held + 1 : 0
    errors = finding.verdict === 'error' ? errors + 1 : 0
    if (passing !== undefined && held >= enough && now - passing >= limits.for) break
    const left = passed ? limits.for - (now - (passing ?? now)) : limits.within - (now - begun)
    if (!passed && (left <= 0 || errors >= ERROR_ATTEMPTS)) break
    const pause = Math.max(1, Math.min(pauseAfter(pauses), passed && left <= 0 ? POLL_MAX : left))
    await clock.sleep(pause, signal).catch(() => undefined)
  }
  return tries
}

export const empty = (probe: Probe, group: Group): Omit<ProbeResult, 'verdict' | 'expected' | 'observed'> => ({
  id: probe.id,
  title: probe.title,
  group: group.title,
  evidence: [],
  reproduce: '',
  ...(probe.why === undefined ? {} : { why: probe.why }),
  attempts: [],
  ms: 0,
  points: probe.points,
})

export const blocked = (probe: Probe, group: Group, { unmet, verdict }: { readonly unmet: string; readonly verdict: Verdict | undefined }): ProbeResult => ({
  ...empty(probe, group),
  verdict: 'blocked',
  expected: `${unmet} first`,
  observed: `needs ${unmet}, which ${verdict === undefined ? 'was not run' : `did not pass (${verdict})`}`,
})

const broken = (probe: Probe, group: Group, says: string): ProbeResult => ({
  ...empty(probe, group),
  verdict: 'error' satisfies Verdict,
  expected: 'the steps before it are done',
  observed: says,
})

function settle(result: ProbeResult, { world, results }: { readonly world: World; readonly results: Map<string, ProbeResult> }): void {
  results.set(result.id, result)
  world.emit({ kind: 'result', result })
}
