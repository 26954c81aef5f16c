/** The netns driver, held to the laws of drivers inside a keeper like that of a lab. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
    const missing = `the machines’ file system could not be made: mount ${folder}/program on ${folder}/root/opt/netlab/bin/program: No such file or directory`
    expect(JSON.parse(stdout)).toEqual({ first: missing, there: true, after: false })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
