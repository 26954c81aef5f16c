/**
 * A helper kept open on a machine: a command through it costs one small fork there or none, where starting a process from the daemon costs
 * milliseconds of the daemon's only thread. Commands run one after the other; each one's end is marked on both of the helper's outputs.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { arch } from 'node:os'
import type { Duplex, Readable, Writable } from 'node:stream'
import type { Command, Output, Run, Series, Write } from '#kernel/command.ts'
import { HELPER_SCRIPT } from './helper-script.ts'
import { killGroup, killOrphans } from './kill.ts'
import { FLOOD, OUTPUT_MAX } from './output.ts'

type Program = Pick<Run, 'argv' | 'stdin' | 'in' | 'quiet'>
type One = Program | Pick<Write, 'files'>
type Asked = One | Series

/** What sees a container's view is not run by the helper; and a zero byte in a word ends it for the kernel, of which others say so. */
export function isForHelper(command: Command | Series): boolean {
  if (command.kind === 'series') return command.commands.every(isForHelper)
  return command.kind === 'write' || (command.view === undefined && !command.argv.some((word) => word.includes('\0')))
}

export type Helper = {
  /** A series is heard and answered as one. Was it stopped, `ran` is up to the last program that was begun. */
  readonly run: (command: Asked) => Promise<Output>
  /** Ends the helper and what runs in it; nothing is run any more. */
  readonly close: () => void
}

/** A command that never ends must not hold up the machine for ever: the helper is killed, and the next command gets a new one. */
const LIMIT_MS = 60_000
/** The rules of ten thousand Services are 30 MB, and take minutes on a busy machine. */
const LIMIT_MS_PER_MB = 10_000

/** setns, unshare, mount, memfd_create, umount2, pivot_root, sethostname and prctl, by processor. */
const SYSTEM_CALLS: Readonly<Record<string, readonly number[]>> = {
  x64: [308, 272, 165, 319, 166, 155, 170, 157],
  arm64: [268, 97, 40, 279, 39, 41, 161, 167],
  riscv64: [268, 97, 40, 279, 39, 41, 161, 167],
}

/** @throws on a processor whose system calls are not known. */
export function systemCalls(): readonly string[] {
  const calls = SYSTEM_CALLS[arch()]
  if (calls === undefined) throw new Error(`netlab does not know the numbers of the system calls of this processor, ${arch()}`)
  return calls.map(String)
}

/** One that runs: a machine brings forth its first, a later one is started from outside. */
export type HelperProcess = {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Ends it with all that it started. */
  readonly kill: () => void
  /** Resolves when it has ended and nobody holds its outputs any more, with an error when it could not be started. */
  readonly ended: Promise<Error | undefined>
}

/** `place` puts a program on the machine; `env` is all the helper knows of this host. */
export function startHelper(place: readonly string[], env: Readonly<Record<string, string>>): HelperProcess {
  const [program = '', ...args] = [...place, 'perl', '-e', HELPER_SCRIPT, '--', ...systemCalls()]
  return ofChild(spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true, env }))
}

/** Where one is already. Perl text runs before it hears anybody; `side` is file 3 of that. */
export function startHelperBehind(
  first: { readonly text: string; readonly args: readonly string[] },
  env: Readonly<Record<string, string>>,
): { readonly helper: HelperProcess; readonly side: Duplex } {
  const args = ['-e', `${first.text}${HELPER_SCRIPT}`, '--', ...systemCalls(), ...first.args]
  const child = spawn('perl', args, { stdio: ['pipe', 'pipe', 'pipe', 'pipe'], detached: true, env })
  return { helper: ofChild(child as ChildProcessWithoutNullStreams), side: child.stdio[3] as Duplex }
}

function ofChild(child: ChildProcessWithoutNullStreams): HelperProcess {
  // A command that outlives its helper would keep the outputs open.
  child.on('exit', () => killOrphans(child.pid))
  const { stdin, stdout, stderr } = child
  const ended = new Promise<Error | undefined>((resolve) => {
    child.once('error', resolve)
    void allClosed([stdout, stderr]).then(resolve)
  })
  return { stdin, stdout, stderr, kill: () => killGroup(child), ended }
}

export const allClosed = (outputs: readonly Readable[]): Promise<undefined> =>
  Promise.all(outputs.map((output) => new Promise((resolve) => output.once('close', resolve)))).then(() => undefined)

