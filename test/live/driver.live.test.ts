/** The netns driver, held to the laws of drivers inside a keeper like that of a lab. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll } from 'vitest'
import { hasRange, keeperArgv } from '#daemon/keeper.ts'
import { conformance } from '../driver/conformance.ts'
import { home } from '../support/netlab.ts'

const { uid, username } = userInfo()
const range = ['/etc/subuid', '/etc/subgid'].every((file) => hasRange(readFileSync(file, 'utf8'), { uid, name: username }))
const folder = mkdtempSync(join(tmpdir(), 'netlab-laws-'))

/** Laws are kept one after the other; without its stdin the host ends, and the keeper with it. */
const [program = 'sh', ...args] = keeperArgv([process.execPath, join(home, 'test/driver/host.ts'), folder], { root: uid === 0, range })
const host = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
const answers = createInterface({ input: host.stdout })[Symbol.asyncIterator]()
let words = ''
host.stderr.on('data', (chunk: Buffer) => {
  words += chunk.toString()
})

conformance('netns', async (law) => {
  words = ''
  host.stdin.write(`${law.says}\n`)
  const { done, value } = await answers.next()
  if (done) throw new Error(`the host ended: ${words}`)
  const { says, broken } = JSON.parse(value) as { says: string; broken: string | null }
  if (says !== law.says || broken !== null) throw new Error(`${broken}\n${words}`)
})

afterAll(async () => {
  const ended = new Promise((resolve) => host.once('exit', resolve))
  host.stdin.end()
  await ended
  rmSync(folder, { recursive: true, force: true })
})
