import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { judgeCapture, marked, readCapture, sentence } from './kinds/capture.ts'
import { decode, FACTS } from './packet.ts'

const { stdout } = JSON.parse(readFileSync(join(import.meta.dirname, 'answers.json'), 'utf8')).tcpdump as { stdout: string }
const watched = readCapture(stdout)
const [request = new Uint8Array()] = watched.frames
const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.match(/[0-9a-f]{2}/g) ?? [], (pair) => Number.parseInt(pair, 16))

test('a VXLAN packet shows both frames, the VNI and the 50 bytes that wrapping costs', () => {
  expect(decode(request)).toEqual({
    'outer.eth.src': expect.any(String),
    'outer.eth.dst': expect.any(String),
    'outer.eth.type': 0x0800,
    'outer.src': '192.168.0.10',
    'outer.dst': '192.168.0.11',
    'outer.ttl': 64,
    'outer.length': 134,
    'outer.df': 0,
    'outer.proto': 'udp',
    'outer.udp.sport': 59840,
    'outer.udp.dport': 8472,
    'vxlan.vni': 1,
    'inner.eth.src': '0a:58:0a:f4:00:00',
    'inner.eth.dst': '0a:58:0a:f4:01:00',
    'inner.eth.type': 0x0800,
    'inner.src': '10.244.0.0',
    'inner.dst': '10.244.1.2',
    'inner.ttl': 64,
    'inner.length': 84,
    'inner.df': 1,
    'inner.proto': 'icmp',
    'inner.icmp.type': 8,
    'inner.icmp.code': 0,
    'inner.payload': expect.stringMatching(/(n0)+$/),
    overhead: 50,
  })
})

test.each<[string, string, object]>([
  [
    'a TCP SYN',
    '0a580af400020a580af400010800' + '45000028000140004006b1c70af400020a600014' + '9c4000500000000100000000500272100000' + '0000',
    { src: '10.244.0.2', dst: '10.96.0.20', proto: 'tcp', 'tcp.sport': 40000, 'tcp.dport': 80, 'tcp.flags': 'S', df: 1, length: 40 },
  ],
  [
    'an ARP request',
    'ffffffffffff0a580af400020806' + '0001080006040001' + '0a580af400020af40002' + '0000000000000af40001',
    { 'arp.op': 'request', 'arp.sender': '10.244.0.2', 'arp.target': '10.244.0.1', 'eth.dst': 'ff:ff:ff:ff:ff:ff' },
  ],
  [
    'an IPv6 packet',
    '0a580af400020a580af4000186dd' + '6000000000081140' + 'fd000000000000000000000000000001' + 'fd000000000000000000000000000002' + '0035003500080000',
    { src: 'fd00::1', dst: 'fd00::2', proto: 'udp', 'udp.sport': 53, ttl: 64, length: 48 },
  ],
  [
    'a later fragment, whose ports are elsewhere',
    '0a580af400020a580af400010800' + '4500001c00010010401100000af400020af40003' + '2118211800080000',
    { src: '10.244.0.2', proto: 'udp', length: 28 },
  ],
])('%s', (_, hex, facts) => {
  const all = decode(bytes(hex))
  expect({ ...all, ...facts }).toEqual(all)
  if (_.includes('fragment')) expect(all['udp.dport']).toBeUndefined()
})

test('a frame cut anywhere is decoded as far as it goes, under known names', () => {
  const names = Array.from(request, (_, at) => Object.keys(decode(request.subarray(0, at)))).flat()
  expect(names.filter((name) => !FACTS.includes(name))).toEqual([])
})

test('the mark is known by its nonce and counts for no packet', () => {
  expect([marked(watched, 'n0'), marked(watched, 'n1'), judgeCapture(watched, wanted({})).observed]).toEqual([true, false, '2 packets, 2 such'])
})

const wanted = (o: object) => ({ at: 'node-1', filter: '', decode: {}, during: 'x', absent: false, ...o })
test.each<[string, object, string, string]>([
  [
    'one packet that has it all',
    { decode: { 'vxlan.vni': 1, 'outer.src': '192.168.0.10', 'inner.eth.src': '0A:58:0A:F4:00:00' } },
    'pass',
    '2 packets, 1 such',
  ],
  [
    'parts that only different packets have',
    { decode: { 'outer.src': '192.168.0.10', 'inner.icmp.type': 0 } },
    'fail',
    '2 packets, none such: inner.icmp.type is 8',
  ],
  ['no packet at all', { decode: { src: '10.0.0.1' } }, 'fail', '2 packets, none such: src is not there'],
  ['as many as wanted', { decode: { 'outer.src': '192.168.0.10' }, exactly: 1 }, 'pass', '2 packets, 1 such'],
  ['fewer than wanted', { decode: { 'outer.src': '192.168.0.10' }, exactly: 2 }, 'fail', '2 packets, 1 such'],
  ['more than wanted', { exactly: 1 }, 'fail', '2 packets, 2 such'],
  ['no more than allowed', { atMost: 2 }, 'pass', '2 packets, 2 such'],
  ['more than allowed', { atMost: 1 }, 'fail', '2 packets, 2 such'],
  ['none where some are allowed', { decode: { src: '10.0.0.1' }, atMost: 1 }, 'fail', '2 packets, none such: src is not there'],
  ['absence that holds', { decode: { src: '10.0.0.1' }, absent: true }, 'pass', '2 packets, none such'],
  ['absence that does not hold', { decode: { overhead: 50 }, absent: true }, 'fail', '2 packets, 2 such'],
])('a capture of %s', (_, of, verdict, observed) => {
  const judged = judgeCapture(watched, wanted(of))
  expect([judged.verdict, judged.observed]).toEqual([verdict, observed])
})

const dnsQuery = (type: string): Uint8Array =>
  bytes(
    [
      '0a580af400010a580af400020800',
      '4500003400004000401100000af400020a60000a',
      '9c40003500190000',
      `1234010000010000000000000377777702657800${type}0001`,
    ].join(''),
  )

test('a question to a name server is told by its type and name, and packets of other ports are never taken for one', () => {
  expect(sentence(decode(dnsQuery('001c')))).toBe('10.244.0.2 → 10.96.0.10 query AAAA www.ex')
  expect(sentence(decode(dnsQuery('0001')))).toBe('10.244.0.2 → 10.96.0.10 query A www.ex')
  expect(watched.frames.map((frame) => decode(frame)['dns.op'])).toEqual(watched.frames.map(() => undefined))
})

test('a question cut anywhere has no name or its own', () => {
  const whole = dnsQuery('0001')
  expect([...new Set(Array.from(whole, (_, at) => decode(whole.subarray(0, at))['dns.name']))]).toEqual([undefined, 'www.ex'])
})
