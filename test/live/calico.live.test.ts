/** Calico with BGP: the real BIRD on every node, nodes that come, sessions that stay, Pods that reach each other at once. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { netlab, until } from '../support/netlab.ts'

const n = netlab()
const folder = mkdtempSync(join(tmpdir(), 'netlab-calico-'))

const lab = (nodes: number, cni: string) => `apiVersion: netlab.dev/v1
kind: Lab
metadata: {name: bgp}
spec:
  nodes: ${nodes}
  cni: ${cni}
  dns: none
`
const podOn = (node: number) => `apiVersion: v1
kind: Pod
metadata: {name: pod-${node}}
spec:
  nodeName: node-${node}
  containers: [{name: echo, image: netlab/echo}]
`
const write = (nodes: number, cni = 'calico-bgp') => {
  writeFileSync(join(folder, 'lab.yaml'), lab(nodes, cni))
  writeFileSync(join(folder, 'manifests/pods.yaml'), Array.from({ length: nodes }, (_, i) => podOn(i + 1)).join('---\n'))
}
const up = () => n.ok('up', join(folder, 'lab.yaml'))
/** Sessions of a node by name, and since when each stands. */
const sessions = async (node: string) =>
  Object.fromEntries(
    [...(await n.ok('exec', node, '--', 'birdc', 'show', 'protocols')).matchAll(/^(\w+) +BGP +\S+ +up +(\S+) +Established/gm)].map(([, name = '', since]) => [
      name,
      since,
    ]),
  )
const routes = async (node: string) =>
  (await n.ok('exec', node, '--', 'ip', 'route', 'show', 'proto', 'bird'))
    .split('\n')
    .map((line) => line.replace(/ metric.*/, '').trim())
    .filter(Boolean)
    .sort()
const reach = async (from: string, to: string) => (await n.run('exec', from, '--', 'ping', '-c', '1', '-W', '5', to)).code === 0

beforeAll(async () => {
  mkdirSync(join(folder, 'manifests'))
  write(2)
  await up()
})
afterAll(async () => {
  await n.clean()
  rmSync(folder, { recursive: true, force: true })
})

test('each node has a session with each other and its block as a route', async () => {
  await until(
    () => routes('node-1'),
    (seen) => seen.length === 2,
  )
  expect([Object.keys(await sessions('node-1')), await routes('node-1'), await reach('pod-1', '10.244.0.64')]).toEqual([
    ['Mesh_192_168_0_11'],
    ['10.244.0.64/26 via 192.168.0.11 dev eth0', 'blackhole 10.244.0.0/26'],
    true,
  ])
})

test('a node that comes is made known to the others, whose sessions stay', async () => {
  const before = await sessions('node-1')
  write(3)
  await up()
  await until(
    () => routes('node-1'),
    (seen) => seen.length === 3,
  )
  const after = await sessions('node-1')
  expect([after['Mesh_192_168_0_11'], Object.keys(after), await reach('pod-1', '10.244.0.128')]).toEqual([
    before['Mesh_192_168_0_11'],
    ['Mesh_192_168_0_11', 'Mesh_192_168_0_12'],
    true,
  ])
})

test('a peer whose BIRD is killed loses its routes, and has them again when it is back', async () => {
  // It is back in two seconds: who looks for the gap is there before and looks often.
  const gap = n.sh('node-1', 'touch /run/looking; while ip route show proto bird | grep -q "^10.244.0.64/26 "; do sleep 0.05; done')
  await n.sh('node-1', 'until [ -e /run/looking ]; do sleep 0.05; done')
  await n.run('exec', 'node-2', '--', 'pkill', '-9', '-x', 'bird')
  await gap
  await until(() => reach('pod-1', '10.244.0.64'), Boolean, 30_000)
})

test('with a reflector, BFD and graceful restart the others speak with it alone, and have each other’s routes with the right next hop', async () => {
  write(3, '{name: calico-bgp, asn: 65001, routeReflectors: [node-1], bfd: true, gracefulRestart: true}')
  await up()
  await until(
    () => sessions('node-2'),
    (seen) => Object.keys(seen).join() === 'Node_192_168_0_10',
  )
  await until(
    () => routes('node-2'),
    (seen) => seen.includes('10.244.0.128/26 via 192.168.0.12 dev eth0'),
  )
  await until(
    () => n.ok('exec', 'node-2', '--', 'birdc', 'show', 'bfd', 'sessions'),
    (said) => /192\.168\.0\.10\s.*Up/.test(said),
  )
  await until(
    () => routes('node-3'),
    (seen) => seen.includes('10.244.0.64/26 via 192.168.0.11 dev eth0'),
  )
  expect(await reach('pod-2', '10.244.0.128')).toBe(true)
})