/** `start` is asked again whenever the last one has ended and there is something to do. */
export function openHelper(start: () => HelperProcess, limitMs = LIMIT_MS): Helper {
  /** No program prints this by chance. */
  const mark = `--netlab-end-${randomUUID()}--`
  let closed = false
  let queue: Promise<unknown> = Promise.resolve()
  let helper: HelperProcess | undefined
  /** Told when the helper ends while it is at work. */
  let broken: ((error: Error | undefined) => void) | undefined

  const begin = (): HelperProcess => {
    const fresh = start()
    fresh.stdin.on('error', () => {})
    for (const output of [fresh.stdout, fresh.stderr]) output.setEncoding('utf8').resume()
    void fresh.ended.then((error) => {
      if (helper !== fresh) return
      helper = undefined
      broken?.(error)
    })
    return fresh
  }

  const one = (command: Asked): Promise<Output> =>
    new Promise((resolve) => {
      if (closed) {
        resolve({ code: undefined, signal: 'SIGKILL', stdout: '', stderr: ENDED })
        return
      }
      helper ??= begin()
      const { stdin, stdout, stderr, kill } = helper
      const out = collect(stdout, mark, settle)
      const err = collect(stderr, mark, settle)
      let why = ENDED
      let timedOut = false
      const timer = setTimeout(
        () => {
          timedOut = true
          kill()
        },
        limitOf(command, limitMs),
      )
      broken = (error) => {
        const said = { stdout: out.text(), stderr: timedOut ? err.text() : `${err.text()}${error?.message ?? why}`, ...ranOf(command, err.begun()) }
        finish(error === undefined ? { code: undefined, signal: 'SIGKILL', ...said, ...(timedOut ? { timedOut } : {}) } : { code: 127, ...said })
      }
      stdin.write(framed(command, mark))

      function settle(): void {
        if (out.size() + err.size() > OUTPUT_MAX) {
          why = FLOOD
          kill()
        }
        const end = err.ended()
        if (out.ended() === undefined || end === undefined) return
        finish({ code: end.code, stdout: out.text(), stderr: err.text(), ...ranOf(command, end.ran) })
      }
      function finish(output: Output): void {
        clearTimeout(timer)
        out.close()
        err.close()
        broken = undefined
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
      helper?.kill()
    },
  }
}

const onesOf = (command: Asked): readonly One[] => ('commands' in command ? command.commands : [command])
const ranOf = (command: Asked, ran: number): Pick<Output, 'ran'> => ('commands' in command ? { ran } : {})

const limitOf = (command: Asked, limitMs: number): number =>
  onesOf(command).reduce((sum, one) => sum + limitMs + ('files' in one ? 0 : LIMIT_MS_PER_MB * ((one.stdin ?? '').length / 1e6)), 0)

const ENDED = "the machine's helper ended"

/**
 * Gathers one output until the mark, which carries how many commands were run and the exit code of the last. Before each program comes a mark with its
 * number alone: what was printed before it is another's.
 */
function collect(output: Readable, mark: string, heard: () => void) {
  const end = new RegExp(`\\n${mark}(\\d+) (\\d+)\\n$`)
  const longest = mark.length + 16
  const chunks: string[] = []
  let tail = ''
  let size = 0
  let ending: { readonly code: number; readonly ran: number; readonly length: number } | undefined
  function read(chunk: string): void {
    size += chunk.length
    if (size <= OUTPUT_MAX) chunks.push(chunk)
    tail = (tail + chunk).slice(-longest)
    const [whole, ran, code] = end.exec(tail) ?? []
    if (whole !== undefined) ending = { ran: Number(ran), code: Number(code), length: whole.length }
    if (whole !== undefined || size > OUTPUT_MAX) heard()
  }
  /** What is behind the last mark of a program, and that program's number. */
  const last = (): { readonly begun: number; readonly text: string } => {
    const text = chunks.join('').slice(0, ending === undefined ? undefined : -ending.length)
    const at = text.lastIndexOf(`\n${mark}`)
    if (at < 0) return { begun: 1, text }
    const from = at + 1 + mark.length
    const to = text.indexOf('\n', from)
    return { begun: Number(text.slice(from, to)), text: text.slice(to + 1) }
  }
  output.on('data', read)
  return { ended: () => ending, begun: () => last().begun, size: () => size, text: () => last().text, close: () => output.off('data', read) }
}

/** As the helper reads it: of a series, all but the last begin with a +. */
function framed(command: Asked, mark: string): Buffer {
  const frames = onesOf(command).map((one) => {
    const texts = [mark, ...textsOf(one)]
    return `${texts.map((text) => Buffer.byteLength(text)).join(' ')}\n${texts.join('')}`
  })
  return Buffer.from(frames.map((frame, at) => `${at < frames.length - 1 ? '+' : ''}${frame}`).join(''))
}

function textsOf(command: One): readonly string[] {
  if ('files' in command) return ['', '', ...command.files.flatMap(ofFile)]
  return [command.in ?? '', `${command.quiet === true ? 'q' : '<'}${command.stdin ?? ''}`, ...command.argv]
}

const DEFAULT_MODE = 0o644

function ofFile({ path, text, mode = DEFAULT_MODE }: Write['files'][number]): readonly string[] {
  return text === undefined ? [path, '', ''] : [path, mode.toString(8), text]
}
