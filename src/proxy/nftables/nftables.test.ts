import { expect, test } from 'vitest'
import { change } from '#kernel/compile.ts'
import { difference } from '#kernel/difference.ts'
import { keyOf } from '#kernel/identity.ts'
import { nftText } from '#kernel/nft.ts'
import type { NodeProgram } from '#kernel/step.ts'
import type { Cluster, Node } from '#model/cluster.ts'
import { type Cidr, cidr } from '#net/net.ts'
import { exposed, sampleCluster, sampleObjects } from '../sample.ts'
import { kubeProxyNftables } from './nftables.ts'

type Objects = NonNullable<Parameters<typeof sampleCluster>[0]>
const at = (cluster: Cluster, index = 0): Node => cluster.nodes[index] ?? fail()
const fail = (): never => {
  throw new Error('no such node')
}
const nft = (cluster: Cluster): Cluster => ({ ...cluster, proxy: { mode: 'nftables', masqueradeAll: false } })
const program = (cluster: Cluster, index = 0): NodeProgram => kubeProxyNftables.steps(nft(cluster), at(cluster, index))

/** Lines of the text for nft without the table's name, that add what matches. */
const lines = (steps: NodeProgram, pattern: RegExp): readonly string[] =>
  nftText(steps)
    .split('\n')
    .flatMap((line) => (pattern.test(line) ? [line.replace(/^add (\w+) ip6? kube-proxy /, '$1 ')] : []))
const of = (objects: Objects, pattern: RegExp, index = 0): readonly string[] => lines(program(sampleCluster(objects), index), pattern)

const OWN = /^add (rule|element|set) \S+ kube-proxy (service-ips|service-nodeports|no-endpoint|firewall-ips|[a-z]+-[A-Z2-7]{8}-)/

test('a Service of each kind, whole', async () => {
  await expect(nftText(program(sampleCluster()))).toMatchFileSnapshot('testdata/overall.nft')
})

test('only where the lab asks for it', () => {
  const cluster = sampleCluster()
  expect([kubeProxyNftables.wanted(cluster), kubeProxyNftables.wanted(nft(cluster))]).toEqual([false, true])
})

test('a Service without endpoints has no chain of its own but the firewall’s, and refuses at each of its addresses', () => {
  const objects = exposed('svc1', {
    ...{ namespace: 'ns1', clusterIP: '10.96.0.41', nodePort: 30001, balancer: ['1.2.3.4'], endpoints: [] },
    spec: { type: 'LoadBalancer', externalIPs: ['192.168.99.11'], loadBalancerSourceRanges: ['203.0.113.0/25'] },
  })
  expect(of(objects, OWN)).toEqual([
    'rule firewall-ULMVA6XW-ns1/svc1/tcp/p80 ip saddr != { 203.0.113.0/25 } drop',
    'element no-endpoint-services { 10.96.0.41 . tcp . 80 comment "ns1/svc1:p80" : goto reject-chain }',
    'element no-endpoint-services { 192.168.99.11 . tcp . 80 comment "ns1/svc1:p80" : goto reject-chain }',
    'element no-endpoint-services { 1.2.3.4 . tcp . 80 comment "ns1/svc1:p80" : goto reject-chain }',
    'element no-endpoint-nodeports { tcp . 30001 comment "ns1/svc1:p80" : goto reject-chain }',
    'element firewall-ips { 1.2.3.4 . tcp . 80 comment "ns1/svc1:p80" : goto firewall-ULMVA6XW-ns1/svc1/tcp/p80 }',
  ])
})

