/** NetworkPolicies: who reaches whom as measured from inside every Pod, against what the policies mean as computed. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Table } from '#policy/table.ts'
import { home, netlab } from '../support/netlab.ts'

const n = netlab()
const folder = mkdtempSync(join(tmpdir(), 'netlab-policies-'))
const lab = join(home, 'test/support/labs/policy')
const file = join(folder, 'objects.json')

beforeAll(() => n.ok('up', lab), 60_000)
afterAll(async () => {
  await n.clean()
  rmSync(folder, { recursive: true, force: true })
})

type Json = Readonly<Record<string, unknown>>

const matrix = async (...more: string[]): Promise<Table> => {
  const { out, err } = await n.run('policy', 'matrix', '--probe', '-o', 'json', '--to', '203.0.113.10', ...more)
  if (!out.startsWith('{')) throw new Error(err)
  return JSON.parse(out)
}
/** `x/a y/b 80/TCP` of the flows that are one way as computed and the other as measured, or were not measured. */
const different = ({ flows }: Table): readonly string[] =>
  flows.filter(({ allowed, measured }) => measured !== allowed).map(({ from, to, port, measured }) => `${from} ${to} ${port}: measured ${measured}`)

const only = (name: string): Json => ({ podSelector: { matchLabels: { pod: name } } })
const inNamespaces = (...names: readonly string[]): Json => ({ namespaceSelector: { matchExpressions: [{ key: 'ns', operator: 'In', values: names }] } })
const both = { policyTypes: ['Ingress', 'Egress'] }

/** Those of the documentation, and those that are often got wrong. */
const CASES: Readonly<Record<string, readonly Json[]>> = {
  'deny all that comes in': [{ podSelector: {}, policyTypes: ['Ingress'] }],
  'deny all that goes out': [{ podSelector: {}, policyTypes: ['Egress'] }],
  'deny everything': [{ podSelector: {}, ...both }],
  'allow all, said': [{ podSelector: {}, ...both, ingress: [{}], egress: [{}] }],
  'the example of the documentation': [
    {
      ...only('a'),
      ...both,
      ingress: [
        {
          from: [{ ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.1.0/24'] } }, inNamespaces('y'), only('b')],
          ports: [{ protocol: 'TCP', port: 80 }],
        },
      ],
      egress: [{ to: [{ ipBlock: { cidr: '203.0.113.0/24' } }], ports: [{ protocol: 'TCP', port: 80 }] }],
    },
  ],
  'both selectors in one peer': [{ ...only('a'), ingress: [{ from: [{ ...inNamespaces('y'), ...only('b') }] }] }],
  'each selector a peer': [{ ...only('a'), ingress: [{ from: [inNamespaces('y'), only('b')] }] }],
  'every Pod, and nobody outside': [{ ...only('a'), ...both, ingress: [{ from: [{ namespaceSelector: {} }] }], egress: [{ to: [{ namespaceSelector: {} }] }] }],
  'egress rules without types close ingress too': [{ ...only('a'), egress: [{ to: [inNamespaces('z')] }] }],
  'one policy for both directions does not let out whom it lets in': [{ podSelector: {}, ...both, ingress: [{ from: [{ podSelector: {} }] }] }],
  'named ports in and out': [
    { ...only('a'), ingress: [{ ports: [{ port: 'serve-81-tcp' }, { port: 'serve-80-udp', protocol: 'UDP' }] }] },
    { ...only('b'), policyTypes: ['Egress'], egress: [{ ports: [{ port: 'serve-80-tcp' }] }] },
  ],
  'a range of ports': [{ ...only('a'), ingress: [{ ports: [{ port: 75, endPort: 80 }] }] }],
  'every port of a protocol': [{ ...only('a'), ingress: [{ ports: [{ protocol: 'UDP' }] }] }],
  'SCTP only': [{ ...only('a'), ingress: [{ ports: [{ protocol: 'SCTP', port: 80 }] }] }],
  'a block of everything but one range, and a second block inside the hole': [
    { ...only('a'), ingress: [{ from: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['10.244.1.0/24'] } }, { ipBlock: { cidr: '10.244.1.3/32' } }] }] },
  ],
  'policies add up': [
    { podSelector: {}, ...both },
    { ...only('a'), ingress: [{ from: [only('b')] }] },
    { ...only('b'), policyTypes: ['Egress'], egress: [{ to: [only('a'), inNamespaces('z')] }] },
  ],
}

async function apply(items: readonly Json[]): Promise<void> {
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  await n.ok('apply', '-f', file)
}
const policies = (specs: readonly Json[]): readonly Json[] =>
  specs.map((spec, i) => ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: `p${i}`, namespace: 'x' }, spec }))
const forget = () => n.ok('delete', 'networkpolicy', '--all', '-n', 'x')

/** What is measured is what is computed, and that at once. */
async function agree(): Promise<Table> {
  const table = await matrix()
  expect(different(table)).toEqual([])
  return table
}

test('without policies all is open', { timeout: 30_000 }, async () => {
  const { flows, ports } = await agree()
  // nine Pods to ten places on four ports: a Pod is not asked about itself
  expect([flows.length, ports, flows.filter(({ allowed }) => !allowed)]).toEqual([9 * 9 * 4, ['80/TCP', '80/UDP', '81/TCP', '81/UDP'], []])
})

test('a hole made by hand is seen by measuring', { timeout: 30_000 }, async () => {
  try {
    await apply(policies([{ ...only('a'), policyTypes: ['Ingress'] }]))
    const { status } = JSON.parse(await n.ok('get', 'pod', 'b', '-n', 'y', '-o', 'json'))
    await n.ok('exec', 'node-1', '--', 'iptables', '-I', 'FORWARD', '-s', status.podIP, '-j', 'ACCEPT')
    expect(different(await matrix('--port', '80'))).toEqual(['y/b x/a 80/TCP: measured true'])
    await n.ok('exec', 'node-1', '--', 'iptables', '-D', 'FORWARD', '-s', status.podIP, '-j', 'ACCEPT')
    expect(different(await matrix('--port', '80'))).toEqual([])
  } finally {
    await forget()
  }
})

for (const [name, specs] of Object.entries(CASES))
  test(name, { timeout: 30_000 }, async () => {
    try {
      await apply(policies(specs))
      await agree()
    } finally {
      await forget()
    }
  })

async function label(kind: string, name: string, labels: Json, namespace = 'default'): Promise<void> {
  const object = JSON.parse(await n.ok('get', kind, name, '-n', namespace, '-o', 'json'))
  await apply([{ ...object, metadata: { ...object.metadata, resourceVersion: '', labels: { ...object.metadata.labels, ...labels } } }])
}

test('labels of Pods and namespaces, Pods made anew and gone take effect by themselves', { timeout: 60_000 }, async () => {
  try {
    await apply(policies([{ ...only('a'), ingress: [{ from: [{ ...inNamespaces('y'), podSelector: { matchLabels: { role: 'client' } } }] }] }]))
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
