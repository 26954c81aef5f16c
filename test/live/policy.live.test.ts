/** NetworkPolicies: who reaches whom as measured from inside every Pod, against what the policies mean as computed. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Table } from '#policy/table.ts'
import { home, netlab, until } from '../support/netlab.ts'
import { CASES, inNamespaces, type Json, policies, thePod } from '../support/policies/cases.ts'
import { addressed, BEYOND, UPSTREAM } from '../support/policies/upstream.ts'

/** Even on a busy machine. */
const FOLLOWS_MS = 20_000

const SOME = ['default deny all ingress and all egress traffic', 'named ports in and out', 'policies add up']
/** What a case means is the same for whoever asks: after root has met them all (scripts/test), an ordinary user meets some. */
const ALL = process.env['NETLAB_LIVE'] === 'some' ? SOME : Object.keys(CASES)
/** Every engine beside each kube-proxy that a lab may have; one pair of each meets all cases, the others those that the two could disagree about. */
const ENGINES = [
  { engine: 'kube-router', cni: 'flannel-vxlan', proxy: 'iptables', cases: ALL },
  { engine: 'kube-router-nftables', cni: 'flannel-vxlan', proxy: 'nftables', cases: ALL },
  { engine: 'calico', cni: 'calico-bgp', proxy: 'iptables', cases: ALL },
  { engine: 'kube-router', cni: 'flannel-vxlan', proxy: 'nftables', cases: SOME },
  { engine: 'kube-router-nftables', cni: 'flannel-vxlan', proxy: 'iptables', cases: SOME },
  { engine: 'calico-nftables', cni: 'calico-vxlan', proxy: 'nftables', cases: ALL },
  { engine: 'calico', cni: 'calico-vxlan', proxy: 'nftables', cases: SOME },
  { engine: 'calico-nftables', cni: 'calico-bgp', proxy: 'iptables', cases: SOME },
  { engine: 'kube-router', cni: 'calico-bgp', proxy: 'iptables', cases: SOME },
] as const

type PodSeen = { readonly metadata: { readonly namespace: string; readonly name: string }; readonly status: { readonly podIP: string } }

