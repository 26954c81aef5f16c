/**
 * A student's scripts in a lab: root of a node or Pod there, but without the two capabilities with which one would get at what netlab stands on. Nothing
 * can be mounted, no other namespace entered, no program of netlab's traced. They cannot be had back, so they are also the mark by which what a script
 * has left running is known, whatever it calls itself.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { familyOf, readQuietly } from '#daemon/processes.ts'
import type { LabState } from '#daemon/state.ts'
import type { Script } from '#exercise/submission.ts'
import { entryWhenThere } from '../bring.ts'
import { entering } from '../enter.ts'
import type { Io } from '../io.ts'

export type Scripts = {
  /** Resolves with what is to be said of it; nothing when it ended well. */
  readonly run: (script: Script, o: ScriptLimits) => Promise<string | undefined>
  /** Programs of scripts that run: they are no children of the lab's keeper, as what they leave behind is. */
  readonly running: () => readonly number[]
  /** How many processes the scripts have left running. */
  readonly left: () => number
  /** Ends all that they have left running. */
  readonly end: () => Promise<void>
}

type ScriptLimits = { readonly seconds: number; readonly signal: AbortSignal }

const WITHOUT = ['setpriv', '--bounding-set=-sys_admin,-sys_ptrace', '--inh-caps=-all', '--ambient-caps=-all', '--']
const CAP_SYS_ADMIN = 21n

/** What one script may have besides what the lab's own programs have. */
const PROCESSES = 256
const FILE_BYTES = 64 * 1024 * 1024
const CPU_SECONDS = 60

export function scriptsIn(lab: LabState, cgroup: string | undefined, io: Io): Scripts {
  const running = new Set<ChildProcess>()
  const roots = (): readonly number[] => [...running].flatMap(({ pid }) => pid ?? [])
  const marked = (): readonly number[] => [lab.keeper, ...roots()].flatMap(familyOf).filter(isMarked)
  const end = async (): Promise<void> => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const all = marked()
      if (all.length === 0) return
      // Those that still make others are stopped first: else there would be new ones as fast as old ones end.
      for (const pid of all) send(pid, 'SIGSTOP')
      for (const pid of marked()) send(pid, 'SIGSTOP')
      for (const pid of marked()) send(pid, 'SIGKILL')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  return {
    running: roots,
    left: () => marked().length,
    end,
    async run({ place, text }, o) {
      const entry = await entryWhenThere(lab, place, io)
      if (o.signal.aborted) return 'was not begun'
      const processes = threadsOf(familyOf(lab.keeper)) + PROCESSES
      const limits = ['prlimit', `--nproc=${processes}`, `--fsize=${FILE_BYTES}`, `--cpu=${CPU_SECONDS}`, '--core=0', '--']
      const held = [...WITHOUT, 'choom', '-n', '1000', '--', 'nice', '-n', '15', ...limits]
      const { argv, env } = entering(lab, io, entry, [...held, 'sh', '-e', '-c', text])
      return await ended({ argv: [...joining(cgroup), ...argv], env }, { ...o, running, end })
    },
  }
}

/** Into the lab's control group first: a program is in that of whoever starts it. */
const joining = (cgroup: string | undefined): readonly string[] =>
  cgroup === undefined ? [] : ['sh', '-c', 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"', 'netlab', cgroup]

const ROUNDS = 50

type Ending = ScriptLimits & { readonly running: Set<ChildProcess>; readonly end: () => Promise<void> }

function ended(
  { argv: [program = '', ...rest], env }: { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> },
  { seconds, signal, running, end }: Ending,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, rest, { env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    running.add(child)
    const words = lastWords()
    for (const output of [child.stdout, child.stderr]) output.on('data', words.hear)
    let late = false
    const stop = (): void => {
      const { pid } = child
      // It never began, and group 0 is one's own.
      if (pid === undefined) return
      send(-pid, 'SIGSTOP')
      void end().then(() => send(-pid, 'SIGKILL'))
    }
    const timer = setTimeout(() => {
      late = true
      stop()
    }, seconds * 1000)
    signal.addEventListener('abort', stop, { once: true })
    const over = (says: string | undefined): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      running.delete(child)
      // What it has left running may go on; to whoever prints nobody listens.
      for (const output of [child.stdout, child.stderr]) output.pause()
      const printed = words.dropped() > 0 ? `; ${words.dropped()} bytes of what it printed were not kept` : ''
      resolve(says === undefined ? (printed === '' ? undefined : printed.slice(2)) : `${says}${words.text()}${printed}`)
    }
    child.on('error', (error) => over(`could not be started: ${error.message}`))
    child.on('exit', (code, by) => {
      if (late) over(`did not end within ${seconds} s and was ended`)
      else over(code === 0 ? undefined : `ended with ${by ?? code}`)
    })
  })
}

/** The first and the last of what is printed; the rest is counted. */
function lastWords(): { readonly hear: (chunk: Buffer) => void; readonly text: () => string; readonly dropped: () => number } {
  let tail = Buffer.alloc(0)
  let dropped = 0
  return {
    hear(chunk) {
      const both = Buffer.concat([tail, chunk.subarray(-KEPT)])
      dropped += chunk.length + tail.length - Math.min(both.length, KEPT)
      tail = both.subarray(-KEPT)
    },
    text: () => {
      const line = tail.toString().trim().split('\n').at(-1)?.slice(0, LINE) ?? ''
      return line === '' ? '' : `: ${line}`
    },
    dropped: () => dropped,
  }
}

const KEPT = 64 * 1024
const LINE = 200

/** Whether a process can never again do what scripts may not. */
function isMarked(pid: number): boolean {
  const status = readQuietly(`/proc/${pid}/status`)
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1]
  return bounding !== undefined && !/^State:\s*[ZX]/m.test(status) && ((BigInt(`0x${bounding}`) >> CAP_SYS_ADMIN) & 1n) === 0n
}

const threadsOf = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + Number(/^Threads:\s*(\d+)$/m.exec(readQuietly(`/proc/${pid}/status`))?.[1] ?? 0), 0)

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended already.
  }
}
