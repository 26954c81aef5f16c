import { expect, test } from 'vitest'
import { issueText } from '#lab/issue.ts'
import type { Files } from '#lab/lab.ts'
import { lab } from '#probe/testing.ts'
import { checksOf, startOf } from './exercise.ts'
import { readExercise } from './read.ts'

const head = (name: string): string => `apiVersion: netlab.dev/v1\nkind: Exercise\nmetadata: {name: ${name}}\nspec:\n`
const GOOD = `${head('two')}  params: {size: {seeded: [100, 200]}}
  tasks:
    - id: one
      title: The client reaches the frontend
      text: text/01.md
      points: 2
      hints: [{when: {probe: reach, observed: refused}, say: "Size {{size}}."}]
      probes:
        - {id: reach, points: 2, ping: {from: pod/client, to: svc/frontend, size: "{{size}}"}}
    - id: two
      title: And knows its address
      text: text/02.md
      needs: [one]
      probes:
        - {id: address, visibility: hidden, answer: {ask: "Which address?", type: ip, is: "{{svc.frontend.ip}}"}}
  forbid:
    - {route: {node: node-1, dst: "{{node.node-2.podCIDR}}", dev: eth0}, why: no static route}
`
const files = (more: Readonly<Record<string, string>>): Files =>
  new Map(Object.entries({ 'x/two/exercise.yaml': GOOD, 'x/two/text/01.md': 'frontend, {{size}}', 'x/two/text/02.md': '{{svc.frontend.ip}}', ...more }))

const MENDED = {
  'x/two/start/nodes/node-1.sh': 'sysctl -w a={{size}}',
  'x/two/solution/pods/shop/a.sh': 'true',
  'x/two/tasks/one/solution/answers.yaml': 'address: 10.96.0.20',
}

const good = (seed = '') => {
  const read = readExercise(files(MENDED), 'x/two', { cluster: lab, seed })
  if (!read.ok) throw new Error(read.errors.map(issueText).join('\n'))
  expect(read.value.warnings).toEqual([])
  return read.value.exercise
}

test('params are the same in texts, hints, probes and files, and the same for the same seed', () => {
  const { params, tasks, start } = good('alice')
  const size = params['size'] as number
  expect([tasks[0]?.text, tasks[0]?.hints[0]?.say, tasks[0]?.probes[0]?.of, start.scripts]).toEqual([
    `frontend, ${size}`,
    `Size ${size}.`,
    expect.objectContaining({ size }),
    [{ place: 'node/node-1', file: 'x/two/start/nodes/node-1.sh', text: `sysctl -w a=${size}` }],
  ])
  const sizes = ['alice', 'bob', 'carol', 'dave'].map((seed) => good(seed).params['size'] as number)
  expect([good('alice').params['size'], sizes.every((one) => one >= 100 && one <= 200), new Set(sizes).size > 1]).toEqual([size, true, true])
})

test('what is told of all tasks is told after the last one', () => {
  const read = readExercise(files({ 'x/two/text/why.md': 'All of it.' }), 'x/two', { cluster: lab, seed: '' })
  expect(read.ok && read.value.exercise.tasks.map(({ why }) => why)).toEqual(['', 'All of it.'])
})

test('what is forbidden holds while the question about it does not', () => {
  expect(good().forbid).toEqual([
    expect.objectContaining({ id: 'forbid-1', title: 'no static route', points: 0, kind: 'not', of: expect.objectContaining({ kind: 'route' }) }),
  ])
})

test('learners are not asked what is hidden', () => {
  const ids = (hidden: boolean) => checksOf(good(), { hidden }).groups.map((group) => [group.id, ...group.probes.map(({ id }) => id)])
  expect([ids(true), ids(false)]).toEqual([
    [
      ['one', 'reach'],
      ['two', 'address'],
      ['forbid', 'forbid-1'],
    ],
    [['one', 'reach'], ['two'], ['forbid', 'forbid-1']],
  ])
})

test("a later task begins where the exercise's start and the tasks before it lead", () => {
  const exercise = good()
  expect([startOf(exercise, 'one'), startOf(exercise, 'two')]).toEqual([[exercise.start], [exercise.start, exercise.tasks[0]?.solution]])
})

