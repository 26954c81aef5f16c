import { expect, test } from 'vitest'
import { issueText } from '#lab/issue.ts'
import { clusterWith, pod, service } from '#model/build.ts'
import { readExercise } from './read.ts'

const cluster = clusterWith({
  objects: [
    pod('client-1', { node: 'node-1', ip: '10.244.0.2' }),
    pod('client-2', { node: 'node-2', ip: '10.244.1.2' }),
    ...service('orders', { clusterIP: '10.96.0.20', endpoints: ['10.244.1.3:8080@node-2'] }),
  ],
})
const yaml = (params: string, title = 'Something is wrong') => `apiVersion: netlab.dev/v1
kind: Exercise
metadata: {name: lost}
spec:
  params: ${params}
  tasks:
    - id: lost
      title: "${title}"
      text: text/01.md
      hints: "{{f.hints}}"
      probes:
        - {id: what, answer: {ask: "What?", type: choice, choices: "{{f.names}}", is: "{{f.name}}"}}
        - {id: where, answer: {ask: "Where?", type: choice, choices: "{{f.places}}", is: "{{f.where}}"}}
        - {id: mended, all: "{{f.asks}}"}
`
const read = (params: string, { seed = 'ann', title, text = '{{f.symptom}}' }: { seed?: string; title?: string; text?: string } = {}) =>
  readExercise(
    new Map([
      ['x/lost/exercise.yaml', yaml(params, title)],
      ['x/lost/text/01.md', text],
      ['x/lost/text/why.md', '{{f.is}}, at {{f.where}}. {{f.why}}'],
      ['x/lost/solution/answers.yaml', 'what: "{{f.name}}"\nwhere: "{{f.where}}"\n'],
    ]),
    'x/lost',
    { seed, cluster, whole: () => cluster },
  )
const good = (seed: string) => {
  const said = read('{f: {fault: any}}', { seed })
  if (!said.ok) throw new Error(said.errors.map(issueText).join('\n'))
  return said.value.exercise
}
const mistakes = (...of: Parameters<typeof read>) => {
  const said = read(...of)
  return said.ok ? said.value.warnings.map(issueText) : said.errors.map(issueText)
}

test('a seed draws a fault and a place, the same ones again, and seeds differ', () => {
  const seeds = Array.from({ length: 60 }, (_, i) => `s${i}`)
  const drawn = seeds.map((seed) => good(seed).fault)
  expect(seeds.map((seed) => good(seed).fault)).toEqual(drawn)
  // Every fault that the lab can have is somebody's.
  expect(new Set(drawn.map((one) => one?.name))).toEqual(new Set(drawn[0]?.among))
})

test('start and solution are those of the fault, and the answers name it', () => {
  for (const seed of ['a', 'b', 'c', 'd']) {
    const { fault, start, solution, tasks } = good(seed)
    expect(solution.answers).toEqual({ what: fault?.name, where: fault?.where })
    expect(start.scripts.length + start.manifests.size).toBeGreaterThan(0)
    expect([...start.scripts.map(({ place }) => place), ...start.manifests.keys()].join().replace('/start/', '/solution/')).toEqual(
      [...solution.scripts.map(({ place }) => place), ...solution.manifests.keys()].join(),
    )
    expect(tasks[0]?.why).toContain(`at ${fault?.where}`)
    expect(tasks[0]?.text).not.toContain('{{')
  }
})

test('mistakes in what is to be drawn are told at their place', () => {
  expect(mistakes('{f: {fault: [wrong-fbd]}}')).toEqual([
    'x/lost/exercise.yaml:5:24 spec.params.f.fault[0]: no fault "wrong-fbd" in the library; did you mean "wrong-fdb"?',
  ])
  expect(mistakes('{f: {fault: [bgp-wrong-as]}}')).toEqual(['x/lost/exercise.yaml:5:15 spec.params.f: this lab can have none of these faults'])
  expect(mistakes('{f: {fault: any}, n: {seeded: [9, 3]}, g: {fault: any}}')).toEqual([
    'x/lost/exercise.yaml:5:41 spec.params.n.seeded: 9 is more than 3: the lower end comes first',
    'x/lost/exercise.yaml:5:53 spec.params.g: "f" draws a fault already; one is enough',
  ])
})

test('a title or a text that tells what is to be found out is a mistake', () => {
  expect(mistakes('{f: {fault: any}}', { title: 'Find {{f.name}}' })).toEqual([
    'x/lost/exercise.yaml:8:14 spec.tasks[0].title: {{f.name}} tells what is to be found out',
  ])
  expect(mistakes('{f: {fault: any}}', { text: '{{f.symptom}}\n\nLook at {{ f.where }}' })).toEqual([
    'x/lost/text/01.md:3:9 {{ f.where }} tells what is to be found out',
  ])
})
