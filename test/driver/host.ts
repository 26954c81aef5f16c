/**
 * Stands where the lab daemon stands, inside a keeper, and keeps laws there for a test outside: a law's name a line on stdin, how it went a line on
 * stdout. argv: a folder of its own, then the kinds of steps that this kernel has no room for.
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { keepLaw, laws } from './laws.ts'
import { netnsWorld } from './netns.ts'
import type { World } from './world.ts'

process.env['PATH'] = `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${process.env['PATH'] ?? ''}`
const [, , folder = mkdtempSync(join(tmpdir(), 'netlab-laws-')), ...lacks] = process.argv

/** Null: it was kept. */
async function judge(says: string): Promise<string | null> {
  const law = laws.find((one) => one.says === says)
  if (law === undefined) return `no such law: ${says}`
  try {
    await keepLaw(() => netnsWorld(folder, lacks as World['lacks']), law)
    return null
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
}

process.on('uncaughtException', (error) => process.stderr.write(`uncaught: ${error.stack}\n`))
process.on('unhandledRejection', (error) => process.stderr.write(`unhandled: ${error instanceof Error ? error.stack : error}\n`))

for await (const says of createInterface({ input: process.stdin })) process.stdout.write(`${JSON.stringify({ says, broken: await judge(says) })}\n`)
process.exit(0)
