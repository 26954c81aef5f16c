/** What a README tells the reader to type works when typed: each block of commands of each lab's README, in order, in the running lab. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { home, netlab } from '../support/netlab.ts'

const n = netlab()
afterAll(n.clean)

const labs = readdirSync(join(home, 'labs')).filter((name) => existsSync(join(home, 'labs', name, 'README.md')))

/** IPVS is not in every kernel; such a lab says so by itself and does not come up. */
const cannotRun = (lab: string): boolean => !existsSync('/proc/net/ip_vs') && readFileSync(join(home, 'labs', lab, 'lab.yaml'), 'utf8').includes('mode: ipvs')

test.each(labs.filter(cannotRun))('%s says what this kernel lacks', (lab) => {
  const { status, stderr } = spawnSync(join(home, 'netlab'), ['up', lab], { env: { ...process.env, NETLAB_STATE: n.root, NO_COLOR: '1' }, encoding: 'utf8' })
  expect({ status, says: stderr.includes('IPVS (ip_vs)') }).toEqual({ status: 4, says: true })
})

describe.each(labs.filter((lab) => !cannotRun(lab)))('%s', (lab) => {
  afterAll(() => n.run('down', '--all'))
  const text = readFileSync(join(home, 'labs', lab, 'README.md'), 'utf8')
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1] ?? '')

  test('the README has commands', () => expect(blocks.length).toBeGreaterThan(0))

  test.each(blocks)('%s', (block) => {
    const env = { ...process.env, PATH: `${home}:${process.env['PATH']}`, NETLAB_STATE: n.root, NO_COLOR: '1' }
    const { status, stdout, stderr } = spawnSync('bash', ['-e', '-o', 'pipefail'], { input: block, env, encoding: 'utf8', timeout: 250_000 })
    expect({ status, says: `${stdout}${stderr}`.trim() !== '', stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, says: true, stderr: '' })
  })
})