const local = exposed('svc1', {
  ...{ namespace: 'ns1', clusterIP: '10.96.0.41', nodePort: 30001, endpoints: ['10.180.0.1:80@node-1', '10.180.1.1:80@node-2'] },
  spec: { type: 'NodePort', internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local' },
})

test('with both policies Local a node with an endpoint leads strangers to local-, its own to service-', () => {
  const [name, first, second] = [
    'ULMVA6XW-ns1/svc1/tcp/p80',
    'endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80',
    'endpoint-B7I4G2ZB-ns1/svc1/tcp/p80__10.180.1.1/80',
  ]
  expect(of(local, /kube-proxy (service-ips|service-nodeports|no-endpoint|external|service-U|local)/).filter((line) => !/^(chain|map)/.test(line))).toEqual([
    `rule external-${name} ip saddr 10.180.0.0/16 goto service-${name} comment "short-circuit pod traffic"`,
    `rule external-${name} fib saddr type local jump mark-for-masquerade comment "masquerade local traffic"`,
    `rule external-${name} fib saddr type local goto service-${name} comment "short-circuit local traffic"`,
    `rule external-${name} goto local-${name}`,
    `rule service-${name} numgen random mod 2 vmap { 0 : goto ${first} , 1 : goto ${second} }`,
    `rule local-${name} ip daddr 10.96.0.41 tcp dport 80 ip saddr != 10.180.0.0/16 jump mark-for-masquerade`,
    `rule local-${name} numgen random mod 1 vmap { 0 : goto ${first} }`,
    `element service-ips { 10.96.0.41 . tcp . 80 : goto local-${name} }`,
    `element service-nodeports { tcp . 30001 : goto external-${name} }`,
  ])
})

test('a node without a local endpoint drops what policy Local brings there', () => {
  expect(of(local, /element \S+ kube-proxy (service-|no-)/, 2)).toEqual([
    'element no-endpoint-services { 10.96.0.41 . tcp . 80 comment "ns1/svc1:p80" : drop }',
    'element no-endpoint-nodeports { tcp . 30001 comment "ns1/svc1:p80" : drop }',
    'element service-nodeports { tcp . 30001 : goto external-ULMVA6XW-ns1/svc1/tcp/p80 }',
  ])
})

const sticky = (seconds: number): Objects =>
  exposed('svc4', {
    ...{ namespace: 'ns4', clusterIP: '10.96.0.44', endpoints: ['10.180.0.4:80'] },
    spec: { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: seconds } } },
  })

test('affinity is one set with a time-out per endpoint, asked before lots are drawn and renewed where the destination is written', () => {
  const end = 'UNZV3OEC-ns4/svc4/tcp/p80__10.180.0.4/80'
  expect(of(sticky(60), /(set|rule) \S+ kube-proxy [a-z]+-[A-Z2-7]{8}-/)).toEqual([
    `set affinity-${end} { type ipv4_addr ; flags dynamic,timeout ; timeout 60s ; }`,
    'rule service-LAUZTJTB-ns4/svc4/tcp/p80 ip daddr 10.96.0.44 tcp dport 80 ip saddr != 10.180.0.0/16 jump mark-for-masquerade',
    `rule service-LAUZTJTB-ns4/svc4/tcp/p80 ip saddr @affinity-${end} goto endpoint-${end}`,
    `rule service-LAUZTJTB-ns4/svc4/tcp/p80 numgen random mod 1 vmap { 0 : goto endpoint-${end} }`,
    `rule endpoint-${end} ip saddr 10.180.0.4 jump mark-for-masquerade`,
    `rule endpoint-${end} update @affinity-${end} { ip saddr }`,
    `rule endpoint-${end} meta l4proto tcp dnat to 10.180.0.4:80`,
  ])
})

test('source ranges that hold the node let the balancer’s own address in as well, host bits cleared', () => {
  const objects = exposed('svc5', {
    ...{ namespace: 'ns5', clusterIP: '10.96.0.45', nodePort: 30002, balancer: ['5.6.7.8'], endpoints: ['10.180.0.3:80'] },
    spec: { type: 'LoadBalancer', loadBalancerSourceRanges: ['203.0.113.1/25', '192.168.0.0/24'] },
  })
  expect(of(objects, /rule \S+ kube-proxy firewall-H/)).toEqual([
    'rule firewall-HVFWP5L3-ns5/svc5/tcp/p80 ip saddr != { 203.0.113.0/25 , 192.168.0.0/24 , 5.6.7.8 } drop',
  ])
})

test('IPv6 has a table of its own, written by the same code', async () => {
  const objects = exposed('svc1', {
    ...{ namespace: 'ns1', clusterIP: 'fd00:10:96::41', nodePort: 30003, endpoints: ['[fd00:10:180::1]:80'] },
    spec: { type: 'NodePort', sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 9 } } },
  })
  const cluster = { ...sampleCluster(objects), podCIDR: cidr('fd00:10:180::/64') }
  await expect(nftText(program(cluster))).toMatchFileSnapshot('testdata/ipv6.nft')
})

