import { expect, test } from 'vitest'
import type { Cni } from '#lab/lab.ts'
import { labWith } from '#model/build.ts'
import { cidr, ip } from '#net/net.ts'
import { scene } from './scene.ts'

const BGP: Cni = { name: 'calico-bgp', blockSize: 30, asn: 64512, peers: [], routeReflectors: [], bfd: false, gracefulRestart: false }
const lab = (podCIDR: string, cni: Cni = BGP) => labWith({ cni, podCIDR: cidr(podCIDR), nodePrefix: 30, nodes: 2 })
const on = (node: string) => ({ nodeName: node, containers: [{ name: 'c', image: 'netlab/echo' }] })

test('a node takes a block when its first Pod comes, and another, behind those of all nodes, when it is full', () => {
  const { apply, all } = scene(lab('10.244.0.0/24'))
  const blocks = () => all('Node').map(({ metadata }) => metadata.annotations['netlab.dev/calico-blocks'])
  const none = blocks()
  for (const name of ['a', 'b', 'c', 'd', 'e']) apply('Pod', { metadata: { name }, spec: on('node-1') })
  apply('Pod', { metadata: { name: 'f' }, spec: on('node-2') })
  expect([none, blocks(), all('Pod').map(({ status }) => status.podIP)]).toEqual([
    [undefined, undefined],
    ['10.244.0.0/30,10.244.0.8/30', '10.244.0.4/30'],
    ['10.244.0.0', '10.244.0.1', '10.244.0.2', '10.244.0.3', '10.244.0.8', '10.244.0.4'],
  ])
})

test('a node begins with the blocks that the lab gives it, and no other node takes them', () => {
  const nodes = ['node-1', 'node-2'].map((name, at) => ({
    name,
    ip: ip(`192.168.0.1${at}`),
    labels: {},
    ...(at === 1 ? { blocks: [cidr('10.244.0.0/30')] } : {}),
  }))
  const { apply, all } = scene({ ...lab('10.244.0.0/24'), nodes })
  for (const node of ['node-1', 'node-2']) apply('Pod', { metadata: { name: node }, spec: on(node) })
  expect([all('Node').map(({ metadata }) => metadata.annotations['netlab.dev/calico-blocks']), all('Pod').map(({ status }) => status.podIP)]).toEqual([
    ['10.244.0.4/30', '10.244.0.0/30'],
    ['10.244.0.4', '10.244.0.0'],
  ])
})

test('without a block left a node borrows an address of another, and when there is none the Pod waits and says so, once', () => {
  const { apply, all, delete: erase, events, settle } = scene(lab('10.244.0.0/29'))
  apply('Pod', { metadata: { name: 'there' }, spec: on('node-2') })
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) apply('Pod', { metadata: { name }, spec: on('node-1') })
  settle()
  const before = all('Pod').map(({ metadata, status }) => `${metadata.name} ${status.podIP}`)
  const said = events().filter((text) => text.includes('IPv4'))
  erase('Pod', 'b')
  expect([before, said, all('Pod').find(({ metadata }) => metadata.name === 'h')?.status.podIP]).toEqual([
    [...['a 10.244.0.0', 'b 10.244.0.1', 'c 10.244.0.2', 'd 10.244.0.3', 'e 10.244.0.5', 'f 10.244.0.6', 'g 10.244.0.7', 'h undefined'], 'there 10.244.0.4'],
    [
      'FailedCreatePodSandBox: Failed to create pod sandbox: plugin type="calico" failed (add): failed to request IPv4 addresses: Assigned 0 out of 1 requested IPv4 addresses; No more free affine blocks',
    ],
    '10.244.0.1',
  ])
})

test('an end of the tunnel has an address of its node’s block, before any Pod comes', () => {
  const { apply, all } = scene(lab('10.244.0.0/24', { name: 'calico-vxlan', blockSize: 30, vni: 4096, port: 4789, crossSubnet: false }))
  apply('Pod', { metadata: { name: 'a' }, spec: on('node-2') })
  expect([all('Node').map(({ metadata }) => metadata.annotations), all('Pod').map(({ status }) => status.podIP)]).toEqual([
    [
      { 'netlab.dev/calico-blocks': '10.244.0.0/30', 'projectcalico.org/IPv4VXLANTunnelAddr': '10.244.0.0' },
      { 'netlab.dev/calico-blocks': '10.244.0.4/30', 'projectcalico.org/IPv4VXLANTunnelAddr': '10.244.0.4' },
    ],
    ['10.244.0.5'],
  ])
})