test('every mistake is told at once, each at its place', () => {
  const bad = `${head('other')}  parms: {}
  params: {size: {seeded: [1, x]}}
  tasks:
    - id: one
      title: The client reaches it
      text: text/none.md
      points: 3
      needs: [two]
      hints: [{when: {probe: rech, says: x}, say: ""}]
      probes:
        - {id: reach, ping: {from: pod/clint, to: svc/frontend}}
        - {id: reach, tpc: {from: pod/client, to: svc/frontend}}
    - id: two
      title: Objects
      text: text/01.md
      probes: [{id: read, object: {kind: Service, name: payments}}]
  forbid: [{rute: {node: node-1}, why: x}, {route: {node: node-9, dst: 10.0.0.0/8}}]
`
  const read = readExercise(
    files({
      'x/two/exercise.yaml': bad,
      'x/two/text/01.md': 'frontend',
      'x/two/start/run.sh': '',
      'x/two/wrong/half/nodes/node-1.sh': '',
      'x/two/wrong/half/verdicts.yaml': 'reach: pass\nrech: maybe\n',
    }),
    'x/two',
    { cluster: lab },
  )
  expect(read.ok ? [] : read.errors.map(issueText).join('\n')).toMatchInlineSnapshot(`
    "x/two/exercise.yaml:5:3 spec.parms: unknown field "parms"; did you mean "params"?
    x/two/exercise.yaml:6:18 spec.params.size: expected text or a whole number or an object with seeded … or an object with oneOf … or an object with fault …, found an object
    x/two/exercise.yaml:10:13 spec.tasks[0].text: there is no file x/two/text/none.md
    x/two/exercise.yaml:13:51 spec.tasks[0].hints[0].say: must not be empty
    x/two/exercise.yaml:15:36 spec.tasks[0].probes[0].ping.from: no Pod "default/clint" with an address; did you mean "client"?
    x/two/exercise.yaml:16:11 spec.tasks[0].probes[1]: what is asked is missing: one of ping, tcp, udp, http, dns, source, balance, mtu, matrix, interface, route, neigh, fdb, vxlan, bgp-session, bgp-route, sysctl, listen, process, file, exec, object, iptables, capture, converge, answer, all, any, not
    x/two/exercise.yaml:16:16 spec.tasks[0].probes[1].id: the id "reach" is taken
    x/two/exercise.yaml:16:23 spec.tasks[0].probes[1].tpc: unknown field "tpc"; did you mean "tcp"?
    x/two/exercise.yaml:21:12 spec.forbid[0]: what is asked is missing: one of ping, tcp, udp, http, dns, source, balance, mtu, matrix, interface, route, neigh, fdb, vxlan, bgp-session, bgp-route, sysctl, listen, process, file, exec, object, all, any, not
    x/two/exercise.yaml:21:13 spec.forbid[0].rute: unknown field "rute"; did you mean "route"?
    x/two/exercise.yaml:21:59 spec.forbid[1].route.node: no node "node-9"; did you mean "node-1"?
    x/two/start/run.sh:1:1 is not read: manifests/*.yaml, nodes/NODE.sh, pods/POD.sh and answers.yaml are"
  `)
  const meaning = readExercise(
    files({
      'x/two/exercise.yaml': bad
        .replace(/ {2}parms.*\n/, '')
        .replace('1, x', '1, 2')
        .replace('say: ""', 'say: x')
        .replace(/^.*tpc.*\n/m, '')
        .replace('rute', 'route')
        .replace('text/none.md', 'text/02.md'),
      'x/two/text/02.md': 'a {{svc.nobody.ip}}',
      'x/two/wrong/half/verdicts.yaml': 'reach: pass\nrech: maybe\n',
    }),
    'x/two',
    { cluster: lab },
  )
  expect(meaning.ok ? [] : meaning.errors.map(issueText).join('\n')).toMatchInlineSnapshot(`
    "x/two/exercise.yaml:3:18 metadata.name: expected two, the name of its folder, found "other"
    x/two/exercise.yaml:6:3 warning: spec.tasks: there is no solution: x/two/solution/ is empty
    x/two/exercise.yaml:10:15 spec.tasks[0].points: 3, but those of its probes make 1; leave one of the two out
    x/two/exercise.yaml:11:15 spec.tasks[0].needs[0]: no task "two" before this one
    x/two/exercise.yaml:12:30 spec.tasks[0].hints[0].when.probe: no probe "rech" in this task; did you mean "reach"?
    x/two/exercise.yaml:12:36 spec.tasks[0].hints[0].when.says: unknown field "says"; known: observed, probe, verdict
    x/two/exercise.yaml:14:11 spec.tasks[0].probes[0]: asks about clint, frontend, of which the text of the task says nothing
    x/two/exercise.yaml:14:36 spec.tasks[0].probes[0].ping.from: no Pod "default/clint" with an address; did you mean "client"?
    x/two/exercise.yaml:18:15 spec.tasks[1].probes: every probe only reads objects: add one that sees packets arrive
    x/two/exercise.yaml:18:16 spec.tasks[1].probes[0]: asks about payments, of which the text of the task says nothing
    x/two/exercise.yaml:19:20 spec.forbid[0].route: expected either dst (an entry of the table) or lookup (what the kernel would do)
    x/two/exercise.yaml:19:60 spec.forbid[1].route.node: no node "node-9"; did you mean "node-1"?
    x/two/text/02.md:1:3 {{svc.nobody.ip}}: no Service "default/nobody" with a ClusterIP; known: checkout-api-svc, frontend, production/payment-api
    x/two/wrong/half/verdicts.yaml:1:1 the verdict of read, forbid-1, forbid-2 is missing; every scored probe has one of pass, fail, blocked, skip
    x/two/wrong/half/verdicts.yaml:1:1 rech: no scored probe "rech"; did you mean "reach"?
    x/two/wrong/half/verdicts.yaml:1:1 rech: expected one of pass, fail, blocked, skip, found "maybe""
  `)
})
