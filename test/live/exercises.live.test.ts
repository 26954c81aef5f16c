/** Exercises that no test of their own lab tries: `netlab lab test` finds each as its author means it. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { home, netlab } from '../support/netlab.ts'

/** Built or solved by hand in tests of their own. */
const ELSEWHERE = /-by-hand$|^broken-services$|^mystery$|^services-ipvs$/
const n = netlab({ timeout: 300_000 })
afterAll(n.clean)

const labs = readdirSync(join(home, 'labs'))
const exercises = labs
  .filter((lab) => !ELSEWHERE.test(lab) && existsSync(join(home, 'labs', lab, 'exercises')))
  .flatMap((lab) => readdirSync(join(home, 'labs', lab, 'exercises')).map((id) => `${lab}/${id}`))

test('there are such', () => expect(exercises).toContain('flannel-vxlan/wrong-peer'))

describe.concurrent('lab test', () => {
  test.each(exercises)(
    '%s',
    async (exercise) => {
      const { code, out, err } = await n.run('lab', 'test', exercise)
      expect([code, out.split('\n').filter((line) => /^ +([✗!]| {4})/.test(line)), err]).toEqual([0, [], ''])
    },
    200_000,
  )
})

test('services-ipvs/same-server, on a kernel that has IPVS', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'netlab-exercises-'))
  try {
    const lab = join(folder, 'services-ipvs')
    cpSync(join(home, 'labs/services-ipvs'), lab, { recursive: true })
    const file = join(lab, 'lab.yaml')
    writeFileSync(file, readFileSync(file, 'utf8').replace('  proxy:', '  kernel: auto\n  proxy:'))
    expect(await n.ok('lab', 'test', join(lab, 'exercises/same-server'))).toContain('1 exercise, 4 trials: all as they should be')
  } finally {
    rmSync(folder, { recursive: true })
  }
}, 300_000)
