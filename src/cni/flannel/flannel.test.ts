import { expect, test } from 'vitest'
import { prose } from '#kernel/text.ts'
import { clusterWith, pod } from '#model/build.ts'
import { cidr } from '#net/net.ts'
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
  const names = program({ cni: { name: 'flannel-vxlan', vni: 42, port: 4789 } })
    .flat()
    .flatMap((step) => (step.kind === 'vxlan' ? [[step.dev, step.vni, step.port]] : []))
  expect(names).toEqual([['flannel.42', 42, 4789]])
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
