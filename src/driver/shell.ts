/**
 * A shell kept open on a machine: a command through it costs one small fork there, where starting a process from the daemon costs milliseconds
 * of the daemon's only thread. Commands run one after the other; each one's end is marked on both of the shell's outputs.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Output, Run } from '#kernel/command.ts'
import { quoted } from '#kernel/shell.ts'
import { killGroup } from './kill.ts'

export type Shell = {
  readonly run: (command: Pick<Run, 'argv' | 'stdin' | 'in'>) => Promise<Output>
  readonly close: () => void
}

/** A command that never ends must not hold up the machine for ever: the shell is killed, and the next command gets a new one. */
const LIMIT_MS = 60_000
const MARK = '--netlab-end--'
const ENDED = new RegExp(`\\n${MARK}(\\d+)\\n$`)
/** The mark with an exit code of three digits and its two line ends. */
const MARK_MAX = MARK.length + 5

/** `argv` starts the shell on the machine; `env` is all it knows of this host. */
export function openShell(argv: readonly string[], env: Readonly<Record<string, string>>): Shell {
  let child: ChildProcess | undefined
  let queue: Promise<unknown> = Promise.resolve()

  const start = (): ChildProcess => {
    const [program = 'sh', ...args] = argv
    const fresh = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true, env })
    fresh.stdin?.on('error', () => {})
    fresh.stdout?.setEncoding('utf8')
    fresh.stderr?.setEncoding('utf8')
    fresh.on('exit', () => {
      if (child === fresh) child = undefined
    })
    child = fresh
    return fresh
  }

  const one = (script: string): Promise<Output> =>
    new Promise((resolve) => {
      const shell = child ?? start()
      const out = collect(shell, 'stdout', settle)
      const err = collect(shell, 'stderr', settle)
      let timedOut = false
      const timer = setTimeout(() => {
        timedOut = true
        killGroup(shell)
      }, LIMIT_MS)
      shell.once('close', broken)
      shell.once('error', broken)
      shell.stdin?.write(script)

      function settle(): void {
        if (out.ended === undefined || err.ended === undefined) return
        finish({ code: out.ended, stdout: out.text(), stderr: err.text() })
      }
      function broken(): void {
        finish({
          code: timedOut ? undefined : 127,
          signal: 'SIGKILL',
          stdout: out.text(),
          stderr: `${err.text()}the machine's shell ended`,
          ...(timedOut ? { timedOut } : {}),
        })
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
      const result = queue.then(() => one(scriptOf(command)))
      queue = result
      return result
    },
    close() {
      if (child !== undefined) killGroup(child)
    },
  }
}

/** Gathers one output until the mark, which carries the exit code. */
function collect(shell: ChildProcess, name: 'stdout' | 'stderr', ended: () => void) {
  let text = ''
  const state = {
    ended: undefined as number | undefined,
    text: () => text,
    close: () => shell[name]?.off('data', read),
  }
  function read(chunk: string): void {
    text += chunk
    const mark = ENDED.exec(text.slice(-MARK_MAX))
    if (mark === null) return
    state.ended = Number(mark[1])
    text = text.slice(0, -mark[0].length)
    ended()
  }
  shell[name]?.on('data', read)
  return state
}

function scriptOf(command: Pick<Run, 'argv' | 'stdin' | 'in'>): string {
  const argv = command.in === undefined ? command.argv : ['nsenter', `--net=/run/netns/${command.in}`, '--', ...command.argv]
  const line = argv.map(quoted).join(' ')
  const mark = `c=$?; printf '\\n${MARK}%d\\n' $c; printf '\\n${MARK}%d\\n' $c >&2\n`
  if (command.stdin === undefined || command.stdin === '') return `${line} </dev/null\n${mark}`
  const end = delimiter(command.stdin)
  return `${line} <<'${end}'\n${command.stdin.endsWith('\n') ? command.stdin : `${command.stdin}\n`}${end}\n${mark}`
}

function delimiter(text: string): string {
  let end = 'END'
  while (text.includes(end)) end += '_'
  return end
}
