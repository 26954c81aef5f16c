/**
 * A grade as a page, and a class as one: a single file each, without scripts and without a network. Whatever a student wrote goes through `text`, and the
 * page's own policy forbids what an oversight there would let in.
 */
import { svg } from '#graph/svg.ts'
import { escaped } from '#report/markup.ts'
import { SIGNS, WORDS } from '#report/text.ts'
import {
  exitOfGrade,
  type Grade,
  type GradedProbe,
  type GradedTask,
  harmless,
  hasPassed,
  isFinal,
  type Note,
  pointsText,
  totalOf,
  verdictLine,
} from './grade.ts'
import { STYLE } from './style.ts'

export function gradeHtml(grade: Grade): string {
  const { submission, lab, exercise, tasks, notes, topology } = grade
  return page(`${submission.name}: ${lab}/${exercise}`, [
    '<header>',
    `<p class="dim">${text(lab)}${exercise === lab ? '' : ` / ${text(exercise)}`}</p>`,
    `<h1>${text(submission.name)}</h1>`,
    verdict(grade),
    ...bar(grade),
    '</header>',
    ...(notes.length === 0 ? [] : section('notes', 'Notes', ['<ul class="notes">', ...notes.map(note), '</ul>'])),
    ...tasks.flatMap((task, at) => taskPart(grade, task, at)),
    ...(topology === undefined
      ? []
      : section('lab', 'The lab', [
          '<figure>',
          svg(topology).trimEnd(),
          '<figcaption>As its files say it, before anybody touched it.</figcaption>',
          '</figure>',
        ])),
    ...again(grade),
    ...section('facts', 'This grade', [facts(grade)]),
  ])
}

// --- one grade ---

const STATE = { good: '✓', bad: '✗', open: '!' } as const
type State = keyof typeof STATE

const stateOf = (grade: Grade): State => (isFinal(grade) ? (hasPassed(grade) ? 'good' : 'bad') : 'open')

const verdict = (grade: Grade): string => {
  const state = stateOf(grade)
  return `<p class="verdict ${state}">${sign(STATE[state])} ${text(isFinal(grade) ? verdictLine(grade) : `${grade.outcome}: ${verdictLine(grade)}`)}</p>`
}

/** How far, at a glance; the words above say it too. */
function bar(grade: Grade): readonly string[] {
  const { reached, of } = totalOf(grade)
  if (!isFinal(grade) || of === 0) return []
  return [`<div class="bar" aria-hidden="true"><div class="${stateOf(grade)}" style="width:${Math.round((100 * reached) / of)}%"></div></div>`]
}

const note = ({ level, says, at }: Note): string =>
  `<li class="${level}"><span class="word">${level === 'warn' ? 'warning' : level}</span> ${at === undefined ? '' : `<code>${text(at)}</code> `}${text(says)}</li>`

function taskPart(grade: Grade, { title, results }: GradedTask, at: number): readonly string[] {
  const worth = pointsText(grade, results, (reached, of) => `${reached} of ${of}`)
  return section(`task-${at + 1}`, `${text(title)}${worth === '' ? '' : ` <span class="worth">${worth}</span>`}`, [
    '<ul class="probes">',
    ...results.flatMap((one) => probePart(grade, one)),
    '</ul>',
  ])
}

const CLASSES = { pass: 'good', fail: 'bad', error: 'open', blocked: 'dim', skip: 'dim' } as const

