import { expect, test } from 'vitest'
import { exitOfGrade, forStudent, type Grade, type GradedProbe, hasPassed, outcomeOf, totalOf } from './grade.ts'
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
