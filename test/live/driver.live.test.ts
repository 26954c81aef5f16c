/** The netns driver, held to the laws of drivers inside a keeper like that of a lab. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { conformance } from '../driver/conformance.ts'
import { hosted, inKeeper } from '../driver/hosted.ts'
import { home } from '../support/netlab.ts'

conformance('netns', hosted('host.ts'))

test('machines’ file system that could not be made is made by the next up', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'netlab-laws-'))
  try {
    const { stdout } = await execa(...inKeeper([process.execPath, join(home, 'test/driver/again.ts'), folder]))
    const missing = `the machines’ file system could not be made: mount ${folder}/program on ./opt/netlab/bin/program: No such file or directory`
    expect(JSON.parse(stdout)).toEqual({ first: missing, there: true, after: false })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('whoever sweeps the folder of a lab that is still ending finds nothing put there afterwards', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'netlab-laws-'))
  const root = join(folder, 'root')
  try {
    const ended = execa(...inKeeper([process.execPath, join(home, 'test/driver/again.ts'), folder]), { reject: false })
    while (!existsSync(root)) await setImmediate()
    // Now and then it is a moment before the file system is mounted on it.
    await setTimeout(3)
    rmSync(root, { recursive: true, force: true })
    await ended
    expect(existsSync(root) ? readdirSync(root) : []).toEqual([])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('what forks the machines may be killed, also while they come to be: they end with it, and the next up makes them anew; has it no room for one more, the others stay', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'netlab-laws-'))
  try {
    const { stdout } = await execa(...inKeeper([process.execPath, join(home, 'test/driver/starter.ts'), folder]))
    const { third, ...others } = JSON.parse(stdout)
    expect(others).toEqual({
      ...{ first: ['a', 'b'], second: ['a', 'b'], names: ['a', 'b'], fourth: ['a', 'b', 'c'], all: ['a', 'b', 'c'] },
      ...{ full: 'machine d did not start (pipe: Too many open files)', still: ['a', 'b', 'c'], last: ['d'] },
    })
    // Told in the words of what was going on, unless it stood just before.
    expect(Array.isArray(third) ? third : ['c']).toEqual(['c'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
