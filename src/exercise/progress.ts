/** How far a learner has come. A tick stays once it was earned; that the lab is broken again is told beside it. */
import type { ProbeResult, Verdict } from '#probe/probe.ts'
import type { Exercise, Hint, Task } from './exercise.ts'

export type Progress = {
  /** The task that is being done. */
  readonly task: string
  /** Probes that have passed once. */
  readonly ticks: readonly string[]
  /** Places of the hints given, by task. */
  readonly hints: Readonly<Record<string, readonly number[]>>
  readonly answers: Readonly<Record<string, string>>
}

export type Results = ReadonlyMap<string, Pick<ProbeResult, 'verdict' | 'expected' | 'observed' | 'reproduce'>>

export const fresh = (exercise: Exercise): Progress => ({ task: exercise.tasks[0]?.id ?? '', ticks: [], hints: {}, answers: {} })

export const taskOf = (exercise: Exercise, progress: Progress): Task => exercise.tasks.find(({ id }) => id === progress.task) ?? (exercise.tasks[0] as Task)

/** What the learner sees of a task: its probes without the hidden ones. */
export const visible = (task: Task): Task['probes'] => task.probes.filter(({ visibility }) => visibility !== 'hidden')

export const isDone = (task: Task, { ticks }: Progress): boolean => visible(task).every(({ id }) => ticks.includes(id))
export const allDone = (exercise: Exercise, progress: Progress): boolean => exercise.tasks.every((task) => isDone(task, progress))

/** Points of what was earned, less what hints cost; never below nothing. */
export function points({ tasks }: Exercise, { ticks, hints }: Progress): { readonly earned: number; readonly of: number } {
  const earned = tasks.map((task) => {
    const got = visible(task).reduce((sum, probe) => sum + (ticks.includes(probe.id) ? probe.points : 0), 0)
    return Math.max(0, got - (hints[task.id] ?? []).reduce((sum, at) => sum + (task.hints[at]?.cost ?? 0), 0))
  })
  return { earned: sum(earned), of: sum(tasks.map((task) => sum(visible(task).map((probe) => probe.points)))) }
}
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

/** Nothing is earned while something holds that is forbidden. */
export const violations = (exercise: Exercise, results: Results) => exercise.forbid.filter(({ id }) => results.get(id)?.verdict === 'fail')

export function latched(exercise: Exercise, progress: Progress, { id, verdict }: Pick<ProbeResult, 'id' | 'verdict'>, results: Results): Progress {
  const known = exercise.tasks.some(({ probes }) => probes.some((probe) => probe.id === id))
  if (!known || verdict !== 'pass' || progress.ticks.includes(id) || violations(exercise, results).length > 0) return progress
  return { ...progress, ticks: [...progress.ticks, id] }
}

/** Those of a task are to be earned anew; hints that were given stay given. */
export const withoutTicks = (progress: Progress, task: Task): Progress => ({
  ...progress,
  ticks: progress.ticks.filter((id) => !task.probes.some((probe) => probe.id === id)),
})

/** The first one not given yet that what is observed now calls for. */
export function nextHint(task: Task, progress: Progress, results: Results): { readonly at: number; readonly hint: Hint } | undefined {
  const given = progress.hints[task.id] ?? []
  const at = task.hints.findIndex((hint, i) => !given.includes(i) && fits(hint, results))
  const hint = task.hints[at]
  return hint === undefined ? undefined : { at, hint }
}

function fits({ when }: Hint, results: Results): boolean {
  if (when === undefined) return true
  const { probe, observed, verdict } = when
  const asked = probe === undefined ? [...results.values()] : [results.get(probe)].flatMap((one) => one ?? [])
  return asked.some(
    (one) =>
      (verdict === undefined ? one.verdict !== 'pass' : one.verdict === verdict) &&
      (observed === undefined || one.observed.toLowerCase().includes(observed.toLowerCase())),
  )
}

export const withHint = (progress: Progress, task: string, at: number): Progress => ({
  ...progress,
  hints: { ...progress.hints, [task]: [...(progress.hints[task] ?? []), at] },
})

/** `broken`: it was earned, and does not hold now. */
export type Mark = 'done' | 'broken' | 'open' | 'blocked' | 'undecided' | 'unknown'
export type Line = {
  readonly id: string
  readonly title: string
  readonly mark: Mark
  readonly points: number
  readonly expected: string
  readonly observed: string
  readonly reproduce: string
}

const MARKS: Readonly<Record<Verdict, Mark>> = { pass: 'done', fail: 'open', error: 'undecided', blocked: 'blocked', skip: 'unknown' }

/** How the probes of a task stand. */
export const lines = (task: Task, progress: Progress, results: Results): readonly Line[] =>
  visible(task).map(({ id, title, points: worth, visibility }) => {
    const result = results.get(id)
    const earned = progress.ticks.includes(id)
    // While it cannot be decided, or another one is not met, it is not said to be broken.
    const mark = earned ? (result?.verdict === 'fail' ? 'broken' : 'done') : result?.verdict === 'pass' ? 'open' : MARKS[result?.verdict ?? 'skip']
    const told = visibility === 'visible' && result !== undefined ? result : { expected: '', observed: '', reproduce: '' }
    return { id, title, mark, points: worth, expected: told.expected, observed: told.observed, reproduce: told.reproduce }
  })
