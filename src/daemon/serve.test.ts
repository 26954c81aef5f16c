import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type ClientRequest, type IncomingMessage, request, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, expect, test } from 'vitest'
import { response } from '#api/message.ts'
import { type Handler, lines, serve } from './serve.ts'

const folder = mkdtempSync(join(tmpdir(), 'netlab-serve-'))
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})
afterAll(() => rmSync(folder, { recursive: true }))

type Asked = { readonly method?: string; readonly path?: string; readonly headers?: Record<string, string>; readonly body?: string | Buffer }

async function serving(handler: Handler): Promise<(asked?: Asked) => ClientRequest> {
  const socketPath = join(folder, `${servers.length}-${performance.now()}.sock`)
  const server = serve(handler)
  servers.push(server)
  await once(server.listen(socketPath), 'listening')
  return ({ method = 'GET', path = '/', headers = {}, body } = {}) => {
    const asking = request({ socketPath, method, path, headers })
    asking.end(body)
    return asking
  }
}

const textOf = (bytes: ArrayBufferLike): string => new TextDecoder().decode(new Uint8Array(bytes))

async function answerOf(asking: ClientRequest) {
  const [incoming] = (await once(asking, 'response')) as [IncomingMessage]
  return { status: incoming.statusCode, type: incoming.headers['content-type'], body: await text(incoming) }
}

test('method, path, headers and body arrive, and status, headers and body go back', async () => {
  const ask = await serving(async (asked) =>
    response(
      JSON.stringify([asked.method, new URL(asked.url).pathname, new URL(asked.url).search, asked.headers.get('x-a'), textOf(await asked.arrayBuffer())]),
      {
        status: 201,
        headers: { 'content-type': 'application/x-test' },
      },
    ),
  )
  expect(await answerOf(ask({ method: 'PATCH', path: '/a/%C3%BC?b=c%20d', headers: { 'X-A': '1, 2' }, body: 'the body, ü' }))).toEqual({
    status: 201,
    type: 'application/x-test',
    body: JSON.stringify(['PATCH', '/a/%C3%BC', '?b=c%20d', '1, 2', 'the body, ü']),
  })
  expect((await answerOf(ask({ path: '/x' }))).body).toBe(JSON.stringify(['GET', '/x', '', null, '']))
})

test('an answer without a body is one', async () => {
  const ask = await serving(async () => response('', { status: 204, headers: {} }))
  expect(await answerOf(ask())).toEqual({ status: 204, type: undefined, body: '' })
})

test('a handler that throws is answered by a Status with its words', async () => {
  const ask = await serving(() => Promise.reject(new Error('a bug')))
  const { status, body } = await answerOf(ask())
  expect([status, JSON.parse(body)]).toEqual([
    500,
    { apiVersion: 'v1', kind: 'Status', status: 'Failure', code: 500, reason: 'InternalError', message: 'a bug' },
  ])
})

test('a body that is too large is refused with words, and the next request is served', async () => {
  const ask = await serving(async (asked) => response(`${textOf(await asked.arrayBuffer()).length}`))
  const { status, body } = await answerOf(ask({ method: 'POST', body: Buffer.alloc(17 * 1024 * 1024, 'x') }))
  expect([status, JSON.parse(body)]).toEqual([413, expect.objectContaining({ kind: 'Status', code: 413, reason: 'RequestEntityTooLarge' })])
  expect((await answerOf(ask({ method: 'POST', body: Buffer.alloc(15 * 1024 * 1024, 'x') }))).body).toBe(`${15 * 1024 * 1024}`)
})

test('lines arrive as they are sent, not at the end', async () => {
  const gate = Promise.withResolvers<void>()
  const ask = await serving(async () =>
    lines<number>(async (send) => {
      send(1)
      await gate.promise
      send(2)
    }),
  )
  const [incoming] = (await once(ask(), 'response')) as [IncomingMessage]
  const [first] = (await once(incoming, 'data')) as [Buffer]
  expect([incoming.headers['content-type'], first.toString()]).toEqual(['application/x-ndjson', '1\n'])
  gate.resolve()
  expect(await text(incoming)).toBe('2\n')
})

test('headers go out before the first byte of a body that is long in coming', async () => {
  const ask = await serving(async () => response(new ReadableStream({})))
  const [incoming] = (await once(ask(), 'response')) as [IncomingMessage]
  expect(incoming.statusCode).toBe(200)
  incoming.destroy()
})

test('whoever goes away is noticed: the request’s signal, and what goes on is let go', async () => {
  const heard = Promise.withResolvers<string>()
  const gone = Promise.withResolvers<string>()
  const ask = await serving(async (asked) => {
    asked.signal.addEventListener('abort', () => heard.resolve('aborted'))
    return response(new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('x')), cancel: () => gone.resolve('cancelled') }))
  })
  const asking = ask()
  const [incoming] = (await once(asking, 'response')) as [IncomingMessage]
  incoming.destroy()
  expect(await Promise.all([heard.promise, gone.promise])).toEqual(['aborted', 'cancelled'])
})

test('whoever goes away before the answer is noticed too', async () => {
  const heard = Promise.withResolvers<string>()
  const begun = Promise.withResolvers<void>()
  const ask = await serving(async (asked) => {
    begun.resolve()
    await new Promise((resolve) => asked.signal.addEventListener('abort', resolve))
    heard.resolve('aborted')
    return response('to nobody')
  })
  const asking = ask({ method: 'POST', body: '{}' })
  asking.on('error', () => {})
  await begun.promise
  asking.destroy()
  expect(await heard.promise).toBe('aborted')
})

test('a request that is answered is not aborted', async () => {
  let aborted = false
  const ask = await serving(async (asked) => {
    asked.signal.addEventListener('abort', () => {
      aborted = true
    })
    return response('well')
  })
  await answerOf(ask())
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(aborted).toBe(false)
})

test('work goes on when nobody listens any more; work that fails breaks the answer off', async () => {
  const done = Promise.withResolvers<string>()
  const away = await serving(async () =>
    lines<number>(async (send) => {
      for (let n = 0; n < 50; n += 1) {
        send(n)
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
      done.resolve('done')
    }),
  )
  const [incoming] = (await once(away(), 'response')) as [IncomingMessage]
  incoming.destroy()
  expect(await done.promise).toBe('done')

  const failing = await serving(async () =>
    lines<number>(async (send) => {
      send(1)
      await new Promise((resolve) => setTimeout(resolve, 20))
      throw new Error('in the middle')
    }),
  )
  await expect(answerOf(failing())).rejects.toThrow(/aborted/)
})
