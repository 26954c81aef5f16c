import { expect, test } from 'vitest'
import { prose } from '#kernel/text.ts'
import { clusterWith, pod } from '#model/build.ts'
import { cidr, ip } from '#net/net.ts'
import { bridge } from './bridge.ts'

const objects = [
  pod('web', { node: 'node-2', ip: '10.244.1.10' }),
  pod('api', { namespace: 'shop', node: 'node-2', ip: '10.244.1.2' }),
  pod('agent', { node: 'node-2', ip: '192.168.0.11', spec: { hostNetwork: true } }),
  pod('far', { node: 'node-1', ip: '10.244.0.2' }),
]

const program = (o: Parameters<typeof clusterWith>[0] = {}) => {
  const cluster = clusterWith({ objects, ...o })
  return cluster.nodes.slice(1, 2).map((node) => bridge.steps(cluster, node))
}

test('a node has a switch with the gateway’s address, and a cable, an address and a way out for each Pod with a network of its own', async () => {
  await expect(program().map(prose).join('')).toMatchFileSnapshot('bridge.test.txt')
})

test('a Pod’s packet leaves room for the tunnel on the node’s wire, whatever that carries', () => {
  const segment = (mtu: number) => ({ name: 'nodes', cidr: cidr('192.168.0.0/24'), gateway: ip('192.168.0.1'), mtu })
  const mtus = (mtu: number) =>
    program({ underlay: { routers: [], segments: [segment(mtu)] } })
      .flat()
      .flatMap((step) => ('mtu' in step ? [step.mtu] : []))
  expect([mtus(1500), mtus(9000)]).toEqual([
    [1450, 1450, 1450],
    [8950, 8950, 8950],
  ])
})

test('without a CNI nobody builds a bridge', () => {
  expect([bridge.wanted(clusterWith()), bridge.wanted(clusterWith({ cni: { name: 'none' } }))]).toEqual([true, false])
})
