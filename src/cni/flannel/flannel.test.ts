import { expect, test } from 'vitest'
import { prose } from '#kernel/text.ts'
import { clusterWith, pod } from '#model/build.ts'
import { cidr, ip } from '#net/net.ts'
import { flannel } from './flannel.ts'

const objects = [
  pod('web', { node: 'node-2', ip: '10.244.1.10' }),
  pod('api', { namespace: 'shop', node: 'node-2', ip: '10.244.1.2' }),
  pod('agent', { node: 'node-2', ip: '192.168.0.11', spec: { hostNetwork: true } }),
  pod('far', { node: 'node-1', ip: '10.244.0.2' }),
]

const program = (o: Parameters<typeof clusterWith>[0] = {}) => {
  const cluster = clusterWith({ objects, ...o })
  return cluster.nodes.slice(1, 2).map((node) => flannel.steps(cluster, node))
}

test('a node has one tunnel end, three entries per peer, and flannel’s rules and files', async () => {
  await expect(program().map(prose).join('')).toMatchFileSnapshot('flannel.test.txt')
})

test('a cluster of one node has no peers', () => {
  const cluster = clusterWith({ nodes: 1 })
  const kinds = cluster.nodes.flatMap((node) => flannel.steps(cluster, node).map(({ kind }) => kind))
  expect(kinds).toEqual(['vxlan', 'up', 'addr', 'chain', 'jump', 'chain', 'jump', 'file', 'file'])
})

test('the device is named after the VNI', () => {
  const names = program({ cni: { name: 'flannel-vxlan', vni: 42, port: 4789, directRouting: false } })
    .flat()
    .flatMap((step) => (step.kind === 'vxlan' ? [[step.dev, step.vni, step.port]] : []))
  expect(names).toEqual([['flannel.42', 42, 4789]])
})

const racks = [
  { name: 'rack-a', cidr: cidr('192.168.0.0/24'), gateway: ip('192.168.0.1'), mtu: 1500 },
  { name: 'rack-b', cidr: cidr('192.168.1.0/24'), gateway: ip('192.168.1.1'), mtu: 1500 },
]
const node = (name: string, at: string) => ({ name, ip: ip(at), labels: {} })
const twoRacks = {
  nodes: [node('node-1', '192.168.0.10'), node('node-2', '192.168.0.11'), node('node-3', '192.168.1.10')],
  underlay: { routers: [], segments: racks },
}

test('with DirectRouting a node on the same segment gets one plain route, one behind the router the three entries of the tunnel', async () => {
  const said = program({ ...twoRacks, cni: { name: 'flannel-vxlan', vni: 1, port: 8472, directRouting: true } })
  await expect(said.map(prose).join('')).toMatchFileSnapshot('direct-routing.test.txt')
})

test('host-gw is a plain route to each other node; rules and files are the same, the MTU is the wire’s own', async () => {
  await expect(
    program({ cni: { name: 'host-gw' } })
      .map(prose)
      .join(''),
  ).toMatchFileSnapshot('host-gw.test.txt')
})

test('IPv6 Pods get the same rules in their own family', () => {
  const cluster = clusterWith({ nodes: 1, podCIDR: cidr('fd00:10:244::/48'), nodePrefix: 64 })
  const rules = cluster.nodes.flatMap((node) => flannel.steps(cluster, node).flatMap((step) => (step.kind === 'chain' ? [[step.family, ...step.rules]] : [])))
  const comment = '-m comment --comment "flanneld masq"'
  expect(rules).toEqual([
    [
      6,
      `-m mark --mark 0x4000/0x4000 ${comment} -j RETURN`,
      `-s fd00:10:244::/64 -d fd00:10:244::/48 ${comment} -j RETURN`,
      `-s fd00:10:244::/48 -d fd00:10:244::/64 ${comment} -j RETURN`,
      `! -s fd00:10:244::/48 -d fd00:10:244::/64 ${comment} -j RETURN`,
      `-s fd00:10:244::/48 ! -d ff00::/8 ${comment} -j MASQUERADE --random-fully`,
      `! -s fd00:10:244::/48 -d fd00:10:244::/48 ${comment} -j MASQUERADE --random-fully`,
    ],
    [6, '-s fd00:10:244::/48 -m comment --comment "flanneld forward" -j ACCEPT', '-d fd00:10:244::/48 -m comment --comment "flanneld forward" -j ACCEPT'],
  ])
})
