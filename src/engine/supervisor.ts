/** Keeps the processes of all machines running: starts what is wanted, restarts what ended with back-off, ends what is wanted no more. */
import type { NodeDriver, Running } from '#driver/driver.ts'
import type { Process } from '#kernel/step.ts'
import { backoffMs, failuresAfter, restarts } from '#kubelet/backoff.ts'
import { createLog, type Log } from './log.ts'
import { metered } from './meter.ts'

export type Program = Process & { readonly in?: string }

export type Ended = { readonly code: number; readonly signal?: string; readonly startedAt: string; readonly finishedAt: string }

export type ProcessState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'running'; readonly pid: number; readonly startedAt: string }
  /** It ended and is not to be started again. */
  | ({ readonly kind: 'ended' } & Ended)
  /** It ended and starts again after a pause. */
  | { readonly kind: 'backoff'; readonly pauseMs: number }

export type Supervised = {
  readonly machine: string
  readonly program: Program
  /** The object the process belongs to: a new uid means a new process even under the same id. */
  readonly owner: string
  readonly state: ProcessState
  readonly last?: Ended
  readonly restarts: number
  readonly log: Log
  readonly previousLog?: Log
}

export type Supervisor = {
  /** Makes these the machine's processes. Resolves when every new one was launched. */
  readonly sync: (machine: string, programs: readonly { readonly program: Program; readonly owner: string }[]) => Promise<void>
  readonly get: (machine: string, id: string) => Supervised | undefined
  /** SIGTERM, and SIGKILL after the grace period; not started again. Resolves when it has ended. */
  readonly end: (machine: string, id: string, graceMs: number) => Promise<void>
  /** SIGKILL at once; restarted as its policy says. */
  readonly restart: (machine: string, id: string) => void
  /** The machine does not run: what ended there is not started until it is hurried. */
  readonly hold: (machine: string) => void
  /** What waits on the machine for its next start begins now, as if it had never failed: the machine was made anew. */
  readonly hurry: (machine: string) => void
  /** What is written while it is being launched waits for that; where nothing runs, it is lost. */
  readonly write: (machine: string, id: string, text: string) => void
  /** Drops a process that has ended, and what it printed. */
  readonly forget: (machine: string, id: string) => void
}

export type SupervisorOptions = {
  readonly driver: Pick<NodeDriver, 'spawn'>
  /** RFC 3339. */
  readonly now: () => string
  readonly onChange: (machine: string, id: string) => void
}

type Entry = {
  machine: string
  program: Program
  owner: string
  state: ProcessState
  last?: Ended
  restarts: number
  /** Ends in a row. */
  failures: number
  log: Log
  previousLog?: Log
  running?: Running
  /** When it was last started. */
  begun: number
  timer?: NodeJS.Timeout
  ending: boolean
  /** Settles when the program was launched, or could not be. */
  launch: Promise<void>
  /** Settles when it has ended. */
  done: Promise<void>
}

/** Who has only just begun may not listen to SIGTERM yet, and the first process of a namespace would never hear of it: so long it is told again. */
const BEGINNING_MS = 1_500
const AGAIN_MS = 200

