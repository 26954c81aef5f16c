import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { type Client, clientOf } from './client.ts'

const after: (() => void)[] = []
afterEach(() => {
  for (const undo of after.splice(0)) undo()
})

async function serving(answer: RequestListener, connected = (): void => {}): Promise<Client> {
  const folder = mkdtempSync(join(tmpdir(), 'netlab-client-'))
  const server = createServer(answer).on('connection', connected)
  after.push(() => {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true })
  })
  await new Promise<void>((done) => server.listen(join(folder, 's'), done))
  return clientOf(join(folder, 's'))
}

test('a body is sent as JSON and answered with JSON', async () => {
  const client = await serving(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    response.end(JSON.stringify({ method: request.method, url: request.url, type: request.headers['content-type'], text }))
  })
  expect(await client.json({ method: 'PATCH', path: '/x?y=1', body: { a: 'ü' }, type: 'application/merge-patch+json' })).toEqual({
    method: 'PATCH',
    url: '/x?y=1',
    type: 'application/merge-patch+json',
    text: '{"a":"ü"}',
  })
})

test('a line cut in two by the network is one line', async () => {
  const client = await serving((_, response) => {
    response.write('{"n":1}\n{"n"')
    setImmediate(() => response.end(':2}\n{"n":3}'))
  })
  const seen: unknown[] = []
  for await (const line of client.lines({ path: '/' })) seen.push(line)
  expect(seen).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
})

test("a refusal carries the server's words", async () => {
  const status = { kind: 'Status', status: 'Failure', reason: 'NotFound', message: 'pods "x" not found', code: 404 }
  const client = await serving((_, response) => response.writeHead(404).end(JSON.stringify(status)))
  await expect(client.json({ path: '/' })).rejects.toEqual({ stop: true, exit: 1, says: 'NotFound: pods "x" not found' })
})

test('an interrupt ends a stream that has no end', async () => {
  const client = await serving((_, response) => response.write('{"n":1}\n'))
  const interrupt = new AbortController()
  const read = async () => {
    for await (const _ of client.lines({ path: '/', signal: interrupt.signal })) interrupt.abort()
  }
  await expect(read()).rejects.toEqual({ stop: true, exit: 130, says: '' })
})

test('a daemon that dies in the middle of an answer is told', async () => {
  const client = await serving((_, response) => {
    response.write('{"n":1}\n')
    setImmediate(() => response.destroy())
  })
  const read = async () => {
    for await (const _ of client.lines({ path: '/' }));
  }
  await expect(read()).rejects.toMatchObject({ stop: true, exit: 3 })
})

test('a socket nobody listens on is told', async () => {
  await expect(clientOf('/nowhere/api.sock').json({ path: '/' })).rejects.toMatchObject({ stop: true, exit: 3 })
})

test('a thousand requests at once share a few connections', async () => {
  let connections = 0
  const client = await serving(
    (request, response) => void setImmediate(() => response.end(request.url)),
    () => {
      connections += 1
    },
  )
  const paths = Array.from({ length: 1000 }, (_, i) => `/${i}`)
  const replies = await Promise.all(paths.map((path) => client.send({ path })))
  expect({ answered: replies.map(({ text }) => text), few: connections <= 8 }).toEqual({ answered: paths, few: true })
})
