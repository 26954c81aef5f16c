import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'

type Told = readonly (readonly [status: string, fullName: string])[]

/** What is said of a run that left these reports. */
async function tally(reports: Readonly<Record<string, Told>>): Promise<{ readonly code: number | undefined; readonly says: readonly string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'netlab-tally-'))
  try {
    for (const [name, told] of Object.entries(reports)) {
      const assertionResults = told.map(([status, fullName]) => ({ status, fullName }))
      writeFileSync(join(folder, name), JSON.stringify({ testResults: [{ name: 'x.test.ts', status: 'passed', assertionResults }] }))
    }
    const { exitCode, stdout } = await execa(process.execPath, [join(import.meta.dirname, '../scripts/tally.ts'), folder], { reject: false })
    return { code: exitCode, says: stdout.split('\n') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const held = (driver: string): readonly [string, string] => ['passed', `driver ${driver} is held to every law it can keep`]
const all = [held('netns'), held('docker'), held('netns on user-mode Linux')]

test('a run is well when all passed and every kind of node was held to the laws: a guest’s by anybody, the others by everyone who ran live tests', async () => {
  expect(await tally({ 'unit.json': [['passed', 'a']], 'live-root.json': all, 'live-ann.json': all.slice(0, 2) })).toEqual({
    code: 0,
    says: ['6 passed, 0 failed'],
  })
  expect(await tally({ 'live-root.json': all.slice(0, 2), 'live-ann.json': all.slice(0, 2) })).toEqual({
    code: 1,
    says: ['not held to the laws of drivers by anybody: netns on user-mode Linux', '4 passed, 1 failed'],
  })
})

test('who was not there for the live tests makes the run fail, by name', async () => {
  const without = [held('netns'), ['passed', 'an ordinary user who may not use Docker cannot be held to its laws'], held('netns on user-mode Linux')] as const
  expect(await tally({ 'unit.json': [['passed', 'a']], 'live-root.json': all, 'live-ann.json': without })).toEqual({
    code: 1,
    says: ['not held to the laws of drivers in live-ann.json: docker', '7 passed, 1 failed'],
  })
})

test('a skipped test makes the run fail, one that this kernel cannot hold does not', async () => {
  expect([
    await tally({
      'unit.json': [
        ['passed', 'a'],
        ['skipped', 'b'],
      ],
    }),
    await tally({
      'unit.json': [
        ['passed', 'a'],
        ['skipped', 'b (this kernel has no vlan)'],
      ],
    }),
  ]).toEqual([
    { code: 1, says: ['skipped: x.test.ts > b', '1 passed, 1 failed'] },
    { code: 0, says: ['not possible here: x.test.ts > b (this kernel has no vlan)', '1 not possible here', '1 passed, 0 failed'] },
  ])
})