export function createSupervisor(o: SupervisorOptions): Supervisor {
  const entries = new Map<string, Entry>()
  const held = new Set<string>()
  /** What a process of the same id has to wait for: of two at once one would find its port taken. */
  const dying = new Map<string, Promise<unknown>>()
  const keyOf = (machine: string, id: string): string => `${machine} ${id}`

  const start = async (entry: Entry): Promise<void> => {
    entry.state = { kind: 'starting' }
    entry.log = createLog(o.now)
    const startedAt = o.now()
    const begun = Date.now()
    entry.begun = begun
    let running: Running
    try {
      running = await o.driver.spawn(entry.machine, entry.program, metered(entry.log.add))
    } catch (error) {
      entry.log.add(`${(error as Error).message}\n`, 'stderr')
      ended(entry, begun, { code: 128, startedAt, finishedAt: o.now() })
      return
    }
    entry.running = running
    entry.state = { kind: 'running', pid: running.pid, startedAt }
    entry.done = running.exit.then(({ code, signal }) =>
      ended(entry, begun, { code: code ?? 137, ...(signal === undefined ? {} : { signal }), startedAt, finishedAt: o.now() }),
    )
    o.onChange(entry.machine, entry.program.id)
    // Ended while it was being launched: nobody could have killed it.
    if (entry.ending) running.kill('SIGKILL')
  }

  const ended = (entry: Entry, begun: number, last: Ended): void => {
    entry.last = last
    entry.log.end()
    delete entry.running
    if (entry.ending || !restarts(entry.program.restart, last.code)) {
      entry.state = { kind: 'ended', ...last }
      o.onChange(entry.machine, entry.program.id)
      return
    }
    entry.failures = failuresAfter(entry.failures, Date.now() - begun)
    const pauseMs = backoffMs(entry.failures)
    entry.state = { kind: 'backoff', pauseMs }
    if (!held.has(entry.machine)) entry.timer = setTimeout(() => again(entry), pauseMs)
    o.onChange(entry.machine, entry.program.id)
  }

  const again = (entry: Entry): void => {
    entry.restarts += 1
    entry.previousLog = entry.log
    entry.launch = start(entry)
  }

  const end = async (entry: Entry, graceMs: number): Promise<void> => {
    entry.ending = true
    clearTimeout(entry.timer)
    if (entry.state.kind === 'backoff' && entry.last !== undefined) entry.state = { kind: 'ended', ...entry.last }
    await entry.launch
    if (entry.running === undefined) return
    entry.running.kill(graceMs > 0 ? 'SIGTERM' : 'SIGKILL')
    const hard = setTimeout(() => entry.running?.kill('SIGKILL'), graceMs)
    const repeat = setInterval(() => {
      if (Date.now() - entry.begun < BEGINNING_MS) entry.running?.kill('SIGTERM')
      else clearInterval(repeat)
    }, AGAIN_MS)
    await entry.done
    clearTimeout(hard)
    clearInterval(repeat)
  }

  const drop = (key: string, entry: Entry): void => {
    entries.delete(key)
    const gone = Promise.all([dying.get(key), end(entry, 0)]).then(() => {
      if (dying.get(key) === gone) dying.delete(key)
    })
    dying.set(key, gone)
  }

  return {
    async sync(machine, programs) {
      const wanted = new Map(programs.map((one) => [keyOf(machine, one.program.id), one]))
      for (const [key, entry] of entries) {
        if (entry.machine !== machine) continue
        const want = wanted.get(key)
        const replaced =
          want !== undefined && (want.owner !== entry.owner || (entry.program.onChange === 'restart' && !sameProgram(want.program, entry.program)))
        if (want !== undefined && !replaced) continue
        // What a finished Pod printed can be read until the Pod is deleted.
        if (want === undefined && entry.state.kind === 'ended') continue
        drop(key, entry)
      }
      const fresh: Promise<void>[] = []
      for (const [key, { program, owner }] of wanted) {
        if (entries.has(key)) continue
        const entry: Entry = {
          machine,
          program,
          owner,
          state: { kind: 'starting' },
          restarts: 0,
          failures: 0,
          log: createLog(o.now),
          begun: Date.now(),
          ending: false,
          launch: Promise.resolve(),
          done: Promise.resolve(),
        }
        entries.set(key, entry)
        const before = dying.get(key)
        entry.launch = before === undefined ? start(entry) : before.then(() => start(entry))
        fresh.push(entry.launch)
      }
      await Promise.all(fresh)
    },
    get: (machine, id) => entries.get(keyOf(machine, id)),
    async end(machine, id, graceMs) {
      const entry = entries.get(keyOf(machine, id))
      if (entry !== undefined) await end(entry, graceMs)
    },
    restart: (machine, id) => entries.get(keyOf(machine, id))?.running?.kill('SIGKILL'),
    hold(machine) {
      held.add(machine)
      for (const entry of entries.values()) if (entry.machine === machine) clearTimeout(entry.timer)
    },
    hurry(machine) {
      held.delete(machine)
      for (const entry of entries.values()) {
        if (entry.machine !== machine) continue
        entry.failures = 0
        if (entry.state.kind !== 'backoff') continue
        clearTimeout(entry.timer)
        again(entry)
        o.onChange(machine, entry.program.id)
      }
    },
    write(machine, id, text) {
      const entry = entries.get(keyOf(machine, id))
      void entry?.launch.then(() => entry.running?.write(text))
    },
    forget(machine, id) {
      const entry = entries.get(keyOf(machine, id))
      if (entry !== undefined) drop(keyOf(machine, id), entry)
    },
  }
}

const sameProgram = (a: Program, b: Program): boolean => JSON.stringify(a) === JSON.stringify(b)
