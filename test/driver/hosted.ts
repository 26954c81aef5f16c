/** Laws kept by a host (host.ts) somewhere else: inside a keeper like that of a lab, on this kernel or on one of its own. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll } from 'vitest'
import { hasRange, keeperArgv } from '#daemon/keeper.ts'
import type { Law } from './world.ts'

const { uid, username } = userInfo()
const range = ['/etc/subuid', '/etc/subgid'].every((file) => hasRange(readFileSync(file, 'utf8'), { uid, name: username }))

/** A program, and its arguments, that runs another in a keeper. */
export function inKeeper(argv: readonly string[]): [program: string, args: string[]] {
  const [program = 'sh', ...args] = keeperArgv(argv, { root: uid === 0, range })
  return [program, args]
}

/**
 * `file` is run in a keeper, with a folder of its own as argument. Laws are kept one after the other; without its stdin the host ends, and the keeper
 * with it.
 */
export function hosted(file: string): (law: Law) => Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'netlab-laws-'))
  const host = spawn(...inKeeper([process.execPath, join(import.meta.dirname, file), folder]), { stdio: ['pipe', 'pipe', 'pipe'] })
  const answers = createInterface({ input: host.stdout })[Symbol.asyncIterator]()
  let words = ''
  host.stderr.on('data', (chunk: Buffer) => {
    words += chunk.toString()
  })
  afterAll(async () => {
    const ended = new Promise((resolve) => host.once('exit', resolve))
    host.stdin.end()
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  return async (law) => {
    words = ''
    host.stdin.write(`${law.says}\n`)
    const { done, value } = await answers.next()
    if (done) throw new Error(`the host ended: ${words}`)
    const { says, broken } = JSON.parse(value) as { says: string; broken: string | null }
    if (says !== law.says || broken !== null) throw new Error(`${broken}\n${words}`)
  }
}
