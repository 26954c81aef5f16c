/** The bytes between this process and Docker: over a unix socket, over TCP with or without TLS, or through the `ssh` program. */
import { spawn } from 'node:child_process'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect as connectTcp, isIP } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import Docker from 'dockerode'
import { type Endpoint, SSH_ENDED, type Way } from './endpoint.ts'

export type Connection = {
  readonly docker: Docker
  /** The stdin and outputs of a container that was made with them: what is written is its stdin, what comes are its outputs in Docker's frames. */
  readonly attach: (id: string) => Promise<Duplex>
}

/** `timeout` in ms for every answer. */
export function connect({ way }: Endpoint, timeout?: number): Connection {
  const at = way.kind === 'unix' ? { socketPath: way.path } : { socketPath: '/', agent: agentFor(way) }
  // Told all of it, dockerode does not look into the environment by itself.
  const docker = new Docker({ host: undefined, protocol: 'http', ...at, ...(timeout === undefined ? {} : { timeout }) } as Docker.DockerOptions)
  return { docker, attach: (id) => attach(at, id) }
}

type At = { readonly socketPath: string; readonly agent?: Agent }

/** dockerode would send its options along as a body, which Podman takes for the first words of stdin. */
function attach(at: At, id: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const headers = { Connection: 'Upgrade', Upgrade: 'tcp', 'Content-Length': '0' }
    const asked = request({ ...at, method: 'POST', path: `/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1`, headers })
    asked.on('upgrade', (_, stream, head) => {
      if (head.length > 0) stream.unshift(head)
      resolve(stream)
    })
    asked.on('response', (answer) => refusal(answer).then(reject, reject))
    asked.on('error', reject)
    asked.end()
  })
}

/** As dockerode says it. */
async function refusal(answer: IncomingMessage): Promise<Error> {
  const text = (await answer.setEncoding('utf8').toArray()).join('')
  return Object.assign(new Error(`(HTTP code ${answer.statusCode}) ${messageIn(text)}`), { statusCode: answer.statusCode })
}

function messageIn(text: string): string {
  try {
    return (JSON.parse(text) as { message: string }).message
  } catch {
    return text.trim()
  }
}

/** Behind ssh a connection is a process and a login, so they are used again. */
const agentFor = (way: Exclude<Way, { kind: 'unix' }>): Agent =>
  Object.assign(new Agent({ keepAlive: true, maxSockets: SOCKETS }), { createConnection: () => open(way) })

/** sshd refuses more than ten that log in at a time. Streams of containers are not counted once they stand. */
const SOCKETS = 6

function open(way: Exclude<Way, { kind: 'unix' }>): Duplex {
  if (way.kind === 'ssh') return throughSsh(way.argv)
  const { host, port, tls } = way
  if (tls === undefined) return connectTcp({ host, port })
  return connectTls({ host, port, ...tls, ...(isIP(host) === 0 ? { servername: host } : {}) })
}

const WORDS = 2_000

/** As `docker` does it: the user's own ssh, with their keys, hosts and config. */
function throughSsh(argv: readonly string[]): Duplex {
  const child = spawn('ssh', argv, { stdio: ['pipe', 'pipe', 'pipe'] })
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    words = (words + chunk).slice(-WORDS)
  })
  const stream = new Duplex({
    read: () => child.stdout.resume(),
    write: (chunk: Buffer, _, done) => void child.stdin.write(chunk, () => done()),
    final: (done) => void child.stdin.end(() => done()),
    destroy(error, done) {
      child.kill()
      done(error)
    },
  })
  child.stdin.on('error', () => {})
  child.stdout.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) child.stdout.pause()
  })
  child.on('error', (error) => stream.destroy(Object.assign(new Error(`ssh: ${error.message}`), { code: SSH_ENDED })))
  child.on('close', (code) => {
    if (code === 0) stream.push(null)
    else stream.destroy(Object.assign(new Error(words.trim() || `ssh ended with ${code}`), { code: SSH_ENDED }))
  })
  // What http asks of a socket; one that waits to be used again keeps no process alive.
  const held = [child, child.stdin, child.stdout, child.stderr] as unknown as readonly { ref(): void; unref(): void }[]
  const each = (what: 'ref' | 'unref') => () => {
    for (const one of held) one[what]()
    return stream
  }
  const same = () => stream
  return Object.assign(stream, { ref: each('ref'), unref: each('unref'), setKeepAlive: same, setNoDelay: same, setTimeout: same })
}
