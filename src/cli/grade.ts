/** Grades submissions: one, or a folder of them. */
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { exitOfGrade, forStudent, type Grade, verdictLine } from '#grade/grade.ts'
import { classHtml, gradeHtml } from '#grade/html.ts'
import { classCsv, classroom, gradeJunit, gradescope, gradeTap } from '#grade/machines.ts'
import { annotations, gradeMarkdown } from '#grade/markdown.ts'
import { gradeText } from '#grade/text.ts'
import type { Issue } from '#lab/lab.ts'
import { readAssignment } from './grading/assignment.ts'
import { gradeOne, type Limits, writeGrade, writeWhole } from './grading/run.ts'
import { digestOf, type Given, readSubmission } from './grading/submission.ts'
import { version } from './home.ts'
import { INTERRUPTED, type Io, isStop, stop, UNDECIDED, USAGE } from './io.ts'
import { type Args, number, on, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const [word = '', submission] = args.words
  const batch = text(args, 'batch')
  if ((submission === undefined) === (batch === undefined))
    throw stop(USAGE, `say which submission: netlab grade ${word} DIR, or --batch DIR for a folder of them`)
  return submission === undefined ? await gradeClass(word, batch ?? '', args, io) : await gradeSingle(word, submission, args, io)
}

const SECONDS = 30
const MEMORY = 2048

const limitsOf = (args: Args): Limits => ({ seconds: number(args, 'seconds') ?? SECONDS, memory: number(args, 'memory') ?? MEMORY })

async function gradeSingle(word: string, submission: string, args: Args, io: Io): Promise<number> {
  const folder = resolve(io.cwd, text(args, 'out') ?? '.')
  const grade = await graded(word, submission, { args, file: join(folder, 'grade.json'), resume: false }, io)
  const seen = shown(grade, args)
  writeWhole(join(folder, PAGE), gradeHtml(seen))
  io.out(FORMS[text(args, 'output') ?? 'text']?.(seen) ?? gradeText(seen))
  if (io.env['GITHUB_STEP_SUMMARY']) appendFileSync(io.env['GITHUB_STEP_SUMMARY'], gradeMarkdown(seen))
  if (io.env['GITHUB_ACTIONS'] === 'true') io.err(annotations(seen))
  return exitOfGrade(grade)
}

/** Beside grade.json, which holds everything, what may be given away. */
const shown = (grade: Grade, args: Args): Grade => (on(args, 'student') ? forStudent(grade) : grade)
const PAGE = 'grade.html'

const FORMS: Readonly<Record<string, (grade: Grade) => string>> = {
  text: gradeText,
  json: (grade) => `${JSON.stringify(grade, null, 2)}\n`,
  markdown: gradeMarkdown,
  html: gradeHtml,
  junit: gradeJunit,
  tap: gradeTap,
  gradescope,
  classroom,
  csv: (grade) => classCsv([grade]),
  github: annotations,
}

type Wanted = { readonly args: Args; readonly file: string; readonly resume: boolean }

/** Whatever is wrong with exercise or submission is in the grade too, for whoever reads only that. */
async function graded(word: string, submission: string, { args, file, resume }: Wanted, io: Io): Promise<Grade> {
  const given = readSubmission(submission, io.cwd)
  const name = given.ok ? given.value.name : basename(resolve(io.cwd, submission))
  try {
    const assignment = readAssignment(word, { key: text(args, 'seed'), student: name }, io)
    if (!given.ok)
      return unreadable(file, { name, lab: assignment.lab.name, exercise: assignment.exercise, says: 'the submission cannot be read', issues: given.errors })
    const limits = limitsOf(args)
    const passMark = number(args, 'pass')
    const inputs = inputsOf(given.value, { assignment: assignment.digest, limits, passMark })
    const before = resume ? readGrade(file) : undefined
    if (before !== undefined && before.inputs === inputs && FINISHED.has(before.outcome)) return before
    return await gradeOne({ assignment, given: given.value, limits, passMark, file, inputs }, io)
  } catch (thrown) {
    if (!isStop(thrown) || thrown.exit !== USAGE) throw thrown
    io.err(`netlab: ${thrown.says}\n`)
    return unreadable(file, {
      name,
      lab: word.split('/')[0] ?? word,
      exercise: word.split('/').at(-1) ?? word,
      says: 'the exercise cannot be read',
      issues: [],
      words: thrown.says,
    })
  }
}

