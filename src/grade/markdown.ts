/** A grade as GitHub shows it: Markdown for a step summary, and annotations beside the lines of a submission. */
import { SIGNS, WORDS } from '#report/text.ts'
import { type Grade, type GradedProbe, harmless, pointsText, resultsOf, verdictLine } from './grade.ts'

export function gradeMarkdown(grade: Grade): string {
  const tasks = grade.tasks.flatMap(({ title, results }) => {
    const rows = results.map(
      (one) => `| ${SIGNS[one.verdict]} ${WORDS[one.verdict]} | ${cell(one.title)} | ${pointsText(grade, [one], (reached, of) => `${reached}/${of}`)} |`,
    )
    return [
      `### ${plain(title)}${pointsText(grade, results, (reached, of) => `: ${reached} of ${of}`)}`,
      '',
      '| | probe | points |',
      '|---|---|---:|',
      ...rows,
      '',
      ...results.flatMap(details),
    ]
  })
  const notes = grade.notes.map(({ level, says, at }) => `- ${level}: ${at === undefined ? '' : `${code(at)} `}${plain(says)}`)
  const head = [`## ${plain(grade.submission.name)}: ${plain(grade.lab)}/${plain(grade.exercise)}`, '', `**${plain(verdictLine(grade))}**`, '']
  return `${[...head, ...notes, ...(notes.length > 0 ? [''] : []), ...tasks].join('\n').trimEnd()}\n`
}

function details({ verdict, title, expected, observed, evidence, reproduce }: GradedProbe): readonly string[] {
  if (verdict === 'pass' || verdict === 'blocked' || verdict === 'skip' || observed === '') return []
  const facts = [`expected  ${expected}`, `observed  ${observed}`, ...evidence, ...(reproduce === '' ? [] : [`try       ${reproduce}`])]
  return [`<details><summary>${html(title)}</summary>`, '', fenced(facts.join('\n')), '', '</details>', '']
}

/** A fence longer than any in the text, so that nobody's output ends it. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}text\n${harmless(text)}\n${fence}`
}

const html = (text: string): string => harmless(text).replaceAll('\n', ' ').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
/** Words that Markdown takes for nothing else. */
const plain = (text: string): string => html(text).replaceAll(/[\\`*_[\]#!|~@]/g, '\\$&')
const cell = (text: string): string => plain(text)
const code = (text: string): string => `\`${harmless(text).replaceAll('`', "'").replaceAll('\n', ' ')}\``

/** GitHub shows no more of one kind in one step. */
const MOST = 10

/** Workflow commands: mistakes in the submission's files, then probes that failed. */
export function annotations(grade: Grade): string {
  const notes = grade.notes
    .filter(({ level }) => level !== 'info')
    .map(({ level, says, at }) => {
      const [, file, line, col] = /^(.+?):(\d+):(\d+)$/.exec(at ?? '') ?? []
      const place = file === undefined ? {} : { file, line: line ?? '1', col: col ?? '1' }
      return command(level === 'warn' ? 'warning' : 'error', { ...place, title: grade.exercise }, says)
    })
  const probes = resultsOf(grade)
    .filter(({ verdict }) => verdict === 'fail' || verdict === 'error')
    .map(({ verdict, title, expected, observed }) =>
      command(verdict === 'fail' ? 'error' : 'warning', { title }, observed === '' ? WORDS[verdict] : `expected: ${expected}\nobserved: ${observed}`),
    )
  return [...notes, ...probes].slice(0, MOST).join('')
}

const command = (kind: string, properties: Readonly<Record<string, string>>, says: string): string =>
  `::${kind} ${Object.entries(properties)
    .map(([key, value]) => `${key}=${escaped(value).replaceAll(':', '%3A').replaceAll(',', '%2C')}`)
    .join(',')}::${escaped(says)}\n`
const escaped = (text: string): string => harmless(text).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
