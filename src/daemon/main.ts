/**
 * The lab daemon: the lab's own process inside its namespaces. Started by state.ts, spoken to on its socket, gone with the lab. What a lab is made of
 * is asked for as soon as the lab is named; the rest of the daemon (lab.ts) loads while machines come to be, which takes as long.
 */
import { renameSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import type { Lab } from '#lab/lab.ts'
import { wiringOf } from '#underlay/wiring.ts'
import type { Ahead, OpenLab } from './lab.ts'
import { machinesOf } from './machines.ts'
import { homeOf } from './programs.ts'
import { serve } from './serve.ts'
import { socketIn } from './state.ts'

const given = { ...process.env }
/** An ordinary user's PATH often lacks where the network tools are. */
process.env['PATH'] = `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${process.env['PATH'] ?? ''}`
const folder = process.env['NETLAB_FOLDER'] ?? ''
const home = homeOf(import.meta.dirname)
/** RFC 3339 without fractions, as Kubernetes writes times. */
const now = (): string => `${new Date().toISOString().slice(0, 19)}Z`
/** On a full disk nothing can be said, and the lab goes on. */
process.stderr.on('error', () => {})
const say = (words: string): void => {
  process.stderr.write(`${now()} ${words}\n`)
}

const machines = await machinesOf(folder, home, given)

let opened: OpenLab | undefined
let opening: Promise<OpenLab> | undefined
/** Asked for before there was an engine to ask for it. */
let ahead: Ahead | undefined
const rest = (): Promise<OpenLab> => {
  opening ??= import('./lab.ts').then(({ openLab }) => {
    opened = openLab({ folder, machines, ahead, now, say })
    return opened
  })
  return opening
}

const outside = serve(async (request) => {
  if (opening === undefined && ahead === undefined && request.method === 'POST' && request.url.endsWith('/netlab/v1/up')) {
    const wires = wiringOf(((await request.json()) as { lab: Lab }).lab)
    ahead = { wires, made: machines.driver.up(wires, request.signal) }
    // Whoever waits for them hears of it.
    ahead.made.catch(() => {})
    // This thread is busy soon: what was asked for goes out before.
    await new Promise((resolve) => setTimeout(resolve, OUT_MS))
  }
  return (await rest()).verbs(request)
})
const OUT_MS = 5

/** The other end is in the hand of whoever starts the lab: if they die before it is up, it ends too; a confined one at any time. */
const confined = process.env['NETLAB_LIMITS'] !== undefined
process.stdin.on('error', () => {})
process.stdin.on('close', () => {
  if (!opened?.isUp() || confined) process.exit(0)
})
process.stdin.resume()

/** Nobody asked for a lab so soon: its files are many, and this waits no longer. */
const LOAD_MS = 100
/** By then a lab is up, and nobody waits. */
const FLUSH_MS = 3_000

/** Before anybody could have been told that the lab runs, any failure is its end. */
let announced = false
process.on('uncaughtException', (error) => {
  say(announced ? (error.stack ?? error.message) : error.message)
  if (!announced) process.exit(1)
})
process.on('unhandledRejection', (error) => say(error instanceof Error ? (error.stack ?? error.message) : String(error)))

/** Under its own name the socket is there only when it answers: whoever starts the lab looks for that. */
const isGiven = process.env['NETLAB_LISTENS'] === '1'
/** In a kernel of the lab's own what to listen on is given as file 3. */
outside.listen(isGiven ? { fd: 3 } : join(folder, 'api.tmp'), () => {
  if (!isGiven) renameSync(join(folder, 'api.tmp'), socketIn(folder))
  announced = true
  setTimeout(rest, LOAD_MS).unref()
  // A daemon is ended by a kill, which would leave nothing to be kept.
  setTimeout(() => void rest().then(({ loadAll }) => loadAll().then(flushCompileCache)), FLUSH_MS).unref()
})
