/** Every fault of the library in a running lab: it breaks what its symptom says, nobody but its cure mends it; and labs/mystery as a learner and a teacher have it. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, describe, expect, test } from 'vitest'
import { clientOf } from '#cli/client.ts'
import { exerciseNamed } from '#cli/exercises.ts'
import { findLab } from '#cli/labs.ts'
import { readLabState } from '#daemon/state.ts'
import { checksOf, type Exercise, solutionOf } from '#exercise/exercise.ts'
import type { Submission } from '#exercise/submission.ts'
import { seedOf } from '#lab/params.ts'
import type { Event } from '#report/event.ts'
import { home, netlab, until } from '../support/netlab.ts'

const n = netlab()
const work = mkdtempSync(join(tmpdir(), 'netlab-mystery-'))
afterAll(async () => {
  await n.clean()
  rmSync(work, { recursive: true, force: true })
})

const exercise = (lab: string, o: { readonly seed: string; readonly fault?: string }) =>
  exerciseNamed(findLab(join(home, 'labs', lab), home), 'mystery', home, o)

async function bring({ manifests, scripts }: Submission): Promise<void> {
  for (const text of manifests.values()) await n.apply(text)
  for (const { place, text } of scripts) await n.ok('exec', place, '--', 'sh', '-e', '-c', text)
}

/** What the probe about the complaint says, given this long to come true. */
async function complaint(lab: string, one: Exercise, within: number): Promise<string> {
  const { groups } = checksOf(one, { hidden: true })
  const checks = {
    groups: groups.map((group) => ({ ...group, probes: group.probes.flatMap((probe) => (probe.id === 'mended' ? [{ ...probe, within }] : [])) })),
  }
  const socket = readLabState(n.root, lab)?.socket ?? ''
  for await (const event of clientOf(socket).lines<Event>({ method: 'POST', path: '/netlab/v1/check', body: { checks, answers: {} } }))
    if (event.kind === 'result') return event.result.verdict
  return 'nothing'
}

const passerBy = `apiVersion: v1
kind: Pod
metadata: {name: passer-by}
spec: {nodeName: node-1, containers: [{name: netshoot, image: netlab/netshoot}]}
`

describe.each(['mystery', 'calico-bgp'])('%s', (lab) => {
  afterAll(() => n.run('down', '--all'))

  test('is whole', async () => {
    await n.ok('up', lab)
    const { fault } = exercise(lab, { seed: 'live' })
    expect(await complaint(lab, exercise(lab, { seed: 'live', ...(fault && { fault: fault.name }) }), 20_000)).toBe('pass')
  })

  test.each(exercise(lab, { seed: '' }).fault?.among ?? [])('%s is broken, stays broken while the lab goes on, and is mended by its cure', async (fault) => {
    const one = exercise(lab, { seed: 'live', fault })
    await bring(one.start)
    await until(
      () => complaint(lab, one, 0),
      (verdict) => verdict === 'fail',
      40_000,
    )
    // The wheel turns: a Pod comes, and node-1 gets what it needs.
    await n.apply(passerBy)
    await until(
      () => n.json('pod', 'passer-by'),
      (pod) => pod.status.phase === 'Running',
      30_000,
    )
    // `error`: nothing was found out.
    const verdict = await until(
      () => complaint(lab, one, 0),
      (now) => now !== 'error',
    )
    expect(verdict).toBe('fail')
    await n.ok('delete', 'pod', 'passer-by')
    for (const part of solutionOf(one)) await bring(part)
    expect(await complaint(lab, one, 40_000)).toBe('pass')
  })
})

/** Says it when the complaint does not hold; the rest of the lines when it is over. */
function learning(...args: readonly string[]) {
  const child = execa(join(home, 'netlab'), ['learn', 'mystery', ...args], {
    env: { NETLAB_STATE: n.root, NO_COLOR: '1' },
    stdin: 'ignore',
    reject: false,
    timeout: 250_000,
  })
  const said = { text: '' }
  for (const output of [child.stdout, child.stderr]) output.on('data', (chunk) => (said.text += chunk))
  const broken = () =>
    until(
      () => said.text,
      (text) => text.includes('✗ What people complained about works  not yet'),
      60_000,
    )
  return { child, said, broken }
}

test('learn tells the symptom and its seed, and what it was when diagnosis and cure are right; the same seed draws the same', {
  timeout: 300_000,
}, async () => {
  const first = learning()
  await first.broken()
  const seed = /seed (\w+): netlab learn mystery\/mystery --seed \1 gives the same fault again/.exec(first.said.text)?.[1] ?? ''
  first.child.kill('SIGINT')
  await first.child
  const { fault, start, solution } = exercise('mystery', { seed })
  const symptom = /\n {4}netlab exec [^\n]*/.exec(first.said.text)?.[0]
  await n.run('down', '--all')
  const second = learning('--seed', seed, '--answer', `what=${fault?.name}`, '--answer', `where=${fault?.where}`)
  await second.broken()
  expect(second.said.text).toContain(symptom)
  expect(second.said.text).not.toContain(`It was ${fault?.name}`)
  expect([start.scripts.length + start.manifests.size > 0, seed !== '']).toEqual([true, true])
  await bring(solution)
  expect((await second.child).exitCode).toBe(0)
  expect(second.said.text).toMatch(/Something is wrong: done, 10 of 10 points/)
  expect(second.said.text).toContain(`It was ${fault?.name}, at ${fault?.where}:`)
  // Found and mended: the next one begins in a lab of its own.
  const third = learning()
  await third.broken()
  third.child.kill('SIGINT')
  await third.child
  expect(/seed (\w+):/.exec(third.said.text)?.[1]).not.toBe(seed)
  await n.run('down', '--all')
})

test('grade --seed gives each student a fault of their own, and points for diagnosis and cure apart', { timeout: 300_000 }, async () => {
  const submissions = join(work, 'submissions')
  const put = (student: string, file: string, text: string): void => {
    const path = join(submissions, student, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  const variant = (student: string) => exercise('mystery', { seed: seedOf('key', student) })
  const cure = (student: string): void => {
    for (const [file, text] of variant(student).solution.manifests) put(student, `manifests/${file.split('/').at(-1)}`, text)
    for (const { place, text } of variant(student).solution.scripts) put(student, `${place.replace('node/', 'nodes/').replace('pod/', 'pods/')}.sh`, text)
  }
  const found = (student: string, what = variant(student).fault?.name): void =>
    put(student, 'answers.yaml', `what: ${what}\nwhere: ${variant(student).fault?.where}\n`)
  cure('ann')
  found('ann')
  cure('bob')
  found('cyd')
  found('dan', 'bad luck')
  const said = await n.run('grade', 'mystery', '--batch', submissions, '--seed', 'key', '--jobs', '2', '--out', join(work, 'grades'))
  const rows = readFileSync(join(work, 'grades/class.csv'), 'utf8').trim().split('\r\n').slice(1)
  expect([
    said.code,
    rows.map((row) =>
      row
        .replace(/,"[^"]*"/, '')
        .split(',')
        .filter((_, i) => i !== 1 && i !== 5)
        .join(' '),
    ),
  ]).toEqual([
    0,
    ['ann 10 10 yes pass pass pass pass', 'bob 5 10 no fail fail pass pass', 'cyd 5 10 no pass pass fail blocked', 'dan 2 10 no fail pass fail blocked'],
  ])
  expect(new Set(['ann', 'bob', 'cyd', 'dan'].map((student) => JSON.stringify(variant(student).start.scripts))).size).toBeGreaterThan(1)
})
