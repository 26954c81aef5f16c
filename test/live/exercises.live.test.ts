/** Exercises that no test of their own lab tries: `netlab lab test` finds each as its author means it. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { home, netlab } from '../support/netlab.ts'

/** Built or solved by hand in tests of their own. */
const ELSEWHERE = /-by-hand$|^broken-services$|^mystery$|^services-ipvs$/
const n = netlab({ timeout: 500_000 })
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
    500_000,
  )
})

test('services-ipvs/same-server, on a kernel that has IPVS', async () => {
  expect(await n.ok('lab', 'test', 'services-ipvs/same-server', '--kernel', 'auto')).toContain('1 exercise, 4 trials: all as they should be')
}, 500_000)
