/**
 * Stands where the lab daemon stands, inside a keeper, and keeps laws there for a test outside: a law's name a line on stdin, how it went a line on
 * stdout. Its arguments name the driver.
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { keepLaw, laws } from './laws.ts'
import { netnsWorld } from './netns.ts'

process.env['PATH'] = `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${process.env['PATH'] ?? ''}`
const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'netlab-laws-'))

/** Null: it was kept. */
async function judge(says: string): Promise<string | null> {
  const law = laws.find((one) => one.says === says)
  if (law === undefined) return `no such law: ${says}`
  try {
    await keepLaw(() => netnsWorld(folder), law)
    return null
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
}

process.on('uncaughtException', (error) => process.stderr.write(`uncaught: ${error.stack}\n`))
process.on('unhandledRejection', (error) => process.stderr.write(`unhandled: ${error instanceof Error ? error.stack : error}\n`))

for await (const says of createInterface({ input: process.stdin })) process.stdout.write(`${JSON.stringify({ says, broken: await judge(says) })}\n`)
process.exit(0)
