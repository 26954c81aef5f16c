import { createServer as createHttp, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcp, type Server as TcpServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hostPrograms } from '#driver/testing.ts'
import { createProber, PROBER_ID, proberProgram } from './prober.ts'
import { createSupervisor } from './supervisor.ts'
import { until } from './testing.ts'

const host = hostPrograms()
const supervisor = createSupervisor({ driver: host, now: () => '', onChange: () => {} })
const prober = createProber(supervisor)
const programs = [{ program: { ...proberProgram, argv: [join(import.meta.dirname, '../../images/prober/netlab-prober')] }, owner: PROBER_ID }]
const servers: (Server | TcpServer)[] = []

beforeAll(() => supervisor.sync('n1', programs))
afterAll(async () => {
  await supervisor.end('n1', PROBER_ID, 0)
  host.clean()
  for (const server of servers) server.close()
})

async function listening(server: Server | TcpServer, address = '127.0.0.1'): Promise<number> {
  // The prober hangs up as soon as it knows: to a server that is a reset, and no failure.
  server.on('connection', (socket) => socket.on('error', () => {}))
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, address, resolve))
  servers.push(server)
  return (server.address() as AddressInfo).port
}
const http = (answer: RequestListener): Promise<number> => listening(createHttp({ keepAlive: false }, answer))

const url = (text: string, headers: readonly { readonly name: string; readonly value: string }[] = []) => ({ kind: 'http', url: text, headers }) as const
const tcp = (port: number) => ({ kind: 'tcp', ip: '127.0.0.1', port }) as const

test('an answer from 200 to 399 is well, any other is not', async () => {
  const port = await http((request, response) => response.writeHead(Number(request.url?.slice(1))).end('text'))
  const codes = [200, 204, 301, 399, 400, 404, 500, 503]
  const answers = await Promise.all(codes.map((code) => prober.ask('n1', url(`http://127.0.0.1:${port}/${code}`), 2_000)))
  expect(answers.map(({ ok }) => ok)).toEqual([true, true, true, true, false, false, false, false])
  expect(answers.at(-1)?.says).toBe('HTTP probe failed with statuscode: 503')
})

test('the path, the query and the headers arrive; kubelet’s own are there unless others are given', async () => {
  const seen: unknown[] = []
  const port = await http(({ url: path, headers }, response) => {
    seen.push({ path, agent: headers['user-agent'], host: headers.host, accept: headers.accept, cookie: headers.cookie })
    response.end()
  })
  await prober.ask('n1', url(`http://127.0.0.1:${port}/a%20b?c=d&e`), 2_000)
  await prober.ask(
    'n1',
    url(`http://127.0.0.1:${port}/`, [
      { name: 'Host', value: 'shop.example' },
      { name: 'User-Agent', value: 'me' },
      { name: 'Accept', value: 'text/html;q=0.9, */*;q=0.1' },
      { name: 'Cookie', value: 'a=1; b=2' },
    ]),
    2_000,
  )
  expect(seen).toEqual([
    { path: '/a%20b?c=d&e', agent: 'kube-probe/1.30', host: `127.0.0.1:${port}`, accept: '*/*', cookie: undefined },
    { path: '/', agent: 'me', host: 'shop.example', accept: 'text/html;q=0.9, */*;q=0.1', cookie: 'a=1; b=2' },
  ])
})

test('who does not answer in time is not well, and does not hold up the others', async () => {
  const hanging = await listening(createTcp(() => {}))
  const port = await http((_, response) => response.end())
  const late = prober.ask('n1', url(`http://127.0.0.1:${hanging}/`), 300)
  expect((await prober.ask('n1', url(`http://127.0.0.1:${port}/`), 300)).ok).toBe(true)
  // In the prober's own words: nobody had to give it up.
  expect(await late).toEqual({ ok: false, says: 'context deadline exceeded (no answer in time)' })
})

test('a port that is shut refuses, at once and by name of the reason', async () => {
  const port = await listening(createTcp(() => {}))
  await new Promise((resolve) => servers.pop()?.close(resolve))
  const answers = await Promise.all([prober.ask('n1', url(`http://127.0.0.1:${port}/`), 5_000), prober.ask('n1', tcp(port), 5_000)])
  expect(answers).toEqual([
    { ok: false, says: expect.stringMatching(/refused/) },
    { ok: false, says: expect.stringMatching(/refused/) },
  ])
})

test('for tcp a connection is enough; for http it must speak HTTP', async () => {
  const port = await listening(createTcp((socket) => socket.end('220 mail.example\r\n')))
  expect([await prober.ask('n1', tcp(port), 2_000), (await prober.ask('n1', url(`http://127.0.0.1:${port}/`), 2_000)).ok]).toEqual([
    { ok: true, says: 'connected' },
    false,
  ])
})

test('an answer in small pieces, and one without end, are read as far as need be', async () => {
  const slow = await listening(
    createTcp(async (socket) => {
      socket.on('error', () => {})
      for (const piece of ['HT', 'TP/1.1 2', '00 OK\r\n\r\n']) {
        socket.write(piece)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }),
  )
  const endless = await http((_, response) => {
    response.on('error', () => {})
    const timer = setInterval(() => response.write('x'.repeat(10_000)), 1)
    response.on('close', () => clearInterval(timer))
  })
  expect((await Promise.all([slow, endless].map((port) => prober.ask('n1', url(`http://127.0.0.1:${port}/`), 2_000)))).map(({ ok }) => ok)).toEqual([
    true,
    true,
  ])
})

test('a hundred questions at once get each its own answer', async () => {
  const port = await http((request, response) => response.writeHead(request.url === '/well' ? 200 : 500).end())
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, n) => prober.ask('n1', url(`http://127.0.0.1:${port}/${n % 3 === 0 ? 'well' : 'ill'}`), 5_000)),
  )
  expect(answers.map(({ ok }) => ok)).toEqual(answers.map((_, n) => n % 3 === 0))
})

test('a prober that died is asked again once it runs anew; one that is not there is no answer', async () => {
  const port = await http((_, response) => response.end())
  const before = supervisor.get('n1', PROBER_ID)?.restarts ?? 0
  supervisor.restart('n1', PROBER_ID)
  await until(
    () => supervisor.get('n1', PROBER_ID),
    (one) => one?.restarts === before + 1 && one.state.kind === 'running',
  )
  expect((await prober.ask('n1', url(`http://127.0.0.1:${port}/`), 2_000)).ok).toBe(true)
  expect(await prober.ask('elsewhere', url(`http://127.0.0.1:${port}/`), 100)).toEqual({ ok: false, says: 'context deadline exceeded' })
})
