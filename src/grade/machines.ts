/** A grade for other programs: JUnit, TAP, Gradescope, GitHub Classroom, a table of a class. */
import { junit } from '#report/junit.ts'
import type { RunState } from '#report/state.ts'
import { WORDS } from '#report/text.ts'
import { exitOfGrade, type Grade, type GradedProbe, harmless, hasPassed, isFinal, resultsOf, totalOf, verdictLine } from './grade.ts'

/** A task is a suite, a probe a case; what netlab could not decide is an error, not a failure. */
export function gradeJunit(grade: Grade): string {
  const probes = grade.tasks.flatMap(({ title, results }) =>
    results.map((result) => ({ id: result.id, title: result.title, group: title, state: 'done' as const, result: { ...result, group: title } })),
  )
  return junit({ verb: 'grade', lab: `${grade.lab}/${grade.exercise}`, phases: [], probes, over: [] } satisfies RunState)
}

/** TAP version 14. */
export function gradeTap(grade: Grade): string {
  const all = resultsOf(grade)
  const lines = all.flatMap((one, at) => {
    const head = `${one.verdict === 'pass' ? 'ok' : 'not ok'} ${at + 1} - ${tapText(one.title)}`
    if (one.verdict === 'skip') return [`ok ${at + 1} - ${tapText(one.title)} # SKIP ${tapText(one.observed)}`]
    if (one.verdict === 'pass') return [head]
    const facts = { severity: one.verdict, points: isFinal(grade) ? `0/${one.points}` : '', expected: one.expected, observed: one.observed, try: one.reproduce }
    return [head, '  ---', ...Object.entries(facts).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`), '  ...']
  })
  const bail = isFinal(grade) || all.length > 0 ? [] : [`Bail out! ${tapText(verdictLine(grade))}`]
  return `${['TAP version 14', `1..${all.length}`, ...lines, ...bail].join('\n')}\n`
}

const tapText = (text: string): string => harmless(text).replaceAll('\n', ' ').replaceAll('\\', '\\\\').replaceAll('#', '\\#')

/**
 * Gradescope's results.json. A run that is not final gives no score at all, which Gradescope shows to the teacher as a failure of the autograder: the
 * student loses nothing.
 */
export function gradescope(grade: Grade): string {
  const seconds = grade.ended === undefined ? 0 : (Date.parse(grade.ended) - Date.parse(grade.started)) / 1000
  const common = { output: harmless(verdictLine(grade)), execution_time: seconds, stdout_visibility: 'hidden' }
  const tests = resultsOf(grade).map((one, at) => ({
    number: String(at + 1),
    name: one.title,
    score: one.verdict === 'pass' ? one.points : 0,
    max_score: one.points,
    status: one.verdict === 'pass' ? 'passed' : 'failed',
    output: outputOf(one),
    visibility: one.visibility === 'hidden' ? 'hidden' : 'visible',
  }))
  return `${JSON.stringify(isFinal(grade) ? { score: totalOf(grade).reached, ...common, tests } : common, null, 2)}\n`
}

/** What GitHub Classroom's reporter takes, before base64. */
export function classroom(grade: Grade): string {
  const tests = resultsOf(grade).map((one) => ({
    name: one.title,
    status: one.verdict === 'pass' ? 'pass' : one.verdict === 'fail' || one.verdict === 'blocked' ? 'fail' : 'error',
    score: isFinal(grade) && one.verdict === 'pass' ? one.points : 0,
    max_score: one.points,
    message: outputOf(one),
    test_code: one.reproduce,
    filename: '',
    line_no: 0,
    duration: one.ms,
  }))
  const status = isFinal(grade) ? (hasPassed(grade) ? 'pass' : 'fail') : 'error'
  return `${JSON.stringify({ version: 1, status, max_score: totalOf(grade).of, tests }, null, 2)}\n`
}

function outputOf(one: GradedProbe): string {
  if (one.verdict === 'pass' || one.observed === '') return WORDS[one.verdict]
  return harmless(
    one.verdict === 'blocked' || one.verdict === 'skip' ? `${WORDS[one.verdict]}: ${one.observed}` : `expected: ${one.expected}\nobserved: ${one.observed}`,
  )
}

/** A class: one line a submission, one column a probe (RFC 4180). */
export function classCsv(grades: readonly Grade[]): string {
  const probes = [...new Set(grades.flatMap((grade) => resultsOf(grade).map(({ id }) => id)))]
  const head = ['submission', 'outcome', 'points', 'of', 'passed', 'exit', 'says', ...probes]
  const rows = grades.map((grade) => {
    const { reached, of } = totalOf(grade)
    const verdicts = new Map(resultsOf(grade).map(({ id, verdict }) => [id, verdict]))
    const points = isFinal(grade) ? [reached, of, hasPassed(grade) ? 'yes' : 'no'] : ['', '', '']
    return [grade.submission.name, grade.outcome, ...points, exitOfGrade(grade), verdictLine(grade), ...probes.map((id) => verdicts.get(id) ?? '')]
  })
  return [head, ...rows].map((row) => `${row.map((value) => field(String(value))).join(',')}\r\n`).join('')
}

/** A field that a spreadsheet would take for a formula is made text. */
function field(value: string): string {
  const text = /^[=+\-@\t]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
