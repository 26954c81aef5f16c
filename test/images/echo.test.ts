import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const PROGRAM = new URL('../../images/echo/netlab-echo', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'netlab-echo-'))
const unready = join(folder, 'unready')
const env = { PATH: process.env['PATH'] ?? '', HOSTNAME: 'web-1', POD_NAME: 'web-1', POD_NAMESPACE: 'shop', NODE_NAME: 'node-1', POD_IP: '10.244.0.2' }

type Server = { readonly child: ChildProcess; readonly ports: readonly number[]; readonly lines: string[] }

/** Resolves when the server has said of each of its ports that it listens there. */
async function start(args: readonly string[], count: number, extra: Record<string, string> = {}): Promise<Server> {
  const child = spawn(PROGRAM, args, { env: { ...env, ...extra }, stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  let rest = ''
  const ports = await new Promise<number[]>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the echo server ended with ${code}`)))
    child.stdout.on('data', (chunk: Buffer) => {
      const parts = (rest + chunk.toString()).split('\n')
      rest = parts.pop() ?? ''
      lines.push(...parts)
      const heard = lines.flatMap((line) => /^listening on \w+ (\d+)$/.exec(line)?.[1] ?? [])
      if (heard.length === count) resolve(heard.map(Number))
    })
  })
  child.removeAllListeners('exit')
  return { child, ports, lines }
}

let server: Server
let http = 0
let tcp = 0
let udp = 0
beforeAll(async () => {
  server = await start(['--http-port', '0', '--tcp-port', '0', '--udp-port', '0', '--unready-file', unready], 3)
  ;[http = 0, tcp = 0, udp = 0] = server.ports
})
afterAll(() => {
  server.child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

const url = (path: string): string => `http://127.0.0.1:${http}${path}`
const get = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(url(path), init)
  return [response.status, await response.text()] as const
}

/** Says something on a TCP connection and returns all that came back until the server hung up. */
async function say(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.end(text)
  let heard = ''
  socket.on('data', (chunk) => {
    heard += chunk.toString('latin1')
  })
  await once(socket, 'close')
  return heard
}

async function datagram(text: string): Promise<string> {
  const socket = createSocket('udp4')
  socket.send(text, udp, '127.0.0.1')
  const [answer] = (await once(socket, 'message')) as [Buffer]
  socket.close()
  return answer.toString()
}

test('/ tells who answered and whom it saw', async () => {
  const body = JSON.parse((await get('/a?b=1', { method: 'POST', body: 'hällo', headers: { 'X-One': 'ü"\\' } }))[1])
  expect({ ...body, clientPort: typeof body.clientPort, headers: typeof body.headers }).toEqual({
    pod: 'web-1',
    namespace: 'shop',
    node: 'node-1',
    ip: '127.0.0.1',
    port: http,
    client: '127.0.0.1',
    clientPort: 'number',
    protocol: 'http',
    method: 'POST',
    path: '/a?b=1',
    host: `127.0.0.1:${http}`,
    headers: 'object',
    bodyBytes: 6,
  })
})

test('the answers agnhost gives: hostname, clientip, echo, header', async () => {
  const clientip = (await get('/clientip'))[1]
  expect([
    await get('/hostname'),
    await get('/hostName'),
    clientip.replace(/:\d+$/, ''),
    await get('/echo?msg=hi%20there+you'),
    await get('/header?key=X-One', { headers: { 'x-one': '1' } }),
    (await get('/shell'))[0],
  ]).toEqual([[200, 'web-1'], [200, 'web-1'], '127.0.0.1', [200, 'hi there you'], [200, '1'], 404])
})

test('a body of megabytes comes back as it went, with a length or in chunks', async () => {
  const body = Buffer.alloc(3_000_000, 'netlab ')
  const stream = new ReadableStream({
    start(controller) {
      for (let at = 0; at < body.length; at += 100_000) controller.enqueue(body.subarray(at, at + 100_000))
      controller.close()
    },
  })
  const answers = [
    await fetch(url('/echo'), { method: 'POST', body }),
    await fetch(url('/echo'), { method: 'POST', body: stream, duplex: 'half' } as RequestInit),
  ]
  expect(await Promise.all(answers.map(async (answer) => body.equals(Buffer.from(await answer.arrayBuffer()))))).toEqual([true, true])
})

test('one connection carries many requests, HEAD has no body, what is no HTTP/1.1 is refused', async () => {
  const text = 'HEAD /hostname HTTP/1.1\r\n\r\nGET /hostname HTTP/1.1\r\nConnection: close\r\n\r\n'
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nX-Pod: web-1\r\n'
  expect(await say(http, text)).toBe(`${head}\r\n${head}Connection: close\r\n\r\nweb-1`)
  expect((await say(http, 'GET / SPDY\r\n\r\n')).split('\r\n')[0]).toBe('HTTP/1.1 400 Bad Request')
  expect((await say(http, `GET / HTTP/1.1\r\nx: ${'y'.repeat(70_000)}`)).split('\r\n')[0]).toBe('HTTP/1.1 431 Request Header Fields Too Large')
  expect((await say(http, 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n')).split('\r\n')[0]).toBe('HTTP/1.1 400 Bad Request')
})

test('readiness is lost by a POST or by the file, and comes back', async () => {
  const seen = [await get('/healthz'), await get('/fail-healthz'), await get('/fail-healthz', { method: 'POST' }), await get('/healthz')]
  writeFileSync(unready, '')
  seen.push(await get('/ok-healthz', { method: 'POST' }), await get('/healthz'))
  writeFileSync(unready, '')
  seen.push(await get('/healthz'))
  rmSync(unready)
  expect(seen.map(([status]) => status)).toEqual([200, 405, 200, 503, 200, 200, 503])
  expect(existsSync(unready)).toBe(false)
})

test('TCP: first who answers, then every byte as it came, on the echo port and on the HTTP port alike', async () => {
  const answers = await Promise.all([tcp, http].map((port) => say(port, 'nonce-1\nsecond\n')))
  const read = answers.map((answer) => {
    const [line = '', ...rest] = answer.split('\n')
    return [JSON.parse(line).pod, JSON.parse(line).protocol, rest.join('\n')]
  })
  const same = ['web-1', 'tcp', 'nonce-1\nsecond\n']
  expect(read).toEqual([same, same])
  expect(await say(tcp, 'hostname\n')).toBe('web-1\n')
})

test('UDP: commands get their answer, anything else comes back behind the line that tells who answered', async () => {
  const [line = '', payload] = (await datagram('nonce-2')).split('\n')
  const { clientPort, ...who } = JSON.parse(line)
  expect([await datagram('hostname'), (await datagram('clientip')).replace(/:\d+$/, ''), await datagram('echo hi'), payload, who, typeof clientPort]).toEqual([
    'web-1',
    '127.0.0.1',
    'hi',
    'nonce-2',
    { pod: 'web-1', namespace: 'shop', node: 'node-1', ip: '10.244.0.2', port: udp, client: '127.0.0.1', protocol: 'udp' },
    'number',
  ])
})

test('every request is one line of log with the client’s address, the port, the path and the nonce', async () => {
  await get('/logged', { headers: { 'X-Netlab-Nonce': 'n-3' } })
  await expect.poll(() => server.lines.some((line) => /^127\.0\.0\.1:\d+ \d+ GET \/logged 200 nonce=n-3$/.test(line))).toBe(true)
})

test('SIGTERM ends it with 0, and /exit with the code asked for', async () => {
  const ends = async (how: (one: Server) => unknown): Promise<unknown> => {
    const one = await start(['netexec', '--http-port=0', '--udp-port=0'], 2)
    const idle = connect(one.ports[0] ?? 0, '127.0.0.1')
    await once(idle, 'connect')
    const exit = once(one.child, 'exit')
    await how(one)
    idle.destroy()
    return (await exit)[0]
  }
  expect([
    await ends(({ child }) => child.kill('SIGTERM')),
    await ends(({ ports }) => fetch(`http://127.0.0.1:${ports[0]}/exit?code=3`).catch(() => {})),
  ]).toEqual([0, 3])
})

test('serve-hostname, porter and connect do what agnhost’s do', async () => {
  const named = await start(['serve-hostname', '--port=0', '--tcp', '--http=false'], 1)
  const said = await say(named.ports[0] ?? 0, '')
  const porter = await start(['porter'], 1, { SERVE_PORT_0: 'foo' })
  const served = await (await fetch(`http://127.0.0.1:${porter.ports[0]}/`)).text()
  const connecting = async (target: string, ...flags: string[]): Promise<unknown> => {
    const child = spawn(PROGRAM, ['connect', target, ...flags], { env, stdio: ['ignore', 'ignore', 'pipe'] })
    let words = ''
    child.stderr.on('data', (chunk: Buffer) => {
      words += chunk.toString()
    })
    return [(await once(child, 'close'))[0], words]
  }
  const tries = await Promise.all([
    connecting(`127.0.0.1:${tcp}`),
    connecting(`127.0.0.1:${udp}`, '--protocol=udp'),
    connecting(`127.0.0.1:1`, '--timeout', '1s'),
    connecting('nobody.invalid:80'),
    connecting('nonsense'),
  ])
  for (const { child } of [named, porter]) child.kill('SIGKILL')
  expect([said, served, ...tries]).toEqual(['web-1\n', 'foo', [0, ''], [0, ''], [1, 'REFUSED\n'], [1, 'DNS\n'], [2, 'echo: connect HOST:PORT\n']])
})

test('what it does not know it refuses, and names what there is', async () => {
  const refused = async (...args: string[]): Promise<unknown> => {
    const child = spawn(PROGRAM, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
    let words = ''
    child.stderr.on('data', (chunk: Buffer) => {
      words += chunk.toString()
    })
    return [(await once(child, 'close'))[0], words]
  }
  expect([await refused('serve'), await refused('--port', '1'), await refused('--http-port', 'x'), await refused('--http-port', `${http}`)]).toEqual([
    [2, 'echo: no command "serve"; there are: connect dns-server-list dns-suffix etc-hosts help netexec pause porter serve-hostname\n'],
    [2, 'echo: no flag --port; there are: --http-port --quiet --tcp-port --udp-port --unready-file\n'],
    [2, 'echo: --http-port: "x" is no port\n'],
    [1, `echo: cannot listen on tcp port ${http}: Address already in use\n`],
  ])
})

test('a server that has answered nothing yet holds less than 10 MB', async () => {
  const { child } = await start(['--http-port', '0'], 1)
  const [, kb = ''] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? []
  child.kill('SIGKILL')
  expect([Number(kb) > 1_000, Number(kb) < 10_000]).toEqual([true, true])
})
