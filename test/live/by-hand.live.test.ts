/** The labs that a learner builds by hand: nothing holds on bare nodes, and all of it when the solution has been typed. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { home, netlab } from '../support/netlab.ts'

const n = netlab()
afterEach(() => n.run('down', '--all'))
afterAll(n.clean)

const labs = readdirSync(join(home, 'labs')).filter((name) => name.endsWith('-by-hand'))

test('there are labs to be built by hand', () => expect(labs).toEqual(['bridge-by-hand', 'pod-by-hand', 'service-by-hand', 'vxlan-by-hand']))

type Report = { readonly results: readonly { readonly id: string; readonly verdict: string }[] }
const verdicts = async (lab: string) => (JSON.parse((await n.run('check', lab, '-o', 'json')).out) as Report).results

test.each(labs)('%s', async (lab) => {
  await n.ok('up', lab)
  const before = await verdicts(lab)
  expect(before.filter(({ verdict }) => verdict !== 'fail' && verdict !== 'blocked')).toEqual([])
  const nodes = join(home, 'labs', lab, 'exercises', lab, 'solution/nodes')
  for (const file of readdirSync(nodes)) await n.ok('exec', file.replace(/\.sh$/, ''), '--', 'sh', '-e', '-c', readFileSync(join(nodes, file), 'utf8'))
  const after = await verdicts(lab)
  expect([before.length > 0, after.filter(({ verdict }) => verdict !== 'pass')]).toEqual([true, []])
})
