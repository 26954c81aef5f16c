/** Traffic that prefers to stay near, on nodes in zones: whom the clients of each node meet. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { netlab, until } from '../support/netlab.ts'

/** Three zones; in the last one there is no endpoint. */
const ZONES = { 'node-1': 'east', 'node-2': 'east', 'node-3': 'west', 'node-4': 'north' } as const
const NODES = Object.keys(ZONES)
const SERVERS = NODES.slice(0, 3)

const lab = (mode: string) => ({
  ...{ apiVersion: 'netlab.dev/v1', kind: 'Lab', metadata: { name: `topology-${mode}` } },
  spec: { dns: 'none', proxy: mode, nodes: Object.entries(ZONES).map(([name, zone]) => ({ name, zone })) },
})

const pod = (nodeName: string) => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: `on-${nodeName}`, labels: { app: 'web' } } },
  spec: { nodeName, containers: [{ name: 'main', image: 'netlab/echo', ports: [{ containerPort: 80 }] }] },
})
const service = (name: string, clusterIP: string, spec: object) => ({
  ...{ apiVersion: 'v1', kind: 'Service', metadata: { name } },
  spec: { clusterIP, ports: [{ port: 80 }], ...spec },
})
/** Hints that somebody wrote: whoever comes from node-4 goes to node-1, from zone west to node-3; of node-2 nobody is hinted. */
const byHand = (addresses: readonly string[]) => ({
  ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'hinted-a', labels: { 'kubernetes.io/service-name': 'hinted' } } },
  ...{ addressType: 'IPv4', ports: [{ port: 80 }] },
  endpoints: addresses.map((address, at) => ({
    addresses: [address],
    nodeName: NODES[at],
    conditions: { ready: true },
    hints: { forZones: [{ name: ['nowhere', 'nowhere', 'west'][at] }], forNodes: [{ name: ['node-4', 'nowhere', 'nowhere'][at] }] },
  })),
})

const SERVICES = { plain: '10.96.1.1', close: '10.96.1.2', zone: '10.96.1.3', node: '10.96.1.4', hinted: '10.96.1.5' } as const
const selector = { app: 'web' }
const objects = [
  ...SERVERS.map(pod),
  service('plain', SERVICES.plain, { selector }),
  service('close', SERVICES.close, { selector, trafficDistribution: 'PreferClose' }),
  service('zone', SERVICES.zone, { selector, trafficDistribution: 'PreferSameZone' }),
  service('node', SERVICES.node, { selector, trafficDistribution: 'PreferSameNode' }),
  service('hinted', SERVICES.hinted, {}),
]

/** Enough that one of three is missed once in a million runs. */
const MANY = 40

describe.each(['iptables', 'nftables'])('%s', (mode) => {
  const n = netlab()
  let folder: string
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'netlab-topology-'))
    mkdirSync(join(folder, 'manifests'))
    writeFileSync(join(folder, 'lab.yaml'), JSON.stringify(lab(mode)))
    writeFileSync(join(folder, 'manifests/all.yaml'), objects.map((object) => JSON.stringify(object)).join('\n---\n'))
    await n.ok('up', join(folder, 'lab.yaml'))
    const { items } = await n.json('pods')
    const ips = SERVERS.map((node) => items.find(({ metadata }: { metadata: { name: string } }) => metadata.name === `on-${node}`).status.podIP)
    await n.apply(JSON.stringify(byHand(ips)))
  })
  afterAll(async () => {
    await n.clean()
    rmSync(folder, { recursive: true, force: true })
  })

  /** By node and Service, the nodes of those who answer. */
  async function met(names = Object.keys(SERVICES) as (keyof typeof SERVICES)[]): Promise<Readonly<Record<string, Readonly<Record<string, string>>>>> {
    const asked = names.map((name) => `echo ${name} $(for i in $(seq ${MANY}); do curl -s -m 2 http://${SERVICES[name]}/hostname; echo; done | sort -u)`)
    const seen = await Promise.all(NODES.map((node) => n.sh(node, asked.join('\n'))))
    const read = (line: string): readonly [string, string] => [line.split(' ')[0] ?? '', line.replaceAll('on-node-', '').split(' ').slice(1).join(' ')]
    return Object.fromEntries(NODES.map((node, at) => [node, Object.fromEntries((seen[at] ?? '').split('\n').map(read))]))
  }

  test('a zone’s clients stay in it while it has endpoints, a node’s on it, and hints by hand count too', async () => {
    expect(await met()).toEqual({
      'node-1': { plain: '1 2 3', close: '1 2', zone: '1 2', node: '1', hinted: '1 2 3' },
      'node-2': { plain: '1 2 3', close: '1 2', zone: '1 2', node: '2', hinted: '1 2 3' },
      'node-3': { plain: '1 2 3', close: '3', zone: '3', node: '3', hinted: '3' },
      'node-4': { plain: '1 2 3', close: '1 2 3', zone: '1 2 3', node: '1 2 3', hinted: '1' },
    })
  })

  test('when the last of a zone or a node goes, its clients go further', async () => {
    await n.ok('delete', 'pod', 'on-node-1', 'on-node-3', '--force', '--grace-period', '0')
    await until(
      () => n.ok('get', 'endpoints', 'node', '--no-headers'),
      (text) => text.split(',').length === 1,
    )
    const others = { plain: '2', close: '2', zone: '2', node: '2' }
    expect(await met(['plain', 'close', 'zone', 'node'])).toEqual(Object.fromEntries(NODES.map((node) => [node, others])))
  })
})
