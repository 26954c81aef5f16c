import { expect, test } from 'vitest'
import { ipvsText } from '#kernel/ipvs.ts'
import type { NodeProgram, Step } from '#kernel/step.ts'
import type { clusterWith } from '#model/build.ts'
import type { Cluster } from '#model/cluster.ts'
import { cidr, hostPort, ifName } from '#net/net.ts'
import { exposed, sampleCluster, sampleObjects } from '../sample.ts'
import { type Flags, proxySteps } from './ipvs.ts'

type KubeObject = NonNullable<NonNullable<Parameters<typeof clusterWith>[0]>['objects']>[number]

const FLAGS: Flags = { masqueradeAll: false, scheduler: 'rr', strictARP: false }
const TUNNEL: Step = { by: 'cni', why: 'a tunnel', kind: 'addr', dev: ifName('flannel.1'), cidr: cidr('10.180.0.0/32') }

function program(cluster: Cluster, o: { readonly flags?: Partial<Flags>; readonly there?: readonly Step[] } = {}): NodeProgram {
  const [node] = cluster.nodes
  if (node === undefined) throw new Error('no node')
  return proxySteps(cluster, { node, there: o.there ?? [], flags: { ...FLAGS, ...o.flags } })
}
const of = (objects: readonly KubeObject[], o: Parameters<typeof program>[1] = {}): NodeProgram => program(sampleCluster(objects), o)
const servers = (steps: NodeProgram): Readonly<Record<string, string>> =>
  Object.fromEntries(
    steps.flatMap((step) =>
      step.kind === 'virtual-server'
        ? [
            [
              `${step.proto} ${hostPort(step.vip, step.port)}`,
              [step.scheduler, step.persistence, ...step.reals.map(({ ip, port }) => hostPort(ip, port))].filter((word) => word !== undefined).join(' '),
            ],
          ]
        : [],
    ),
  )
const sets = (steps: NodeProgram): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries(steps.flatMap((step) => (step.kind === 'ipset' && step.members.length > 0 ? [[step.name, step.members]] : [])))
const rules = (steps: NodeProgram, name: string): readonly string[] => steps.flatMap((step) => (step.kind === 'chain' && step.chain === name ? step.rules : []))

test('the Services of kube-proxy’s own tests', async () => {
  await expect(ipvsText(program(sampleCluster(), { there: [TUNNEL] }))).toMatchFileSnapshot('testdata/overall.ipvs')
})

test('the rules do not grow with the number of Services', () => {
  const many = Array.from({ length: 50 }, (_, at) =>
    exposed(`more${at}`, {
      clusterIP: `10.96.1.${at}`,
      nodePort: 31000 + at,
      balancer: [`1.2.4.${at}`],
      endpoints: [`10.180.1.${at + 1}:80`],
      spec: { type: 'LoadBalancer' },
    }),
  ).flat()
  const chains = (steps: NodeProgram): readonly Step[] => steps.filter(({ kind }) => kind === 'chain' || kind === 'jump')
  expect(chains(of([...sampleObjects, ...many]))).toEqual(chains(of(sampleObjects)))
})

test('a node holds each address of a Service once, except where it holds it already', () => {
  const steps = of([
    ...exposed('a', { clusterIP: '10.96.0.41', balancer: ['192.168.0.10', '1.2.3.4'], spec: { type: 'LoadBalancer', externalIPs: ['1.2.3.4'] } }),
  ])
  expect([
    steps.flatMap((step) => (step.kind === 'addr' ? `${step.cidr} ${step.dev}` : [])),
    sets(steps)['KUBE-IPVS-IPS'],
    steps.some(({ kind }) => kind === 'up'),
    Object.keys(servers(steps)),
  ]).toEqual([
    ['10.96.0.41/32 kube-ipvs0', '1.2.3.4/32 kube-ipvs0'],
    ['10.96.0.41', '1.2.3.4'],
    false,
    ['tcp 10.96.0.41:80', 'tcp 1.2.3.4:80', 'tcp 192.168.0.10:80'],
  ])
})

test('a NodePort answers on every address of the node', () => {
  const objects = exposed('a', { clusterIP: '10.96.0.41', nodePort: 30001, endpoints: ['10.180.0.1:80'], spec: { type: 'NodePort' } })
  expect(servers(of(objects, { there: [TUNNEL, { ...TUNNEL, in: 'default_pod', cidr: cidr('10.180.0.7/24') }] }))).toEqual({
    'tcp 10.96.0.41:80': 'rr 10.180.0.1:80',
    'tcp 192.168.0.10:30001': 'rr 10.180.0.1:80',
    'tcp 10.180.0.0:30001': 'rr 10.180.0.1:80',
  })
})

