/** A client of one lab's daemon: HTTP over its unix socket. */
import { Agent, type IncomingMessage, request } from 'node:http'
import type { Status } from '#api/store.ts'
import { INTERRUPTED, stop, UNDECIDED, USAGE } from './io.ts'

export type Call = {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  /** Of the body; `application/json` unless told. */
  readonly type?: string
  readonly accept?: string
  readonly signal?: AbortSignal
}

export type Reply = { readonly status: number; readonly text: string }

export type Client = {
  /** Any answer, as it came. */
  readonly send: (call: Call) => Promise<Reply>
  /** The answer's JSON. @throws a Stop with the daemon's own words when it is a failure. */
  readonly json: <T>(call: Call) => Promise<T>
  /** Each line of an endless answer as JSON. */
  readonly lines: <T>(call: Call) => AsyncGenerator<T>
  /** An endless answer as it comes. */
  readonly text: (call: Call) => AsyncGenerator<string>
}

/** Many requests at once share these: each connection of its own would be one more than the socket's queue may hold. */
const CONNECTIONS = 8

/** `warn` hears each sentence of a Warning header once. */
export function clientOf(socket: string, warn: (says: string) => void = () => {}): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const heard = new Set<string>()
  const ask = async (call: Call, by: Agent | false): Promise<IncomingMessage> => {
    const answer = await open(socket, call, by)
    for (const says of warningsOf(answer)) if (!heard.has(says)) warn(says)
    for (const says of warningsOf(answer)) heard.add(says)
    return answer
  }
  const send = async (call: Call): Promise<Reply> => {
    const answer = await ask(call, agent)
    return { status: answer.statusCode ?? 0, text: await whole(answer, call.signal) }
  }
  async function* text(call: Call): AsyncGenerator<string> {
    const answer = await ask(call, false)
    if ((answer.statusCode ?? 0) >= 400) throw refused({ status: answer.statusCode ?? 0, text: await whole(answer, call.signal) })
    try {
      for await (const chunk of answer) yield chunk as string
    } catch (error) {
      throw call.signal?.aborted ? stop(INTERRUPTED, '') : stop(UNDECIDED, `the lab's daemon ended in the middle of its answer: ${(error as Error).message}`)
    }
  }
  return {
    send,
    text,
    json: async <T>(call: Call) => {
      const reply = await send(call)
      if (reply.status >= 400) throw refused(reply)
      return JSON.parse(reply.text) as T
    },
    lines: async function* <T>(call: Call) {
      let rest = ''
      for await (const chunk of text(call)) {
        const lines = (rest + chunk).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as T
      }
      if (rest.trim() !== '') yield JSON.parse(rest) as T
    },
  }
}

/** `299 - "text"`, one after another. */
const warningsOf = ({ headers }: IncomingMessage): readonly string[] =>
  [...(headers.warning ?? '').matchAll(/\d{3} \S+ ("(?:[^"\\]|\\.)*")/g)].map(([, quoted = '""']) => JSON.parse(quoted) as string)

/** The Status object that a failed Kubernetes request is answered with. */
export function statusOf(reply: Reply): Partial<Status> {
  try {
    const status = JSON.parse(reply.text) as Partial<Status>
    return typeof status === 'object' && status !== null ? status : {}
  } catch {
    return {}
  }
}

export function refused(reply: Reply) {
  const { reason, message } = statusOf(reply)
  const exit = reply.status === 400 ? USAGE : 1
  if (message === undefined) return stop(exit, reply.text.trim() || `the daemon answered ${reply.status}`)
  return stop(exit, reason && exit !== USAGE && reason !== 'InternalError' ? `${reason}: ${message}` : message)
}

/** An answer without end has a connection of its own. */
function open(socketPath: string, call: Call, agent: Agent | false): Promise<IncomingMessage> {
  const body = call.body === undefined ? undefined : typeof call.body === 'string' ? call.body : JSON.stringify(call.body)
  const headers = {
    accept: call.accept ?? 'application/json',
    ...(body !== undefined && { 'content-type': call.type ?? 'application/json', 'content-length': Buffer.byteLength(body) }),
  }
  return new Promise((resolve, reject) => {
    const options = { socketPath, path: call.path, method: call.method ?? 'GET', headers, agent, ...(call.signal && { signal: call.signal }) }
    const sent = request(options, (answer) => resolve(answer.setEncoding('utf8')))
    sent.on('error', (error) => reject(call.signal?.aborted ? stop(INTERRUPTED, '') : stop(UNDECIDED, `the lab's daemon does not answer: ${error.message}`)))
    sent.end(body)
  })
}

async function whole(answer: IncomingMessage, signal: AbortSignal | undefined): Promise<string> {
  let text = ''
  try {
    for await (const chunk of answer) text += chunk
  } catch (error) {
    throw signal?.aborted ? stop(INTERRUPTED, '') : stop(UNDECIDED, `the lab's daemon ended in the middle of its answer: ${(error as Error).message}`)
  }
  return text
}
