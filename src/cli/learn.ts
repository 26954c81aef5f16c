/** `netlab learn`: an exercise's lab with its fault in it, and a look at it again and again until it is mended. */
import { randomBytes } from 'node:crypto'
import type { Task } from '#exercise/exercise.ts'
import { KEYS, type Lesson } from '#exercise/lesson.ts'
import { allDone, fresh, isDone, latched, lines, nextHint, type Progress, points, taskOf, violations, visible, withHint } from '#exercise/progress.ts'
import type { ProbeResult } from '#probe/probe.ts'
import { markdown } from '#report/markdown.ts'
import { told } from '#report/text.ts'
import { runningLabs } from './alive.ts'
import { exerciseNamed, findExercises } from './exercises.ts'
import { INTERRUPTED, type Io, isStop, stop, USAGE } from './io.ts'
import { kernelKind } from './kernel.ts'
import { exercisesOf } from './labs.ts'
import { attach, begin, type Course, courseOf, firstOpen, keep, onWhatRuns, rebuilt, type Standing, wantsNewSeed } from './learn/course.ts'
import { type Face, openFace } from './learn/face.ts'
import { filledIn, watch } from './learn/watch.ts'
import { readLearnt } from './learnt.ts'
import { openProgress, SILENT } from './progress.ts'
import { list, on, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const found = findExercises(args.words[0] ?? '', io.cwd)
  const seed = text(args, 'seed')
  const again = courseOf(found.place, exercisesOf(found.place.dir), { seed, install: !on(args, 'no-install'), on: { kernel: kernelKind(args) } }, io)
  const name = found.names.length === 1 ? (found.names[0] ?? '') : firstOpen(again, io)
  const course = seed === undefined && wantsNewSeed(again, name, io) ? { ...again, seed: randomBytes(3).toString('hex') } : again
  const standing = await begin(course, name, openProgress(io), io)
  if (standing.exercise.fault !== undefined)
    io.err(`seed ${course.seed}: netlab learn ${course.lab}/${name} --seed ${course.seed} gives the same fault again\n`)
  return await lesson(
    onWhatRuns(course, standing.state),
    { ...standing, progress: { ...standing.progress, answers: { ...standing.progress.answers, ...answersIn(list(args, 'answer')) } } },
    io,
  )
}

function answersIn(given: readonly string[]): Progress['answers'] {
  const pairs = given.map((one) => /^([^=]+)=(.*)$/.exec(one)?.slice(1))
  if (pairs.includes(undefined)) throw stop(USAGE, 'an answer is given as --answer ID=VALUE')
  return Object.fromEntries(pairs.flatMap((pair) => (pair === undefined ? [] : [pair])))
}

type Happening =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'result'; readonly result: ProbeResult; readonly of: object }
  | { readonly kind: 'gone'; readonly of: object }
  | { readonly kind: 'look' }

/** As long as what a start breaks may take to be broken, a probe that was never seen to fail earns nothing. */
const ARMED_MS = 8000
/** How often a lab that is gone is looked for. */
const LOOK_MS = 400

async function lesson(course: Course, begun: Standing, outer: Io): Promise<number> {
  const ending = new AbortController()
  const io: Io = { ...outer, err: () => {}, signal: AbortSignal.any([outer.signal, ending.signal]) }
  const happened: Happening[] = []
  let wake = (): void => {}
  const tell = (one: Happening): void => {
    happened.push(one)
    wake()
  }
  const end = (): void => ending.abort()
  const face = await openFace(outer, {
    key: (key) => (key === 'ctrl-c' ? end() : tell({ kind: 'key', key })),
    line: (typed) => tell({ kind: 'line', text: typed }),
  })
  io.signal.addEventListener('abort', () => wake())
  const look = setInterval(() => tell({ kind: 'look' }), LOOK_MS)
  const pupil = pupilOf(course, begun, { face, io, tell })
  try {
    await pupil.open()
    while (!io.signal.aborted) {
      const next = happened.shift()
      if (next === undefined) await new Promise<void>((resolve) => (wake = resolve))
      else if ((await pupil.take(next)) === 'end') return 0
    }
    return INTERRUPTED
  } catch (thrown) {
    if (io.signal.aborted) return INTERRUPTED
    throw thrown
  } finally {
    clearInterval(look)
    pupil.close()
    await face.close()
    outer.err(pupil.farewell())
  }
}