function probePart(grade: Grade, one: GradedProbe): readonly string[] {
  const worth = pointsText(grade, [one], (reached, of) => `${reached}/${of}`)
  const line = `${sign(SIGNS[one.verdict])} <span class="word">${WORDS[one.verdict]}</span> ${text(one.title)}${worth === '' ? '' : ` <span class="worth">${worth}</span>`}`
  const seen = factsOf(one)
  return [
    `<li class="${CLASSES[one.verdict]}">`,
    ...(seen.length === 0
      ? [`<p>${line}</p>`]
      : [
          `<details${one.verdict === 'pass' ? '' : ' open'}><summary>${line}</summary>`,
          '<dl>',
          ...seen.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`),
          '</dl>',
          '</details>',
        ]),
    '</li>',
  ]
}

type Fact = readonly [name: string, value: string]
const EVIDENCE_MOST = 60

function factsOf({ verdict: its, expected, observed, evidence, reproduce, why, attempts, ms }: GradedProbe): readonly Fact[] {
  if (its === 'blocked' || its === 'skip') return observed === '' ? [] : [['because', pre(observed)]]
  if (observed === '' && evidence.length === 0) return []
  const more = evidence.length > EVIDENCE_MOST ? [`and ${evidence.length - EVIDENCE_MOST} more lines in grade.json`] : []
  const all: readonly Fact[] = [
    ['expected', expected === '' ? '' : pre(expected)],
    ['observed', observed === '' ? '' : pre(observed)],
    ['why', why === undefined ? '' : text(why)],
    ['evidence', evidence.length === 0 ? '' : pre([...evidence.slice(0, EVIDENCE_MOST), ...more].join('\n'))],
    ['asked', `${attempts.length > 1 ? `${attempts.length} times, ` : ''}${(ms / 1000).toFixed(2)} s`],
    ['see it', reproduce === '' ? '' : pre(reproduce)],
  ]
  return all.filter(([, value]) => value !== '')
}

/** With these one comes to the place where the commands beside the probes can be typed. */
function again({ lab, exercise, seed, tasks }: Grade): readonly string[] {
  if (tasks.length === 0) return []
  const variant = seed === undefined ? '' : ` --seed ${seed}`
  const begin = exercise === lab ? `netlab up ${lab}${variant}` : `netlab learn ${lab}/${exercise}${variant}`
  return section('again', 'See it yourself', [
    `<p>${exercise === lab ? 'The lab comes up' : 'The lab comes up as the exercise begins'}; do there what the submission does, and type what stands beside a probe under <q>see it</q>, in another terminal.</p>`,
    pre(begin),
  ])
}

function facts({ netlab, started, ended, submission, passMark, seed, outcome }: Grade): string {
  const all: readonly Fact[] = [
    ['outcome', text(outcome)],
    ['pass mark', String(passMark)],
    ['from', text(started)],
    ['until', ended === undefined ? '' : text(ended)],
    ['submission', `${submission.files} files, ${submission.bytes} bytes`],
    ['digest', submission.digest === '' ? '' : `<code>${text(submission.digest)}</code>`],
    ['seed', seed === undefined ? '' : `<code>${text(seed)}</code>`],
    ['netlab', text(netlab)],
  ]
  return `<dl class="facts">${all.flatMap(([name, value]) => (value === '' ? [] : [`<dt>${name}</dt><dd>${value}</dd>`])).join('')}</dl>`
}

// --- a class ---

/** Each row leads to the student's own page beside this one. */
export function classHtml(title: string, grades: readonly Grade[]): string {
  const tasks = [...new Map(grades.flatMap((grade) => grade.tasks.map((task) => [task.id, task.title] as const)))]
  const count = (state: State): number => grades.filter((grade) => stateOf(grade) === state).length
  const head = ['submission', 'outcome', 'points', ...tasks.map(([, name]) => name)]
  const rows = grades.map((grade) => {
    const { reached, of } = totalOf(grade)
    const state = stateOf(grade)
    const word = state === 'open' ? grade.outcome : state === 'good' ? 'passed' : 'not passed'
    const cells = tasks.map(([id]) => {
      const results = grade.tasks.find((task) => task.id === id)?.results ?? []
      return `<td class="number">${pointsText(grade, results, (some, all) => `${some}/${all}`)}</td>`
    })
    return [
      `<tr><th scope="row"><a href="${escaped(encodeURIComponent(grade.submission.name.toWellFormed()))}/grade.html">${text(grade.submission.name)}</a></th>`,
      `<td class="${state}">${sign(STATE[state])} ${text(word)}${exitOfGrade(grade) > 1 ? `<br><span class="dim">${text(grade.says)}</span>` : ''}</td>`,
      `<td class="number">${isFinal(grade) ? `${reached}/${of}` : ''}</td>${cells.join('')}</tr>`,
    ].join('')
  })
  return page(title, [
    '<header>',
    `<h1>${text(title)}</h1>`,
    `<p>${grades.length} submissions: ${count('good')} passed, ${count('bad')} not passed, ${count('open')} not graded.</p>`,
    '</header>',
    '<div class="wide"><table>',
    `<thead><tr>${head.map((name) => `<th scope="col">${text(name)}</th>`).join('')}</tr></thead>`,
    '<tbody>',
    ...rows,
    '</tbody>',
    '</table></div>',
  ])
}

// --- pieces ---

const page = (title: string, body: readonly string[]): string =>
  `${[
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">`,
    '<meta name="color-scheme" content="light dark">',
    `<title>${text(title)}</title>`,
    `<style>${STYLE}</style>`,
    '</head>',
    '<body>',
    '<main>',
    ...body,
    '</main>',
    '</body>',
    '</html>',
  ].join('\n')}\n`

const section = (id: string, title: string, inside: readonly string[]): readonly string[] => [
  `<section aria-labelledby="${id}">`,
  `<h2 id="${id}">${title}</h2>`,
  ...inside,
  '</section>',
]

/** Words beside it say the same. */
const sign = (glyph: string): string => `<span class="sign" aria-hidden="true">${glyph}</span>`
const pre = (words: string): string => `<pre>${text(words)}</pre>`
const text = (words: string): string => escaped(harmless(words))
