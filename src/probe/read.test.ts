/** Readers against what Debian 12's tools really said: answers.json was caught in a throw-away network of two Pods and two nodes, one line of argv each. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Output } from '#kernel/command.ts'
import { readSpread } from './kinds/balance.ts'
import { readCapture } from './kinds/capture.ts'
import { readDns } from './kinds/dns.ts'
import { readHttp } from './kinds/http.ts'
import { readRules } from './kinds/iptables.ts'
import { readListeners, readSysctl } from './kinds/machine.ts'
import { readMeeting } from './kinds/meet.ts'
import { readPing } from './kinds/ping.ts'
import { readClientIp } from './kinds/source.ts'
import { readEntries } from './kinds/tables.ts'
import { readTcp } from './kinds/tcp.ts'
import { readUdp } from './kinds/udp.ts'
import { podSpot } from './place.ts'
import { lab } from './testing.ts'

const answers: Readonly<Record<string, Output>> = JSON.parse(readFileSync(join(import.meta.dirname, 'answers.json'), 'utf8'))
const NONCE = 'n0'

function answer(name: string): Output {
  const found = answers[name]
  if (found === undefined) throw new Error(`no answer "${name}"`)
  return found
}

test.each<[string, unknown]>([
  ['ping answer', { kind: 'answer', sent: 2, received: 2, rtt: expect.any(Number) }],
  ['ping silence', { kind: 'silence', says: '1 sent, none answered' }],
  ['ping unreachable', { kind: 'unreachable', says: 'From 10.244.0.2 icmp_seq=1 Destination Host Unreachable' }],
  ['ping no route', { kind: 'unreachable', says: 'ping: connect: Network is unreachable' }],
  ['ping too big', { kind: 'toobig', says: 'ping: local error: message too long, mtu=1450' }],
  ['ping unknown name', { kind: 'dns', says: 'ping: nosuch: Name or service not known' }],
  ['missing program', undefined],
  ['missing namespace', undefined],
])('%s', (name, seen) => {
  expect(readPing(answer(name))).toEqual(seen)
})

test('an exit code that says one thing and statistics that say another are no answer', () => {
  expect([readPing({ ...answer('ping answer'), code: 1 }), readPing({ ...answer('ping silence'), code: 0 })]).toEqual([undefined, undefined])
})

test.each<[string, unknown]>([
  ['tcp connected', { kind: 'connected', errno: '' }],
  ['tcp refused', { kind: 'refused', errno: 'ECONNREFUSED' }],
  ['tcp timeout', { kind: 'timeout', errno: '' }],
  ['tcp unreachable', { kind: 'unreachable', errno: 'EHOSTUNREACH' }],
  ['tcp unknown name', { kind: 'dns', errno: 'Name or service not known' }],
  ['missing program', undefined],
  ['ping answer', undefined],
])('%s, as the TCP probe reads it', (name, seen) => {
  expect(readTcp(answer(name))).toEqual(seen)
})

test.each<[string, unknown]>([
  ['udp reply', { kind: 'reply', reply: NONCE }],
  ['udp refused', { kind: 'refused', errno: 'ECONNREFUSED' }],
  ['udp timeout', { kind: 'timeout', errno: '' }],
  ['missing program', undefined],
])('%s, as the UDP probe reads it', (name, seen) => {
  expect(readUdp(answer(name))).toEqual(seen)
})

const served = {
  kind: 'answer',
  remote: '10.244.0.3',
  body: '{"pod":"web","client":"10.244.0.2"}\n',
  headers: { 'content-length': ['36'], 'x-pod': ['web'], connection: ['close'] },
  ms: { dns: expect.any(Number), connect: expect.any(Number), total: expect.any(Number) },
}
test.each<[string, unknown]>([
  ['http answer', { ...served, status: 200 }],
  ['http status 503', { ...served, status: 503 }],
  ['http refused', { kind: 'refused', says: "Failed to connect to 10.244.0.3 port 81 after 0 ms: Couldn't connect to server" }],
  ['http timeout', { kind: 'timeout', says: expect.stringContaining('Timeout was reached') }],
  ['http unreachable', { kind: 'unreachable', says: 'No route to host' }],
  ['http reset', { kind: 'reset', says: 'Recv failure: Connection reset by peer' }],
  ['http empty', { kind: 'empty', says: 'Empty reply from server' }],
  ['http tls', { kind: 'tls', says: expect.stringContaining('wrong version number') }],
  ['http unknown name', { kind: 'dns', says: 'Could not resolve host: nosuch' }],
  ['missing program', undefined],
  ['source', undefined],
])('%s, as curl tells it', (name, seen) => {
  expect(readHttp(answer(name), NONCE)).toEqual(seen)
})

test("a body that looks like curl's own line does not pass for it", () => {
  const { stdout, ...rest } = answer('http answer')
  expect(readHttp({ ...rest, stdout: '\nnetlab:n1{"status":"200"}' }, NONCE)).toBeUndefined()
})

const found = (o: object): unknown => ({ kind: 'answer', rcode: 'NOERROR', server: '10.244.0.1', records: [], ...o })
const a = (name: string, data: string, type = 'A') => ({ name, ttl: 5, type, data })
test.each<[string, unknown]>([
  ['dns answer', found({ asked: ['frontend.default.svc.cluster.local'], records: [a('frontend.default.svc.cluster.local', '10.96.0.20')] })],
  ['dns NXDOMAIN', found({ rcode: 'NXDOMAIN', asked: ['nosuch.default.svc.cluster.local', 'nosuch.svc.cluster.local', 'nosuch.cluster.local', 'nosuch'] })],
  ['dns two', found({ asked: ['two.test'], records: [a('two.test', '10.0.0.1'), a('two.test', '10.0.0.2')] })],
  [
    'dns alias',
    found({
      asked: ['alias.test'],
      records: [a('alias.test', 'two.test', 'CNAME'), a('two.test', '10.0.0.1'), a('two.test', '10.0.0.2'), a('two.test', '10.0.0.2')],
    }),
  ],
  ['dns no record', found({ asked: ['two.test'] })],
  ['dns SRV', found({ asked: ['_http._tcp.test'], records: [a('_http._tcp.test', '0 50 80 two.test', 'SRV')] })],
  ['dns PTR', found({ asked: ['20.0.96.10.in-addr.arpa'], records: [a('20.0.96.10.in-addr.arpa', 'frontend.default.svc.cluster.local', 'PTR')] })],
  ['dns SERVFAIL', found({ rcode: 'SERVFAIL', asked: ['sick.test'] })],
  ['dns silence', { kind: 'silence', asked: [] }],
  ['dns bad server', undefined],
  ['missing program', undefined],
])('%s, as dig tells it', (name, seen) => {
  expect(readDns(answer(name))).toEqual(seen)
})

test('a client is read from /clientip, and nothing else is', () => {
  expect([answer('source'), answer('http answer'), { ...answer('source'), stdout: '[fd00::5]:40312\n' }].map(readClientIp)).toEqual([
    '10.244.0.2',
    undefined,
    'fd00::5',
  ])
})

test.each<[string, unknown]>([
  ['balance', { answers: new Map([['web', 10]]), failed: new Map() }],
  ['balance refused', { answers: new Map(), failed: new Map([['refused', 10]]) }],
  ['tcp unknown name', { answers: new Map(), failed: new Map([['the name was not found', 1]]) }],
  ['missing program', undefined],
])('%s, counted', (name, seen) => {
  expect(readSpread(answer(name))).toEqual(seen)
})

const [client, web] = lab.pods.slice(0, 2).map(podSpot)
if (client === undefined || web === undefined) throw new Error('the test lab has no Pods')
const called = { from: { ...client, name: 'pod/client' }, to: { ...web, name: 'pod/web' } }
test.each<[string, readonly string[], unknown]>([
  ['both ends heard each other', ['meet 0', 'meet 1'], [{ call: called, kind: 'answer', saw: '10.244.0.2', own: '10.244.0.2' }]],
  ['nobody listened', ['meet nobody', 'meet 1'], [{ call: called, kind: 'refused', errno: 'ECONNREFUSED' }]],
  ['large packets were lost', ['meet stalled', 'meet 1'], [{ call: called, kind: 'stalled', errno: '' }]],
  [
    'one end is missing',
    ['missing program', 'meet 1'],
    'the probe at pod/client did not end as it should (exit code 127): nsenter: failed to execute nosuchprogram: No such file or directory',
  ],
  [
    'the other end is missing',
    ['meet 0', 'missing program'],
    'the probe at pod/web did not end as it should (exit code 127): nsenter: failed to execute nosuchprogram: No such file or directory',
  ],
  ['the caller says nothing of the call', ['meet 1', 'meet 1'], 'the probe at pod/client says nothing about pod/web'],
])('a meeting in which %s', (_, names, heard) => {
  expect(readMeeting([called], [called.from, called.to], names.map(answer))).toEqual(heard)
})

test.each<[string, number | undefined]>([
  ['interface', 1],
  ['interface missing', 0],
  ['route', 3],
  ['route lookup', 1],
  ['neigh', 1],
  ['neigh missing', 0],
  ['fdb', 1],
  ['fdb missing', 0],
  ['vxlan', 1],
  ['vxlan missing', 0],
  ['route no way', undefined],
  ['missing program', undefined],
  ['ping answer', undefined],
])('%s, as iproute2 lists it', (name, count) => {
  expect(readEntries(answer(name))?.length).toBe(count)
})

test('no way is an answer only to who asked for the way', () => {
  expect(readEntries(answer('route no way'), true)).toEqual([])
})

test('rules are read with their counters and quoted words whole', () => {
  expect(readRules(answer('iptables'))?.map(({ line: _, ...rule }) => rule)).toEqual([
    { table: 'nat', chain: 'PREROUTING', packets: 0, words: ['-m', 'comment', '--comment', 'kubernetes service portals', '-j', 'KUBE-SERVICES'] },
    {
      table: 'nat',
      chain: 'KUBE-SERVICES',
      packets: 0,
      words: [
        '-d',
        '10.96.0.10/32',
        '-p',
        'udp',
        '-m',
        'comment',
        '--comment',
        'kube-system/kube-dns:dns cluster IP',
        '-m',
        'udp',
        '--dport',
        '53',
        '-j',
        'RETURN',
      ],
    },
  ])
})

test('a listing of rules that breaks off is no listing', () => {
  const { stdout, ...rest } = answer('iptables')
  expect([
    readRules({ ...rest, stdout: stdout.slice(0, stdout.indexOf('COMMIT')) }),
    readRules({ ...rest, stdout: 'nonsense' }),
    readRules(answer('missing program')),
  ]).toEqual([undefined, undefined, undefined])
})

test('a table without rules has none', () => {
  expect(readRules(answer('iptables empty'))).toEqual([])
})

test('settings and listeners', () => {
  expect([
    ...['sysctl', 'sysctl missing', 'missing program'].map((name) => readSysctl(answer(name))),
    ...['listen', 'listen udp', 'missing program'].map((name) => readListeners(answer(name))),
    readListeners({ code: 0, stdout: 'LISTEN 0 511 [::]:80 [::]:*\nLISTEN 0 4096 *:53 *:*\nUNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*\n', stderr: '' }),
  ]).toEqual([
    '1',
    'not there',
    undefined,
    [
      { address: '0.0.0.0', port: 83 },
      { address: '0.0.0.0', port: 80 },
    ],
    [{ address: '0.0.0.0', port: 7 }],
    undefined,
    [
      { address: '::', port: 80 },
      { address: '*', port: 53 },
      { address: '127.0.0.53', port: 53 },
    ],
  ])
})

test("tcpdump's text is read as frames, complete or as far as it has come", () => {
  const { stdout } = answer('tcpdump')
  const [whole, half, none] = [stdout, stdout.slice(0, 700), answer('tcpdump no device').stderr].map(readCapture)
  expect([whole, half, none].map((watched) => [watched?.frames.map((frame) => frame.length), watched?.listening])).toEqual([
    [[148, 148, 60], true],
    [[112], true],
    [[], false],
  ])
})
