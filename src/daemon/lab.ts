/** A lab as its daemon holds it: engine, snapshots, and what is answered to those outside and inside. */
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { same } from '#api/change.ts'
import type { NodeDriver, Wiring } from '#driver/driver.ts'
import { createEngine, type Engine } from '#engine/engine.ts'
import type { Lab } from '#lab/lab.ts'
import type { Machines } from './machines.ts'
import { checks, type Daemon, routes } from './routes.ts'
import { type Handler, serve } from './serve.ts'

type Options = {
  readonly folder: string
  readonly machines: Machines
  readonly ahead: Ahead | undefined
  /** RFC 3339. */
  readonly now: () => string
  readonly say: (words: string) => void
}

/** Machines that were asked for already. */
export type Ahead = { readonly wires: Wiring; readonly made: ReturnType<NodeDriver['up']> }

export type OpenLab = {
  /** For whoever is outside of the lab. */
  readonly verbs: Handler
  /** Whether the first `up` has succeeded. */
  readonly isUp: () => boolean
  /** Loads what is otherwise loaded when it is asked for. */
  readonly loadAll: () => Promise<unknown>
}

export function openLab({ folder, machines, ahead, now, say }: Options): OpenLab {
  let engine: Engine | undefined
  const daemon: Daemon = {
    standing: false,
    name: process.env['NETLAB_NAME'] ?? '',
    now,
    engine: () => engine,
    begin(lab: Lab) {
      engine = createEngine({ lab, driver: joining(machines.driver, ahead), slowness: machines.slowness, now, onError: (error) => say(error.message) })
      saveSnapshots(folder, engine, say)
      return engine
    },
    listen: (at) => machines.serve(inside, at),
    end: () => process.exit(0),
    memory: () => process.memoryUsage().rss,
  }
  const { verbs, kubernetes } = routes(daemon)
  /** The API as the lab's machines see it: at the control plane's address. */
  const inside = serve(kubernetes)
  return { verbs, isUp: () => daemon.standing, loadAll: checks }
}

/** Whoever asks first for what was asked for already waits for just that. */
function joining(driver: NodeDriver, ahead: Ahead | undefined): NodeDriver {
  let first = ahead
  return {
    ...driver,
    async up(wires, signal) {
      const begun = first
      first = undefined
      if (begun !== undefined && same(begun.wires, wires)) return begun.made
      await begun?.made
      return driver.up(wires, signal)
    },
  }
}

/** What the cluster holds, for whoever looks into the lab's folder after a crash; written at most twice a second, whole or not at all. */
function saveSnapshots(folder: string, { store, onTurn }: Engine, say: (words: string) => void): void {
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