describe.each(ENGINES)('policy $engine, cni $cni, proxy $proxy', ({ engine, cni, proxy, cases }) => {
  const n = netlab()
  const folder = mkdtempSync(join(tmpdir(), 'netlab-policies-'))
  const file = join(folder, 'objects.json')

  beforeAll(async () => {
    const lab = join(folder, 'lab')
    cpSync(join(home, 'test/support/labs/policy'), lab, { recursive: true })
    const yaml = readFileSync(join(lab, 'lab.yaml'), 'utf8')
    writeFileSync(join(lab, 'lab.yaml'), yaml.replace('policy: kube-router', `policy: ${engine}\n  cni: ${cni}\n  proxy: ${proxy}`))
    await n.ok('up', lab)
  })
  afterAll(async () => {
    await n.clean()
    rmSync(folder, { recursive: true, force: true })
  })

  const matrix = async (...more: string[]): Promise<Table> => {
    const { out, err } = await n.run('policy', 'matrix', '--probe', '-o', 'json', '--to', '203.0.113.10', ...more)
    if (!out.startsWith('{')) throw new Error(err)
    return JSON.parse(out)
  }
  /** `x/a y/b 80/TCP` of the flows that are one way as computed and the other as measured, or were not measured. */
  const different = ({ flows }: Table): readonly string[] =>
    flows.filter(({ allowed, measured }) => measured !== allowed).map(({ from, to, port, measured }) => `${from} ${to} ${port}: measured ${measured}`)

  async function apply(items: readonly Json[]): Promise<void> {
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
    await n.ok('apply', '-f', file)
  }
  const forget = () => Promise.all(['x', 'y'].map((space) => n.ok('delete', 'networkpolicy', '--all', '-n', space)))

  /** What is measured is what is computed, and that at once. */
  async function agree(): Promise<Table> {
    const table = await matrix()
    expect(different(table)).toEqual([])
    return table
  }

  test('without policies all is open', async () => {
    const { flows, ports } = await agree()
    // nine Pods to ten places on four ports: a Pod is not asked about itself
    expect([flows.length, ports, flows.filter(({ allowed }) => !allowed)]).toEqual([9 * 9 * 4, ['80/TCP', '80/UDP', '81/TCP', '81/UDP'], []])
  })

  // The hole is one in iptables: nftables' own chains would refuse all the same.
  if (!engine.endsWith('nftables'))
    test('a hole made by hand is seen by measuring', async () => {
      const { status } = await n.json('pod', 'b', '-n', 'y')
      const hole = ['FORWARD', '-s', status.podIP, '-j', 'ACCEPT']
      await n.ok('exec', 'node-1', '--', 'iptables', '-I', ...hole)
      try {
        await apply(policies([{ ...thePod('a'), policyTypes: ['Ingress'] }]))
        expect(different(await matrix('--port', '80'))).toEqual(['y/b x/a 80/TCP: measured true'])
      } finally {
        await n.ok('exec', 'node-1', '--', 'iptables', '-D', ...hole)
        await forget()
      }
    })

  for (const name of cases)
    test(name, async () => {
      try {
        await apply(policies(CASES[name] ?? []))
        await agree()
      } finally {
        await forget()
      }
    })

  if (cases.length > SOME.length)
    for (const name of BEYOND)
      test(`as Kubernetes’ own tests have it: ${name}`, async () => {
        try {
          const { items } = await n.json('pods', '-A')
          const addresses = new Map<string, string>(items.map(({ metadata, status }: PodSeen) => [`${metadata.namespace}/${metadata.name}`, status.podIP]))
          await apply(policies(addressed(UPSTREAM[name] ?? { policies: [], expects: {} }, (pod) => addresses.get(pod) ?? pod)))
          await agree()
        } finally {
          await forget()
        }
      })

  async function label(kind: string, name: string, labels: Json, namespace = 'default'): Promise<void> {
    const object = JSON.parse(await n.ok('get', kind, name, '-n', namespace, '-o', 'json'))
    await apply([{ ...object, metadata: { ...object.metadata, resourceVersion: '', labels: { ...object.metadata.labels, ...labels } } }])
  }

  test('labels of Pods and namespaces, Pods made anew and gone take effect by themselves', async () => {
    try {
      await apply(policies([{ ...thePod('a'), ingress: [{ from: [{ ...inNamespaces('y'), podSelector: { matchLabels: { role: 'client' } } }] }] }]))
      await agree()
      await label('pod', 'b', { role: 'client' }, 'y')
      await agree()
      await label('namespace', 'y', { ns: 'other' })
      await agree()
      await label('namespace', 'y', { ns: 'y' })
      await n.ok('delete', 'pod', 'b', '-n', 'y')
      await agree()
    } finally {
      await forget()
    }
  })

  test('judged behind the Service: a policy names the Pods and their ports, whatever address was called', async () => {
    try {
      await apply(policies([{ ...thePod('a'), ingress: [{ from: [thePod('b')], ports: [{ port: 80 }] }] }]))
      const call = async (from: string, port: number) => {
        const ip = (await n.json('service', 's-x-a', '-n', 'x')).spec.clusterIP
        return (await n.run('exec', `pod/${from}`, '--', 'curl', '-s', '-m', '3', `http://${ip}:${port}/hostname`)).out
      }
      expect(await Promise.all([call('x/b', 80), call('x/b', 81), call('x/c', 80), call('y/b', 80)])).toEqual(['a', '', '', ''])
    } finally {
      await forget()
    }
  })

  test('nodes are measured too: one lets all into its own Pods, another is a stranger, and each answers datagrams from the address that was asked', async () => {
    try {
      await apply(policies([{ ...thePod('a'), ingress: [{ from: [thePod('b')] }] }]))
      const table = await matrix('-n', 'x', '--port', '80,80/udp', '--from', '192.168.0.10', '--from', '192.168.0.11', '--to', '192.168.0.10')
      expect(different(table)).toEqual([])
    } finally {
      await forget()
    }
  })

  test('a port whose program answers no datagram is measured by what comes there', async () => {
    const argv = ['perl', '-MSocket', '-e', 'socket S, AF_INET, SOCK_DGRAM, 0; bind S, sockaddr_in(99, INADDR_ANY); sleep 600']
    const metadata = { name: 'mute', namespace: 'x', labels: { pod: 'mute' } }
    const mute = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [{ name: 'mute', image: 'netlab/netshoot', command: argv }] } }
    try {
      await apply([mute, ...policies([{ ...thePod('mute'), ingress: [{ from: [thePod('b')] }] }])])
      await until(
        () => n.run('exec', 'mute', '-n', 'x', '--', 'ss', '-Hlun', 'sport = 99'),
        ({ out }) => out !== '',
        FOLLOWS_MS,
      )
      const table = await matrix('-n', 'x', '--port', '99/udp')
      const toMute = table.flows.filter(({ to }) => to === 'x/mute').map(({ from, measured }) => [from, measured])
      expect([different(table), toMute]).toEqual([
        [],
        [
          ['x/a', false],
          ['x/b', true],
          ['x/c', false],
        ],
      ])
    } finally {
      await n.ok('delete', 'pod', 'mute', '-n', 'x')
      await forget()
    }
  })

  test('explain knows a Pod by its address, looks behind a Service, and says why nobody is asked', async () => {
    try {
      await apply(policies([{ ...thePod('a'), ingress: [{ from: [thePod('b')], ports: [{ port: 80 }] }] }]))
      const flow = async (...words: string[]) => {
        const { from, to, port, allowed, by, exempt } = JSON.parse(await n.ok('policy', 'explain', ...words, '-o', 'json'))
        return [from, to, port, allowed, by[0] ?? exempt ?? '']
      }
      const client = (await n.json('pod', 'b', '-n', 'x')).status.podIP
      const { clusterIP } = (await n.json('service', 's-x-a', '-n', 'x')).spec
      const told = [
        ...[flow(client, 'x/a'), flow('x/b', 'svc/x/s-x-a', 'tcp-80'), flow('x/b', clusterIP, '81')],
        ...[flow('node-1', 'x/a'), flow('node-2', 'x/a'), flow('x/a', 'ext/internet', '53/udp')],
      ]
      expect(await Promise.all(told)).toEqual([
        ['x/b', 'x/a', '80/TCP', true, 'x/p0 ingress[0]'],
        ['x/b', 'x/a', '80/TCP', true, 'x/p0 ingress[0]'],
        ['x/b', 'x/a', '81/TCP', false, ''],
        ['192.168.0.10', 'x/a', '80/TCP', true, 'own node'],
        ['192.168.0.11', 'x/a', '80/TCP', false, ''],
        ['x/a', '203.0.113.10', '53/UDP', true, ''],
      ])
      const refused = async (...words: string[]) => (await n.run('policy', ...words)).err
      expect(await Promise.all([refused('explain', 'x/a', 'x/a'), refused('explain', 'node-1', 'node-2'), refused('matrix', '-n', 'w')])).toEqual([
        "netlab: x/a calls itself there: of a Pod's way to itself policies say nothing",
        'netlab: neither 192.168.0.10 nor 192.168.0.11 is a Pod with a network of its own, and policies are about those',
        'netlab: no Pod of namespace w has an address that policies could be about',
      ])
    } finally {
      await forget()
    }
  })

  test('the kernel holds what the plan says, and holds nothing of policies that are gone', async () => {
    await apply(policies(CASES['policies add up'] ?? []))
    expect((await n.run('drift')).err).toBe('every kernel holds what the plan says')
    await forget()
    const rules = engine.endsWith('nftables') ? 'nft list ruleset' : 'iptables-save -t filter; ipset list -n'
    // delete waits for the objects, and kernels follow.
    await until(
      async () => (await n.sh('node-1', rules)).match(/KUBE-NWPLCY-[A-Z0-9]{16}|KUBE-(SRC|DST)-\w+|cali-[pg][io]-\S+|cali40[sn][:-]\S+/g),
      (left) => left === null,
      FOLLOWS_MS,
    )
  })
})
