/** What `netlab lab test` finds out about an exercise, judged: LABS.md §2 rule 13. */
import type { ProbeResult, Verdict } from '#probe/probe.ts'
import type { Exercise, Wrong } from './exercise.ts'

export type Verdicts = Readonly<Record<string, Verdict>>

export const verdictsOf = (results: readonly Pick<ProbeResult, 'id' | 'verdict'>[]): Verdicts =>
  Object.fromEntries(results.map(({ id, verdict }) => [id, verdict]))

export const scored = (exercise: Exercise): readonly string[] =>
  exercise.tasks.flatMap(({ probes }) => probes.filter(({ points }) => points > 0).map(({ id }) => id))

/** A fault of the exercise, in words, or none. */
export type Faults = readonly string[]

/** Nothing is earned before anything was done. */
export function unsolved(exercise: Exercise, found: Verdicts): Faults {
  return scored(exercise).flatMap((id) =>
    found[id] === 'fail' || found[id] === 'blocked' ? [] : [`unsolved, ${id} is "${found[id] ?? 'not asked'}", expected fail or blocked`],
  )
}

export function solved(exercise: Exercise, found: Verdicts): Faults {
  const all = [...scored(exercise), ...exercise.forbid.map(({ id }) => id)]
  return all.flatMap((id) => (found[id] === 'pass' ? [] : [`solved, ${id} is "${found[id] ?? 'not asked'}", expected pass`]))
}

export const asDeclared = ({ name, verdicts }: Wrong, found: Verdicts): Faults =>
  Object.entries(verdicts).flatMap(([id, verdict]) =>
    found[id] === verdict ? [] : [`wrong/${name}, ${id} is "${found[id] ?? 'not asked'}", declared ${verdict}`],
  )

/** The probes that notice that something is wrong; what could not be decided is no notice. */
export const noticing = (exercise: Exercise, found: Verdicts): readonly string[] =>
  [...scored(exercise), ...exercise.forbid.map(({ id }) => id)].filter((id) => found[id] === 'fail')

export const noticed = (exercise: Exercise, without: string, found: Verdicts): Faults =>
  noticing(exercise, found).length > 0 ? [] : [`without ${without} every probe passes all the same`]

/** Two runs of the same should come out the same. */
export const flaky = (first: Verdicts, second: Verdicts): readonly string[] => Object.keys(first).filter((id) => first[id] !== second[id])
