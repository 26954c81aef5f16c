import { expect, test } from 'vitest'
import type { Step } from '#kernel/step.ts'
import { prose } from '#kernel/text.ts'
import type { CalicoBgp, Cni } from '#lab/lab.ts'
import { clusterWith, pod } from '#model/build.ts'
import type { Cluster } from '#model/cluster.ts'
import { ifName, ip } from '#net/net.ts'
import { bird } from './bird.ts'
import { calico } from './calico.ts'

const BGP: CalicoBgp = { name: 'calico-bgp', blockSize: 26, asn: 64512, peers: [], routeReflectors: [], bfd: false, gracefulRestart: false }
const VXLAN: Cni = { name: 'calico-vxlan', blockSize: 26, vni: 4096, port: 4789, crossSubnet: false }

const objects = [
  pod('web', { node: 'node-2', ip: '10.244.0.65' }),
  pod('agent', { node: 'node-2', ip: '192.168.0.11', spec: { hostNetwork: true } }),
  pod('far', { node: 'node-1', ip: '10.244.0.1' }),
  pod('guest', { node: 'node-1', ip: '10.244.0.130' }),
]

/** Three nodes with a block each; node-1 has borrowed an address of node-3's. */
function clusterOver(cni: Cni): Cluster {
  const cluster = clusterWith({ cni, objects, nodePrefix: 26 })
  return { ...cluster, nodes: cluster.nodes.map((node) => ({ ...node, blocks: [node.podCIDR], tunnelIp: ip(node.podCIDR.split('/')[0] ?? '') })) }
}
const program = (of: typeof calico, cluster: Cluster, at = 1): readonly Step[] => cluster.nodes.slice(at, at + 1).flatMap((node) => of.steps(cluster, node))
const config = (cni: Cni, at = 1): string =>
  program(bird, clusterOver(cni), at)
    .flatMap((step) => (step.kind === 'file' ? [`==> ${step.path.replace(/.*\//, '')}\n${step.text}`] : []))
    .join('\n')

test('a Pod has a /32, an address that nobody has as its way out, and a cable whose other end answers for it', async () => {
  await expect(prose(program(calico, clusterOver(BGP)))).toMatchFileSnapshot('calico.test.txt')
})

test('a cable is named after the Pod as Calico names it', () => {
  const names = clusterWith({
    cni: BGP,
    objects: [
      pod('web-0', { namespace: 'demo', node: 'node-1', ip: '10.244.0.1' }),
      pod('coredns-0', { namespace: 'kube-system', node: 'node-1', ip: '10.244.0.2' }),
    ],
  }).pods.map(({ hostDev }) => hostDev)
  expect(names).toEqual(['cali50aeaf5a85d', 'cali8c346e38bf4'])
})

test('over VXLAN every peer is a route per block, a neighbour and an fdb entry, and a borrowed address a route of its own', async () => {
  await expect(prose(program(calico, clusterOver(VXLAN)))).toMatchFileSnapshot('vxlan.test.txt')
})

test('with crossSubnet neighbours on the segment are reached by plain routes', () => {
  const routes = program(calico, clusterOver({ ...VXLAN, crossSubnet: true })).flatMap((step) =>
    step.kind === 'route' && step.onlink ? [`${step.to} ${step.via} ${step.dev}`] : [],
  )
  expect(routes).toEqual(['10.244.0.0/26 192.168.0.10 eth0', '10.244.0.128/26 192.168.0.12 eth0', '10.244.0.130/32 192.168.0.10 eth0'])
})

test('a node speaks with every other, and of two the one with the lower address waits to be called', async () => {
  await expect(config(BGP)).toMatchFileSnapshot('mesh.test.cfg')
})

test('with reflectors they speak with everybody, the others with them', () => {
  const sessions = [0, 1, 2].map((at) => config({ ...BGP, routeReflectors: ['node-1'] }, at).match(/protocol bgp \w+|rr c[^;]+/g))
  expect(sessions).toEqual([
    ['protocol bgp Node_192_168_0_11', 'rr client', 'rr cluster id 244.0.0.1', 'protocol bgp Node_192_168_0_12', 'rr client', 'rr cluster id 244.0.0.1'],
    ['protocol bgp Node_192_168_0_10'],
    ['protocol bgp Node_192_168_0_10'],
  ])
})

test('the configuration of a reflector is as BIRD wants it', async () => {
  await expect(config({ ...BGP, routeReflectors: ['node-1'], bfd: true, gracefulRestart: true }, 0)).toMatchFileSnapshot('reflector.test.cfg')
})

test('with routers as peers a node speaks with those of its own segment, in their autonomous system, and with no node', async () => {
  const [nodes, outside] = clusterWith().segments
  if (nodes === undefined || outside === undefined) throw new Error('no segments')
  const routers = [
    {
      name: 'tor',
      asn: 65001,
      ip: ip('192.168.0.1'),
      segment: nodes,
      wires: [{ dev: ifName('eth0'), ip: ip('192.168.0.1'), segment: nodes, rack: true }],
      peers: [],
    },
    {
      name: 'far',
      asn: 65002,
      ip: ip('203.0.113.2'),
      segment: outside,
      wires: [{ dev: ifName('eth0'), ip: ip('203.0.113.2'), segment: outside, rack: true }],
      peers: [],
    },
  ]
  const cluster = { ...clusterOver({ ...BGP, peers: ['tor', 'far'] }), routers }
  const main = program(bird, cluster).flatMap((step) => (step.kind === 'file' && step.path.endsWith('bird.cfg') ? [step.text] : []))
  await expect(main.join('')).toMatchFileSnapshot('tor.test.cfg')
})

test('BFD and graceful restart are said where BIRD wants them', () => {
  const lines = config({ ...BGP, bfd: true, gracefulRestart: true })
    .split('\n')
    .map((line) => line.trim())
  expect(lines.filter((line) => /bfd|graceful|interval/.test(line))).toEqual([
    'graceful restart;',
    'protocol bfd {',
    'multihop { interval 100 ms; multiplier 3; };',
    'graceful restart on;',
    'bfd on;',
  ])
})

test('each CNI wants its own parts of Calico', () => {
  const wanted = [BGP, VXLAN, { name: 'none' } as const].map((cni) => [calico, bird].map((one) => one.wanted(clusterWith({ cni }))))
  expect(wanted).toEqual([
    [true, true],
    [true, false],
    [false, false],
  ])
})
