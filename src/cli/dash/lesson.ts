/** The exercise that a learner is at in this lab: what `netlab learn` keeps of it, and how its probes stand now. Ticks are earned there, not here. */
import type { LabState } from '#daemon/state.ts'
import { allDone, type Line, lines, nextHint, points, taskOf, withHint } from '#exercise/progress.ts'
import type { ProbeResult } from '#probe/probe.ts'
import type { Seen, Task } from '#ui/dash/state.ts'
import { type Io, isStop } from '../io.ts'
import { exercisesOf, findLab } from '../labs.ts'
import { asLearnt, attach, type Course, courseOf, keep, type Standing } from '../learn/course.ts'
import { filledIn, watch } from '../learn/watch.ts'
import { pathOf } from './tasks.ts'

export type Lesson = {
  /** Looks at what the learner has done since. */
  readonly look: () => Promise<void>
  /** What is to be shown; nothing where no exercise was begun. */
  readonly seen: () => Seen['tasks'] | undefined
  /** Gives the next hint. @returns what is to be said at once, if anything */
  readonly hint: () => Promise<string | undefined>
  readonly close: () => void
}

export function openLesson(lab: LabState, io: Io, changed: () => void): Lesson {
  const course = courseIn(lab, io)
  let standing: Standing | undefined
  /** Those given, as their author wrote them and with the lab's names in them. */
  let [given, hints]: (readonly string[])[] = [[], []]
  let results = new Map<string, ProbeResult>()
  /** What is watched: other tasks and other answers want another watch. */
  let watched = ''
  let unwatch = (): void => {}
  /** The hint that was told to cost something. */
  let priced: number | undefined

  const follow = (found: Standing): void => {
    const { exercise, progress, state } = found
    const now = JSON.stringify([exercise.name, state.started, progress.task, progress.answers])
    if (now === watched) return
    unwatch()
    watched = now
    results = new Map()
    unwatch = watch(found, {
      result: (result) => {
        results.set(result.id, result)
        changed()
      },
      gone: () => {},
    })
  }

  return {
    async look() {
      const found = course === undefined ? undefined : attach(asLearnt(course, io), io, standing)
      if (found === undefined) {
        standing = undefined
        unwatch()
        watched = ''
        return
      }
      follow(found)
      const task = taskOf(found.exercise, found.progress)
      const now = (found.progress.hints[task.id] ?? []).flatMap((at) => task.hints[at]?.say ?? [])
      if (now.join() !== given?.join()) [given, hints] = [now, await filledIn(found.state, now)]
      standing = found
    },
    seen: () => (standing === undefined ? undefined : lessonSeen(standing, results, hints ?? [])),
    async hint() {
      const its = course === undefined ? undefined : asLearnt(course, io)
      // What was ticked since the last look is not to be lost.
      const now = its === undefined ? undefined : attach(its, io, standing)
      if (its === undefined || now === undefined) return 'no exercise runs here'
      const { exercise, progress } = now
      const task = taskOf(exercise, progress)
      const next = nextHint(task, progress, results)
      if (next === undefined) return task.hints.length === 0 ? 'this task has no hints' : 'there are no more hints'
      const { cost } = next.hint
      if (cost > 0 && priced !== next.at) {
        priced = next.at
        return `the next hint costs ${cost} point${cost === 1 ? '' : 's'}: h again shows it`
      }
      keep(its, { ...now, progress: withHint(progress, task.id, next.at) }, io)
      return undefined
    },
    close: () => unwatch(),
  }
}

/** Of a lab whose files are gone or wrong by now there are no exercises. */
function courseIn(lab: LabState, io: Io): Course | undefined {
  try {
    const place = findLab(lab.dir, io.cwd)
    return courseOf(place, exercisesOf(place.dir), { seed: undefined, install: false, on: {} }, io)
  } catch (thrown) {
    if (isStop(thrown)) return undefined
    throw thrown
  }
}

const VERDICTS: Readonly<Record<Line['mark'], Task['verdict']>> = {
  done: 'pass',
  broken: 'fail',
  open: 'fail',
  blocked: 'blocked',
  undecided: 'error',
  unknown: undefined,
}

/** The tasks up to the one that is being done; hints that were given stand below its first probe that does not hold. */
export function lessonSeen(
  { exercise, progress }: Pick<Standing, 'exercise' | 'progress'>,
  results: ReadonlyMap<string, ProbeResult>,
  hints: readonly string[],
): Seen['tasks'] {
  const at = exercise.tasks.indexOf(taskOf(exercise, progress))
  const list = exercise.tasks.slice(0, at + 1).flatMap((task, i) => {
    const stand = lines(task, progress, results)
    const first = stand.find(({ mark }) => mark !== 'done')?.id ?? stand[0]?.id
    return stand.map((line): Task => {
      const verdict = VERDICTS[line.mark]
      const probe = task.probes.find(({ id }) => id === line.id)
      const path = probe?.visibility === 'visible' ? pathOf(probe) : undefined
      return {
        id: line.id,
        group: exercise.tasks.length === 1 ? task.title : `${i + 1}. ${task.title}`,
        title: line.title,
        ...(verdict !== undefined && { verdict }),
        ...(line.mark === 'broken' && { was: 'pass' }),
        tells: [...tellsOf(line), ...(i === at && line.id === first ? hints.map((hint) => `hint: ${hint}`) : [])],
        ...(path !== undefined && { path }),
      }
    })
  })
  const { earned, of } = points(exercise, progress)
  const which = exercise.tasks.length === 1 ? '' : `task ${at + 1} of ${exercise.tasks.length}, `
  return { title: 'tasks', says: `${exercise.name}: ${which}${earned} of ${of} points${allDone(exercise, progress) ? '' : '; h gives a hint'}`, list }
}

const tellsOf = ({ mark, expected, observed, reproduce }: Line): readonly string[] =>
  mark === 'done' || mark === 'blocked' || mark === 'unknown'
    ? []
    : [
        ...(expected === '' ? [] : [`expected ${expected}`]),
        ...(observed === '' ? [] : [`observed ${observed}`]),
        ...(reproduce === '' ? [] : [`try: ${reproduce}`]),
      ]
