/** Carries the requests and responses of #api/message.ts over node:http. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { pipeline, Readable } from 'node:stream'
import { type Request, type Response, response } from '#api/message.ts'

export type Handler = (request: Request) => Promise<Response>

/** A body larger than this is refused: no manifest is. */
const BODY_MAX = 16 * 1024 * 1024

export function serve(handler: Handler): Server {
  return createServer((incoming, outgoing) => {
    void answer(handler, incoming, outgoing)
  })
}

async function answer(handler: Handler, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const aborted = new AbortController()
  outgoing.on('close', () => {
    if (!outgoing.writableFinished) aborted.abort()
  })
  try {
    const body = await bodyOf(incoming)
    if (body === TOO_LARGE) return refuse(outgoing, 413, `Request entity too large: limit is ${BODY_MAX}`)
    const { method = 'GET', url = '/', headers } = incoming
    const { status, ...answered } = await handler({
      method,
      url: `http://netlab${url}`,
      headers: { get: (name) => listed(headers[name.toLowerCase()]) },
      signal: aborted.signal,
      json: async () => JSON.parse(body.toString()),
      arrayBuffer: async () => new Uint8Array(body).buffer,
    })
    outgoing.writeHead(status, answered.headers)
    if (typeof answered.body === 'string') return void outgoing.end(answered.body)
    // Headers go out at once: a watch may stay silent for long.
    outgoing.flushHeaders()
    // Whoever goes away early ends what was being told to them.
    pipeline(Readable.fromWeb(answered.body as never), outgoing, () => {})
  } catch (error) {
    if (outgoing.headersSent) outgoing.destroy()
    else refuse(outgoing, 500, (error as Error).message)
  }
}

function refuse(outgoing: ServerResponse, code: number, message: string): void {
  outgoing.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(failureStatus(code, message)))
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  404: 'NotFound',
  409: 'Conflict',
  413: 'RequestEntityTooLarge',
  503: 'ServiceUnavailable',
}

const TOO_LARGE = Symbol('too large')

export const failureStatus = (code: number, message: string): object => ({
  apiVersion: 'v1',
  kind: 'Status',
  status: 'Failure',
  code,
  reason: REASONS[code] ?? 'InternalError',
  message,
})

const listed = (value: string | string[] | undefined): string | null => (Array.isArray(value) ? value.join(', ') : (value ?? null))

async function bodyOf(incoming: IncomingMessage): Promise<Buffer | typeof TOO_LARGE> {
  if (incoming.method === 'GET' || incoming.method === 'HEAD') return Buffer.alloc(0)
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming) {
    size += (chunk as Buffer).length
    // Read to its end even so: who is cut off while sending does not hear why.
    if (size <= BODY_MAX) chunks.push(chunk as Buffer)
  }
  return size > BODY_MAX ? TOO_LARGE : Buffer.concat(chunks)
}

/** A response that goes on, a JSON value a line, until `work` ends. What `work` sends when nobody listens any more is dropped. */
export function lines<T>(work: (send: (value: T) => void) => Promise<void>): Response {
  const encoder = new TextEncoder()
  let open = true
  const stream = new ReadableStream<Uint8Array>({
    async start(controller) {
      try {
        await work((value) => {
          if (open) controller.enqueue(encoder.encode(`${JSON.stringify(value)}\n`))
        })
        if (open) controller.close()
      } catch (error) {
        // An answer that breaks off must not look like a whole one.
        if (open) controller.error(error)
      }
      open = false
    },
    cancel() {
      open = false
    },
  })
  return response(stream, { headers: { 'content-type': 'application/x-ndjson' } })
}
