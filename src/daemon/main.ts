/** The lab daemon: the lab's own process inside its namespaces. Started by state.ts, spoken to on its socket, gone with the lab. */
import { renameSync, writeFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import type { Engine } from '#engine/engine.ts'
import { createEngine } from '#engine/engine.ts'
import type { Lab } from '#lab/lab.ts'
import { machinesOf } from './machines.ts'
import { homeOf } from './programs.ts'
import { checks, type Daemon, routes } from './routes.ts'
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
let engine: Engine | undefined

const daemon: Daemon = {
  standing: false,
  name: process.env['NETLAB_NAME'] ?? '',
  now,
  engine: () => engine,
  begin(lab: Lab) {
    engine = createEngine({ lab, driver: machines.driver, slowness: machines.slowness, now, onError: (error) => say(error.message) })
    saveSnapshots(engine)
    return engine
  },
  listen: (at) => machines.serve(inside, at),
  end: () => process.exit(0),
  memory: () => process.memoryUsage().rss,
}

const { verbs, kubernetes } = routes(daemon)
const outside = serve(verbs)
/** The API as the lab's machines see it: at the control plane's address. */
const inside = serve(kubernetes)

/** The other end is in the hand of whoever starts the lab: if they die before it is up, it ends too; a confined one at any time. */
const confined = process.env['NETLAB_LIMITS'] !== undefined
process.stdin.on('error', () => {})
process.stdin.on('close', () => {
  if (!daemon.standing || confined) process.exit(0)
})
process.stdin.resume()

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
  // A daemon is ended by a kill, which would leave nothing to be kept.
  setTimeout(() => void checks().then(flushCompileCache), FLUSH_MS).unref()
})

/** What the cluster holds, for whoever looks into the lab's folder after a crash; written at most twice a second, whole or not at all. */
function saveSnapshots({ store, onTurn }: Engine): void {
  const file = join(folder, 'snapshot.json')
  let saved = -1
  let due = false
  const save = (): void => {
    due = false
    if (store.resourceVersion() === saved) return
    saved = store.resourceVersion()
    try {
      writeFileSync(`${file}.tmp`, JSON.stringify(store.snapshot()), { mode: 0o600 })
      renameSync(`${file}.tmp`, file)
    } catch (error) {
      say(`the snapshot could not be written, the lab goes on: ${(error as Error).message}`)
    }
  }
  onTurn(() => {
    if (!due) setTimeout(save, 500)
    due = true
  })
}
