import { expect, test } from 'vitest'
import { prose } from '#kernel/text.ts'
import type { CalicoBgp } from '#lab/lab.ts'
import { clusterWith, labWith } from '#model/build.ts'
import { cidr, ip } from '#net/net.ts'
import { routerSteps } from './router.ts'
import { wireSteps } from './underlay.ts'
import { wiring, wiringOf } from './wiring.ts'

const BGP: CalicoBgp = { name: 'calico-bgp', blockSize: 26, asn: 64512, peers: ['leaf-1', 'leaf-2'], routeReflectors: [], bfd: false, gracefulRestart: false }
const segment = (name: string, range: string) => ({ name, cidr: cidr(range), gateway: ip(range.replace(/0\/.*$/, '1')), mtu: 1500 })

/** Two racks, one spine; leaf-1 is also on the segment of the lab's own router. */
const underlay = (cni = BGP) =>
  ({
    cni,
    nodes: [
      { name: 'node-1', ip: ip('192.168.1.11'), labels: {} },
      { name: 'node-2', ip: ip('192.168.1.12'), labels: {} },
      { name: 'node-3', ip: ip('192.168.2.11'), labels: {} },
    ],
    hosts: [{ name: 'internet', ip: ip('203.0.113.10') }],
    underlay: {
      segments: [
        segment('rack-1', '192.168.1.0/24'),
        segment('rack-2', '192.168.2.0/24'),
        segment('up-1', '172.16.1.0/30'),
        segment('up-2', '172.16.2.0/30'),
        segment('outside', '203.0.113.0/24'),
      ],
      routers: [
        { name: 'leaf-1', asn: 65001, addresses: [ip('192.168.1.1'), ip('172.16.1.2'), ip('203.0.113.2')], peers: ['spine-1'] },
        { name: 'leaf-2', asn: 65002, addresses: [ip('192.168.2.1'), ip('172.16.2.2')], peers: [] },
        { name: 'spine-1', asn: 65000, addresses: [ip('172.16.1.1'), ip('172.16.2.1')], peers: ['leaf-2'] },
      ],
    },
  }) as const
const racks = (cni?: CalicoBgp) => clusterWith(underlay(cni))

const program = (name: string, cni?: CalicoBgp) => {
  const cluster = racks(cni)
  return cluster.routers.flatMap((router) => (router.name === name ? routerSteps(cluster, router) : []))
}
const config = (name: string, cni?: CalicoBgp) =>
  program(name, cni).flatMap((step) => (step.kind === 'file' && step.path.endsWith('bird.conf') ? [step.text] : []))[0]

test('a leaf speaks with its spine and reflects among the nodes of its rack; one on the segment of the lab’s own router is the way to the world', async () => {
  await expect(prose(program('leaf-1'))).toMatchFileSnapshot('leaf.test.txt')
})

test('a spine has no rack and speaks with those that say so, and those it says so of', async () => {
  await expect(config('spine-1')).toMatchFileSnapshot('spine.test.conf')
})

test('with BFD every session asks for it, over one wire and over several hops', () => {
  const lines = config('leaf-2', { ...BGP, bfd: true })?.match(/^.*\b(bfd|interval)\b.*$/gm)
  expect(lines).toEqual([
    'protocol bfd {',
    '  interface "*" { interval 100 ms; multiplier 3; };',
    '  multihop { interval 100 ms; multiplier 3; };',
    '  bfd on;',
    '  bfd on;',
  ])
})

test('the lab’s own router is on segments where no machine has the gateway’s address, and goes to the others by the router that is there too', () => {
  const { segments, machines, routes } = wiring(racks())
  expect([
    segments.map(({ name, gateway }) => `${name} ${gateway ?? 'none'}`),
    machines.map(({ name, wires, gateway }) => `${name} ${wires.map(({ dev, segment: at }) => `${dev}:${at}`).join(' ')} via ${gateway ?? 'BGP'}`),
    routes,
  ]).toEqual([
    ['rack-1 none', 'rack-2 none', 'up-1 none', 'up-2 none', 'outside 203.0.113.1'],
    [
      'node-1 eth0:rack-1 via 192.168.1.1',
      'node-2 eth0:rack-1 via 192.168.1.1',
      'node-3 eth0:rack-2 via 192.168.2.1',
      'leaf-1 eth0:rack-1 eth1:up-1 eth2:outside via BGP',
      'leaf-2 eth0:rack-2 eth1:up-2 via BGP',
      'spine-1 eth0:up-1 eth1:up-2 via BGP',
      'internet eth0:outside via 203.0.113.1',
    ],
    ['192.168.1.0/24', '192.168.2.0/24', '172.16.1.0/30', '172.16.2.0/30'].map((to) => ({ to, via: '203.0.113.2' })),
  ])
})

test('routers are wired before the lab has objects as they are with them', () => expect(wiringOf(labWith(underlay()))).toEqual(wiring(racks())))

test('the API is where the lab’s own router is', () => expect(racks().controlPlane).toEqual({ ip: '203.0.113.1', port: 6443 }))

test('of a router’s wires each is looked after, and no default route', () => {
  const wires = racks().routers.slice(0, 1).flatMap(wireSteps)
  expect(wires.map((step) => `${step.kind} ${'dev' in step ? step.dev : ''}${step.kind === 'addr' ? ` ${step.cidr}` : ''}`)).toEqual([
    'up lo',
    'up eth0',
    'addr eth0 192.168.1.1/24',
    'up eth1',
    'addr eth1 172.16.1.2/30',
    'up eth2',
    'addr eth2 203.0.113.2/24',
  ])
})
