/** What Services, their endpoints and their names promise, seen in a running lab. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { home, netlab, until } from '../support/netlab.ts'

const n = netlab()
beforeAll(async () => {
  await n.ok('up', join(home, 'test/support/labs/services/lab.yaml'))
})
afterAll(n.clean)

const { apply, json, sh } = n
const dig = (...question: string[]) => sh('client', `dig +short +search ${question.join(' ')}`)
const addresses = async (selector: string): Promise<string[]> =>
  (await json('pods', '-l', selector)).items.map((pod: { status: { podIP: string } }) => pod.status.podIP)
/** Kernels follow before the next command looks at them. */
const readyEndpoints = (service: string, wanted: number) =>
  until(
    async () =>
      (await json('endpointslices', '-l', `kubernetes.io/service-name=${service}`)).items.flatMap(({ endpoints }: { endpoints: object[] }) => endpoints),
    (all: { conditions: { ready: boolean } }[]) => all.length === wanted && all.every(({ conditions }) => conditions.ready),
    30_000,
  )
const lines = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .sort()

test('whoever applies what this kernel cannot do is told, as at up', async () => {
  const lacks = spawnSync('perl', ['-MSocket', '-e', 'socket my $s, AF_INET, SOCK_STREAM, 132 or exit 1']).status !== 0
  const file = join(n.root, 'stream.yaml')
  writeFileSync(file, '{apiVersion: v1, kind: Service, metadata: {name: stream}, spec: {ports: [{port: 9, protocol: SCTP}]}}')
  const { code, err } = await n.run('apply', '-f', file)
  // The file is named as seen from here.
  const says = `stream.yaml:1:94 warning: spec.ports[0].protocol: this kernel has no SCTP: the rules are written, and no program can speak it (sudo modprobe sctp, or up with --kernel uml)`
  expect([code, err.replace(/^\S*\//, '')]).toEqual([0, lacks ? says : ''])
  await n.ok('delete', '-f', file)
})

test('what the API refuses at up is told where it is written', async () => {
  const file = join(n.root, 'lab-full/lab.yaml')
  mkdirSync(join(n.root, 'lab-full/manifests'), { recursive: true })
  writeFileSync(file, 'apiVersion: netlab.dev/v1\nkind: Lab\nmetadata: {name: full}\nspec: {nodes: 1, dns: none, serviceCIDR: 10.96.0.0/28}\n')
  const service = (name: string) => `{apiVersion: v1, kind: Service, metadata: {name: ${name}}, spec: {ports: [{port: 80}]}}\n---\n`
  await n.ok('up', file)
  const others = join(n.root, 'others.yaml')
  writeFileSync(others, Array.from({ length: 13 }, (_, i) => service(`s${i}`)).join(''))
  await n.ok('apply', '--lab', 'full', '-f', others)
  writeFileSync(join(n.root, 'lab-full/manifests/more.yaml'), `# one more\n${service('more')}`)
  const { code, err } = await n.run('up', file)
  await n.ok('down', 'full')
  const says = 'Service "more" is invalid: spec.clusterIPs: failed to allocate a serviceIP: range 10.96.0.0/28 is full'
  expect([code, err.split('\n').filter((line) => line.endsWith(`lab-full/manifests/more.yaml:2:1 ${says}`)).length > 0]).toEqual([4, true])
})

test('a range with host bits is taken, and the API warns of it in its words', async () => {
  const file = join(n.root, 'policy.yaml')
  const block = '{cidr: 10.0.0.1/8, except: [10.1.2.3/16, 10.2.0.0/16]}'
  writeFileSync(
    file,
    `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: block}, spec: {podSelector: {}, ingress: [{from: [{ipBlock: ${block}}]}]}}`,
  )
  const { code, err } = await n.run('apply', '-f', file)
  expect([code, err.split('\n').filter((line) => line.includes('CIDR'))]).toEqual([
    0,
    [
      'Warning: spec.ingress[0].from[0].ipBlock.cidr: CIDR value "10.0.0.1/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.1/32"?)',
      'Warning: spec.ingress[0].from[0].ipBlock.except[0]: CIDR value "10.1.2.3/16" is ambiguous in this context (should be "10.1.0.0/16" or "10.1.2.3/32"?)',
    ],
  ])
  await n.ok('delete', '-f', file)
})

test('a StatefulSet’s Pods are found by their own names, and stay so when they are made anew', async () => {
  const ips = await addresses('app=db')
  expect([await dig('db-0.db'), await dig('db-1.db')]).toEqual(ips)
  expect(lines(await dig('db'))).toEqual([...ips].sort())
  expect(await sh('db-0', 'hostname; hostname -f')).toBe('db-0\ndb-0.db.default.svc.cluster.local')
  const { uid } = (await json('pod', 'db-0')).metadata
  await n.ok('delete', 'pod', 'db-0')
  const again = await until(
    () => json('pods', '-l', 'app=db'),
    ({ items }) => items.length === 2 && items[0].metadata.uid !== uid && items[0].status.podIP !== undefined,
    45_000,
  )
  await until(
    () => dig('db-0.db'),
    (answer) => answer === again.items[0].status.podIP,
  )
})

test('SRV records name port and Pod of a headless Service, and PTR leads back', async () => {
  const names = [0, 1].map((at) => `0 50 8080 db-${at}.db.default.svc.cluster.local.`)
  await until(
    () => dig('SRV', '_http._tcp.db.default.svc.cluster.local'),
    (answer) => lines(answer).join() === names.join(),
  )
  const [first] = await addresses('app=db')
  await until(
    () => dig('-x', first ?? ''),
    (answer) => answer === 'db-0.db.default.svc.cluster.local.',
  )
})

test('an ExternalName is a CNAME, and becomes an address when the type changes', async () => {
  expect(lines(await dig('CNAME', 'elsewhere'))).toEqual(['db.default.svc.cluster.local.'])
  await n.ok('exec', 'node-1', '--', 'kubectl', 'patch', 'svc', 'elsewhere', '--type', 'merge', '-p', '{"spec":{"type":"ClusterIP","ports":[{"port":80}]}}')
  const { spec } = await json('svc', 'elsewhere')
  expect(spec.externalName).toBeUndefined()
  await until(
    () => dig('elsewhere'),
    (answer) => answer === spec.clusterIP,
  )
})

test('a node port answers from outside; with policy Local the client’s address is kept, and only where a Pod is', async () => {
  const ask = (node: string, port: number) => sh('ext/internet', `curl -s -m 3 http://${node}:${port}/client-ip || echo none`)
  expect(await ask('192.168.0.10', 30080)).not.toContain('203.0.113.10')
  expect(await ask('192.168.0.10', 30081)).toContain('203.0.113.10')
  await n.ok('scale', 'deploy/web', '--replicas', '1')
  const [pod] = await until(
    async () => (await json('pods', '-l', 'app=web')).items,
    (items) => items.length === 1,
    45_000,
  )
  const here = pod.spec.nodeName === 'node-1' ? '192.168.0.10' : '192.168.0.11'
  const there = here === '192.168.0.10' ? '192.168.0.11' : '192.168.0.10'
  expect([await ask(here, 30081), await ask(there, 30081), await ask(there, 30080)]).toEqual([
    expect.stringContaining('203.0.113.10'),
    'none',
    expect.not.stringContaining('none'),
  ])
  await n.ok('scale', 'deploy/web', '--replicas', '2')
  await until(
    async () => (await addresses('app=web')).filter(Boolean).length,
    (count) => count === 2,
    30_000,
  )
})

test('with affinity a client stays with one Pod, without it meets them all', async () => {
  const met = async (name: string) => new Set(lines(await sh('client', `for i in $(seq 20); do curl -s -m 2 http://${name}/hostname; echo; done`)))
  await readyEndpoints('web', 2)
  expect([(await met('web-sticky')).size, (await met('web')).size]).toEqual([1, 2])
})

test('a patch of nothing but the type takes node ports away', async () => {
  await n.ok('exec', 'node-1', '--', 'kubectl', 'patch', 'svc', 'web-local', '-p', '{"spec":{"type":"ClusterIP"}}')
  const { spec } = await json('svc', 'web-local')
  expect([spec.type, spec.ports[0].nodePort, spec.externalTrafficPolicy]).toEqual(['ClusterIP', undefined, undefined])
})

test('a load balancer’s address can be given by hand, and answers', async () => {
  await apply('apiVersion: v1\nkind: Service\nmetadata: {name: lb}\nspec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}\n')
  const status = '{"status":{"loadBalancer":{"ingress":[{"ip":"198.51.100.7"}]}}}'
  await n.ok('exec', 'node-1', '--', 'kubectl', 'patch', 'svc', 'lb', '--subresource', 'status', '--type', 'merge', '-p', status)
  expect(await n.ok('get', 'svc', 'lb')).toContain('198.51.100.7')
  await until(
    () => sh('client', 'curl -s -m 2 -o /dev/null -w "%{http_code}" http://198.51.100.7 || true'),
    (code) => code === '200',
  )
})

test('Endpoints written by hand are mirrored into slices, and traffic follows them', async () => {
  expect(await n.ok('get', 'endpoints', 'control', '--no-headers')).toMatch(/^control +192\.168\.0\.1:6443 /)
  expect(await sh('client', 'curl -s -m 3 http://control/version')).toContain('gitVersion')
  const mirrors = async () => (await json('endpointslices', '-l', 'endpointslice.kubernetes.io/managed-by=endpointslicemirroring-controller.k8s.io')).items
  expect(await mirrors()).toHaveLength(1)
  await n.ok('delete', 'endpoints', 'control')
  await until(mirrors, (left) => left.length === 0)
})

test('a DaemonSet has one Pod on each node', async () => {
  const { items } = await json('pods', '-l', 'app=agent')
  expect(items.map((pod: { spec: { nodeName: string } }) => pod.spec.nodeName).sort()).toEqual(['node-1', 'node-2'])
  await until(
    () => n.ok('get', 'ds,sts', '--no-headers'),
    (told) => /agent +2 +2 +2 +2 +2[\s\S]*db +2\/2/.test(told),
  )
})

test('a Service that is well has nothing to explain', async () => {
  expect(await n.run('explain', 'svc/web')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^default\/web: nothing found that keeps it from answering; 2 endpoints ready\n {2}✓ selector app=web: 2 Pods, 2 ready\n/),
  })
})

const broken = (name: string, spec: string) => apply(`apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: ${spec}\n`)

test('a slip in a selector, a wrong target port and an app that hears itself only are told apart', async () => {
  await broken('typo', '{selector: {app: wbe}, ports: [{port: 80}]}')
  await broken('deaf', '{selector: {app: web}, ports: [{port: 80, targetPort: 9999}]}')
  const server = 'use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1:8080", Listen => 5); sleep'
  await apply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'inward', labels: { app: 'inward' } },
      spec: { containers: [{ name: 'c', image: 'busybox', command: ['perl', '-e', server] }] },
    }),
  )
  await broken('inward', '{selector: {app: inward}, ports: [{port: 80, targetPort: 8080}]}')
  const said = async (name: string) => n.run('explain', `svc/${name}`)
  expect((await said('typo')).out).toMatch(
    /selector app=wbe matches no Pod in namespace default\n +there are Pods with app=web: is that the one meant\?\n +next: netlab get pods --show-labels/,
  )
  expect((await said('deaf')).out).toMatch(/nobody listens on targetPort 9999\/TCP in default\/web-[\s\S]*open there: 8080\/TCP/)
  const shy = await until(
    () => said('inward'),
    ({ out }) => out.includes('its own Pod only'),
  )
  expect([shy.code, shy.out]).toEqual([1, expect.stringMatching(/it listens on 127\.0\.0\.1:8080; a Service sends to 10\.244\./)])
})

test('rules that are gone and a node that does not forward are found in the kernel', async () => {
  // That of the test before has come: nothing writes rules any more.
  await readyEndpoints('inward', 1)
  await n.ok('drift')
  await sh('node-2', 'iptables -t nat -F KUBE-SERVICES; sysctl -qw net.ipv4.ip_forward=0')
  const said = await n.run('explain', 'svc/web')
  expect([said.code, said.out]).toEqual([
    1,
    expect.stringMatching(
      /node-2 does not forward packets\n +node-2: net.ipv4.ip_forward is 0\n[\s\S]*the kernel of node-2 does not hold what the plan says\n +node-2: kube-proxy\/iptables: changed: chain nat KUBE-SERVICES/,
    ),
  ])
  await n.ok('repair')
  expect((await n.run('explain', 'svc/web')).code).toBe(0)
})
