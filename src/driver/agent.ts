/**
 * The daemon's side of images/agent/netlab-agent, which stands on a machine: it runs programs there, many at a time, over the one stream that its stdin
 * and stdout are. In a container, whose first program it is, a command costs no call of Docker's, and when the stream ends, so does the container.
 */
import { constants } from 'node:os'
import { Duplex, PassThrough, Writable } from 'node:stream'
import type { Output } from '#kernel/command.ts'
import type { RunOptions } from './driver.ts'
import type { HelperProcess } from './helper.ts'
import { FLOOD, OUTPUT_MAX } from './output.ts'

export type Asked = {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly stdin?: string
  /** A network namespace of the machine. */
  readonly in?: string | undefined
}

/** A long-lived program; `hear` is told what it prints: O stdout, S stderr, T what those said that made its namespaces. */
export type Spawned = {
  /** Of the program's first process, as the node sees it; undefined when it ended before it was there. */
  readonly pid: Promise<number | undefined>
  readonly exit: Promise<{ readonly code: number | undefined; readonly signal?: string }>
  readonly kill: (signal: 'SIGTERM' | 'SIGKILL') => void
  readonly write: (text: string) => void
}

export type Agent = {
  readonly run: (asked: Asked, options?: RunOptions) => Promise<Output>
  /** A program whose stdin and outputs are streams. */
  readonly open: (asked: Asked) => HelperProcess
  /** @throws when the program cannot be started at all. */
  readonly spawn: (asked: Asked & { readonly fed: boolean }, hear: (bytes: Buffer, from: 'O' | 'S' | 'T') => void) => Promise<Spawned>
  /** Connections to the address inside are handed out as streams. */
  readonly listen: (at: { readonly ip: string; readonly port: number }, connected: (stream: Duplex) => void) => Promise<void>
}

/** A command that never ends must not hold up the machine for ever. */
const LIMIT_MS = 60_000
const CHUNK = 1 << 20
const HEAD = 9

type Hear = (kind: string, bytes: Buffer) => void

