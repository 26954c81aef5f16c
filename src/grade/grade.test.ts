import { expect, test } from 'vitest'
import { clusterWith, pod } from '#model/build.ts'
import { topologyOf } from '#model/topology.ts'
import { exitOfGrade, forStudent, type Grade, type GradedProbe, hasPassed, outcomeOf, totalOf } from './grade.ts'
import { classHtml, gradeHtml } from './html.ts'
import { classCsv, classroom, gradeJunit, gradescope, gradeTap } from './machines.ts'
import { annotations, gradeMarkdown } from './markdown.ts'
import { gradeText } from './text.ts'

const probe = (id: string, o: Partial<GradedProbe> = {}): GradedProbe => ({
  id,
  title: `Probe ${id}`,
  group: 'web',
  verdict: 'pass',
  expected: 'an answer',
  observed: 'an answer',
  evidence: [],
  reproduce: `netlab exec client -- curl -s http://${id}/`,
  attempts: [],
  ms: 120,
  points: 2,
  visibility: 'visible',
  ...o,
})

const grade = (o: Partial<Grade> = {}): Grade => ({
  apiVersion: 'netlab.dev/v1',
  kind: 'Grade',
  netlab: '1.0.0',
  lab: 'broken-services',
  exercise: 'selector-typo',
  submission: { name: 'ann', digest: 'sha256:00', files: 2, bytes: 420 },
  started: '2026-01-01T00:00:00Z',
  ended: '2026-01-01T00:00:07Z',
  outcome: 'graded',
  says: '',
  passMark: 5,
  tasks: [
    {
      id: 'web',
      title: 'The Service answers',
      results: [
        probe('reach'),
        probe('body', { verdict: 'fail', observed: 'HTTP 503\n`````\n# not a heading | <script>alert(1)</script>\u001b[2J', evidence: ['< HTTP/1.1 503'] }),
        probe('stays', { verdict: 'blocked', observed: 'body failed', expected: '' }),
      ],
    },
    {
      id: 'hidden',
      title: 'And keeps its promise',
      results: [probe('nonce', { points: 4, visibility: 'hidden' }), probe('secret', { verdict: 'fail', visibility: 'name-only' })],
    },
  ],
  notes: [{ level: 'warn', says: 'results.json is not looked at', at: 'results.json:1:1' }],
  ...o,
})

const undecided = grade({
  outcome: 'inconclusive',
  says: 'one probe could not be decided',
  tasks: [{ id: 'web', title: 'The Service answers', results: [probe('reach'), probe('body', { verdict: 'error', observed: 'the probe did not start' })] }],
})

test('a grade’s projections', async () => {
  const all = { text: gradeText, markdown: gradeMarkdown, annotations, junit: gradeJunit, tap: gradeTap, gradescope, classroom }
  const shown = Object.entries(all).map(([name, of]) => `==== ${name}\n${of(forStudent(grade()))}`)
  await expect(shown.join('\n')).toMatchFileSnapshot('grade.golden.txt')
})

test('an inconclusive run costs nobody points and gives none', async () => {
  const all = { text: gradeText, annotations, junit: gradeJunit, tap: gradeTap, gradescope, classroom }
  const shown = Object.entries(all).map(([name, of]) => `==== ${name}\n${of(undecided)}`)
  await expect(shown.join('\n')).toMatchFileSnapshot('inconclusive.golden.txt')
  expect([exitOfGrade(undecided), hasPassed(undecided), JSON.parse(gradescope(undecided)).score]).toEqual([3, false, undefined])
})

test('a probe gives its points or none; what is blocked gives none and is counted all the same', () => {
  expect([totalOf(grade()), hasPassed(grade()), hasPassed(grade({ passMark: 7 }))]).toEqual([{ reached: 6, of: 12 }, true, false])
})

test('one undecided probe makes the run inconclusive, and so does a run without any', () => {
  expect([['pass', 'fail', 'blocked'], ['pass', 'error'], ['pass', 'skip'], []].map((verdicts) => outcomeOf(verdicts as never))).toEqual([
    'graded',
    'inconclusive',
    'inconclusive',
    'inconclusive',
  ])
})

test('each outcome has its exit code', () => {
  const outcomes = ['graded', 'inconclusive', 'not-started', 'invalid', 'interrupted', 'running'] as const
  expect([exitOfGrade(grade({ passMark: 12 })), ...outcomes.map((outcome) => exitOfGrade(grade({ outcome })))]).toEqual([1, 0, 3, 4, 2, 130, 3])
})

