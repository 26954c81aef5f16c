import { expect, test } from 'vitest'
import { clusterWith } from '#model/build.ts'
import type { Cluster, ServiceEndpoint, ServicePort } from '#model/cluster.ts'
import { ip } from '#net/net.ts'
import { staleEntries } from './conntrack.ts'

/** `1` serves, `1!` serves while it terminates, `1?` does not serve. */
const endpoint = (text: string): ServiceEndpoint => ({
  ...{ ip: ip(`10.244.0.${Number.parseInt(text, 10)}`), port: 53, zones: [], forNodes: [] },
  ...{ ready: !/[!?]/.test(text), serving: !text.includes('?'), terminating: text.includes('!') },
})

const port = (endpoints: string, o: Partial<ServicePort> = {}): ServicePort => ({
  ...{ namespace: 'n', name: 's', portName: '', protocol: 'UDP', family: 4, clusterIP: ip('10.96.0.9'), port: 53, nodePort: 30_053 },
  ...{ externalIPs: [ip('192.0.2.7')], loadBalancerIPs: [ip('198.51.100.7')], sourceRanges: [], internalLocal: false, externalLocal: false },
  endpoints: endpoints.split(' ').filter(Boolean).map(endpoint),
  ...o,
})

const cluster = (...services: readonly ServicePort[]): Cluster => ({ ...clusterWith(), services })
const deleted = (before: Cluster | undefined, now: Cluster): readonly string[] =>
  staleEntries(before, now).flatMap(({ argv, stdin = '' }) => [argv.join(' '), ...stdin.trim().split('\n')])
const ofEach = (leading: string): readonly string[] => [
  'conntrack --load-file -',
  ...['10.96.0.9', '192.0.2.7', '198.51.100.7'].map((address) => `-D -p udp --orig-dst ${address}${leading}`),
  `-D -p udp --dport 30053${leading}`,
]

test.each([
  ['1', '1 2', []],
  ['1 2', '1', ofEach(' --dst-nat 10.244.0.2')],
  ['1 2', '1 2!', []],
  ['1 2!', '1', ofEach(' --dst-nat 10.244.0.2')],
  ['1 2', '1 2?', ofEach(' --dst-nat 10.244.0.2')],
  ['1 2?', '1', []],
  ['1', '', ofEach(' --dst-nat 10.244.0.1')],
  ['', '1', ofEach('')],
  ['1?', '1', ofEach('')],
  ['', '', []],
] as const)('UDP endpoints %j that become %j leave stale entries', (before, now, stale) => {
  expect(deleted(cluster(port(before)), cluster(port(now)))).toEqual(stale)
})

test('a Service that is new with its endpoints is cleaned whole, as after a start of kube-proxy', () => {
  expect(deleted(undefined, cluster(port('1')))).toEqual(ofEach(''))
})

test('of a Service that went the ClusterIP is cleaned', () => {
  expect(deleted(cluster(port('1')), cluster())).toEqual(['conntrack --load-file -', '-D -p udp --orig-dst 10.96.0.9'])
})

test('TCP is left alone: its connections end by themselves', () => {
  expect(deleted(cluster(port('1 2', { protocol: 'TCP' })), cluster(port('1', { protocol: 'TCP' })))).toEqual([])
})

test('of IPv6 the same', () => {
  const six = { family: 6, clusterIP: ip('fd00::9'), externalIPs: [], loadBalancerIPs: [] } as const
  expect(deleted(cluster(), cluster(port('1', six)))).toEqual([
    'conntrack --load-file -',
    '-D -p udp -f ipv6 --orig-dst fd00::9',
    '-D -p udp -f ipv6 --dport 30053',
  ])
})