/** `send` writes to the agent; what comes from it is given to `heard`. When the stream is over, `closed` ends what still waits. */
export function openAgent(send: (bytes: Buffer) => void): { readonly agent: Agent; readonly heard: (bytes: Buffer) => void; readonly closed: () => void } {
  const listeners = new Map<number, Hear>()
  let last = 0
  let over = false
  let rest: Buffer = Buffer.alloc(0)

  const frame = (id: number, kind: string, bytes: string | Buffer = ''): void => {
    if (over) return
    const body = Buffer.from(bytes)
    const head = Buffer.alloc(HEAD)
    head.writeUInt32BE(id)
    head.write(kind, 4)
    head.writeUInt32BE(body.length, 5)
    send(Buffer.concat([head, body]))
  }
  const feed = (id: number, text: string | Buffer): void => {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += CHUNK) frame(id, 'I', bytes.subarray(at, at + CHUNK))
  }
  const begin = (how: 'run' | 'spawn', { argv, env, in: space = '' }: Asked, fed: boolean, hear: Hear): number => {
    const id = ++last
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    listeners.set(id, hear)
    frame(id, 'R', [how, fed ? '1' : '', space, `${variables.length}`, ...variables, ...argv].map((word) => `${word}\0`).join(''))
    if (over) hear('X', LOST)
    return id
  }

  const agent: Agent = {
    run: (asked, o = {}) =>
      new Promise((resolve) => {
        if (o.signal?.aborted) return resolve(STOPPED)
        const words = [...asked.argv, ...Object.values(asked.env)]
        if (words.some((word) => word.includes('\0'))) return resolve({ code: 127, stdout: '', stderr: 'a word holds a zero byte' })
        const out: Buffer[] = []
        const err: Buffer[] = []
        let size = 0
        let stopped = false
        let timedOut = false
        const { stdin = '' } = asked
        const id = begin('run', asked, stdin !== '', (kind, bytes) => {
          if (kind === 'O' || kind === 'S') {
            size += bytes.length
            if (size <= OUTPUT_MAX) (kind === 'O' ? out : err).push(bytes)
            else stop()
          } else if (kind === 'X' || kind === 'F') end(kind, bytes.toString())
        })
        const stop = (): void => {
          if (!stopped) frame(id, 'K', 'KILL')
          stopped = true
        }
        const timer = setTimeout(() => {
          timedOut = true
          stop()
        }, o.timeoutMs ?? LIMIT_MS)
        o.signal?.addEventListener('abort', stop, { once: true })
        const end = (kind: 'X' | 'F', words: string): void => {
          clearTimeout(timer)
          o.signal?.removeEventListener('abort', stop)
          listeners.delete(id)
          const said = { stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }
          if (kind === 'F') {
            resolve({ code: 127, ...said, stderr: `${asked.argv[0]}: ${words.slice(words.indexOf(' ') + 1)}\n` })
            return
          }
          const { code, signal } = endingOf(words)
          const lost = words === `${LOST}` ? ENDED : ''
          resolve({
            code,
            ...(signal === undefined ? {} : { signal }),
            stdout: said.stdout,
            stderr: `${said.stderr}${size > OUTPUT_MAX ? FLOOD : lost}`,
            ...(timedOut ? { timedOut } : {}),
          })
        }
        feed(id, stdin)
        if (stdin !== '') frame(id, 'E')
      }),

    open(asked) {
      const [stdout, stderr] = [new PassThrough(), new PassThrough()]
      const ended = Promise.withResolvers<Error | undefined>()
      const id = begin('run', asked, true, (kind, bytes) => {
        if (kind === 'O') stdout.write(bytes)
        else if (kind === 'S') stderr.write(bytes)
        else {
          listeners.delete(id)
          stdout.end()
          stderr.end()
          ended.resolve(kind === 'F' ? new Error(bytes.toString()) : undefined)
        }
      })
      const stdin = new Writable({
        write(chunk: Buffer, _, done) {
          feed(id, chunk)
          done()
        },
      })
      return { stdin, stdout, stderr, kill: () => frame(id, 'K', 'KILL'), ended: ended.promise }
    },

    async spawn(asked, hear) {
      const pid = Promise.withResolvers<number | undefined>()
      const exit = Promise.withResolvers<Awaited<Spawned['exit']>>()
      const id = begin('spawn', asked, asked.fed, (kind, bytes) => {
        if (kind === 'O' || kind === 'S' || kind === 'T') return hear(bytes, kind)
        if (kind === 'P') return pid.resolve(Number(bytes))
        listeners.delete(id)
        if (kind === 'F') return pid.reject(new Error(`spawn ${bytes}`))
        pid.resolve(undefined)
        exit.resolve(endingOf(bytes.toString()))
      })
      return {
        pid: pid.promise,
        exit: exit.promise,
        kill: (signal) => frame(id, 'K', signal.slice(3)),
        write: (text) => feed(id, text),
      }
    },

    listen: ({ ip, port }, connected) =>
      new Promise((resolve, reject) => {
        const id = ++last
        listeners.set(id, (kind, bytes) => {
          if (kind === 'P') resolve()
          else if (kind === 'A') connected(connection(Number(bytes)))
          else reject(new Error(`listen on ${ip}:${port}: ${bytes}`))
        })
        frame(id, 'L', `${ip}\0${port}`)
      }),
  }

  const connection = (id: number): Duplex => {
    const stream = new Duplex({
      read() {},
      write(chunk: Buffer, _, done) {
        feed(id, chunk)
        done()
      },
      final(done) {
        frame(id, 'E')
        done()
      },
      destroy(error, done) {
        frame(id, 'K', 'KILL')
        done(error)
      },
    })
    stream.on('error', () => {})
    listeners.set(id, (kind, bytes) => {
      if (kind === 'O') stream.push(bytes)
      if (kind === 'E' || kind === 'X') stream.push(null)
      if (kind !== 'X') return
      listeners.delete(id)
      stream.destroy()
    })
    return stream
  }

  return {
    agent,
    heard(bytes) {
      rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
      while (rest.length >= HEAD) {
        const size = rest.readUInt32BE(5)
        if (rest.length < HEAD + size) return
        const id = rest.readUInt32BE(0)
        const kind = rest.toString('latin1', 4, 5)
        const body = rest.subarray(HEAD, HEAD + size)
        rest = rest.subarray(HEAD + size)
        listeners.get(id)?.(kind, body)
      }
    },
    closed() {
      over = true
      for (const [id, hear] of listeners) {
        listeners.delete(id)
        hear('X', LOST)
      }
    },
  }
}

const STOPPED: Output = { code: undefined, signal: 'SIGKILL', stdout: '', stderr: '' }
const ENDED = 'the machine ended'
/** Said in the agent's stead when it is gone. */
const LOST = Buffer.from(`0 ${constants.signals.SIGKILL} lost`)

function endingOf(words: string): { readonly code: number | undefined; readonly signal?: string } {
  const [code = 0, signal = 0] = words.split(' ').map(Number)
  return signal === 0 ? { code } : { code: undefined, signal: NAMES.get(signal) ?? `signal ${signal}` }
}

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))