test('masqueradeAll masquerades Pods too', () => {
  const cluster: Cluster = { ...sampleCluster(), proxy: { mode: 'nftables', masqueradeAll: true } }
  expect(lines(kubeProxyNftables.steps(cluster, at(cluster)), /rule \S+ kube-proxy service-ULMVA6XW/)[0]).toBe(
    'rule service-ULMVA6XW-ns1/svc1/tcp/p80 ip daddr 10.96.0.41 tcp dport 80 jump mark-for-masquerade',
  )
})

test('a ClusterIP stands once in cluster-ips, however many ports it has', () => {
  const ports = [
    { name: 'a', port: 80 },
    { name: 'b', port: 81 },
    { name: 'c', port: 80, protocol: 'UDP' },
  ]
  expect(
    of(exposed('x', { clusterIP: '10.96.0.9', endpoints: ['10.180.0.3:80'], spec: { ports } }), /element ip kube-proxy (cluster-ips|service-ips)/),
  ).toEqual([
    'element cluster-ips { 10.96.0.9 }',
    ...[
      'tcp . 80 : goto service-KRHVBOYI-default/x/tcp/a',
      'tcp . 81 : goto service-4M66I6XT-default/x/tcp/b',
      'udp . 80 : goto service-AV2M4NKD-default/x/udp/c',
    ].map((end) => `element service-ips { 10.96.0.9 . ${end} }`),
  ])
})

/** The one transaction that leads from one cluster to another. */
const transaction = (from: Objects, to: Objects): string =>
  change(program(sampleCluster(from)), program(sampleCluster(to)))
    .map((command) => (command.kind === 'run' ? `${command.argv.join(' ')}\n${command.stdin}` : 'write'))
    .join('')
    .replaceAll(' ip kube-proxy', '')

const two = (endpoints: readonly string[]): Objects => exposed('svc4', { namespace: 'ns4', clusterIP: '10.96.0.44', endpoints })

test('one endpoint that comes writes one service- and one endpoint- chain, in one transaction', () => {
  expect(transaction(two(['10.180.0.4:80']), two(['10.180.0.4:80', '10.180.0.5:80']))).toBe(`nft -f -
add chain service-LAUZTJTB-ns4/svc4/tcp/p80
flush chain service-LAUZTJTB-ns4/svc4/tcp/p80
add chain endpoint-5RFCDDV7-ns4/svc4/tcp/p80__10.180.0.5/80
flush chain endpoint-5RFCDDV7-ns4/svc4/tcp/p80__10.180.0.5/80
add rule service-LAUZTJTB-ns4/svc4/tcp/p80 ip daddr 10.96.0.44 tcp dport 80 ip saddr != 10.180.0.0/16 jump mark-for-masquerade
add rule service-LAUZTJTB-ns4/svc4/tcp/p80 numgen random mod 2 vmap { 0 : goto endpoint-UNZV3OEC-ns4/svc4/tcp/p80__10.180.0.4/80 , 1 : goto endpoint-5RFCDDV7-ns4/svc4/tcp/p80__10.180.0.5/80 }
add rule endpoint-5RFCDDV7-ns4/svc4/tcp/p80__10.180.0.5/80 ip saddr 10.180.0.5 jump mark-for-masquerade
add rule endpoint-5RFCDDV7-ns4/svc4/tcp/p80__10.180.0.5/80 meta l4proto tcp dnat to 10.180.0.5:80
`)
})

test('a Service that loses its last endpoint is first emptied, then leaves the map, then goes', () => {
  expect(transaction(two(['10.180.0.4:80']), two([]))).toBe(`nft -f -
add chain endpoint-UNZV3OEC-ns4/svc4/tcp/p80__10.180.0.4/80
flush chain endpoint-UNZV3OEC-ns4/svc4/tcp/p80__10.180.0.4/80
add chain service-LAUZTJTB-ns4/svc4/tcp/p80
flush chain service-LAUZTJTB-ns4/svc4/tcp/p80
add element service-ips { 10.96.0.44 . tcp . 80 : goto service-LAUZTJTB-ns4/svc4/tcp/p80 }
delete element service-ips { 10.96.0.44 . tcp . 80 }
add element no-endpoint-services { 10.96.0.44 . tcp . 80 comment "ns4/svc4:p80" : goto reject-chain }
delete chain endpoint-UNZV3OEC-ns4/svc4/tcp/p80__10.180.0.4/80
delete chain service-LAUZTJTB-ns4/svc4/tcp/p80
`)
})

