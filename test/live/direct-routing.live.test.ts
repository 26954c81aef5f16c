/** flannel's DirectRouting: two racks behind a router. Neighbours route plainly, across the router the tunnel carries. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { netlab } from '../support/netlab.ts'

const n = netlab()
const folder = mkdtempSync(join(tmpdir(), 'netlab-racks-'))

const LAB = `apiVersion: netlab.dev/v1
kind: Lab
metadata: {name: racks}
spec:
  nodes:
    - {name: node-1, ip: 192.168.0.10}
    - {name: node-2, ip: 192.168.0.11}
    - {name: node-3, ip: 192.168.1.10}
  cni: {name: flannel-vxlan, directRouting: true}
  underlay: {segments: [{name: rack-a, cidr: 192.168.0.0/24}, {name: rack-b, cidr: 192.168.1.0/24}]}
`
const podOn = (node: number) => `apiVersion: v1
kind: Pod
metadata: {name: pod-${node}}
spec:
  nodeName: node-${node}
  containers: [{name: echo, image: netlab/echo}]
`
const CHECK = `apiVersion: netlab.dev/v1
kind: Check
metadata: {name: racks}
spec:
  groups:
    - id: racks
      title: Two racks
      probes:
        - {id: all, matrix: {from: pods}}
        - {id: nodes, matrix: {from: [pods, nodes], source: any}}
        - {id: near, route: {node: node-1, dst: "{{node.node-2.podCIDR}}", via: "{{node.node-2.ip}}", dev: eth0}}
        - {id: far, route: {node: node-1, dst: "{{node.node-3.podCIDR}}", via: "{{node.node-3.vtepIP}}", dev: flannel.1, onlink: true}}
        - {id: no-entry, fdb: {node: node-1, dev: flannel.1, mac: "{{node.node-2.vtepMac}}", dst: "{{node.node-2.ip}}", absent: true}}
        - {id: ping-near, ping: {from: pod/pod-1, to: pod/pod-2}}
        - {id: bare, capture: {at: node-1/eth0, filter: icmp, decode: {src: "{{pod.pod-1.ip}}", dst: "{{pod.pod-2.ip}}"}, during: ping-near}}
        - {id: ping-far, ping: {from: pod/pod-1, to: pod/pod-3}}
        - {id: wrapped, capture: {at: node-1/eth0, filter: udp port 8472, decode: {outer.dst: "{{node.node-3.ip}}", inner.dst: "{{pod.pod-3.ip}}"}, during: ping-far}}
        - {id: mtu-far, mtu: {from: pod/pod-1, to: pod/pod-3, mtu: 1450, bulk: true}}
        - {id: mtu-near, mtu: {from: pod/pod-1, to: pod/pod-2, mtu: 1450, bulk: true}}
`

beforeAll(async () => {
  mkdirSync(join(folder, 'manifests'))
  writeFileSync(join(folder, 'lab.yaml'), LAB)
  writeFileSync(join(folder, 'check.yaml'), CHECK)
  writeFileSync(join(folder, 'manifests/pods.yaml'), [1, 2, 3].map(podOn).join('---\n'))
  await n.ok('up', join(folder, 'lab.yaml'))
})
afterAll(async () => {
  await n.clean()
  rmSync(folder, { recursive: true, force: true })
})

test('neighbours reach each other’s Pods on plain routes, others through the tunnel, and all as themselves', async () => {
  const { results } = JSON.parse((await n.run('check', '-o', 'json')).out) as { results: readonly { id: string; verdict: string; observed?: string }[] }
  expect(results.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
  expect(results).toHaveLength(11)
})
