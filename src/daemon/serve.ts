/** Carries web-standard requests and responses over node:http. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { pipeline, Readable } from 'node:stream'

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
    const request = new Request(`http://netlab${incoming.url ?? '/'}`, {
      method: incoming.method ?? 'GET',
      headers: Object.entries(incoming.headers).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
      ),
      ...(body === undefined ? {} : { body }),
      signal: aborted.signal,
    })
    const response = await handler(request)
    outgoing.writeHead(response.status, Object.fromEntries(response.headers))
    // Headers go out at once: a watch may stay silent for long.
    outgoing.flushHeaders()
    if (response.body === null) outgoing.end()
    // Whoever goes away early ends what was being told to them.
    else pipeline(Readable.fromWeb(response.body as never), outgoing, () => {})
  } catch (error) {
    if (outgoing.headersSent) outgoing.destroy()
    else outgoing.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify(failureStatus(500, (error as Error).message)))
  }
}

export const failureStatus = (code: number, message: string): object => ({
  apiVersion: 'v1',
  kind: 'Status',
  status: 'Failure',
  code,
  reason: code === 404 ? 'NotFound' : code === 400 ? 'BadRequest' : 'InternalError',
  message,
})

async function bodyOf(incoming: IncomingMessage): Promise<string | undefined> {
  if (incoming.method === 'GET' || incoming.method === 'HEAD') return undefined
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming) {
    size += (chunk as Buffer).length
    if (size > BODY_MAX) throw new Error(`the request is larger than ${BODY_MAX} bytes`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString()
}

/** A response that goes on, a JSON value a line, until `work` ends. `send` says false once nobody listens. */
export function lines<T>(work: (send: (value: T) => void) => Promise<void>): Response {
  const encoder = new TextEncoder()
  let open = true
  const stream = new ReadableStream<Uint8Array>({
    async start(controller) {
      try {
        await work((value) => {
          if (open) controller.enqueue(encoder.encode(`${JSON.stringify(value)}\n`))
        })
      } finally {
        if (open) controller.close()
        open = false
      }
    },
    cancel() {
      open = false
    },
  })
  return new Response(stream, { headers: { 'content-type': 'application/x-ndjson' } })
}
