/** A grade: what grade.json holds, and what may be concluded from it. Everything else that is printed is a projection of it (docs/LABS.md §4). */
import type { Topology } from '#model/topology.ts'
import type { ProbeResult, Verdict } from '#probe/probe.ts'
import { EXIT } from '#report/exit.ts'

export type Grade = {
  readonly apiVersion: 'netlab.dev/v1'
  readonly kind: 'Grade'
  /** Version of netlab. */
  readonly netlab: string
  readonly lab: string
  readonly exercise: string
  /** `digest`: sha256 over names and contents of the files that were taken. */
  readonly submission: { readonly name: string; readonly digest: string; readonly files: number; readonly bytes: number }
  /** sha256 over everything the grade follows from: while it stays the same, so does the grade. */
  readonly inputs?: string
  /** What the student's variant was drawn from; the course's key cannot be told from it. */
  readonly seed?: string
  /** The map of the lab, as its files say it. */
  readonly topology?: Topology
  /** RFC 3339. */
  readonly started: string
  /** Absent while the run goes on, and in what a killed run leaves. */
  readonly ended?: string
  readonly outcome: Outcome
  /** One sentence. */
  readonly says: string
  /** Of the points there are, how many must be reached. */
  readonly passMark: number
  readonly tasks: readonly GradedTask[]
  readonly notes: readonly Note[]
}

/**
 * `running`: not over. `graded`: every probe was decided. `inconclusive`: netlab could not decide, which costs nobody points. `not-started`: the lab did not
 * come up. `invalid`: exercise or submission cannot be read. `interrupted`: somebody ended the run.
 */
export type Outcome = 'running' | 'graded' | 'inconclusive' | 'not-started' | 'invalid' | 'interrupted'
export type GradedTask = { readonly id: string; readonly title: string; readonly results: readonly GradedProbe[] }
export type GradedProbe = ProbeResult & { readonly visibility: Visibility }
/** What the student may see of a probe: all, its title and verdict, or nothing. */
export type Visibility = 'visible' | 'name-only' | 'hidden'
/** `at` is `file:line:col` in the submission. */
export type Note = { readonly level: 'info' | 'warn' | 'error'; readonly says: string; readonly at?: string }

export type Points = { readonly reached: number; readonly of: number }

/** One probe is worth its points or nothing. */
export function pointsOf(results: readonly GradedProbe[]): Points {
  const sum = (some: readonly GradedProbe[]): number => some.reduce((all, { points }) => all + points, 0)
  return { reached: sum(results.filter(({ verdict }) => verdict === 'pass')), of: sum(results) }
}

export const resultsOf = ({ tasks }: Pick<Grade, 'tasks'>): readonly GradedProbe[] => tasks.flatMap(({ results }) => results)
export const totalOf = (grade: Pick<Grade, 'tasks'>): Points => pointsOf(resultsOf(grade))

/** Points say something only when everything was decided. */
export const isFinal = ({ outcome }: Pick<Grade, 'outcome'>): boolean => outcome === 'graded'
export const hasPassed = (grade: Grade): boolean => isFinal(grade) && totalOf(grade).reached >= grade.passMark

/** What the verdicts of a finished run make of it. */
export const outcomeOf = (verdicts: readonly Verdict[]): Outcome =>
  verdicts.some((verdict) => verdict === 'error' || verdict === 'skip') || verdicts.length === 0 ? 'inconclusive' : 'graded'

export function exitOfGrade(grade: Grade): number {
  switch (grade.outcome) {
    case 'graded':
      return hasPassed(grade) ? EXIT.passed : EXIT.failed
    case 'invalid':
      return EXIT.usage
    case 'not-started':
      return EXIT.notStarted
    case 'interrupted':
      return EXIT.interrupted
    case 'inconclusive':
    case 'running':
      return EXIT.inconclusive
    default:
      return grade.outcome satisfies never
  }
}

/** As the student may see it: hidden probes are counted and not named, of others only the title and the verdict. */
export function forStudent(grade: Grade): Grade {
  let hidden = 0
  const seen = (probe: GradedProbe): GradedProbe => {
    if (probe.visibility === 'visible') return probe
    const title = probe.visibility === 'hidden' ? `Hidden probe ${++hidden}` : probe.title
    const id = probe.visibility === 'hidden' ? `hidden-${hidden}` : probe.id
    const { why: _, ...rest } = probe
    return { ...rest, id, title, expected: '', observed: '', evidence: [], reproduce: '', attempts: [] }
  }
  return { ...grade, tasks: grade.tasks.map((task) => ({ ...task, results: task.results.map(seen) })) }
}

/** `7 of 10`, of a run that is final; nothing else may look like points. */
export function pointsText(grade: Grade, results: readonly GradedProbe[], form: (reached: number, of: number) => string): string {
  const { reached, of } = pointsOf(results)
  return isFinal(grade) && of > 0 ? form(reached, of) : ''
}

/** `7 of 10 points, passed`, or why there are none. */
export function verdictLine(grade: Grade): string {
  const { reached, of } = totalOf(grade)
  if (!isFinal(grade)) return grade.says
  return `${reached} of ${of} points, ${hasPassed(grade) ? 'passed' : `not passed: ${grade.passMark} are needed`}`
}

/** Text that students can influence, without what would steer a terminal: control characters other than line ends and tabs. */
export const harmless = (text: string): string => text.replaceAll(/(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu, '\uFFFD')
