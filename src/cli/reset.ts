import { stop, USAGE } from './io.ts'
import { exercisesOf, findLab } from './labs.ts'
import { attach, courseOf, onWhatRuns, rebuilt } from './learn/course.ts'
import { offer } from './nearest.ts'
import { openProgress } from './progress.ts'
import { labOf } from './running.ts'
import { on, type Run } from './verb.ts'

export const run: Run = async (args, io) => {
  const running = labOf(args, io)
  const place = findLab(running.dir, io.cwd)
  const course = courseOf(place, exercisesOf(place.dir), { seed: undefined, install: !on(args, 'no-install'), on: {} }, io)
  const standing = attach(course, io)
  if (standing === undefined) throw stop(USAGE, `no exercise was begun in lab ${running.name}: netlab learn ${running.name} begins one`)
  const { exercise, progress } = standing
  const ids = exercise.tasks.map(({ id }) => id)
  const task = args.words[0] ?? progress.task
  if (!ids.includes(task)) throw stop(USAGE, `${exercise.name} has no task "${task}"${offer(task, ids)}`)
  await rebuilt(onWhatRuns(course, running), exercise, { ...progress, task }, openProgress(io), io)
  const from = ids.length === 1 ? 'begins anew' : `begins anew at task ${task}`
  io.out(`exercise ${exercise.name} ${from}; go on with: netlab learn ${running.name}/${exercise.name}\n`)
  return 0
}
