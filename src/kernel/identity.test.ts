import { expect, test } from 'vitest'
import { cidr, ifName } from '#net/net.ts'
import { keyOf, same } from './identity.ts'
import { sampleNode } from './sample.ts'
import type { Step } from './step.ts'

const eth0 = ifName('eth0')

test('no two things of a sound program have one key', () => {
  expect(new Set(sampleNode.map(keyOf)).size).toBe(sampleNode.length)
})

test('a device has one name in its namespace, whatever kind it is of', () => {
  const bridge: Step = { by: 'a', why: 'a', kind: 'bridge', dev: eth0, mtu: 1500 }
  const veth = { by: 'b', why: 'b', kind: 'veth', dev: eth0, mtu: 1500, peer: eth0, peerIn: 'p', peerMac: '02:00:00:00:00:01' } as Step
  expect(keyOf(bridge)).toBe(keyOf(veth))
  expect(keyOf(bridge)).not.toBe(keyOf({ ...bridge, in: 'p' }))
})

test('a route is known by where it leads to, for replacing replaces', () => {
  const route: Step = { by: 'a', why: 'a', kind: 'route', to: cidr('10.0.0.0/8'), dev: eth0 }
  expect(keyOf(route)).toBe(keyOf({ ...route, dev: ifName('eth1') }))
})

test('who wants a thing and why are no part of it, everything else is', () => {
  const chain: Step = { by: 'a', why: 'a', kind: 'chain', family: 4, table: 'nat', chain: 'A', rules: ['-j B'] }
  expect(same(chain, { ...chain, by: 'b', why: 'b', rules: ['-j B'] })).toBe(true)
  const others: readonly Step[] = [
    { ...chain, rules: [] },
    { ...chain, rules: ['-j C'] },
    { ...chain, rules: ['-j B', '-j B'] },
    { ...chain, family: 6 },
    { ...chain, in: 'p' },
  ]
  expect(others.filter((other) => same(chain, other) || same(other, chain))).toEqual([])
})

test('an absent field and an undefined one are the same', () => {
  const up: Step = { by: 'a', why: 'a', kind: 'addr', dev: eth0, cidr: cidr('10.0.0.1/8') }
  expect(same(up, { ...up, scope: undefined } as unknown as Step)).toBe(true)
  expect(same({ ...up, scope: 'link' }, up)).toBe(false)
})
