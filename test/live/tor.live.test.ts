/** Routers in the underlay: machines like others to those who look at them, and what `up`, drift and nodes that come make of them. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { familyOf, home, netlab, stateOf, until } from '../support/netlab.ts'

const n = netlab()
const folder = mkdtempSync(join(tmpdir(), 'netlab-tor-'))
const birdc = (machine: string, ...words: readonly string[]) => n.ok('exec', machine, '--', 'birdc', ...words)
const routes = async (machine: string) =>
  [...(await n.ok('exec', machine, '--', 'ip', 'route', 'show', 'proto', 'bird')).matchAll(/^(\S+) .*?(?:via (\S+).*)?$((?:\n\tnexthop via \S+.*)*)/gm)].map(
    ([, to = '', via, hops = '']) => `${to} ${via ?? [...hops.matchAll(/via (\S+)/g)].map(([, hop]) => hop).join(' ')}`,
  )

beforeAll(async () => {
  cpSync(join(home, 'labs/calico-tor'), folder, { recursive: true })
  await n.ok('up', join(folder, 'lab.yaml'))
})
afterAll(async () => {
  await n.clean()
  rmSync(folder, { recursive: true, force: true })
})

test('when up is done the first packet between racks arrives', async () => {
  const { code } = await n.run('exec', 'client', '--', 'ping', '-c', '1', '-W', '5', '10.244.0.128')
  expect(code).toBe(0)
})

test('routers are no nodes of Kubernetes; status tells of them, and they are entered by name', async () => {
  const nodes = (await n.ok('get', 'nodes', '-o', 'name')).trim().split('\n')
  const { routers } = JSON.parse(await n.ok('status', '-o', 'json')) as { routers: unknown }
  const hosts = await Promise.all(['leaf-1', 'router/leaf-1'].map((place) => n.ok('exec', place, '--', 'hostname')))
  expect([nodes, routers, hosts.map((line) => line.trim())]).toEqual([
    ['node/node-1', 'node/node-2', 'node/node-3'],
    [
      { name: 'leaf-1', ip: '192.168.1.1', asn: 65001 },
      { name: 'leaf-2', ip: '192.168.2.1', asn: 65002 },
      { name: 'spine-1', ip: '172.16.11.1', asn: 65000 },
      { name: 'spine-2', ip: '172.16.21.1', asn: 65000 },
    ],
    ['leaf-1', 'leaf-1'],
  ])
})

test('what is taken from a router is drift, and put back: a wire that is off, an address, a setting, its configuration', async () => {
  await n.ok('exec', 'spine-1', '--', 'ip', 'link', 'set', 'eth0', 'down')
  await n.ok('exec', 'spine-1', '--', 'ip', 'addr', 'del', '172.16.12.1/30', 'dev', 'eth1')
  await n.ok('exec', 'leaf-1', '--', 'sysctl', '-w', 'net.ipv4.fib_multipath_hash_policy=0')
  await n.ok('exec', 'leaf-2', '--', 'sed', '-i', 's/65002/65009/', '/run/netlab/etc/bird/bird.conf')
  const { drift } = JSON.parse((await n.run('drift', '-o', 'json')).out) as { drift: { machine: string; wanted: string }[] }
  expect(drift.map(({ machine, wanted }) => `${machine}: ${wanted.split('\n')[0]}`).sort()).toEqual([
    'leaf-1: sysctl net.ipv4.fib_multipath_hash_policy = 1',
    'leaf-2: file /run/netlab/etc/bird/bird.conf',
    'spine-1: addr 172.16.12.1/30 on eth1',
    'spine-1: up eth0 mtu 1500',
  ])
  await n.ok('repair')
  expect((await n.run('drift')).code).toBe(0)
  await until(
    () => routes('leaf-1'),
    (seen) => seen.includes('10.244.0.128/26 172.16.11.1 172.16.21.1'),
    30_000,
  )
})

test('up says which session does not stand, and why; of one that was switched off it does not wait long', async () => {
  await birdc('leaf-2', 'disable', 'Fabric_spine_1')
  const { code, err } = await n.run('up', join(folder, 'lab.yaml'))
  await birdc('leaf-2', 'enable', 'Fabric_spine_1')
  expect({ code, says: err.match(/BGP sessions .*?(leaf-2: \S+ with \S+ is switched off).*/)?.[1] }).toEqual({
    code: 1,
    says: 'leaf-2: Fabric_spine_1 with 172.16.12.1 is switched off',
  })
  await n.ok('up', join(folder, 'lab.yaml'))
})

test('a node that comes to a rack is made known to its leaf, and all know the way to its Pods', async () => {
  await n.ok('node', 'add', 'node-4', '--ip', '192.168.2.12')
  writeFileSync(
    join(folder, 'late.yaml'),
    'apiVersion: v1\nkind: Pod\nmetadata: {name: late}\nspec:\n  nodeName: node-4\n  containers: [{name: echo, image: netlab/echo}]\n',
  )
  await n.ok('apply', '-f', join(folder, 'late.yaml'))
  await until(
    () => n.run('exec', 'client', '--', 'ping', '-c', '1', '-W', '1', '10.244.0.192'),
    ({ code }) => code === 0,
    30_000,
  )
  expect((await birdc('leaf-2', 'show', 'protocols')).match(/^Rack_\S+/gm)).toEqual(['Rack_node_3', 'Rack_node_4'])
  expect((await n.run('node', 'add', 'node-5', '--ip', '172.16.11.2')).err).toContain('172.16.11.2 is the address of "leaf-1" already')
})

test('a router whose first process was killed is made anew by the next up, and everything finds its way again', async () => {
  const own = (pid: number) => readFileSync(`/proc/${pid}/root/run/netlab/etc/hostname`, 'utf8').trim()
  const inits = familyOf(stateOf(n.root, 'calico-tor').keeper).filter(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('tini\0-g'))
  const spine = inits.find(({ pid }) => own(pid) === 'spine-2')
  if (spine === undefined) throw new Error('no spine-2')
  process.kill(spine.pid, 'SIGKILL')
  await until(
    () => routes('leaf-1'),
    (seen) => seen.includes('10.244.0.128/26 172.16.11.1'),
    30_000,
  )
  await n.ok('up', join(folder, 'lab.yaml'))
  await until(
    () => routes('leaf-1'),
    (seen) => seen.includes('10.244.0.128/26 172.16.11.1 172.16.21.1'),
    30_000,
  )
})
