import { expect, test } from 'vitest'
import { allOf, anyOf, type Finding, type Inquiry, not } from './question.ts'

type Verdict = Finding['verdict']
const VERDICTS: readonly Verdict[] = ['pass', 'fail', 'error']
const saying = (verdict: Verdict): Inquiry => ({
  questions: [],
  judge: () => ({ verdict, expected: 'it holds', observed: verdict, evidence: [], reproduce: `netlab ${verdict}` }),
})
const verdictOf = (inquiry: Inquiry): Verdict => inquiry.judge([]).verdict
const pairs = VERDICTS.flatMap((a) => VERDICTS.map((b) => [a, b] as const))

test('all holds when each part does, and one that fails decides even beside one that is open', () => {
  const law = (a: Verdict, b: Verdict): Verdict => ([a, b].includes('fail') ? 'fail' : [a, b].includes('error') ? 'error' : 'pass')
  expect(pairs.map(([a, b]) => verdictOf(allOf([saying(a), saying(b)])))).toEqual(pairs.map(([a, b]) => law(a, b)))
})

test('any is all turned around', () => {
  expect(pairs.map(([a, b]) => verdictOf(anyOf([saying(a), saying(b)])))).toEqual(
    pairs.map(([a, b]) => verdictOf(not(allOf([not(saying(a)), not(saying(b))])))),
  )
})

test('not turns pass and fail around and leaves what is open open', () => {
  expect(VERDICTS.map((verdict) => verdictOf(not(saying(verdict))))).toEqual(['fail', 'pass', 'error'])
})

test('each part judges the answers to its own questions', () => {
  const counting = (count: number): Inquiry => ({
    questions: Array.from({ length: count }, () => ({ kind: 'look', object: { kind: 'Pod', namespace: 'default', name: 'x' } })),
    judge: (answers) => ({ verdict: 'pass', expected: '', observed: answers.map((one) => one.stdout).join(), evidence: [], reproduce: '' }),
  })
  const parts = allOf([counting(2), counting(0), allOf([counting(1), counting(2)])])
  const answers = parts.questions.map((_, at) => ({ code: 0, stdout: `a${at}`, stderr: '' }))
  expect(parts.judge(answers).evidence).toEqual(['pass: a0,a1', 'pass: ', 'pass: a2 (2 of 2)', 'pass: a2', 'pass: a3,a4'])
})

test('the part that decides brings its observation and its command', () => {
  const { observed, reproduce } = allOf([saying('pass'), saying('error'), saying('fail'), saying('fail')]).judge([])
  expect([observed, reproduce]).toEqual(['fail (2 of 4)', 'netlab fail'])
})
