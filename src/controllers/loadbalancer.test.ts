import { expect, test } from 'vitest'
import { labWith } from '#model/build.ts'
import { cidr } from '#net/net.ts'
import { scene } from './scene.ts'

const lab = labWith({
  nodes: 1,
  balancerPools: [
    { name: 'small', ranges: [cidr('198.51.100.8/31')] },
    { name: 'next', ranges: [cidr('198.51.100.20/32')] },
  ],
})
const service = (name: string, spec: object = {}) => ({
  metadata: { name, namespace: 'default' },
  spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec },
})
const played = () => {
  const s = scene(lab)
  return {
    ...s,
    make: (name: string, spec?: object) => void s.apply('Service', service(name, spec)),
    addresses: () =>
      Object.fromEntries(
        s
          .all('Service')
          .flatMap(({ metadata, status }) => (metadata.name === 'kubernetes' ? [] : [[metadata.name, status.loadBalancer.ingress?.[0]?.ip ?? null]])),
      ),
  }
}

test('addresses are given in the order of the pools, until none is left, which is told once', () => {
  const s = played()
  for (const name of ['a', 'b', 'c', 'd']) s.make(name)
  s.settle()
  expect(s.addresses()).toEqual({ a: '198.51.100.8', b: '198.51.100.9', c: '198.51.100.20', d: null })
  expect(
    s.store
      .list('Event')
      .map(({ reason, message, count }) => `${count} ${reason} ${message}`)
      .sort(),
  ).toEqual([
    '1 AllocationFailed Failed to allocate IP for "default/d": no available IPs',
    ...['198.51.100.20', '198.51.100.8', '198.51.100.9'].map((one) => `1 IPAllocated Assigned IP ["${one}"]`),
  ])
})

test('an address goes back with its Service or its type, and whoever waits gets it', () => {
  const s = played()
  for (const name of ['a', 'b', 'c', 'd', 'e']) s.make(name)
  s.delete('Service', 'b')
  expect(s.addresses()).toEqual({ a: '198.51.100.8', c: '198.51.100.20', d: '198.51.100.9', e: null })
  s.patch('Service', 'a', { spec: { type: 'ClusterIP' } })
  expect(s.addresses()).toEqual({ a: null, c: '198.51.100.20', d: '198.51.100.9', e: '198.51.100.8' })
})

test('loadBalancerIP is honoured, moved with, and refused when it is in no pool or in use', () => {
  const s = played()
  s.make('a', { loadBalancerIP: '198.51.100.9' })
  s.make('b', { loadBalancerIP: '198.51.100.9' })
  s.make('c', { loadBalancerIP: '192.0.2.1' })
  expect(s.addresses()).toEqual({ a: '198.51.100.9', b: null, c: null })
  s.patch('Service', 'a', { spec: { loadBalancerIP: '198.51.100.20' } })
  expect(s.addresses()).toEqual({ a: '198.51.100.20', b: '198.51.100.9', c: null })
  expect(
    s
      .events()
      .filter((text) => text.startsWith('AllocationFailed'))
      .sort(),
  ).toEqual([
    'AllocationFailed: Failed to allocate IP for "default/b": ["198.51.100.9"] is already in use by default/a',
    'AllocationFailed: Failed to allocate IP for "default/c": ["192.0.2.1"] is not allowed in config',
  ])
})

test('an address given by hand stays, and of a pool is nobody else’s', () => {
  const s = played()
  s.make('hand', { loadBalancerClass: 'example.com/other' })
  s.patch('Service', 'hand', { status: { loadBalancer: { ingress: [{ ip: '198.51.100.8' }] } } }, 'status')
  s.make('a')
  s.patch('Service', 'a', { status: { loadBalancer: { ingress: [{ ip: '192.0.2.7' }] } } }, 'status')
  s.make('b')
  expect(s.addresses()).toEqual({ a: '192.0.2.7', b: '198.51.100.9', hand: '198.51.100.8' })
})

test('of a class that is not ours nothing is done', () => {
  const s = played()
  s.make('other', { loadBalancerClass: 'example.com/other' })
  s.make('ours', { loadBalancerClass: 'netlab.dev/pool' })
  expect(s.addresses()).toEqual({ other: null, ours: '198.51.100.8' })
})
