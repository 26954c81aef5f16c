import { expect, test } from 'vitest'
import type { Lab } from './lab.ts'
import { readLab } from './read.ts'

test('a lab of two lines gets every default', () => {
  expect(labOf('spec: {nodes: 2}')).toEqual({
    name: 'shop',
    labels: {},
    nodes: [
      { name: 'node-1', ip: '192.168.0.10', labels: {} },
      { name: 'node-2', ip: '192.168.0.11', labels: {} },
    ],
    podCIDR: '10.244.0.0/16',
    nodePrefix: 24,
    serviceCIDR: '10.96.0.0/12',
    cni: { name: 'flannel-vxlan', vni: 1, port: 8472, directRouting: false },
    proxy: { mode: 'iptables', masqueradeAll: false },
    policy: 'none',
    dns: 'coredns',
    balancerPools: [],
    underlay: { routers: [], segments: [{ name: 'nodes', cidr: '192.168.0.0/24', gateway: '192.168.0.1', mtu: 1500 }] },
    hosts: [],
    nameservers: [],
    needs: [],
    driver: 'auto',
    kernel: 'host',
    objects: [],
  })
})

test('what the author says stands', () => {
  const spec = `
spec:
  nodes: [{name: a, ip: 10.0.1.5, labels: {disk: ssd}, zone: east}, {name: b, ip: 10.0.2.5}]
  podCIDR: 10.1.0.0/20
  nodeCIDRMaskSize: 26
  serviceCIDR: 10.2.0.0/16
  cni: {name: flannel-vxlan, vni: 7}
  proxy: none
  dns: none
  loadBalancer: {pools: [{name: lb, addresses: [198.51.100.0/28, 192.0.2.7/32]}]}
  underlay:
    segments: [{name: east, cidr: 10.0.1.0/24, mtu: 9000}, {name: west, cidr: 10.0.2.0/24, gateway: 10.0.2.254}]
  nameservers: [10.0.2.53]
  hosts: [{name: internet, ip: 10.0.2.9}, {name: dns, ip: 10.0.2.53, dns: {zones: {corp.example: [' www 60 A 10.0.2.9']}}}]
  needs: [netem]
  driver: netns
`
  expect(labOf(spec)).toEqual({
    name: 'shop',
    labels: {},
    nodes: [
      { name: 'a', ip: '10.0.1.5', labels: { disk: 'ssd' }, zone: 'east' },
      { name: 'b', ip: '10.0.2.5', labels: {} },
    ],
    podCIDR: '10.1.0.0/20',
    nodePrefix: 26,
    serviceCIDR: '10.2.0.0/16',
    cni: { name: 'flannel-vxlan', vni: 7, port: 8472, directRouting: false },
    proxy: { mode: 'none' },
    policy: 'none',
    dns: 'none',
    balancerPools: [{ name: 'lb', ranges: ['198.51.100.0/28', '192.0.2.7/32'] }],
    underlay: {
      routers: [],
      segments: [
        { name: 'east', cidr: '10.0.1.0/24', gateway: '10.0.1.1', mtu: 9000 },
        { name: 'west', cidr: '10.0.2.0/24', gateway: '10.0.2.254', mtu: 1500 },
      ],
    },
    nameservers: ['10.0.2.53'],
    hosts: [
      { name: 'internet', ip: '10.0.2.9' },
      { name: 'dns', ip: '10.0.2.53', dns: { zones: [{ name: 'corp.example', records: ['www 60 A 10.0.2.9'] }] } },
    ],
    needs: ['netem'],
    driver: 'netns',
    kernel: 'host',
    objects: [],
  })
})

test('without segments the nodes are on the /24 of the first, the hosts on 203.0.113.0/24', () => {
  expect(labOf('spec: {nodes: [{name: a, ip: 172.16.5.77}], hosts: [{name: internet, ip: 203.0.113.10}]}')?.underlay.segments).toEqual([
    { name: 'nodes', cidr: '172.16.5.0/24', gateway: '172.16.5.1', mtu: 1500 },
    { name: 'outside', cidr: '203.0.113.0/24', gateway: '203.0.113.1', mtu: 1500 },
  ])
})

test('a node without an address gets the next one from .10 on, in the first segment', () => {
  const nodes = 'nodes: [{name: a}, {name: b, ip: 10.0.1.99}, {name: c}]'
  const addresses = (spec: string) => labOf(spec)?.nodes.map((node) => node.ip)
  expect(addresses(`spec: {${nodes}, underlay: {segments: [{name: x, cidr: 10.0.1.0/24}]}}`)).toEqual(['10.0.1.10', '10.0.1.99', '10.0.1.12'])
  expect(addresses('spec: {nodes: [{name: a, ip: 172.16.5.77}, {name: b}]}')).toEqual(['172.16.5.77', '172.16.5.11'])
})

