/** Runs one program to its end. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import type { Output } from '#kernel/command.ts'
import type { RunOptions } from '../driver.ts'
import type { Helper } from '../helper.ts'
import { killGroup } from '../kill.ts'
import { FLOOD, OUTPUT_MAX } from '../output.ts'
import { MACHINE_ENV } from './launcher.ts'

/** What a stopped program printed last still arrives; children of its that hide may keep its outputs open for ever. */
const LAST_WORDS_MS = 100

/** Never throws: a program that cannot be started ends with 127 and says why, as a shell would. */
export function runProcess(argv: readonly string[], o: RunOptions & { readonly stdin?: string } = {}): Promise<Output> {
  if (o.signal?.aborted) return Promise.resolve({ code: undefined, signal: 'SIGKILL', stdout: '', stderr: '' })
  return new Promise((resolve) => {
    let child: ChildProcessWithoutNullStreams
    try {
      child = start(argv)
    } catch (error) {
      resolve({ code: 127, stdout: '', stderr: (error as Error).message })
      return
    }
    const out: Buffer[] = []
    const err: Buffer[] = []
    let size = 0
    let timedOut = false
    const stop = (): void => {
      child.once('exit', () => setTimeout(() => [child.stdout, child.stderr].map((stream) => stream.destroy()), LAST_WORDS_MS))
      killGroup(child)
    }
    const timer =
      o.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true
            stop()
          }, o.timeoutMs)
    o.signal?.addEventListener('abort', stop, { once: true })
    const keep = (into: Buffer[]) => (chunk: Buffer) => {
      if (size > OUTPUT_MAX) return
      size += chunk.length
      if (size <= OUTPUT_MAX) into.push(chunk)
      else stop()
    }
    child.stdout.on('data', keep(out))
    child.stderr.on('data', keep(err))
    child.stdin.on('error', () => {
      // The program ended without reading its input; its exit code tells.
    })
    child.stdin.end(o.stdin ?? '')
    const end = (code: number | undefined, signal: string | undefined, words = ''): void => {
      clearTimeout(timer)
      o.signal?.removeEventListener('abort', stop)
      resolve({
        code,
        stdout: Buffer.concat(out).toString(),
        stderr: Buffer.concat(err).toString() + words,
        ...(signal === undefined ? {} : { signal }),
        ...(timedOut ? { timedOut } : {}),
      })
    }
    child.on('error', (error) => end(127, undefined, error.message))
    child.on('close', (code, signal) => end(code ?? undefined, signal ?? undefined, size > OUTPUT_MAX ? FLOOD : ''))
  })
}

/** A process group of its own: nsenter's child is stopped together with it. */
function start([program = '', ...args]: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true, env: MACHINE_ENV })
}

/** @throws with the command and its last words when it fails: for set-up that has no owner among the steps. */
export type Must = (argv: readonly string[], lines?: readonly string[]) => Promise<void>

export const must =
  ({ run }: Pick<Helper, 'run'>): Must =>
  async (argv, lines = []) => {
    const stdin = lines.map((line) => `${line}\n`).join('')
    const output = await run({ argv, stdin })
    if (output.code !== 0)
      throw new Error(`${argv.join(' ')}${stdin && ` <<'E'\n${stdin}E`}\nended with ${output.signal ?? output.code}: ${output.stderr.trim()}`)
  }
