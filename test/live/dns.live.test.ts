/** What the real CoreDNS answers in a running lab, whom Pods ask, and what a changed Corefile does. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { home, netlab, until } from '../support/netlab.ts'

const n = netlab()
const corefile = (name: string) => join(home, 'labs/dns-deep-dive/corefile', `${name}.yaml`)
beforeAll(async () => {
  await n.ok('up', 'dns-deep-dive')
  // `up` asks the cluster's own names only.
  for (const question of [
    ['@203.0.113.8', 'www.example.com'],
    ['@203.0.113.53', 'wiki.corp.example'],
  ])
    await until(
      () => n.run('exec', 'client', '--', 'dig', '+short', '+tries=1', '+time=1', ...question),
      ({ out }) => out === '203.0.113.10',
    )
})
afterAll(n.clean)

/** Status and answers, sorted, each as `TYPE DATA`; with nothing in the answer, `SOA` where the authority section has it. */
async function dig(from: string, ...question: string[]): Promise<readonly string[]> {
  const out = await n.ok('exec', from, '--', 'dig', '+tries=2', '+time=2', ...question)
  const records = (section: string) => {
    const lines = new RegExp(`;; ${section} SECTION:\n((?:[^;\\n].*\n?)*)`).exec(out)?.[1] ?? ''
    return lines.split('\n').flatMap((line) => /^\S+\s+\d+\s+IN\s+(\S+\s+.*)$/.exec(line)?.[1]?.replace(/\s+/, ' ') ?? [])
  }
  const answers = records('ANSWER').sort()
  return [/status: (\w+)/.exec(out)?.[1] ?? '', ...(answers.length > 0 ? answers : records('AUTHORITY').map((record) => record.split(' ')[0] ?? ''))]
}

async function addresses(): Promise<ReadonlyMap<string, string>> {
  const { items } = JSON.parse(await n.ok('get', 'pods', '-o', 'json'))
  return new Map(
    items.map((pod: { metadata: { name: string; labels?: { app?: string } }; status: { podIP: string } }) => [pod.metadata.name, pod.status.podIP]),
  )
}
const ZONE = 'default.svc.cluster.local'

/** CoreDNS's own Pods, as dig takes them. */
const servers = async (): Promise<readonly string[]> =>
  (await n.json('pods', '-n', 'kube-system', '-l', 'k8s-app=kube-dns')).items.map((pod: { status: { podIP: string } }) => `@${pod.status.podIP}`)

test('every kind of name has the records of the specification, and what is not there is told in two ways', async () => {
  const ip = await addresses()
  const web = [...ip].flatMap(([name, address]) => (/^web-/.test(name) ? [address] : [])).sort()
  const of = (name: string) => ip.get(name) ?? ''
  const dashed = (address: string) => address.replaceAll('.', '-')
  const table: readonly (readonly [question: string, ...answer: string[]])[] = [
    [`web.${ZONE} A`, 'NOERROR', 'A 10.96.1.1'],
    [`WEB.${ZONE} A`, 'NOERROR', 'A 10.96.1.1'],
    [`web.${ZONE} AAAA`, 'NOERROR', 'SOA'],
    [`_http._tcp.web.${ZONE} SRV`, 'NOERROR', `SRV 0 100 80 web.${ZONE}.`],
    [`web.${ZONE} SRV`, 'NOERROR', `SRV 0 100 80 web.${ZONE}.`],
    [`_nosuch._tcp.web.${ZONE} SRV`, 'NXDOMAIN', 'SOA'],
    [`web-pods.${ZONE} A`, 'NOERROR', ...web.map((address) => `A ${address}`)],
    [`_http._tcp.web-pods.${ZONE} SRV`, 'NOERROR', ...web.map((address) => `SRV 0 50 8080 ${dashed(address)}.web-pods.${ZONE}.`).sort()],
    [`${dashed(web[0] ?? '')}.web-pods.${ZONE} A`, 'NOERROR', `A ${web[0]}`],
    [`db.${ZONE} A`, 'NOERROR', ...['db-0', 'db-1', 'reporting'].map((name) => `A ${of(name)}`).sort()],
    [`db-0.db.${ZONE} A`, 'NOERROR', `A ${of('db-0')}`],
    [`reports.db.${ZONE} A`, 'NOERROR', `A ${of('reporting')}`],
    [`_sql._tcp.db.${ZONE} SRV`, 'NOERROR', ...['db-0', 'db-1', 'reports'].map((name) => `SRV 0 33 5432 ${name}.db.${ZONE}.`)],
    ['-x 10.96.1.1', 'NOERROR', `PTR web.${ZONE}.`],
    [`-x ${of('db-1')}`, 'NOERROR', `PTR db-1.db.${ZONE}.`],
    [`partner.${ZONE} A`, 'NOERROR', 'A 203.0.113.10', 'CNAME www.example.com.'],
    [`below.partner.${ZONE} A`, 'NXDOMAIN', 'SOA'],
    [`nobody.${ZONE} A`, 'NXDOMAIN', 'SOA'],
    [`nosuch.${ZONE} A`, 'NXDOMAIN', 'SOA'],
    ['web.nosuch.svc.cluster.local A', 'NXDOMAIN', 'SOA'],
    ['default.svc.cluster.local A', 'NOERROR', 'SOA'],
    ['svc.cluster.local A', 'NOERROR', 'SOA'],
    ['10-244-9-9.default.pod.cluster.local A', 'NOERROR', 'A 10.244.9.9'],
    ['nonsense.default.pod.cluster.local A', 'NXDOMAIN', 'SOA'],
    ['dns-version.cluster.local TXT', 'NOERROR', 'TXT "1.1.0"'],
    ['alias.example.com A', 'NOERROR', 'A 203.0.113.10', 'CNAME www.example.com.'],
    ['nosuch.example.com A', 'NXDOMAIN', 'SOA'],
  ]
  const seen: (readonly string[])[] = []
  for (const [question] of table) seen.push([question, ...(await dig('client', ...question.split(' ')))])
  expect(seen).toEqual(table)
  expect(await dig('client', '+tcp', `web.${ZONE}`)).toEqual(['NOERROR', 'A 10.96.1.1'])
})