test('manifests are the YAML and JSON files of manifests/ beside the lab, namespaces first, then by name', () => {
  const map = (name: string, namespace: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, namespace: ${namespace}}\n`
  const objects = labOf('spec: {nodes: 1}', {
    'manifests/b.yml': map('second', 'late'),
    'manifests/a.json': JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'first' } }),
    'manifests/sub/z.yaml': 'apiVersion: v1\nkind: Namespace\nmetadata: {name: late}\n',
    'manifests/README.md': 'no manifest: at all',
    'other.yaml': map('elsewhere', 'default'),
    'exercises/manifests/c.yaml': map('elsewhere', 'default'),
  })?.objects
  expect(objects?.map(({ kind, metadata }) => [kind, metadata.namespace, metadata.name])).toEqual([
    ['Namespace', undefined, 'late'],
    ['ConfigMap', 'default', 'first'],
    ['ConfigMap', 'late', 'second'],
  ])
})

test('Services that ask for an address or a port come before those that draw one', () => {
  const service = (name: string, spec: object) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } })
  const items = [
    service('draws', { type: 'NodePort' }),
    service('asks-for-address', { clusterIP: '10.96.0.50' }),
    service('headless', { clusterIP: 'None' }),
    service('asks-for-port', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_050 }] }),
    service('asks-for-health', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30_051 }),
  ]
  const objects = labOf('spec: {nodes: 1}', { 'manifests/a.json': JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) })?.objects
  expect(objects?.map(({ metadata }) => metadata.name)).toEqual(['asks-for-address', 'asks-for-port', 'asks-for-health', 'draws', 'headless'])
})

test('a lab file at the top needs no folder', () => {
  const files = new Map([
    ['lab.yaml', `${HEAD}spec: {nodes: 1}\n`],
    ['manifests/a.yaml', 'apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n'],
  ])
  const read = readLab(files, 'lab.yaml')
  expect(read.ok && read.value.lab.objects.length).toBe(1)
})

test('a warning does not keep a lab from coming up', () => {
  const files = new Map([
    ['lab.yaml', `${HEAD}spec: {nodes: 1}\n`],
    ['manifests/a.yaml', ''],
  ])
  const read = readLab(files, 'lab.yaml')
  expect(read.ok && read.value.warnings).toEqual([{ at: 'manifests/a.yaml:1:1', path: '', says: 'the file holds no object', severity: 'warning' }])
})

test('what the kernel may lack is told once, at the first place that uses it', () => {
  const service = (name: string, ...protocols: readonly string[]) =>
    `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec:\n  ports:\n${protocols.map((one, i) => `    - {name: p${i}, port: ${i + 1}, protocol: ${one}}\n`).join('')}`
  const unless = (text: string) => {
    const read = readLab(
      new Map([
        ['lab.yaml', `${HEAD}spec: {nodes: 1}\n`],
        ['manifests/a.yaml', text],
      ]),
      'lab.yaml',
    )
    return read.ok && read.value.unless.map(({ need, warning }) => [need, warning.at, warning.severity])
  }
  const pod =
    'apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: netlab/echo, ports: [{containerPort: 9, protocol: SCTP}]}]}\n'
  expect(unless(pod)).toEqual([['sctp', 'manifests/a.yaml:4:88', 'warning']])
  expect([unless(service('a', 'TCP', 'UDP')), unless(`${service('a', 'TCP')}---\n${service('b', 'UDP', 'SCTP', 'SCTP')}---\n${service('c', 'SCTP')}`)]).toEqual(
    [[], [['sctp', 'manifests/a.yaml:14:37', 'warning']]],
  )
})

test('the same files give the same lab, whatever their order', () => {
  const files: [string, string][] = [
    ['lab.yaml', `${HEAD}spec: {nodes: 1}\n`],
    ['manifests/a.yaml', 'apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n'],
    ['manifests/b.yaml', 'apiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n'],
  ]
  expect(readLab(new Map([...files].reverse()), 'lab.yaml')).toEqual(readLab(new Map(files), 'lab.yaml'))
})

const HEAD = 'apiVersion: netlab.dev/v1\nkind: Lab\nmetadata: {name: shop}\n'

function labOf(spec: string, others: Readonly<Record<string, string>> = {}): Lab | undefined {
  const beside = Object.entries(others).map(([name, text]): [string, string] => [`labs/shop/${name}`, text])
  const read = readLab(new Map([['labs/shop/lab.yaml', `${HEAD}${spec}\n`], ...beside]), 'labs/shop/lab.yaml')
  if (!read.ok) expect(read.errors).toEqual([])
  return read.ok ? read.value.lab : undefined
}

test.each([
  ['ipvs', { mode: 'ipvs', masqueradeAll: false, scheduler: 'rr', strictARP: false }],
  ['{mode: ipvs, scheduler: lc, strictARP: true, masqueradeAll: true}', { mode: 'ipvs', masqueradeAll: true, scheduler: 'lc', strictARP: true }],
])('proxy %s needs IPVS, dummy devices and sets', (proxy, meant) => {
  const lab = labOf(`spec: {nodes: 2, needs: [dummy], proxy: ${proxy}}`)
  expect({ proxy: lab?.proxy, needs: lab?.needs }).toEqual({ proxy: meant, needs: ['dummy', 'ip_vs', 'ipset'] })
})
