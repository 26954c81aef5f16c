/** A running lab under hands that break it: what is killed comes back, what is torn out is seen and put back, what never starts is told. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { familyOf, netlab, stateOf, until } from '../support/netlab.ts'

const n = netlab()
beforeAll(async () => {
  await n.ok('up', 'flannel-vxlan')
})
afterAll(async () => {
  await n.clean()
  rmSync(folder, { recursive: true, force: true })
})

const folder = mkdtempSync(join(tmpdir(), 'netlab-manifests-'))
const manifest = (name: string, text: string): string => {
  const file = join(folder, `${name}.yaml`)
  writeFileSync(file, text)
  return file
}
const names = async (...args: string[]): Promise<string[]> => (await n.ok('get', ...args, '-o', 'name')).trim().split('\n')
const frontend = () => n.run('exec', 'client', '--', 'curl', '-sS', '-m', '3', 'http://frontend/hostname')
const drift = async () => (await n.run('drift')).code

test('nothing has drifted in a lab that nobody touched', async () => {
  expect(await n.run('drift')).toMatchObject({ code: 0 })
})

test('rules a learner flushed are seen and put back', async () => {
  await n.ok('exec', 'node-1', '--', 'iptables', '-t', 'nat', '-F')
  expect((await frontend()).code).not.toBe(0)
  const seen = await n.run('drift')
  expect({ code: seen.code, names: /KUBE-SERVICES/.test(seen.out) }).toEqual({ code: 1, names: true })
  await n.ok('repair')
  expect(await drift()).toBe(0)
  expect((await frontend()).out).toMatch(/^frontend-/)
})

test('a deleted flannel.1 is seen and put back with all that stood on it', async () => {
  await n.ok('exec', 'node-2', '--', 'ip', 'link', 'delete', 'dev', 'flannel.1')
  const seen = await n.run('drift')
  expect({ code: seen.code, names: /flannel\.1/.test(seen.out) }).toEqual({ code: 1, names: true })
  await n.ok('repair')
  expect(await drift()).toBe(0)
})

test('a machine whose wire lost its address, or was switched off, is named by drift and mended by repair', async () => {
  for (const words of ['addr flush dev eth0', 'link set dev eth0 down']) {
    await n.ok('exec', 'node-1', '--', 'ip', ...words.split(' '))
    const seen = await n.run('drift')
    expect({ words, code: seen.code, names: /underlay/.test(seen.out) }).toEqual({ words, code: 1, names: true })
    await n.ok('repair')
    expect(await drift()).toBe(0)
    // The kernel tells of a carrier that came back up to a second later.
    await until(frontend, ({ out }) => out.startsWith('frontend-'))
  }
})

test('containers of a Pod whose namespace was deleted are started again in the new one', async () => {
  await n.ok('exec', 'node-1', '--', 'ip', 'netns', 'delete', 'default_client')
  await n.ok('repair')
  await until(frontend, ({ out }) => out.startsWith('frontend-'))
  expect(await drift()).toBe(0)
})

test('a killed container is started again, and its Pod counts the restart', async () => {
  const [pod = ''] = await names('pods', '-l', 'app=frontend')
  const name = pod.replace('pod/', '')
  await n.run('exec', name, '--', 'sh', '-c', 'kill -9 $(pgrep -f netlab-echo)')
  await until(
    async () => JSON.parse(await n.ok('get', 'pod', name, '-o', 'json')).status.containerStatuses[0],
    (status: { restartCount: number; ready: boolean }) => status.restartCount === 1 && status.ready,
    30_000,
  )
})

test('a killed CoreDNS comes back, and names are answered', async () => {
  const [pod = ''] = await names('pods', '-n', 'kube-system', '-l', 'k8s-app=kube-dns')
  await n.run('exec', '-n', 'kube-system', pod.replace('pod/', ''), '--', 'sh', '-c', 'kill -9 $(pgrep coredns)')
  await until(frontend, ({ code }) => code === 0)
})

test('a deleted Pod comes back under a new name, and the Service follows', async () => {
  const [pod = ''] = await names('pods', '-l', 'app=checkout-api')
  await n.ok('delete', 'pod', pod.replace('pod/', ''), '--grace-period', '0')
  const now = await until(
    () => names('pods', '-l', 'app=checkout-api'),
    (list) => list.length === 3 && !list.includes(pod),
    30_000,
  )
  expect(now).toHaveLength(3)
  await until(
    async () => JSON.parse(await n.ok('get', 'endpointslices', '-l', 'kubernetes.io/service-name=checkout-api-svc', '-o', 'json')).items[0].endpoints,
    (endpoints: { conditions: { ready: boolean } }[]) => endpoints.length === 3 && endpoints.every(({ conditions }) => conditions.ready),
    30_000,
  )
})

test('a Pod that never starts is told with its reason, and up says so', async () => {
  const file = manifest(
    'crash',
    `apiVersion: v1
kind: Pod
metadata: {name: crash}
spec:
  containers:
    - {name: main, image: busybox, command: [sh, -c, "echo no luck; exit 3"]}
`,
  )
  await n.ok('apply', '-f', file)
  const told = await until(
    () => n.ok('get', 'pods'),
    (out) => /crash .*CrashLoopBackOff/.test(out),
  )
  expect(told).toMatch(/crash\s+0\/1\s+CrashLoopBackOff/)
  // One that is just being started again has printed nothing yet.
  await until(
    () => n.ok('logs', 'crash'),
    (log) => log.trim() === 'no luck',
  )
  expect(await n.ok('describe', 'pod', 'crash')).toMatch(/Warning +BackOff .*Back-off restarting failed container main in pod crash_default/)
  await n.ok('delete', 'pod', 'crash')
})

test('manifests with mistakes are refused whole, with every place', async () => {
  const file = manifest(
    'wrong',
    `apiVersion: v1
kind: Service
metadata: {name: fine}
spec: {ports: [{port: 80}], selector: {app: x}}
---
apiVersion: v1
kind: Service
metadata: {name: Wrong_Name}
spec: {ports: [{port: 70000}], selectors: {app: x}}
`,
  )
  const said = await n.run('apply', '-f', file)
  expect(said.code).toBe(2)
  expect(said.err).toMatch(/wrong\.yaml:8:\d+/)
  expect(said.err).toMatch(/70000/)
  expect(said.err).toMatch(/selectors/)
  expect(await names('services')).not.toContain('service/fine')
})

test('two applies at once both count', async () => {
  const file = (name: string) => manifest(name, `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {a: b}\n`)
  await Promise.all([n.ok('apply', '-f', file('one')), n.ok('apply', '-f', file('two'))])
  expect(await names('configmaps')).toEqual(expect.arrayContaining(['configmap/one', 'configmap/two']))
})

test('a node whose first process was killed is made anew by up, with everything on it', async () => {
  const first = familyOf(stateOf(n.root, 'flannel-vxlan').keeper).find(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('tini\0-g'))
  if (first === undefined) throw new Error('no node has a first process')
  process.kill(first.pid, 'SIGKILL')
  await until(
    () => n.run('status'),
    ({ out }) => out.includes('2 of 3 nodes ready'),
    30_000,
  )
  await n.ok('up', 'flannel-vxlan')
  expect(await drift()).toBe(0)
  expect((await frontend()).out).toMatch(/^frontend-/)
})