type Hands = { readonly face: Face; readonly io: Io; readonly tell: (one: Happening) => void }

/** One learner at one lab: what they have done, what is known of the lab, what follows from a key. */
function pupilOf(course: Course, begun: Standing, { face, io, tell }: Hands) {
  let standing: Standing | undefined = begun
  let { exercise, progress } = begun
  let results = new Map<string, ProbeResult>()
  let armed = new Set<string>()
  let since = 0
  let unwatch = (): void => {}
  let [busy, news, asks, last]: (string | undefined)[] = []
  /** What the task's probes ask the learner, by id. */
  let questions: ReadonlyMap<string, string> = new Map()

  const task = (): Task => taskOf(exercise, progress)
  const page = face.page
  const GONE = `lab ${course.lab} is gone: r twice builds it anew`
  const say = (...texts: readonly string[]): void => face.say(texts)
  const draw = (): void => {
    const at = exercise.tasks.indexOf(task())
    face.show({
      name: `${course.lab}/${exercise.name}`,
      task: { at: at + 1, of: exercise.tasks.length, title: task().title, done: isDone(task(), progress) },
      points: points(exercise, progress),
      lines: lines(task(), progress, results),
      violations: violations(exercise, results).map(({ title }) => title),
      ...(busy !== undefined && { busy }),
      ...(news !== undefined && { news }),
      ...(asks !== undefined && { asks }),
    } satisfies Lesson)
  }
  const save = (next: Progress): void => {
    progress = next
    if (standing !== undefined) keep(course, { ...standing, exercise, progress }, io)
  }

  const rewatch = (): void => {
    unwatch()
    if (standing === undefined) return
    const of = {}
    current = of
    unwatch = watch({ ...standing, exercise, progress }, { result: (result) => tell({ kind: 'result', result, of }), gone: () => tell({ kind: 'gone', of }) })
  }
  /** What an earlier watch still tells is of no interest. */
  let current: object = {}

  const enter = async (next: Standing): Promise<void> => {
    standing = next
    exercise = next.exercise
    progress = next.progress
    results = new Map()
    armed = new Set()
    since = next.fresh ? performance.now() : Number.NEGATIVE_INFINITY
    ;[busy, news, asks] = [undefined, undefined, undefined]
    const at = exercise.tasks.indexOf(task())
    const asked = visible(task()).flatMap((probe) => (probe.kind === 'answer' ? [[probe.id, probe.of.ask] as const] : []))
    const [told = '', ...filled] = await filledIn(next.state, [task().text, ...asked.map(([, ask]) => ask)])
    questions = new Map(asked.map(([id], at) => [id, filled[at] ?? '']))
    const count = exercise.tasks.length > 1 ? ` (${at + 1} of ${exercise.tasks.length})` : ''
    say('', ...markdown(`# ${task().title}${count}`, page), '', ...markdown(told, page), '')
    if (!face.live) say(`keys, each with Enter: ${KEYS.map(([key, says]) => `${key} ${says}`).join(', ')}`)
    rewatch()
    draw()
  }

  /** What takes a while; a failure is news. */
  const doing = async (what: string, work: () => Promise<Standing>): Promise<void> => {
    busy = what
    news = undefined
    unwatch()
    draw()
    try {
      await enter(await work())
    } catch (thrown) {
      if (!isStop(thrown) || io.signal.aborted) throw thrown
      // The old lab may be gone, and no new one there.
      standing = attach(course, io, standing)
      ;[busy, news] = [standing === undefined ? GONE : undefined, thrown.says]
      rewatch()
      draw()
    }
  }

  const rebuild = (next: Progress, of = exercise): Promise<void> => doing(`building lab ${course.lab} anew`, () => rebuilt(course, of, next, SILENT, io))

  const latch = async (): Promise<void> => {
    const was = progress
    const early = performance.now() - since < ARMED_MS
    for (const result of results.values()) if (!early || armed.has(result.id)) progress = latched(exercise, progress, result, results)
    if (progress === was) return
    save(progress)
    if (isDone(task(), progress) && !isDone(task(), was)) await done()
  }

  const done = async (): Promise<void> => {
    draw()
    const hints = task().hints.map(({ say: words }) => `- ${words}`)
    const [why = '', how = ''] = standing === undefined ? [] : await filledIn(standing.state, [task().why, hints.join('\n')])
    const score = points(exercise, progress)
    say('', ...markdown(`**${task().title}: done**, ${score.earned} of ${score.of} points`, page), '')
    if (why !== '') say(...markdown(why, page), '')
    if (how !== '') say('The hints were:', ...markdown(how, page), '')
    const next = nextName()
    news =
      allDone(exercise, progress) && next === undefined
        ? 'that was the last exercise of this lab'
        : `n goes on${allDone(exercise, progress) ? ` to ${next}` : ''}`
  }

  const nextName = (): string | undefined => {
    const learnt = readLearnt(course.lab, io).exercises
    const after = [...course.names.slice(course.names.indexOf(exercise.name) + 1), ...course.names.slice(0, course.names.indexOf(exercise.name))]
    return after.find((name) => {
      const known = learnt[name]
      return known === undefined || !allDone(exerciseNamed(course.place, name, io.cwd, { seed: course.seed }), known)
    })
  }

  const goOn = async (): Promise<void> => {
    const solved = isDone(task(), progress)
    const next = exercise.tasks[exercise.tasks.indexOf(task()) + 1]
    if (next !== undefined && solved && next.start === undefined && standing !== undefined) {
      save({ ...progress, task: next.id })
      return await enter({ ...standing, exercise, progress, fresh: false })
    }
    if (next !== undefined) return await rebuild({ ...progress, task: next.id })
    const name = nextName()
    if (name === undefined) {
      news = 'that was the last exercise of this lab'
      return draw()
    }
    const following = exerciseNamed(course.place, name, io.cwd, { seed: course.seed })
    await rebuild(fresh(following), following)
  }

  const hint = async (): Promise<void> => {
    const next = nextHint(task(), progress, results)
    if (next === undefined) {
      news = task().hints.length === 0 ? 'this task has no hints' : 'there are no more hints'
      return
    }
    const { cost } = next.hint
    if (cost > 0 && last !== 'h') {
      news = `the next hint costs ${cost} point${cost === 1 ? '' : 's'}: h again shows it`
      return
    }
    save(withHint(progress, task().id, next.at))
    last = undefined
    await sayHint(next.hint.say)
  }

  const sayHint = async (words: string): Promise<void> => {
    // Of a lab that has just gone the names are not known any more.
    const [told = words] = standing === undefined ? [] : await filledIn(standing.state, [words]).catch(() => [])
    say(...markdown(`**Hint:** ${told}`, page))
  }

  /** Hints may be given elsewhere too: in `netlab dash`. */
  const lookForHints = async (): Promise<void> => {
    const given = readLearnt(course.lab, io).exercises[exercise.name]?.hints[task().id] ?? []
    const own = progress.hints[task().id] ?? []
    for (const at of given.filter((one) => !own.includes(one))) {
      save(withHint(progress, task().id, at))
      await sayHint(task().hints[at]?.say ?? '')
    }
  }

  const listed = (): void => {
    const learnt = readLearnt(course.lab, io).exercises
    for (const name of course.names) {
      const one = name === exercise.name ? exercise : exerciseNamed(course.place, name, io.cwd, { seed: course.seed })
      const known = name === exercise.name ? progress : learnt[name]
      const sign = known === undefined ? ' ' : allDone(one, known) ? '✓' : '…'
      say(`${name === exercise.name ? '>' : ' '} ${sign} ${name}  ${one.title}`)
      if (name === exercise.name && one.tasks.length > 1)
        for (const each of one.tasks) say(`      ${isDone(each, progress) ? '✓' : each === task() ? '>' : ' '} ${each.id}  ${each.title}`)
    }
  }

  const checked = (): void => {
    const known = visible(task()).flatMap(({ id }) => results.get(id) ?? [])
    say(...known.flatMap(told), ...(known.length === 0 ? ['nothing is known yet'] : []))
  }

  /** The next question of the task that has no right answer yet. */
  const question = () => visible(task()).find(({ id, kind }) => kind === 'answer' && results.get(id)?.verdict !== 'pass')

  const answered = (typed: string): void => {
    const asked = question()
    asks = undefined
    if (typed.trim() === '' || asked?.kind !== 'answer') return
    save({ ...progress, answers: { ...progress.answers, [asked.of.name ?? asked.id]: typed.trim() } })
    rewatch()
  }

  const keyed = async (key: string): Promise<'end' | undefined> => {
    news = undefined
    switch (key) {
      case 'q':
        return 'end'
      case 'n':
        if (isDone(task(), progress) || last === 'n') await goOn()
        else news = 'this task is not done yet: n again skips it'
        break
      case 'r':
        if (last === 'r') await rebuild(progress)
        else news = 'r again builds the lab anew as this task begins; shells inside it end'
        break
      case 'h':
        await hint()
        break
      case 'l':
        listed()
        break
      case 'c':
        checked()
        break
      case 'a': {
        const asked = question()
        if (asked?.kind === 'answer') asks = `${questions.get(asked.id)}${asked.of.type === 'choice' ? ` (${asked.of.choices.join(', ')})` : ''}`
        else news = 'this task asks no question'
        break
      }
      default:
        break
    }
    last = last === key ? undefined : key
    return undefined
  }

  /** A lab that is gone may come back, by `netlab reset` elsewhere. */
  const lookForLab = async (): Promise<void> => {
    if (standing !== undefined || busy?.startsWith('building')) return
    const found = attach(course, io)
    if (found !== undefined) await enter({ ...found, fresh: true })
  }

  return {
    open: () => enter(begun),
    close: () => unwatch(),
    async take(one: Happening): Promise<'end' | undefined> {
      // Before anything is saved: what is saved takes their place.
      if (standing !== undefined) await lookForHints()
      switch (one.kind) {
        case 'key': {
          const ended = await keyed(one.key)
          draw()
          return ended
        }
        case 'line':
          answered(one.text)
          break
        case 'result':
          if (one.of !== current) return undefined
          results.set(one.result.id, one.result)
          if (one.result.verdict === 'fail' || one.result.verdict === 'blocked') armed.add(one.result.id)
          await latch()
          break
        case 'gone':
          if (one.of !== current) return undefined
          standing = undefined
          results = new Map()
          busy = GONE
          break
        case 'look':
          await lookForLab()
          if (standing !== undefined) await latch()
          break
        default:
          return one satisfies never
      }
      draw()
      // Nobody can press a key there: what is done leads on by itself, and the last task to the end.
      if (!face.live && isDone(task(), progress)) {
        if (allDone(exercise, progress)) return 'end'
        await goOn()
      }
      return undefined
    },
    farewell: () =>
      !runningLabs(io).some(({ name }) => name === course.lab)
        ? `lab ${course.lab} does not run\n`
        : `lab ${course.lab} still runs: netlab learn ${course.lab}/${exercise.name} goes on, netlab down ${course.lab} stops it\n`,
  }
}
