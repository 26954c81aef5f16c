import { Address4, Address6 } from 'ip-address'
import { expect, test } from 'vitest'
import {
  cidr,
  compareIp,
  contains,
  familyOf,
  hostCidr,
  hostPort,
  type Ip,
  ifName,
  indexIn,
  ip,
  mac,
  macOf,
  network,
  nthIp,
  nthSubnet,
  overlaps,
  parseCidr,
  parseIp,
  parseMac,
  reverseName,
  sizeOf,
  withPrefix,
} from './net.ts'

test('an address has one canonical form', () => {
  const texts = ['10.0.0.1', '0.0.0.0', '255.255.255.255', '::', '::1', 'FE80:0::1', '2001:db8:0:0:1:0:0:1', '1:2:3:4:5:6:7::', '::ffff:10.0.0.1']
  expect(texts.map(parseIp)).toEqual(['10.0.0.1', '0.0.0.0', '255.255.255.255', '::', '::1', 'fe80::1', '2001:db8::1:0:0:1', '1:2:3:4:5:6:7:0', '::ffff:a00:1'])
})

test('what a kernel would refuse or read otherwise is no address', () => {
  const texts = [
    '',
    ' 10.0.0.1',
    '10.0.0.1 ',
    '10.0.0',
    '10.0.0.1.2',
    '256.0.0.1',
    '010.0.0.1',
    '0x0a.0.0.1',
    '10.0.0.1/24',
    'fe80::1%eth0',
    '1::2::3',
    '[::1]',
  ]
  expect(texts.map(parseIp)).toEqual(texts.map(() => undefined))
  expect(() => ip('nonsense')).toThrow('expected an IP address, got "nonsense"')
})