test('another affinity time-out makes the set anew, and the chains that ask it are written around that', () => {
  const words = transaction(sticky(60), sticky(30))
    .split('\n')
    .slice(1, -1)
    .map((line) =>
      line
        .split(' ')
        .slice(0, 2)
        .concat(/timeout \d+s/.exec(line) ?? [])
        .join(' '),
    )
  expect(words).toEqual([
    ...['add chain', 'flush chain', 'add chain', 'flush chain', 'add set timeout 60s', 'delete set', 'add set timeout 30s', 'flush set'],
    ...Array(6).fill('add rule'),
  ])
})

test('the last of a table takes the table, and nothing else is said', () => {
  expect(
    change(
      program(sampleCluster()).filter(({ kind }) => kind === 'nft'),
      [],
    ).map((command) => command.kind === 'run' && command.stdin),
  ).toEqual(['add table ip kube-proxy\ndelete table ip kube-proxy\n'])
})

test('one endpoint that goes touches its Service only; the Steps of other Services are the same objects', () => {
  const [before, after] = [sampleObjects, [...sampleObjects.filter(({ metadata }) => metadata.namespace !== 'ns4'), ...two(['10.180.0.4:80'])]]
  const cluster = sampleCluster(before)
  const changed = sampleCluster(after)
  const services = changed.services.map((service) =>
    service.namespace === 'ns4' ? service : (cluster.services.find(({ name }) => name === service.name) ?? service),
  )
  const [old, now] = [program(cluster), program({ ...changed, services })]
  const { undo, make, adjust } = difference(old, now)
  expect([undo, make, adjust.map(({ to }) => to)].map((steps) => steps.map(keyOf))).toEqual([
    [' nft 4 kube-proxy chain endpoint-5RFCDDV7-ns4/svc4/tcp/p80__10.180.0.5/80', ' nft 4 kube-proxy chain external-LAUZTJTB-ns4/svc4/tcp/p80'],
    [' nft 4 kube-proxy chain service-LAUZTJTB-ns4/svc4/tcp/p80'],
    [' nft 4 kube-proxy set service-ips'],
  ])
})

test('NodePorts answer on the node’s first address, on those of a range, or on all but localhost', () => {
  const cluster = sampleCluster()
  const asked = (nodePortAddresses?: readonly Cidr[]) =>
    lines(
      kubeProxyNftables.steps(
        { ...cluster, proxy: { mode: 'nftables', masqueradeAll: false, ...(nodePortAddresses === undefined ? {} : { nodePortAddresses }) } },
        at(cluster),
        [],
      ),
      /element .* nodeport-ips|rule .* services .*service-nodeports/,
    )
  expect([asked(), asked([cidr('10.0.0.0/8')]), asked([cidr('0.0.0.0/0')])]).toEqual([
    ['rule services ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports', 'element nodeport-ips { 192.168.0.10 }'],
    ['rule services ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports'],
    ['rule services fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @service-nodeports'],
  ])
})

test('of two Services that claim one external address and port the first has it, with endpoints and without', () => {
  const claims = (name: string, clusterIP: string, endpoints: readonly string[]) =>
    exposed(name, { namespace: 'ns1', clusterIP, endpoints, spec: { externalIPs: ['192.168.99.1'] } })
  const cluster = sampleCluster([
    ...claims('a', '10.96.0.51', ['10.180.0.1:80']),
    ...claims('b', '10.96.0.52', ['10.180.0.2:80']),
    ...claims('c', '10.96.0.53', []),
    ...claims('d', '10.96.0.54', []),
  ])
  expect(lines(program(cluster), /element .* 192\.168\.99\.1 /)).toEqual([
    'element no-endpoint-services { 192.168.99.1 . tcp . 80 comment "ns1/c:p80" : goto reject-chain }',
    'element service-ips { 192.168.99.1 . tcp . 80 : goto external-VZNH3DV3-ns1/a/tcp/p80 }',
  ])
})
