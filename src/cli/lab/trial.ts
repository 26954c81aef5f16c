/** `netlab lab test`: every exercise tried as its author means it, in fresh labs of its own (docs/LABS.md §2 rule 13). */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stopLab } from '#daemon/state.ts'
import { checksOf, type Exercise, solutionOf } from '#exercise/exercise.ts'
import { mutantsOf } from '#exercise/mutants.ts'
import type { Submission } from '#exercise/submission.ts'
import { asDeclared, type Faults, flaky, noticed, noticing, solved, unsolved, type Verdicts, verdictsOf } from '#exercise/trial.ts'
import type { ProbeResult } from '#probe/probe.ts'
import type { CheckFile } from '#probe/schema.ts'
import type { Event } from '#report/event.ts'
import { bringIn, bringInStart } from '../bring.ts'
import { clientOf } from '../client.ts'
import { exerciseNamed } from '../exercises.ts'
import { INTERRUPTED, type Io, isStop, NOT_STARTED, stop, UNDECIDED, USAGE } from '../io.ts'
import type { LabPlace } from '../labs.ts'
import { offer } from '../nearest.ts'
import { plural } from '../print.ts'
import { SILENT } from '../progress.ts'
import { bringUp, type Wish } from '../session.ts'

/** What is wrong is given less time to come true than what is right. */
const WRONG_MS = 8000
/** How long a start may take until what it breaks is broken. */
const START_MS = 40_000

/** How long a mutation may go unnoticed. */
const NOTICE_MS = 15_000

export type Trial = { readonly exercise: string; readonly steps: readonly Step[] }
type Step = { readonly says: string; readonly faults: Faults; readonly undecided: boolean; readonly ms: number }

export type Testing = {
  readonly install: boolean
  readonly json: boolean
  readonly seed: string | undefined /** Of those that an exercise may draw; all of them when not told. */
  readonly fault: string | undefined
  readonly kernel: Wish['kernel']
}

export async function testLab(place: LabPlace, names: readonly string[], o: Testing, outer: Io): Promise<number> {
  const state = mkdtempSync(join(tmpdir(), 'netlab-lab-test-'))
  const io: Io = { ...outer, err: () => {}, env: { ...outer.env, NETLAB_STATE: state } }
  const trials: Trial[] = []
  try {
    for (const exercise of names.flatMap((name) => variantsOf(place, name, o, io)))
      trials.push(await tried(place, exercise, { io, tell: o.json ? () => {} : outer.out, install: o.install, seed: o.seed ?? '', kernel: o.kernel }))
  } finally {
    rmSync(state, { recursive: true, force: true })
  }
  const steps = trials.flatMap((trial) => trial.steps)
  const [faults, open] = [steps.filter((step) => step.faults.length > 0).length, steps.filter((step) => step.undecided).length]
  if (o.json) outer.out(`${JSON.stringify(trials, null, 2)}\n`)
  else
    outer.out(
      `${plural(trials.length, 'exercise')}, ${plural(steps.length, 'trial')}: ${faults === 0 && open === 0 ? 'all as they should be' : `${faults} with faults, ${open} undecided`}\n`,
    )
  return open > 0 ? UNDECIDED : faults > 0 ? 1 : 0
}

/** One that draws a fault is tried with each. */
function variantsOf(place: LabPlace, name: string, { seed = '', fault: only }: Testing, io: Io): readonly Exercise[] {
  const exercise = exerciseNamed(place, name, io.cwd, { seed })
  const among = exercise.fault?.among ?? []
  if (only !== undefined && !among.includes(only)) throw stop(USAGE, `${name} draws no fault "${only}"${offer(only, among)}`)
  if (exercise.fault === undefined) return [exercise]
  return among.filter((fault) => only === undefined || fault === only).map((fault) => exerciseNamed(place, name, io.cwd, { seed, fault }))
}

const nameOf = ({ name, fault }: Exercise): string => (fault === undefined ? name : `${name}: ${fault.name} at ${fault.where}`)

type Trying = { readonly io: Io; readonly tell: (text: string) => void; readonly install: boolean; readonly seed: string; readonly kernel: Wish['kernel'] }

