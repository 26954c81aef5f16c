import { expect, test } from 'vitest'
import type { Verdict } from '#probe/probe.ts'
import { lab } from '#probe/testing.ts'
import type { Exercise } from './exercise.ts'
import { allDone, fresh, isDone, latched, lines, nextHint, type Progress, points, type Results, violations, withHint, withoutTicks } from './progress.ts'
import { readExercise } from './read.ts'

const TEXT = `apiVersion: netlab.dev/v1
kind: Exercise
metadata: {name: two}
spec:
  tasks:
    - id: one
      title: The client reaches the frontend
      text: text/01.md
      hints:
        - {when: {probe: reach, observed: refused}, say: Somebody refuses.}
        - {say: Look at the Service.}
        - {cost: 2, say: Write it so.}
      probes:
        - {id: reach, points: 2, tcp: {from: pod/client, to: svc/frontend}}
        - {id: all, needs: [reach], balance: {from: pod/client, to: svc/frontend}}
        - {id: secret, visibility: hidden, tcp: {from: pod/client, to: svc/frontend}}
    - id: two
      title: The client reaches it again
      text: text/01.md
      probes: [{id: again, visibility: name-only, tcp: {from: pod/client, to: svc/frontend}}]
  forbid: [{route: {node: node-1, dst: 10.0.0.0/8}, why: no static route}]
`
const exercise: Exercise = (() => {
  const read = readExercise(
    new Map([
      ['x/two/exercise.yaml', TEXT],
      ['x/two/text/01.md', 'client and frontend'],
      ['x/two/solution/nodes/node-1.sh', 'true'],
    ]),
    'x/two',
    { cluster: lab },
  )
  if (!read.ok) throw new Error(JSON.stringify(read.errors))
  return read.value.exercise
})()
const [one, two] = exercise.tasks as [Exercise['tasks'][number], Exercise['tasks'][number]]

const saw = (verdicts: Readonly<Record<string, Verdict>>, observed = 'so'): Results =>
  new Map(Object.entries(verdicts).map(([id, verdict]) => [id, { verdict, observed, expected: 'this', reproduce: 'netlab status' }]))
const after = (verdicts: Readonly<Record<string, Verdict>>, from: Progress = fresh(exercise)): Progress =>
  Object.entries(verdicts).reduce((progress, [id, verdict]) => latched(exercise, progress, { id, verdict }, saw(verdicts)), from)

test('a tick stays, and that it is broken now is told beside it', () => {
  const done = after({ reach: 'pass', all: 'pass' })
  const broken = saw({ reach: 'fail', all: 'blocked' })
  expect([isDone(one, done), lines(one, done, broken).map(({ id, mark }) => [id, mark])]).toEqual([
    true,
    [
      ['reach', 'broken'],
      ['all', 'done'],
    ],
  ])
})

test('nothing is earned while something forbidden holds', () => {
  const found = { 'forbid-1': 'fail', reach: 'pass' } as const
  expect([after(found).ticks, violations(exercise, saw(found)).map(({ title }) => title)]).toEqual([[], ['no static route']])
})

test('what is hidden is neither seen nor waited for; of what has a name only no more is told', () => {
  expect([lines(one, fresh(exercise), new Map()).map(({ id }) => id), lines(two, fresh(exercise), saw({ again: 'fail' }))]).toEqual([
    ['reach', 'all'],
    [{ id: 'again', title: 'again', mark: 'open', points: 1, expected: '', observed: '', reproduce: '' }],
  ])
})

test('an exercise is done when each of its tasks is', () => {
  const half = after({ reach: 'pass', all: 'pass' })
  expect([allDone(exercise, half), allDone(exercise, after({ again: 'pass' }, half)), allDone(exercise, withoutTicks(half, one))]).toEqual([false, true, false])
})

test('hints come in their order, each once, those for a failure only when it is observed', () => {
  const ladder = (results: Results): readonly string[] => {
    const given: string[] = []
    for (let progress = fresh(exercise); ; ) {
      const next = nextHint(one, progress, results)
      if (next === undefined) return given
      given.push(next.hint.say)
      progress = withHint(progress, one.id, next.at)
    }
  }
  expect([ladder(saw({ reach: 'fail' }, 'connection refused')), ladder(saw({ reach: 'fail' }, 'silence')), ladder(saw({ reach: 'pass' }, 'refused'))]).toEqual([
    ['Somebody refuses.', 'Look at the Service.', 'Write it so.'],
    ['Look at the Service.', 'Write it so.'],
    ['Look at the Service.', 'Write it so.'],
  ])
})

test('hints cost what they say, and never more than there is', () => {
  const costly = withHint(fresh(exercise), 'one', 2)
  expect([points(exercise, after({ reach: 'pass', all: 'pass' }, costly)), points(exercise, costly)]).toEqual([
    { earned: 1, of: 4 },
    { earned: 0, of: 4 },
  ])
})