test('a student sees of a hidden probe that there is one, and what it made of it', () => {
  const [, hidden] = forStudent(grade()).tasks
  expect(
    hidden?.results.map(({ id, title, verdict, expected, observed, evidence, reproduce }) => [id, title, verdict, expected, observed, evidence, reproduce]),
  ).toEqual([
    ['hidden-1', 'Hidden probe 1', 'pass', '', '', [], ''],
    ['secret', 'Probe secret', 'fail', '', '', [], ''],
  ])
})

test('a class is a table that no spreadsheet takes for formulas', () => {
  const rows = classCsv([grade(), undecided, grade({ submission: { ...grade().submission, name: '=HYPERLINK("x")' }, tasks: [] })])
  expect(rows.split('\r\n')).toEqual([
    'submission,outcome,points,of,passed,exit,says,reach,body,stays,nonce,secret',
    'ann,graded,6,12,yes,0,"6 of 12 points, passed",pass,fail,blocked,pass,fail',
    'ann,inconclusive,,,,3,one probe could not be decided,pass,error,,,',
    `"'=HYPERLINK(""x"")",graded,0,0,no,1,"0 of 0 points, not passed: 5 are needed",,,,,`,
    '',
  ])
})

const EVIL = `</pre></title></style>"><script src='//evil'>alert(1)</script><img src=x onerror=alert(1)>&lt;\u0007\u001b[2J\u202e`

const topology = topologyOf(clusterWith({ nodes: 2, objects: [pod('web', { node: 'node-1', ip: '10.244.0.2' })] }))

test('a grade as a page: points, verdicts, evidence, the lab, and how to see it oneself', async () => {
  await expect(gradeHtml(forStudent(grade({ topology, seed: 'c0ffee' })))).toMatchFileSnapshot('grade.golden.html')
})

test('a class as a page: one row a submission, each with its own page beside it', async () => {
  const eve = grade({ submission: { ...grade().submission, name: `eve ${EVIL}` }, tasks: [], outcome: 'invalid', says: EVIL })
  await expect(
    classHtml('broken-services/selector-typo', [grade(), grade({ passMark: 12, submission: { ...grade().submission, name: 'bob' } }), undecided, eve]),
  ).toMatchFileSnapshot('class.golden.html')
})

test('an undecided run has no points on its page, and one that was cut off says so', () => {
  const cut = grade({ outcome: 'running', says: 'not over yet' })
  expect([undecided, cut].map((one) => /class="(worth|bar)"/.test(gradeHtml(one)))).toEqual([false, false])
})

test('whatever a student wrote is text on the page and nothing else', () => {
  const { submission } = grade()
  const evil = grade({
    ...{
      submission: { ...submission, name: EVIL, digest: EVIL },
      lab: EVIL,
      exercise: EVIL,
      says: EVIL,
      outcome: 'invalid',
      seed: EVIL,
      netlab: EVIL,
      started: EVIL,
    },
    ...{ notes: [{ level: 'error', says: EVIL, at: EVIL }] },
    tasks: [
      {
        id: EVIL,
        title: EVIL,
        results: [probe(EVIL, { title: EVIL, verdict: 'fail', expected: EVIL, observed: EVIL, evidence: [EVIL], reproduce: EVIL, why: EVIL })],
      },
    ],
  })
  const plain = { ...evil, ...JSON.parse(JSON.stringify(evil).replaceAll(JSON.stringify(EVIL), '"fine"')) }
  const tagsOf = (html: string): readonly string[] => [...html.matchAll(/<[^>]*>?/g)].map(([tag]) => tag)
  const steering = /(?![\t\n])[\p{Cc}\p{Bidi_Control}]/u
  const [page, list] = [gradeHtml(evil), classHtml(EVIL, [evil])]
  const hrefless = (tags: readonly string[]): readonly string[] => tags.filter((tag) => !tag.startsWith('<a '))
  expect([tagsOf(page), hrefless(tagsOf(list))]).toEqual([tagsOf(gradeHtml(plain)), hrefless(tagsOf(classHtml('fine', [plain])))])
  expect([steering.test(page + list), tagsOf(list).filter((tag) => tag.startsWith('<a '))]).toEqual([
    false,
    [`<a href="${encodeURIComponent(EVIL).replaceAll("'", '&apos;')}/grade.html">`],
  ])
})