test('whom a Pod asks is what its dnsPolicy and dnsConfig say', async () => {
  const search = 'search default.svc.cluster.local svc.cluster.local cluster.local'
  const pods = ['client', 'client-default', 'client-none', 'client-ndots', 'client-hostnet', 'node-1']
  const files = await Promise.all(pods.map((pod) => n.ok('exec', pod, '--', 'cat', '/etc/resolv.conf')))
  expect(files.map((text) => text.trim())).toEqual([
    `nameserver 10.96.0.10\n${search}\noptions ndots:5`,
    'nameserver 203.0.113.8',
    'nameserver 203.0.113.53\nsearch corp.example',
    `nameserver 10.96.0.10\n${search}\noptions ndots:1`,
    `nameserver 10.96.0.10\n${search}\noptions ndots:5`,
    'nameserver 203.0.113.8',
  ])
  const resolved = (pod: string, name: string) => n.run('exec', pod, '--', 'getent', 'ahostsv4', name)
  expect((await resolved('client-hostnet', 'web')).out).toMatch(/^10\.96\.1\.1 /)
  expect((await resolved('client-none', 'wiki')).out).toMatch(/^203\.0\.113\.10 /)
  expect((await resolved('client-default', 'www.example.com')).out).toMatch(/^203\.0\.113\.10 /)
  expect((await resolved('client-default', `web.${ZONE}`)).code).not.toBe(0)
})

test('CoreDNS remembers an answer from outside for 30 seconds at most and counts down, and turns the order of several addresses', async () => {
  const [server = ''] = await servers()
  const ttl = async (name: string) => Number((await n.ok('exec', 'client', '--', 'dig', '+noall', '+answer', server, name)).split(/\s+/)[1])
  const first = await ttl('api.example.com.')
  const later = await until(
    () => ttl('api.example.com.'),
    (seconds) => seconds < first,
  )
  expect([first <= 30, later > 0 && later < first]).toEqual([true, true])
  const order = async () => (await n.ok('exec', 'client', '--', 'dig', '+short', server, `web-pods.${ZONE}`)).trim().split('\n')
  const orders: string[][] = []
  await until(
    async () => orders.push(await order()),
    () => new Set(orders.map(([leader]) => leader)).size > 1,
    20_000,
  )
  expect(new Set(orders.map((one) => one.toSorted().join())).size).toBe(1)
})

test('an edited Corefile takes effect without a restart: a stub domain, and Pod names of real Pods only', async () => {
  expect(await dig('client', 'wiki.corp.example')).toEqual(['NXDOMAIN', 'SOA'])
  await n.ok('apply', '-f', corefile('stub-domain'))
  const client = (await addresses()).get('client') ?? ''
  const own = `${client.replaceAll('.', '-')}.default.pod.cluster.local`
  // Each of the two reloads by itself, and learns anew which Pods there are.
  for (const server of await servers())
    await until(
      () => Promise.all([dig('client', server, 'wiki.corp.example'), dig('client', server, own)]),
      (answers) => answers.join() === `NOERROR,A 203.0.113.10,NOERROR,A ${client}`,
      45_000,
    )
  expect(await dig('client', 'wiki.corp.example')).toEqual(['NOERROR', 'A 203.0.113.10'])
  expect(await dig('client', '_ldap._tcp.corp.example', 'SRV')).toEqual(['NOERROR', 'SRV 0 100 389 wiki.corp.example.'])
  expect(await dig('client', own)).toEqual(['NOERROR', `A ${client}`])
  expect(await dig('client', '10-244-9-8.default.pod.cluster.local')).toEqual(['NXDOMAIN', 'SOA'])
  expect(JSON.parse(await n.ok('get', 'pods', '-n', 'kube-system', '-o', 'json')).items.map(restarts)).toEqual([0, 0])
})

test('a Corefile that cannot be read is told in the log, and the old one stays', async () => {
  await n.ok('apply', '-f', corefile('broken'))
  await until(
    () => n.ok('logs', '-n', 'kube-system', 'deploy/coredns'),
    (log) => log.includes("Unknown directive 'frward'"),
    45_000,
  )
  expect(await dig('client', 'wiki.corp.example')).toEqual(['NOERROR', 'A 203.0.113.10'])
  await n.ok('apply', '-f', corefile('stub-domain'))
})

const restarts = (pod: { status: { containerStatuses: { restartCount: number }[] } }) => pod.status.containerStatuses[0]?.restartCount
