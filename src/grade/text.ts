/** A grade for a terminal or a log. */
import { SIGNS, WORDS } from '#report/text.ts'
import { type Grade, type GradedProbe, harmless, pointsText, verdictLine } from './grade.ts'

export function gradeText(grade: Grade): string {
  const head = `${grade.submission.name}: ${grade.lab}${grade.exercise === grade.lab ? '' : `/${grade.exercise}`}`
  const notes = grade.notes.map(({ level, says, at }) => `${level === 'info' ? '' : `${level}: `}${at === undefined ? '' : `${at} `}${says}`)
  const tasks = grade.tasks.flatMap(({ title, results }) => {
    return ['', `${title}${pointsText(grade, results, (reached, of) => `: ${reached} of ${of}`)}`, ...results.flatMap((one) => lines(grade, one))]
  })
  return `${harmless([head, ...notes, ...tasks, '', verdictLine(grade)].join('\n'))}\n`
}

function lines(grade: Grade, one: GradedProbe): readonly string[] {
  const { verdict, title, expected, observed, reproduce } = one
  const worth = pointsText(grade, [one], (reached, of) => ` (${reached}/${of})`)
  const head = `  ${SIGNS[verdict]} ${title}${worth}${verdict === 'pass' ? '' : `: ${WORDS[verdict]}`}`
  if (verdict === 'pass') return [head]
  const facts = [
    ['expected', expected],
    ['observed', observed],
    ['try', verdict === 'fail' ? reproduce : ''],
  ] as const
  return [head, ...facts.flatMap(([name, says]) => (says === '' ? [] : [`      ${name.padEnd(10)}${says.replaceAll('\n', `\n${' '.repeat(16)}`)}`]))]
}
