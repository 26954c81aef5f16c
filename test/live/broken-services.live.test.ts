/** Each exercise of labs/broken-services as a learner does it: `learn` brings its fault in, `explain` names it and nothing else, its solution is ticked. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { home, netlab, until } from '../support/netlab.ts'

const n = netlab()
const exercises = join(home, 'labs/broken-services/exercises')
const manifests = mkdtempSync(join(tmpdir(), 'netlab-broken-'))

beforeAll(() => n.ok('up', 'broken-services'))
afterAll(async () => {
  await n.clean()
  rmSync(manifests, { recursive: true, force: true })
})

/** By hand, as a learner would: manifests are applied, then each node's script runs on it. */
async function solve(id: string): Promise<void> {
  const at = join(exercises, id, 'solution')
  if (existsSync(join(at, 'manifests'))) await n.ok('apply', '-f', join(at, 'manifests'))
  const scripts = existsSync(join(at, 'nodes')) ? readdirSync(join(at, 'nodes')) : []
  for (const script of scripts) await n.ok('exec', script.replace(/\.sh$/, ''), '--', 'sh', '-e', '-c', readFileSync(join(at, 'nodes', script), 'utf8'))
}

type Explained = { readonly findings: readonly { readonly says: string; readonly evidence: readonly string[] }[] }
const findings = async (service: string) => (JSON.parse((await n.run('explain', `svc/${service}`, '-o', 'json')).out) as Explained).findings
const says = async (service: string) => (await findings(service)).map((one) => [one.says, ...one.evidence].join('\n'))

/** The one finding that `explain` has, and of which Service. */
const causes: Readonly<Record<string, readonly [service: string, finding: RegExp | undefined]>> = {
  'selector-typo': ['web', /^its selector app=wbe matches no Pod in namespace default\nthere are Pods with app=web/],
  'wrong-target-port': ['orders', /^nobody listens on targetPort 9090\/TCP in default\/orders-.*\nopen there: 9000\/TCP/],
  'localhost-only': ['payments', /^the app listens on port 9100\/TCP for its own Pod only, .*\nit listens on 127\.0\.0\.1:9100; a Service sends to 10\.244\./],
  'failing-readiness': ['orders', /^none of its 1 Pod is ready[\s\S]*GET \/health on port 9000[\s\S]*Readiness probe failed: .*404/],
  'proxy-down': [
    'web',
    /^kube-proxy does not run on node-3: .*\nnode-3: no Pod [\s\S]*wants nodes with topology\.kubernetes\.io\/zone=a[\s\S]*rules it once wrote are gone/,
  ],
  'ip-forward-off': ['web', /^node-2 does not forward packets\nnode-2: net\.ipv4\.ip_forward is 0$/],
  'coredns-down': ['web', /^CoreDNS is down: the name web cannot be looked up, its address 10\.96\.2\.1 can still be used/],
  'ndots-slow-path': ['web', undefined],
}

test('every exercise has its cause here', () => expect(Object.keys(causes).sort()).toEqual(readdirSync(exercises).sort()))

test.each(Object.keys(causes))('%s', async (id) => {
  const [service = '', finding] = causes[id] ?? []
  const learning = execa(join(home, 'netlab'), ['learn', `broken-services/${id}`], {
    env: { NETLAB_STATE: n.root, NO_COLOR: '1' },
    stdin: 'ignore',
    reject: false,
    timeout: 250_000,
  })
  let told = ''
  learning.stdout.on('data', (chunk) => {
    told += chunk
  })
  await until(
    () => told,
    (text) => text.includes('  not yet: '),
    40_000,
  )
  const wanted = finding === undefined ? [] : [expect.stringMatching(finding)]
  const said = await until(
    () => says(service),
    (all) => all.length === wanted.length && (finding === undefined || finding.test(all[0] ?? '')),
    40_000,
  ).catch(() => says(service))
  expect(said).toEqual(wanted)
  expect(told).not.toContain('✓')
  await solve(id)
  expect([(await learning).exitCode, told]).toEqual([0, expect.stringMatching(/: done, (\d) of \1 points/)])
  await until(
    () => says(service),
    (all) => all.length === 0,
    40_000,
  )
})

test('one rule that is gone is named, by those of its own Service only', async () => {
  const rule = '-d 10.96.2.1/32 -p tcp -m comment --comment "default/web:http cluster IP" -m tcp --dport 80'
  await n.ok(
    'exec',
    'node-2',
    '--',
    'sh',
    '-c',
    `iptables -t nat -D KUBE-SERVICES ${rule} -j $(iptables-save -t nat | grep -e '${rule}' | grep -o 'KUBE-SVC-[A-Z0-9]*$' | head -n 1)`,
  )
  expect([await says('web'), await says('orders')]).toEqual([
    [
      expect.stringMatching(
        /^the kernel of node-2 does not hold what the plan says\nnode-2: kube-proxy\/iptables: changed: chain nat KUBE-SERVICES: -d 10\.96\.2\.1\/32 [^\n]*$/,
      ),
    ],
    [],
  ])
  await n.ok('repair', 'node-2')
})

test('CoreDNS that answers something else is told from CoreDNS that is down', async () => {
  const config = JSON.parse(await n.ok('get', 'configmap', 'coredns', '-n', 'kube-system', '-o', 'json'))
  const write = async (Corefile: string) => {
    const file = join(manifests, 'coredns.json')
    writeFileSync(
      file,
      JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'coredns', namespace: 'kube-system' }, data: { ...config.data, Corefile } }),
    )
    await n.ok('apply', '-f', file)
  }
  await write(config.data.Corefile.replace('kubernetes cluster.local', 'kubernetes cluster.example'))
  await until(
    () => says('web'),
    (all) => all.length === 1 && /^CoreDNS runs, but the name web does not lead to it/.test(all[0] ?? ''),
    40_000,
  )
  await write(config.data.Corefile)
  // explain asks one of them; each reloads by itself.
  const { items } = await n.json('pods', '-n', 'kube-system', '-l', 'k8s-app=kube-dns')
  for (const { status } of items)
    await until(
      () => n.run('exec', 'client-1', '--', 'dig', '+short', '+tries=1', '+time=1', `@${status.podIP}`, 'web.default.svc.cluster.local'),
      ({ out }) => out === '10.96.2.1',
      40_000,
    )
  await until(
    () => says('web'),
    (all) => all.length === 0,
    40_000,
  )
})

test('afterwards the whole lab holds, and explain says what it looked at', async () => {
  expect((await n.run('check')).code).toBe(0)
  expect(await n.ok('explain', 'svc/web')).toMatch(
    /^default\/web: nothing found that keeps it from answering; 3 endpoints ready\n {2}✓ selector app=web: 3 Pods, 3 ready\n {2}✓ endpoints: 10\.244\..*\n {2}✓ target ports: .*\n {2}✓ kube-proxy's rules: as planned on node-1, node-2, node-3\n {2}✓ net\.ipv4\.ip_forward: 1 on node-1, 1 on node-2, 1 on node-3\n {2}✓ DNS: web\.default\.svc\.cluster\.local is 10\.96\.2\.1$/,
  )
})