async function tried(place: LabPlace, exercise: Exercise, { io, tell, ...fresh }: Trying): Promise<Trial> {
  tell(`${nameOf(exercise)}\n`)
  const steps: Step[] = []
  const checks = checksOf(exercise, { hidden: true })
  const hasty = capped(checks, WRONG_MS)
  /** Whether the start breaks what it should. */
  let sound = false
  /** What is handed in meets the fault, not a lab that is still on its way there. */
  const inLab = <T>(submissions: readonly Submission[], work: (ask: Ask, bring: Inside['bring']) => Promise<T>) =>
    inFreshLab(place, { io, ...fresh }, async ({ ask, bring }) => {
      await bring(exercise.start, bringInStart)
      if (sound) await until(ask, capped(checks, 0), (found) => unsolved(exercise, found))
      for (const one of submissions) await bring(one)
      return work(ask, bring)
    })
  /** One line of the report. What netlab could not do is no fault of the exercise. */
  const step = async (says: string, work: () => Promise<Made>): Promise<Verdicts> => {
    const from = performance.now()
    const made = await work().catch((thrown: unknown): Made => {
      if (!isStop(thrown) || thrown.exit === INTERRUPTED || thrown.exit === NOT_STARTED || io.signal.aborted)
        throw io.signal.aborted ? stop(INTERRUPTED, 'interrupted') : thrown
      return { faults: [thrown.says], results: [] }
    })
    const ms = performance.now() - from
    const open = made.results.filter(({ verdict }) => verdict === 'error')
    const whole = made.by === undefined ? says : `${says}: by ${made.by.join(', ')}`
    steps.push({ says: whole, faults: made.faults, undecided: open.length > 0, ms })
    tell(`  ${made.faults.length > 0 ? '✗' : open.length > 0 ? '!' : '✓'} ${whole} ${(ms / 1000).toFixed(1)} s\n`)
    // What was seen helps with a fault, and only then.
    const seen = made.faults.length === 0 ? [] : made.results.filter(({ verdict }) => verdict === 'fail').map(({ id, observed }) => `${id} saw: ${observed}`)
    for (const fault of [...made.faults, ...seen, ...open.map(({ id, observed }) => `${id} could not be decided: ${observed}`)]) tell(`      ${fault}\n`)
    return verdictsOf(made.results)
  }

  const solution = solutionOf(exercise)
  await step('unsolved, every scored probe fails', () => inLab([], (ask) => until(ask, capped(checks, 0), (found) => unsolved(exercise, found))))
  sound = steps[0]?.faults.length === 0
  for (const wrong of exercise.wrong)
    await step(`wrong/${wrong.name} gets the verdicts it declares`, () =>
      inLab([wrong.submission], async (ask) => {
        const results = await ask(hasty)
        return { results, faults: asDeclared(wrong, verdictsOf(results)) }
      }),
    )
  const whole = () =>
    inLab(solution, async (ask) => {
      const results = await ask(checks)
      return { results, faults: solved(exercise, verdictsOf(results)) }
    })
  const first = await step('the solution passes', whole)
  const second = await step('and passes again, in another lab', whole)
  for (const id of flaky(first, second)) tell(`      ${id} is not the same twice: ${first[id]}, then ${second[id]}\n`)
  for (const [at, part] of solution.entries())
    for (const { without, submission } of mutantsOf(part))
      await step(`noticed: without ${without}`, () =>
        inLab(solution.with(at, submission), async (ask) => {
          const results = await ask(hasty)
          return { results: results.filter(({ verdict }) => verdict !== 'error'), faults: noticed(exercise, without, verdictsOf(results)) }
        }).catch((thrown: unknown) => {
          // What cannot even be brought in without that part is noticed.
          if (isStop(thrown) && thrown.exit === 1) return { results: [], faults: [] }
          throw thrown
        }),
      )
  for (const { title, submission } of exercise.mutations)
    await step(`noticed: ${title}`, () =>
      inLab(solution, async (ask, bring) => {
        const before = await ask(checks)
        const unwell = solved(exercise, verdictsOf(before))
        if (unwell.length > 0) return { results: before, faults: unwell }
        await bring(submission)
        const { results } = await until(ask, capped(checks, 0), (found) => noticed(exercise, title, found), NOTICE_MS)
        const by = noticing(exercise, verdictsOf(results))
        const decided = results.filter(({ verdict }) => verdict !== 'error')
        return { results: decided, faults: by.length > 0 ? [] : [`with ${title} every probe passes all the same`], ...(by.length > 0 && { by }) }
      }),
    )
  return { exercise: nameOf(exercise), steps }
}

/** What a trial came to; `by` names the probes that noticed. */
type Made = { readonly faults: Faults; readonly results: readonly ProbeResult[]; readonly by?: readonly string[] }
type Ask = (of: CheckFile) => Promise<readonly ProbeResult[]>
type Inside = { readonly ask: Ask; readonly bring: (submission: Submission, by?: typeof bringIn) => Promise<void> }

/** Nothing of the lab is left, whatever comes. */
async function inFreshLab<T>(place: LabPlace, { io, ...fresh }: Omit<Trying, 'tell'>, work: (inside: Inside) => Promise<T>): Promise<T> {
  const { state, end } = await bringUp({ place, wait: true, ...fresh }, io, SILENT)
  let answers: Submission['answers'] = {}
  const bring: Inside['bring'] = async (submission, by = bringIn) => {
    await by(state, submission, io)
    answers = { ...answers, ...submission.answers }
  }
  const ask: Ask = async (checks) => {
    const results: ProbeResult[] = []
    const asked = { method: 'POST', path: '/netlab/v1/check', body: { checks, answers }, signal: io.signal } as const
    for await (const event of clientOf(state.socket).lines<Event>(asked)) if (event.kind === 'result') results.push(event.result)
    return results
  }
  try {
    if (end.exit === NOT_STARTED) throw stop(NOT_STARTED, end.says)
    return await work({ ask, bring })
  } finally {
    await stopLab(state)
  }
}

/** Asked again until there are no faults, or the time is up. */
async function until(ask: Ask, checks: CheckFile, faultsIn: (found: Verdicts) => Faults, ms = START_MS) {
  const deadline = performance.now() + ms
  for (;;) {
    const results = await ask(checks)
    const faults = faultsIn(verdictsOf(results))
    if (faults.length === 0 || performance.now() > deadline) return { results, faults }
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

const capped = ({ groups, ...rest }: CheckFile, ms: number): CheckFile => ({
  ...rest,
  groups: groups.map((group) => ({ ...group, probes: group.probes.map((probe) => ({ ...probe, within: Math.min(probe.within ?? ms, ms) })) })),
})
