/** Nodes join, leave, stop and start while the lab runs. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { familyOf, netlab, stateOf, survivors, until } from '../support/netlab.ts'

const n = netlab()
const folder = mkdtempSync(join(tmpdir(), 'netlab-nodes-'))

const LAB = `apiVersion: netlab.dev/v1
kind: Lab
metadata: {name: nodes}
spec: {nodes: 2}
`
const template = (app: string, spec = '') =>
  `{metadata: {labels: {app: ${app}}}, spec: {${spec}containers: [{name: echo, image: netlab/echo, args: [netexec, --http-port=8080]}]}}`
const MANIFESTS = `apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: node-1, containers: [{name: c, image: netlab/netshoot}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: ${template('web', 'terminationGracePeriodSeconds: 1, ')}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec: {selector: {matchLabels: {app: agent}}, template: ${template('agent')}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`
beforeAll(async () => {
  mkdirSync(join(folder, 'manifests'))
  writeFileSync(join(folder, 'lab.yaml'), LAB)
  writeFileSync(join(folder, 'manifests/all.yaml'), MANIFESTS)
  await n.ok('up', join(folder, 'lab.yaml'))
})
afterAll(async () => {
  await n.clean()
  rmSync(folder, { recursive: true, force: true })
})

type PodSeen = {
  readonly metadata: { readonly deletionTimestamp?: string }
  readonly spec: { readonly nodeName: string }
  readonly status: { readonly podIP: string; readonly conditions: readonly { readonly type: string; readonly status: string }[] }
}
const pods = async (app: string): Promise<readonly PodSeen[]> => (await n.json('pods', '-l', `app=${app}`)).items
const isReady = ({ status }: PodSeen) => status.conditions.some((one) => one.type === 'Ready' && one.status === 'True')
const told = (all: readonly PodSeen[]) =>
  all.map((pod) => `${pod.spec.nodeName} ${pod.metadata.deletionTimestamp !== undefined ? 'terminating' : isReady(pod) ? 'ready' : 'not ready'}`).sort()
const entries = async () =>
  (await n.sh('node-1', 'ip route; ip neigh show dev flannel.1 nud permanent; bridge fdb show dev flannel.1'))
    .match(/192\.168\.0\.1[0-9]|10\.244\.[1-9]\.0(?=\/24)/g)
    ?.sort()
const clean = async () => expect(JSON.parse(await n.ok('drift', '-o', 'json'))).toEqual({ drift: [] })

test('a node joins: a machine, a share of the Pod range, its daemons, and the way there on all others', async () => {
  expect(await n.ok('node', 'add', 'node-3', '--zone', 'b', '--label', 'disk=ssd')).toBe('node/node-3 added: 192.168.0.12 on segment nodes, Pods 10.244.2.0/24')
  await until(
    () => pods('agent'),
    (all) => told(all).includes('node-3 ready'),
    30_000,
  )
  const agent = (await pods('agent')).find(({ spec }) => spec.nodeName === 'node-3')
  expect((await n.json('nodes')).items[2].metadata.labels).toMatchObject({ disk: 'ssd', 'topology.kubernetes.io/zone': 'b' })
  expect(await n.sh('client', `curl -sm 5 http://${agent?.status.podIP}:8080/clientip`)).toMatch(/^10\.244\.0\./)
  expect(await entries()).toEqual(['10.244.1.0', '10.244.2.0', '192.168.0.10', '192.168.0.11', '192.168.0.12'])
  await clean()
})

test('a node that is stopped: its Pods are not ready and their Service forgets them, then others are made; those deleted stay until it is back', async () => {
  await until(
    () => pods('web'),
    (all) => told(all).length === 2 && all.every(isReady),
  )
  const victim = (await pods('web'))[0]?.spec.nodeName ?? ''
  if (victim === 'node-1') throw new Error('the client is there')
  expect(await n.ok('node', 'stop', victim)).toMatch(/^node\/node-\d stopped, and its \d Pods with it; netlab node start node-\d$/)
  expect(await n.ok('status')).toMatch(
    new RegExp(`2 of 3 nodes ready[\\s\\S]*node ${victim} does not run; netlab node start ${victim}[\\s\\S]*is not ready: its node does not run`),
  )
  expect((await n.run('exec', victim, 'true')).err).toContain(`${victim} does not run; netlab node start ${victim}`)
  await until(
    () => pods('web'),
    (all) => told(all).includes(`${victim} not ready`),
  )
  const { clusterIP } = (await n.json('service', 'web')).spec
  const answers = async () => (await n.sh('client', `for i in $(seq 12); do curl -sm 2 http://${clusterIP}/hostname && echo; done`)).trim().split('\n')
  const whole = await until(answers, (all) => all.length === 12, 60_000)
  expect(new Set(whole).size).toBe(1)
  await until(
    () => pods('web'),
    (all) => told(all).includes(`${victim} terminating`) && all.filter(isReady).length === 2,
    30_000,
  )
  expect(told(await pods('agent'))).toContain(`${victim} not ready`)
  await clean()
  expect(await n.ok('node', 'stop', victim)).toBe(`node/${victim} is stopped already`)
  await n.ok('node', 'start', victim)
  await until(
    () => Promise.all([pods('web'), pods('agent')]),
    ([web, agent]) => web.length === 2 && [...web, ...agent].every(isReady),
    30_000,
  )
  await clean()
})

test('a node leaves: its Pods are made elsewhere, and nobody knows a way there', async () => {
  const before = await entries()
  expect(await n.ok('node', 'rm', 'node-2')).toMatch(/^node\/node-2 removed, and its \d Pods? with it$/)
  await until(
    () => pods('web'),
    (all) => all.length === 2 && all.every(isReady),
    30_000,
  )
  expect([before?.includes('192.168.0.11'), await entries()]).toEqual([true, ['10.244.2.0', '192.168.0.10', '192.168.0.12']])
  await clean()
})

test('what cannot be is refused, and changes nothing', async () => {
  const said = async (...words: string[]) => (await n.run('node', ...words)).err
  expect([
    await said('add', 'node-3', '--ip', '10.9.9.9'),
    await said('stop', 'node-7'),
    await said('rm', 'node-7', '--zone', 'b'),
    await said('add', 'x', '--label', 'y'),
  ]).toEqual([
    'netlab: name: there is a machine "node-3" already; every machine needs its own name\nip: 10.9.9.9 lies in no segment; the lab has nodes 192.168.0.0/24; add one under spec.underlay.segments',
    'netlab: no node named "node-7"; this lab has node-1, node-3',
    expect.stringContaining('--ip, --zone and --label are for a node that is added'),
    expect.stringContaining('--label y: expected KEY=VALUE'),
  ])
  await clean()
})

test('up brings the lab back to what its files say, with a node stopped, one gone and one too many', async () => {
  await n.ok('node', 'stop', 'node-1')
  await n.ok('up', join(folder, 'lab.yaml'))
  const nodes: readonly { readonly metadata: { readonly name: string }; readonly spec: { readonly podCIDR: string } }[] = (await n.json('nodes')).items
  expect(nodes.map(({ metadata, spec }) => `${metadata.name} ${spec.podCIDR}`)).toEqual(['node-1 10.244.0.0/24', 'node-2 10.244.1.0/24'])
  await clean()
})

test('kill -9 in the middle of it leaves nothing', async () => {
  const family = familyOf(stateOf(n.root, 'nodes').keeper)
  const adding = n.start('node', 'add', 'node-9')
  await until(
    () => familyOf(stateOf(n.root, 'nodes').keeper),
    (now) => now.some(({ pid }) => !family.some((one) => one.pid === pid)),
  )
  const all = familyOf(stateOf(n.root, 'nodes').keeper)
  process.kill(stateOf(n.root, 'nodes').keeper, 'SIGKILL')
  await adding.end
  await until(
    () => survivors(all),
    (left) => left.length === 0,
  )
  expect(await n.ok('ls', '-o', 'name')).toBe('')
})
