/** A lab with its exercises, and how it is brought to the beginning of a task. */
import { type LabState, stopLab } from '#daemon/state.ts'
import { type Exercise, startOf } from '#exercise/exercise.ts'
import { allDone, fresh, type Progress, taskOf, withoutTicks } from '#exercise/progress.ts'
import { issueText } from '#lab/issue.ts'
import { readLab } from '#lab/read.ts'
import { runningLabs } from '../alive.ts'
import { bringInStart } from '../bring.ts'
import { exerciseNamed } from '../exercises.ts'
import { type Io, NOT_STARTED, stop, USAGE } from '../io.ts'
import { type LabPlace, labFiles } from '../labs.ts'
import { readLearnt, saveLearnt } from '../learnt.ts'
import type { Progress as Screen } from '../progress.ts'
import { bringUp, mustRunOn, type Wish } from '../session.ts'

export type Course = {
  readonly place: LabPlace
  /** The lab's, which need not be its folder's. */
  readonly lab: string
  /** Of all exercises, in their order. */
  readonly names: readonly string[]
  readonly seed: string
  readonly install: boolean
  /** What its lab is made of and runs on, when that was asked for or is known. */
  readonly on: Pick<Wish, 'driver' | 'kernel'>
}

/** A lab that runs, with an exercise in it. */
export type Standing = {
  readonly state: LabState
  readonly exercise: Exercise
  readonly progress: Progress
  /** That the exercise was drawn from. */
  readonly seed: string
  /** Its start was brought in just now: what it breaks may still seem well for a moment. */
  readonly fresh: boolean
}

export function courseOf(place: LabPlace, names: readonly string[], o: Pick<Course, 'install' | 'on'> & { readonly seed: string | undefined }, io: Io): Course {
  const lab = nameIn(place, o.seed, io)
  return { place, lab, names, install: o.install, on: o.on, seed: o.seed ?? readLearnt(lab, io).current?.seed ?? '' }
}

/** @throws every mistake of the lab's files. */
function nameIn(place: LabPlace, seed: string | undefined, io: Io): string {
  const read = readLab(labFiles(place, io.cwd), place.shown, { seed })
  if (!read.ok) throw stop(USAGE, read.errors.map(issueText).join('\n'))
  return read.value.lab.name
}

/** The same with what its lab runs on now: built anew it is no other lab. */
export const onWhatRuns = (course: Course, { driver, kernel }: LabState): Course => ({ ...course, on: { driver: driver.kind, kernel: kernel.kind } })

/** The first exercise that is not done yet; all done, the first again. */
export function firstOpen({ names, lab, place, seed }: Course, io: Io): string {
  const { exercises } = readLearnt(lab, io)
  const open = names.find((name) => {
    const progress = exercises[name]
    return progress === undefined || !allDone(exerciseNamed(place, name, io.cwd, { seed }), progress)
  })
  return open ?? names[0] ?? ''
}

/** Whoever begins with a drawn fault, or has found the one before, gets another one. */
export function wantsNewSeed({ lab, place, seed }: Course, name: string, io: Io): boolean {
  const exercise = exerciseNamed(place, name, io.cwd, { seed })
  const { current, exercises } = readLearnt(lab, io)
  const before = exercises[name]
  return exercise.fault !== undefined && (current?.exercise !== name || before === undefined || allDone(exercise, before))
}

/** Where the learner left off, when the lab still runs with this exercise in it; else from the task's beginning. */
export async function begin(course: Course, name: string, screen: Screen, io: Io): Promise<Standing> {
  const exercise = exerciseNamed(course.place, name, io.cwd, { seed: course.seed })
  const found = attach(course, io)
  if (found !== undefined) mustRunOn(found.state, course.on.kernel)
  if (found !== undefined && found.exercise.name === name) return found
  const { current, exercises } = readLearnt(course.lab, io)
  const another = current !== undefined && current.seed !== course.seed
  const before = another ? undefined : exercises[name]
  const again = before === undefined || allDone(exercise, before) ? fresh(exercise) : withoutTicks(before, taskOf(exercise, before))
  const running = runningLabs(io).find((lab) => lab.name === course.lab)
  // What one seed has broken is not to be found in the variant of another.
  if (another && running?.started === current.lab) return await rebuilt(course, exercise, again, screen, io)
  if (running !== undefined) io.err(`lab ${course.lab} runs already: the exercise is brought into it as it is; netlab reset builds it anew\n`)
  return { ...(await brought(course, exercise, again, screen, io)), fresh: true }
}

/** The running lab, when an exercise of this course was brought into it. `before`: as it was found last, whose exercise need not be read again. */
export function attach(course: Course, io: Io, before?: Standing): Standing | undefined {
  const running = runningLabs(io).find((lab) => lab.name === course.lab && lab.dir === course.place.dir)
  const { current, exercises } = readLearnt(course.lab, io)
  if (running === undefined || current?.lab !== running.started || current.seed !== course.seed || !course.names.includes(current.exercise)) return undefined
  const { seed } = course
  const isKnown = before?.exercise.name === current.exercise && before.seed === seed
  const exercise = isKnown ? before.exercise : exerciseNamed(course.place, current.exercise, io.cwd, { seed })
  return { state: running, exercise, progress: exercises[current.exercise] ?? fresh(exercise), seed, fresh: false }
}

/** The course with the variant that the learner is at now. */
export const asLearnt = (course: Course, io: Io): Course => ({ ...course, seed: readLearnt(course.lab, io).current?.seed ?? '' })

/** A new lab, as the task of this progress begins: nothing is patched. */
export async function rebuilt(course: Course, exercise: Exercise, progress: Progress, screen: Screen, io: Io): Promise<Standing> {
  const running = runningLabs(io).find((lab) => lab.name === course.lab && lab.dir === course.place.dir)
  // The one that runs is not given up for files that none can be made of.
  nameIn(course.place, course.seed, io)
  if (running !== undefined) await stopLab(running)
  return brought(course, exercise, withoutTicks(progress, taskOf(exercise, progress)), screen, io)
}

async function brought(course: Course, exercise: Exercise, progress: Progress, screen: Screen, io: Io): Promise<Standing> {
  const { state, end } = await bringUp({ place: course.place, wait: true, install: course.install, seed: course.seed, ...course.on }, io, screen)
  if (end.exit === NOT_STARTED) throw stop(NOT_STARTED, end.says)
  for (const submission of startOf(exercise, progress.task)) await bringInStart(state, submission, io)
  keep(course, { state, exercise, progress }, io)
  return { state, exercise, progress, seed: course.seed, fresh: true }
}

export function keep({ lab, seed }: Course, { state, exercise, progress }: Pick<Standing, 'state' | 'exercise' | 'progress'>, io: Io): void {
  const { exercises } = readLearnt(lab, io)
  saveLearnt(lab, { current: { exercise: exercise.name, lab: state.started, seed }, exercises: { ...exercises, [exercise.name]: progress } }, io)
}
