/** What Kubernetes promises to those who write Pods, seen in a running lab. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { home, netlab, until } from '../support/netlab.ts'

const n = netlab()
beforeAll(async () => {
  await n.ok('up', join(home, 'test/support/labs/pods/lab.yaml'))
})
afterAll(n.clean)

const { apply, json, sh } = n

test('two containers of a Pod share localhost, and a volume', async () => {
  expect(await sh('pair', 'curl -s http://localhost:8080/hostname')).toBe('pair')
  await n.ok('exec', 'pair', '-c', 'side', '--', 'sh', '-c', 'echo from-side > /data/note')
  expect(await n.ok('exec', 'pair', '-c', 'web', '--', 'cat', '/data/note')).toBe('from-side')
})

test('a Pod with hostNetwork has its node’s address and name servers', async () => {
  const pod = await json('pod', 'host')
  expect([pod.status.podIP, pod.status.hostIP]).toEqual(['192.168.0.10', '192.168.0.10'])
  expect(await sh('host', 'ip -br link show dev cni0 | cut -d" " -f1')).toBe('cni0')
})

test('environment, ConfigMaps and the downward API arrive in the container', async () => {
  expect(await sh('env', 'echo $COLOUR $POD_IP $NODE $KUBERNETES_SERVICE_HOST; cat /config/app.conf')).toBe(
    `blue ${(await json('pod', 'env')).status.podIP} node-2 10.96.0.1\nlevel=high`,
  )
})

test('a changed ConfigMap reaches the mounted file', async () => {
  await apply('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: blue, app.conf: level=low}\n')
  await until(
    () => sh('env', 'cat /config/app.conf'),
    (text) => text === 'level=low',
  )
})

test('init containers run one after the other, before the Pod’s own', async () => {
  expect(await sh('init', 'cat /data/steps')).toBe('one\ntwo')
})

test('a finished Pod is completed, and its log can be read', async () => {
  await until(
    () => n.ok('get', 'pod', 'job'),
    (out) => /job\s+0\/1\s+Completed/.test(out),
  )
  expect(await n.ok('logs', 'job')).toBe('done')
})

test('input, output and exit code of a program in a Pod are those of the command', async () => {
  const said = execFileSync(join(home, 'netlab'), ['exec', 'pair', '-c', 'web', '--', 'sh', '-c', 'cat; exit 0'], {
    input: 'typed',
    env: { ...process.env, NETLAB_STATE: n.root },
  })
  expect(said.toString()).toBe('typed')
  expect((await n.run('exec', 'pair', '--', 'sh', '-c', 'exit 7')).code).toBe(7)
})

test('a rolling update replaces every Pod and never leaves the Service without one', async () => {
  const before: string[] = (await json('pods', '-l', 'app=web')).items.map((pod: { metadata: { name: string } }) => pod.metadata.name)
  const asking = sh('pair', 'for i in $(seq 150); do curl -s -m 2 -o /dev/null -w "%{http_code} " http://web; sleep 0.05; done')
  await apply((await n.ok('get', 'deployment', 'web', '-o', 'yaml')).replace('value: v1', 'value: v2'))
  const after = await until(
    async () => (await json('pods', '-l', 'app=web')).items,
    (items: { metadata: { name: string; deletionTimestamp?: string } }[]) =>
      items.length === 3 && items.every(({ metadata }) => !before.includes(metadata.name)),
    60_000,
  )
  expect(after).toHaveLength(3)
  expect(new Set((await asking).trim().split(' '))).toEqual(new Set(['200']))
})

test('a Pod range without a free address leaves the Pod pending, and an Event says why', async () => {
  await n.ok('scale', 'deploy/crowd', '--replicas', '16')
  const told = await until(
    () => n.ok('get', 'events'),
    (out) => /FailedCreatePodSandBox/.test(out),
  )
  expect(told).toMatch(/no (free )?IP addresses|no IP addresses available/i)
  await n.ok('scale', 'deploy/crowd', '--replicas', '0')
  await until(
    async () => (await json('pods', '-l', 'app=crowd')).items.length,
    (count) => count === 0,
    40_000,
  )
})

test('kubectl on a node finds the API', async () => {
  expect(await n.ok('exec', 'node-1', '--', 'kubectl', 'get', 'pod', 'pair', '-o', 'name')).toBe('pod/pair')
})

test('inside a node one sees that node only', async () => {
  const seen = await sh(
    'node-1',
    'hostname; ip netns | sort | head -1 | cut -d" " -f1; ls /home /root | grep -vc :; touch /usr/x 2>&1; ps -e | grep -c coredns; iptables-save | grep -c KUBE-SVC',
  )
  expect(seen).toMatch(/^node-1\ndefault_/)
  expect(seen).toMatch(/Read-only file system/)
})

test('of the host a node has programs and a few devices, and can change neither', async () => {
  const seen = await sh('node-1', 'cd /dev; ls -d * net/*; touch /opt/netlab/bin/netlab-echo 2>&1; chown 1 /dev/null 2>&1; echo x >/dev/null && echo written')
  expect(seen.split('\n').filter((line) => !line.startsWith('net'))).toEqual([
    ...['fd', 'full', 'null', 'ptmx', 'pts', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'tty', 'urandom', 'zero'],
    expect.stringMatching(/netlab-echo.*Read-only file system/),
    expect.stringMatching(/null.*Read-only file system/),
    'written',
  ])
})

test('what runs inside a lab cannot take it down', async () => {
  expect(await sh('pair', 'curl -sS -m 3 -X POST http://192.168.0.1:6443/netlab/v1/down')).toContain('"code":404')
})
