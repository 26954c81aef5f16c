/**
 * A shell kept open on a machine: a command through it costs one small fork there, where starting a process from the daemon costs milliseconds
 * of the daemon's only thread. Commands run one after the other; each one's end is marked on both of the shell's outputs.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import type { Output, Run } from '#kernel/command.ts'
import { quoted } from '#kernel/shell.ts'
import { killGroup, killOrphans } from './kill.ts'
import { FLOOD, OUTPUT_MAX } from './output.ts'

type Asked = Pick<Run, 'argv' | 'stdin' | 'in'>

export type Shell = {
  readonly run: (command: Asked) => Promise<Output>
  /** Ends the shell and what runs in it; nothing is run any more. */
  readonly close: () => void
}

/** A command that never ends must not hold up the machine for ever: the shell is killed, and the next command gets a new one. */
const LIMIT_MS = 60_000

/** A shell's text has no zero bytes. */
export const fitsShell = ({ argv, stdin = '' }: Asked): boolean => ![...argv, stdin].some((text) => text.includes('\0'))

/** `argv` starts the shell on the machine; `env` is all it knows of this host. */
export function openShell(argv: readonly string[], env: Readonly<Record<string, string>>, limitMs = LIMIT_MS): Shell {
  /** No program prints this by chance. */
  const mark = `--netlab-end-${randomUUID()}--`
  let child: ChildProcess | undefined
  let closed = false
  let queue: Promise<unknown> = Promise.resolve()

  const start = (): ChildProcess => {
    const [program = 'sh', ...args] = argv
    const fresh = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true, env })
    fresh.stdin?.on('error', () => {})
    fresh.stdout?.setEncoding('utf8')
    fresh.stderr?.setEncoding('utf8')
    const gone = (): void => {
      if (child === fresh) child = undefined
    }
    fresh.on('error', gone).on('exit', () => {
      gone()
      // A command that outlives its shell would keep the outputs open.
      killOrphans(fresh)
    })
    child = fresh
    return fresh
  }

  const one = (command: Asked): Promise<Output> =>
    new Promise((resolve) => {
      if (closed) {
        resolve({ code: undefined, signal: 'SIGKILL', stdout: '', stderr: ENDED })
        return
      }
      const shell = child ?? start()
      const out = collect(shell, 'stdout', mark, settle)
      const err = collect(shell, 'stderr', mark, settle)
      let why = ENDED
      let timedOut = false
      const timer = setTimeout(() => {
        timedOut = true
        killGroup(shell)
      }, limitMs)
      shell.once('close', broken)
      shell.once('error', broken)
      shell.stdin?.write(scriptOf(command, mark))

      function settle(): void {
        if (out.size() + err.size() > OUTPUT_MAX) {
          why = FLOOD
          killGroup(shell)
        }
        if (out.ended() === undefined || err.ended() === undefined) return
        finish({ code: Number(out.ended()), stdout: out.text(), stderr: err.text() })
      }
      function broken(error?: unknown): void {
        const words = error instanceof Error ? error.message : why
        const said = { stdout: out.text(), stderr: timedOut ? err.text() : `${err.text()}${words}` }
        finish(error instanceof Error ? { code: 127, ...said } : { code: undefined, signal: 'SIGKILL', ...said, ...(timedOut ? { timedOut } : {}) })
      }
      function finish(output: Output): void {
        clearTimeout(timer)
        out.close()
        err.close()
        shell.off('close', broken)
        shell.off('error', broken)
        resolve(output)
      }
    })

  return {
    run(command) {
      const result = queue.then(() => one(command))
      queue = result
      return result
    },
    close() {
      closed = true
      if (child !== undefined) killGroup(child)
    },
  }
}

const ENDED = "the machine's shell ended"

/** Gathers one output until the mark, which carries the exit code. */
function collect(shell: ChildProcess, name: 'stdout' | 'stderr', mark: string, heard: () => void) {
  const end = new RegExp(`\\n${mark}(\\d+)\\n$`)
  const longest = mark.length + 5
  const chunks: string[] = []
  let tail = ''
  let size = 0
  let code: number | undefined
  function read(chunk: string): void {
    size += chunk.length
    if (size <= OUTPUT_MAX) chunks.push(chunk)
    tail = (tail + chunk).slice(-longest)
    const [ending, digits] = end.exec(tail) ?? []
    if (ending !== undefined) {
      code = Number(digits)
      chunks.splice(0, chunks.length, chunks.join('').slice(0, -ending.length))
    }
    if (ending !== undefined || size > OUTPUT_MAX) heard()
  }
  shell[name]?.on('data', read)
  return { ended: () => code, size: () => size, text: () => chunks.join(''), close: () => shell[name]?.off('data', read) }
}

/** `exec` never runs a builtin, and within brackets it leaves the shell as it is. */
function scriptOf(command: Asked, mark: string): string {
  const argv = command.in === undefined ? command.argv : ['nsenter', `--net=/run/netns/${command.in}`, '--', ...command.argv]
  const line = `(exec ${argv.map(quoted).join(' ')})`
  const ending = `c=$?; printf '\\n${mark}%d\\n' $c; printf '\\n${mark}%d\\n' $c >&2\n`
  const { stdin = '' } = command
  if (stdin === '') return `${line} </dev/null\n${ending}`
  if (!stdin.endsWith('\n')) return `printf %s ${quoted(stdin)} | ${line}\n${ending}`
  const end = delimiter(stdin)
  return `${line} <<'${end}'\n${stdin}${end}\n${ending}`
}

function delimiter(text: string): string {
  let end = 'END'
  while (text.includes(end)) end += '_'
  return end
}
