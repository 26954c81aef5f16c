/** What a teacher asks: the lab, the fault that is brought in, and all that is asked of it in the end, hidden probes too. */
import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { checksOf } from '#exercise/exercise.ts'
import { NOTHING, type Submission } from '#exercise/submission.ts'
import { issueText } from '#lab/issue.ts'
import type { Files, Issue, Lab } from '#lab/lab.ts'
import { filled, seedOf } from '#lab/params.ts'
import { readLab } from '#lab/read.ts'
import { readChecks } from '#probe/checks.ts'
import type { CheckFile, Group, Probe } from '#probe/schema.ts'
import { findExercises, readOne } from '../exercises.ts'
import { type Io, stop, USAGE } from '../io.ts'
import { exercisesOf, findLab, type LabPlace, labFiles, readCapped, show } from '../labs.ts'
import { checksIn } from '../variant.ts'
import { digestOf } from './submission.ts'

export type Assignment = {
  readonly place: LabPlace
  readonly lab: Lab
  /** The lab's own name where the lab itself is the exercise. */
  readonly exercise: string
  readonly start: Submission
  /** What the student's variant is drawn from, where there is a key. */
  readonly seed: string | undefined
  readonly checks: CheckFile
  readonly digest: string
}

/** `student` has a variant of their own, drawn from the course's key. @throws every mistake at once. */
export function readAssignment(word: string, { key, student }: { readonly key: string | undefined; readonly student: string }, io: Io): Assignment {
  const { place, exercise } = named(word, io)
  const files = labFiles(place, io.cwd)
  const seed = key === undefined ? '' : seedOf(key, student)
  const lab = readLab(files, place.shown, { seed })
  if (!lab.ok) throw mistakes(lab.errors)
  const asked = exercise === undefined ? ofLab(place, seed, io) : ofExercise(place, { exercise, seed }, io)
  const name = exercise ?? lab.value.lab.name
  const points = asked.checks.groups.flatMap(({ probes }) => probes).reduce((sum, probe) => sum + probe.points, 0)
  if (points === 0) throw stop(USAGE, `${place.shown}: ${name} has no probe that gives a point`)
  const digest = digestOf(new Map([...files, ['', JSON.stringify([asked, seed])]]))
  return { place, lab: lab.value.lab, exercise: name, seed: key === undefined ? undefined : seed, ...asked, digest }
}

type Asked = Pick<Assignment, 'start' | 'checks'>

function named(word: string, io: Io): { readonly place: LabPlace; readonly exercise: string | undefined } {
  try {
    const place = findLab(word, io.cwd)
    const [only, ...others] = exercisesOf(place.dir)
    return { place, exercise: others.length === 0 ? only : undefined }
  } catch (thrown) {
    if (!word.includes('/')) throw thrown
    const { place, names } = findExercises(word, io.cwd)
    return { place, exercise: names[0] }
  }
}

/** A lab without exercises is graded by its own checks. */
function ofLab(place: LabPlace, seed: string, io: Io): Asked {
  const exercises = exercisesOf(place.dir)
  if (exercises.length > 0) throw stop(USAGE, `say which exercise: ${exercises.map((name) => `${basename(place.dir)}/${name}`).join(', ')}`)
  const check = checksIn(place.dir, io.cwd, seed)
  if (check === undefined) throw stop(USAGE, `${place.shown}: the lab has neither exercises nor a check.yaml: there is nothing to grade by`)
  const read = readChecks(check.text, check.file)
  if (!read.ok) throw mistakes(read.errors)
  return { start: NOTHING, checks: read.value }
}

function ofExercise(place: LabPlace, { exercise: name, seed }: { readonly exercise: string; readonly seed: string }, io: Io): Asked {
  const read = readOne(place, name, io.cwd, { seed })
  if (!read.ok) throw mistakes(read.errors)
  const { exercise } = read.value
  const hidden = [...hiddenFiles(join(place.dir, 'exercises', name, 'grade'), io)].map(([file, text]) => readChecks(filled(text, exercise.params), file))
  const wrong = hidden.flatMap((one) => (one.ok ? [] : one.errors))
  if (wrong.length > 0) throw mistakes(wrong)
  const groups = [...checksOf(exercise, { hidden: true }).groups, ...hidden.flatMap((one) => (one.ok ? one.value.groups.map(unseen) : []))]
  const ids = groups.flatMap(({ probes }) => probes.map(({ id }) => id))
  const twice = ids.filter((id, i) => ids.indexOf(id) < i)
  if (twice.length > 0) throw stop(USAGE, `${name}: two probes of the name ${[...new Set(twice)].join(', ')}: those in grade/ need names of their own`)
  return { start: exercise.start, checks: { name, groups: merged(groups) } }
}

/** grade/*.yaml has the form of a check.yaml. */
function hiddenFiles(folder: string, io: Io): Files {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => /\.ya?ml$/.test(name)) : []
  return new Map(names.sort().map((name) => [show(join(folder, name), io.cwd), readCapped(join(folder, name))]))
}

const unseen = (group: Group): Group => ({
  ...group,
  probes: group.probes.map((probe): Probe => ({ ...probe, visibility: probe.visibility === 'visible' ? 'hidden' : probe.visibility })),
})

/** Hidden probes with the id of a task are the task's. A group that does something to the lab stands alone. */
function merged(groups: readonly Group[]): readonly Group[] {
  const all: Group[] = []
  for (const group of groups) {
    const at = all.findIndex((one) => one.id === group.id && one.steps.length + group.steps.length === 0)
    const into = all[at]
    if (into === undefined) all.push(group)
    else all[at] = { ...into, probes: [...into.probes, ...group.probes] }
  }
  return all
}

const mistakes = (issues: readonly Issue[]) => stop(USAGE, issues.map(issueText).join('\n'))