const FINISHED: ReadonlySet<Grade['outcome']> = new Set(['graded', 'invalid'])

const inputsOf = (given: Given, rest: unknown): string =>
  digestOf(
    new Map([
      ['given', given.digest],
      ['name', given.name],
      ['rest', JSON.stringify(rest)],
      ['netlab', version()],
    ]),
  )

type Unreadable = {
  readonly name: string
  readonly lab: string
  readonly exercise: string
  readonly says: string
  readonly issues: readonly Issue[]
  readonly words?: string
}

function unreadable(file: string, { name, lab, exercise, says, issues, words }: Unreadable): Grade {
  const now = `${new Date().toISOString().slice(0, 19)}Z`
  const notes = [
    ...issues.slice(0, MOST).map((one) => ({ level: 'error' as const, at: one.at, says: one.says })),
    ...(issues.length > MOST ? [{ level: 'error' as const, says: `and ${issues.length - MOST} more mistakes` }] : []),
    ...(words === undefined ? [] : [{ level: 'error' as const, says: words }]),
  ]
  const grade: Grade = {
    ...{ apiVersion: 'netlab.dev/v1', kind: 'Grade', netlab: version(), lab, exercise },
    ...{ submission: { name, digest: '', files: 0, bytes: 0 }, started: now, ended: now, outcome: 'invalid', says, passMark: 0, tasks: [], notes },
  }
  writeGrade(file, grade)
  return grade
}

const MOST = 50

function readGrade(file: string): Grade | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Grade
  } catch {
    return undefined
  }
}

/** A submission whose grading broke is one line of the table like any other. */
async function gradeClass(word: string, batch: string, args: Args, io: Io): Promise<number> {
  const folder = resolve(io.cwd, batch)
  const out = resolve(io.cwd, text(args, 'out') ?? 'grades')
  const names = submissionsIn(folder)
  const jobs = number(args, 'jobs') ?? 1
  const grades: Grade[] = []
  const waiting = [...names]
  let done = 0
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined && !io.signal.aborted; name = waiting.shift()) {
      const grade = await one(name)
      writeWhole(join(out, name, PAGE), gradeHtml(shown(grade, args)))
      grades.push(grade)
      io.err(`${++done}/${names.length} ${name}: ${verdictLine(grade)}\n`)
    }
  }
  const one = async (name: string): Promise<Grade> => {
    const file = join(out, name, 'grade.json')
    try {
      return await graded(word, join(folder, name), { args, file, resume: on(args, 'resume') }, { ...io, err: () => {} })
    } catch (thrown) {
      const grade = {
        ...unreadable(file, { name, lab: word, exercise: word, says: isStop(thrown) ? thrown.says : String(thrown), issues: [] }),
        outcome: 'inconclusive' as const,
      }
      writeGrade(file, grade)
      return grade
    }
  }
  // A mistake of the teacher's is told once, before anything starts.
  readAssignment(word, { key: text(args, 'seed'), student: '' }, io)
  await Promise.all(Array.from({ length: Math.max(1, Math.min(jobs, names.length)) }, work))
  if (io.signal.aborted) {
    io.err('interrupted; --resume goes on where this stopped\n')
    return INTERRUPTED
  }
  const sorted = grades.toSorted((a, b) => (a.submission.name < b.submission.name ? -1 : 1))
  const csv = classCsv(sorted)
  writeWhole(join(out, 'class.csv'), csv)
  writeWhole(join(out, 'index.html'), classHtml(word, sorted))
  io.out(csv)
  const told = text(args, 'out') ?? 'grades'
  io.err(`${join(told, 'class.csv')}, ${join(told, 'index.html')}, and a grade.json and ${PAGE} for each\n`)
  return sorted.some((grade) => exitOfGrade(grade) >= UNDECIDED) ? UNDECIDED : 0
}

/** Links among them are folders of somebody else's, perhaps of another student. */
function submissionsIn(folder: string): readonly string[] {
  if (!existsSync(folder)) throw stop(USAGE, `no folder ${folder}`)
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.name.startsWith('.') && !entry.isFile())
    .map(({ name }) => name)
    .sort()
  if (names.length === 0) throw stop(USAGE, `${folder} holds no submissions: each is a folder in it`)
  return names
}
