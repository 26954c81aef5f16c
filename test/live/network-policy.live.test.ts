/** Each exercise of labs/network-policy: unsolved it fails, the solution passes; one after another in the same lab. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { home, netlab } from '../support/netlab.ts'

const n = netlab()
const folder = join(mkdtempSync(join(tmpdir(), 'netlab-labs-')), 'network-policy')
const exercises = join(home, 'labs/network-policy/exercises')
const ids = readdirSync(exercises)

type Probe = { readonly id: string }
type Task = { readonly id: string; readonly title: string; readonly probes: readonly Probe[] }
const taskOf = (id: string): Task => parse(readFileSync(join(exercises, id, 'exercise.yaml'), 'utf8')).spec.tasks[0]

beforeAll(async () => {
  cpSync(join(home, 'labs/network-policy'), folder, { recursive: true })
  const check = parse(readFileSync(join(folder, 'check.yaml'), 'utf8'))
  check.spec.groups.push(
    ...ids.map(taskOf).map(({ id, title, probes }) => ({ id: `task-${id}`, title, probes: probes.map((one) => ({ ...one, within: '3s' })) })),
  )
  writeFileSync(join(folder, 'check.yaml'), stringify(check))
  await n.ok('up', join(folder, 'lab.yaml'))
})
afterAll(async () => {
  await n.clean()
  rmSync(join(folder, '..'), { recursive: true, force: true })
})

async function bringIn(id: string, part: 'start' | 'solution'): Promise<void> {
  const at = join(exercises, id, part, 'manifests')
  if (existsSync(at)) await n.ok('apply', '-f', at)
}

type Report = { readonly results: readonly { readonly id: string; readonly verdict: string; readonly observed: string }[] }
async function verdicts(id: string): Promise<readonly string[]> {
  const { out, err } = await n.run('check', '--only', `task-${id}`, '-o', 'json')
  if (!out.startsWith('{')) throw new Error(err)
  return (JSON.parse(out) as Report).results.map((one) => (one.verdict === 'pass' ? 'pass' : `${one.verdict}: ${one.id}: ${one.observed}`))
}

test.each(ids)('%s', async (id) => {
  try {
    await bringIn(id, 'start')
    const [first] = await verdicts(id)
    await bringIn(id, 'solution')
    expect([first?.split(':')[0], await verdicts(id)]).toEqual(['fail', taskOf(id).probes.map(() => 'pass')])
  } finally {
    await n.ok('delete', 'networkpolicy', '--all', '-n', 'shop')
    await n.ok('apply', '-f', join(folder, 'manifests'))
  }
})
