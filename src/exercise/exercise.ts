/** An exercise as read: what the learner is told, what is asked of the lab, and the files that break and mend it. */
import type { Values } from '#lab/params.ts'
import type { CheckFile, Group, Probe } from '#probe/schema.ts'
import type { Submission } from './submission.ts'

export type Hint = Probe['hints'][number]

export type Task = {
  readonly id: string
  readonly title: string
  /** Markdown. Names of the running lab, `{{pod.client.ip}}`, are still in it. */
  readonly text: string
  /** Markdown, for when it is done; empty when the author wrote none. */
  readonly why: string
  readonly points: number
  /** Ids of tasks. */
  readonly needs: readonly string[]
  readonly hints: readonly Hint[]
  readonly probes: readonly Probe[]
  /** Of a task of several: what is brought in when it begins, and what solves it alone. */
  readonly start?: Submission
  readonly solution?: Submission
}

export type Exercise = {
  readonly name: string
  readonly title: string
  readonly labels: Readonly<Record<string, string>>
  readonly params: Values
  /** Of the library, where a param draws one: its names are those of a diagnosis. */
  readonly fault?: { readonly name: string; readonly where: string /** All that could have been drawn. */; readonly among: readonly string[] }
  readonly tasks: readonly Task[]
  /** Invariants: each passes while what is forbidden does not hold. Their ids are forbid-1, forbid-2 … */
  readonly forbid: readonly Probe[]
  readonly start: Submission
  /** Of the whole exercise. */
  readonly solution: Submission
  readonly wrong: readonly Wrong[]
  readonly mutations: readonly Mutation[]
}

/** What is done to the solved lab, behind everybody's back: some probe must notice. */
export type Mutation = { readonly title: string; readonly submission: Submission }

/** A submission that is wrong, and what each scored probe says of it. */
export type Wrong = { readonly name: string; readonly submission: Submission; readonly verdicts: Readonly<Record<string, string>> }

export const FORBID = 'forbid'

/** Everything to be asked of the lab, a group for each task and one for what is forbidden. */
export function checksOf(exercise: Exercise, o: { readonly hidden: boolean }): CheckFile {
  const seen = (probes: readonly Probe[]) => (o.hidden ? probes : probes.filter((probe) => probe.visibility !== 'hidden'))
  const tasks = exercise.tasks.map(({ id, title, probes }): Group => ({ id, title, steps: [], probes: seen(probes) }))
  const forbidden: Group = { id: FORBID, title: 'What must not be', steps: [], probes: exercise.forbid }
  return { name: exercise.name, groups: exercise.forbid.length === 0 ? tasks : [...tasks, forbidden] }
}

/**
 * What brings a fresh lab to the beginning of a task: the exercise's start, then of each task before it its start and its solution, then its own start.
 * Rebuilt so, never patched.
 */
export function startOf(exercise: Exercise, task: string): readonly Submission[] {
  const at = Math.max(
    0,
    exercise.tasks.findIndex(({ id }) => id === task),
  )
  const before = exercise.tasks.slice(0, at).flatMap(({ start, solution }) => [start, solution])
  return [exercise.start, ...before, exercise.tasks[at]?.start].flatMap((one) => (one === undefined ? [] : [one]))
}

/** What takes an exercise from its start to its end. */
export const solutionOf = (exercise: Exercise): readonly Submission[] => [
  ...exercise.tasks.flatMap(({ start, solution }) => [start, solution].flatMap((one) => one ?? [])),
  exercise.solution,
]