test('a range is an address and a length its family has', () => {
  const texts = ['10.244.0.0/16', '10.244.3.4/16', '0.0.0.0/0', '10.0.0.1/32', 'FD00::/64', '::/0']
  expect(texts.map(parseCidr)).toEqual(['10.244.0.0/16', '10.244.3.4/16', '0.0.0.0/0', '10.0.0.1/32', 'fd00::/64', '::/0'])
  const wrong = ['10.0.0.0', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/-1', '10.0.0.0/8/8', 'fd00::/129', '/8', '10.0.0.0/ 8']
  expect(wrong.map(parseCidr)).toEqual(wrong.map(() => undefined))
  expect(() => cidr('10.0.0.0')).toThrow('expected a range such as 10.244.0.0/16, got "10.0.0.0"')
})

test('a MAC is six octets, printed small', () => {
  expect(['0A:58:0a:F4:00:02', '0a:58:0a:f4:00', '0a-58-0a-f4-00-02'].map(parseMac)).toEqual(['0a:58:0a:f4:00:02', undefined, undefined])
  expect(() => mac('x')).toThrow('expected a MAC address, got "x"')
})

test('a device name has 1 to 15 bytes without slash, colon or space', () => {
  expect([ifName('eth0'), ifName('veth0123456789a')]).toEqual(['eth0', 'veth0123456789a'])
  for (const name of ['', 'veth0123456789ab', 'a/b', 'a b', 'a:b', '.', '..', 'éééééééé']) expect(() => ifName(name)).toThrow('at most 15 bytes')
})

test('a network is its range with the host bits cleared', () => {
  expect(['10.244.3.4/16', '192.168.0.130/25', '10.0.0.1/32', '1.2.3.4/0', 'fd00:1:2:3:4::5/64', '::1/0'].map((at) => network(cidr(at)))).toEqual([
    '10.244.0.0/16',
    '192.168.0.128/25',
    '10.0.0.1/32',
    '0.0.0.0/0',
    'fd00:1:2:3::/64',
    '::/0',
  ])
})

test('a range counts its addresses from its network address', () => {
  const range = cidr('10.244.1.9/24')
  expect([sizeOf(range), nthIp(range, 0), nthIp(range, 255), indexIn(range, ip('10.244.1.7'))]).toEqual([256n, '10.244.1.0', '10.244.1.255', 7n])
  expect([nthIp(cidr('10.255.0.0/8'), 2 ** 24 - 1), nthIp(cidr('fd00::/64'), 2n ** 64n - 1n)]).toEqual(['10.255.255.255', 'fd00::ffff:ffff:ffff:ffff'])
  expect(() => nthIp(range, 256)).toThrow('10.244.1.9/24 has no address number 256')
  expect(() => nthIp(range, -1)).toThrow('has no address number -1')
})

test('a range is cut into ranges of a longer prefix', () => {
  expect([0, 1, 255].map((index) => nthSubnet(cidr('10.244.0.0/16'), 24, index))).toEqual(['10.244.0.0/24', '10.244.1.0/24', '10.244.255.0/24'])
  expect(nthSubnet(cidr('fd00::/48'), 64, 3)).toBe('fd00:0:0:3::/64')
  expect(() => nthSubnet(cidr('10.244.0.0/16'), 24, 256)).toThrow(RangeError)
})

test('a range contains its own addresses and parts, and nothing of the other family', () => {
  const range = cidr('10.244.0.0/16')
  const inside = ['10.244.0.0', '10.244.255.255'].map(ip)
  const outside = ['10.243.255.255', '10.245.0.0', '::'].map(ip)
  expect([...inside, ...outside].map((at) => contains(range, at))).toEqual([true, true, false, false, false])
  expect(['10.244.7.0/24', '10.244.0.0/16', '10.0.0.0/8', '10.245.0.0/24'].map((at) => contains(range, cidr(at)))).toEqual([true, true, false, false])
})

test('two ranges overlap when one holds the other', () => {
  const pairs = [
    ['10.244.0.0/16', '10.244.9.0/24'],
    ['10.244.9.0/24', '10.244.0.0/16'],
    ['10.96.0.0/12', '10.111.255.0/24'],
    ['10.96.0.0/12', '10.112.0.0/24'],
    ['0.0.0.0/0', '::/0'],
  ] as const
  expect(pairs.map(([a, b]) => overlaps(cidr(a), cidr(b)))).toEqual([true, true, true, false, false])
})

test('addresses are ordered by number, IPv4 first', () => {
  const sorted = ['10.0.0.2', '9.0.0.1', '::2', '10.0.0.10', '::1', '0.0.0.0'].map(ip).sort(compareIp)
  expect(sorted).toEqual(['0.0.0.0', '9.0.0.1', '10.0.0.2', '10.0.0.10', '::1', '::2'])
  expect(compareIp(ip('::1'), ip('0:0::1'))).toBe(0)
})

test('a MAC made from an address says that address', () => {
  expect([macOf(ip('10.244.1.2')), macOf(ip('255.0.9.16'))]).toEqual(['0a:58:0a:f4:01:02', '0a:58:ff:00:09:10'])
})

test('an IPv6 address stands in brackets before its port', () => {
  expect([hostPort(ip('10.0.0.1'), 80), hostPort(ip('fd00::1'), 80)]).toEqual(['10.0.0.1:80', '[fd00::1]:80'])
})

test('one address is a range of one', () => {
  expect([hostCidr(ip('10.0.0.1')), hostCidr(ip('fd00::1')), withPrefix(ip('10.0.0.1'), 24)]).toEqual(['10.0.0.1/32', 'fd00::1/128', '10.0.0.1/24'])
})

test('reverse names end in the arpa of their family', () => {
  expect(reverseName(ip('10.244.1.2'))).toBe('2.1.244.10.in-addr.arpa')
  expect(reverseName(ip('fd00::12'))).toBe('2.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa')
})

test('counting agrees with the ip-address library, whatever the number', () => {
  const numbers = Array.from({ length: 2000 }, (_, i) => someNumber(i))
  const sixth = numbers.map((at) => nthIp(cidr('::/0'), at))
  expect(sixth).toEqual(numbers.map((at) => Address6.fromBigInt(at).correctForm()))
  expect(sixth.map((at) => indexIn(cidr('::/0'), at))).toEqual(numbers)
  const fourth = numbers.map((at) => at & 0xffffffffn)
  expect(fourth.map((at) => nthIp(cidr('0.0.0.0/0'), at))).toEqual(fourth.map((at) => Address4.fromBigInt(at).correctForm()))
  expect(fourth.map((at) => indexIn(cidr('0.0.0.0/0'), Address4.fromBigInt(at).correctForm() as Ip))).toEqual(fourth)
  expect(new Set(sixth.map(familyOf))).toEqual(new Set([6]))
})

/** A 128-bit number with runs of zeros in many places, the same for the same seed. */
function someNumber(seed: number): bigint {
  let state = seed * 2654435761 + 1
  const groups = Array.from({ length: 8 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state % 3 === 0 ? 0 : state % 3 === 1 ? state % 17 : state >>> 16
  })
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n)
}