const twoNodes = ['10.180.0.1:80@node-1', '10.180.1.1:80@node-2']
const elsewhere = ['10.180.1.1:80@node-2', '10.180.1.2:80@node-2']
const out = { clusterIP: '10.96.0.41', nodePort: 30001 }

test.each([
  ['externalTrafficPolicy Local: the endpoints here', { externalTrafficPolicy: 'Local' }, twoNodes, 'rr 10.180.0.1:80 10.180.1.1:80', 'rr 10.180.0.1:80'],
  [
    '… and with none here those elsewhere, where iptables mode drops',
    { externalTrafficPolicy: 'Local' },
    elsewhere,
    'rr 10.180.1.1:80 10.180.1.2:80',
    'rr 10.180.1.1:80 10.180.1.2:80',
  ],
  ['internalTrafficPolicy Local: the endpoints here', { internalTrafficPolicy: 'Local' }, twoNodes, 'rr 10.180.0.1:80', 'rr 10.180.0.1:80 10.180.1.1:80'],
  ['no endpoints: an empty virtual server', {}, [], 'rr', 'rr'],
])('%s', (_, spec, endpoints, inside, outside) => {
  const steps = of(exposed('a', { ...out, endpoints, spec: { type: 'NodePort', ...spec } }))
  expect(servers(steps)).toEqual({ 'tcp 10.96.0.41:80': inside, 'tcp 192.168.0.10:30001': outside })
})

test('internalTrafficPolicy Local without an endpoint here and without an external address: an empty virtual server', () => {
  expect(servers(of(exposed('a', { clusterIP: '10.96.0.41', endpoints: elsewhere, spec: { internalTrafficPolicy: 'Local' } })))).toEqual({
    'tcp 10.96.0.41:80': 'rr',
  })
})

test('a Service may name its scheduler; affinity is persistence', () => {
  const [made, ...slices] = exposed('a', { clusterIP: '10.96.0.41', endpoints: ['10.180.0.1:80'], spec: { sessionAffinity: 'ClientIP' } })
  if (made === undefined) throw new Error('no Service')
  const named = { ...made, metadata: { ...made.metadata, annotations: { 'service.kubernetes.io/ipvs-scheduler': 'sh' } } } as KubeObject
  const other = exposed('b', { clusterIP: '10.96.0.42', endpoints: ['10.180.0.1:80'] })
  expect(servers(of([named, ...slices, ...other], { flags: { scheduler: 'lc' } }))).toEqual({
    'tcp 10.96.0.41:80': 'sh 10800 10.180.0.1:80',
    'tcp 10.96.0.42:80': 'lc 10.180.0.1:80',
  })
})

test('mh hashes the port of the source too', () => {
  const steps = of(exposed('a', { clusterIP: '10.96.0.41', endpoints: ['10.180.0.1:80'], spec: { sessionAffinity: 'ClientIP' } }), {
    flags: { scheduler: 'mh' },
  })
  const said = ipvsText(steps).split('\n')
  expect(said.filter((line) => line.startsWith('-A -t') || line.startsWith('-a -t'))).toEqual([
    '-A -t 10.96.0.41:80 -s mh -p 10800 -b mh-port',
    '-a -t 10.96.0.41:80 -r 10.180.0.1:80 -m -w 1',
  ])
})

test('hints keep traffic in the zone, and on the node, in the virtual server of each address', () => {
  const plain = sampleCluster(exposed('a', { ...out, endpoints: ['10.180.0.1:80', '10.180.0.2:80', '10.180.0.3:80'], spec: { type: 'NodePort' } }))
  const hinted = (forNode: string) => ({
    ...plain,
    nodes: plain.nodes.map((node) => ({ ...node, zone: 'a' })),
    services: plain.services.map((service) => ({
      ...service,
      endpoints: service.endpoints.map((endpoint, n) => ({ ...endpoint, zones: [n === 2 ? 'b' : 'a'], forNodes: [n === 1 ? forNode : 'node-9'] })),
    })),
  })
  const at = (reals: string) => ({ 'tcp 10.96.0.41:80': reals, 'tcp 192.168.0.10:30001': reals })
  expect([servers(program(plain)), servers(program(hinted('node-2'))), servers(program(hinted('node-1')))]).toEqual(
    ['rr 10.180.0.1:80 10.180.0.2:80 10.180.0.3:80', 'rr 10.180.0.1:80 10.180.0.2:80', 'rr 10.180.0.2:80'].map(at),
  )
})

test('only endpoints here can reach themselves', () => {
  expect(sets(of(exposed('a', { endpoints: twoNodes })))['KUBE-LOOP-BACK']).toEqual(['10.180.0.1,tcp:80,10.180.0.1'])
})

test('SCTP NodePorts are told with the address', () => {
  const objects = exposed('a', {
    clusterIP: '10.96.0.41',
    endpoints: ['10.180.0.1:80'],
    spec: { type: 'NodePort', externalTrafficPolicy: 'Local', ports: [{ name: 'p', port: 80, nodePort: 30001, protocol: 'SCTP' }] },
  })
  expect(sets(of(objects))).toMatchObject({
    'KUBE-NODE-PORT-SCTP-HASH': ['192.168.0.10,sctp:30001'],
    'KUBE-NODE-PORT-LOCAL-SCTP-HASH': ['192.168.0.10,sctp:30001'],
  })
})

const guarded = (...ranges: readonly string[]): NodeProgram =>
  of(
    exposed('a', {
      clusterIP: '10.96.0.41',
      balancer: ['5.6.7.8'],
      endpoints: ['10.180.0.1:80'],
      spec: { type: 'LoadBalancer', loadBalancerSourceRanges: ranges },
    }),
  )

test('a node in the source ranges speaks from the balancer’s address; another may not; a range of all cannot be told', () => {
  const seen = (steps: NodeProgram): unknown => [
    sets(steps)['KUBE-LOAD-BALANCER-SOURCE-CIDR'],
    sets(steps)['KUBE-LOAD-BALANCER-SOURCE-IP'],
    rules(steps, 'KUBE-IPVS-OUT-FILTER'),
  ]
  expect([seen(guarded('203.0.113.0/25')), seen(guarded('192.168.0.9/24')), seen(guarded('0.0.0.0/0'))]).toEqual([
    [['5.6.7.8,tcp:80,203.0.113.0/25'], undefined, ['-s 5.6.7.8 -m ipvs --vaddr 5.6.7.8 --vproto tcp --vport 80 -j DROP']],
    [['5.6.7.8,tcp:80,192.168.0.0/24'], ['5.6.7.8,tcp:80,5.6.7.8'], []],
    [undefined, ['5.6.7.8,tcp:80,5.6.7.8'], []],
  ])
})

test('of two Services that claim one address and port the first has it', () => {
  const claim = (name: string, clusterIP: string, endpoint: string): readonly KubeObject[] =>
    exposed(name, { clusterIP, endpoints: [endpoint], spec: { externalIPs: ['1.1.1.1'] } })
  expect(servers(of([...claim('a', '10.96.0.41', '10.180.0.1:80'), ...claim('b', '10.96.0.42', '10.180.0.2:80')]))['tcp 1.1.1.1:80']).toBe('rr 10.180.0.1:80')
})

test('masquerading of ClusterIP traffic follows masqueradeAll and strictARP closes ARP', () => {
  const steps = of(exposed('a', { endpoints: [] }), { flags: { masqueradeAll: true, strictARP: true } })
  expect([
    rules(steps, 'KUBE-SERVICES')[1],
    steps.flatMap((step) => (step.kind === 'sysctl' && step.key.includes('arp') ? `${step.key}=${step.value}` : [])),
  ]).toEqual([
    '-m comment --comment "Kubernetes service cluster ip + port for masquerade purpose" -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ',
    ['net.ipv4.conf.all.arp_ignore=1', 'net.ipv4.conf.all.arp_announce=2'],
  ])
})

test('IPv6 has sets of its own, whose names are cut where they get too long', () => {
  const objects = exposed('a', { clusterIP: 'fd00::1', endpoints: ['[fd00:1::1]:80'] })
  const names = of(objects).flatMap((step) => (step.kind === 'ipset' && step.family === 6 ? step.name : []))
  expect([
    names.length,
    names.includes('KUBE-6-CLUSTER-IP'),
    names.includes('KUBE-6-LOAD-BALANCER-SOURCE-CID'),
    Math.max(...names.map(({ length }) => length)),
  ]).toEqual([17, true, true, 31])
  expect(servers(of(objects))).toEqual({ 'tcp [fd00::1]:80': 'rr [fd00:1::1]:80' })
})
