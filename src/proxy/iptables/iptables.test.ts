import { expect, test } from 'vitest'
import { difference } from '#kernel/difference.ts'
import { keyOf } from '#kernel/identity.ts'
import { restoreText } from '#kernel/rules.ts'
import type { NodeProgram } from '#kernel/step.ts'
import { clusterWith } from '#model/build.ts'
import type { Cluster, Node, ServicePort } from '#model/cluster.ts'
import { cidr, type Family, ip } from '#net/net.ts'
import { exposed, sampleCluster } from '../sample.ts'
import { type Flags, kubeProxyIptables, proxySteps } from './iptables.ts'

const FLAGS: Flags = { masqueradeAll: false, localhostNodePorts: true }
const at = (cluster: Cluster, index = 0): Node => cluster.nodes[index] ?? cluster.nodes[0] ?? fail()
const fail = (): never => {
  throw new Error('no such node')
}
const program = (cluster: Cluster, flags: Partial<Flags> = {}, index = 0): NodeProgram => proxySteps(cluster, at(cluster, index), { ...FLAGS, ...flags })

/** `-A CHAIN rule` of the chains whose name matches. */
function rules(steps: NodeProgram, chains: RegExp, family: Family = 4): readonly string[] {
  return steps.flatMap((step) =>
    step.kind === 'chain' && step.family === family && chains.test(`${step.table} ${step.chain}`) ? step.rules.map((rule) => `-A ${step.chain} ${rule}`) : [],
  )
}

test('a Service of each kind, whole and to the byte', async () => {
  const cluster = sampleCluster()
  await expect(restoreText(kubeProxyIptables.steps(cluster, at(cluster)), 4)).toMatchFileSnapshot('testdata/overall.rules')
})

test('a Service without endpoints has no nat rules and refuses at each of its addresses', () => {
  const steps = program(
    sampleCluster(
      exposed('svc1', {
        ...{ namespace: 'ns1', clusterIP: '10.96.0.41', nodePort: 30001, balancer: ['1.2.3.4'], endpoints: [] },
        spec: { type: 'LoadBalancer', externalIPs: ['192.168.99.11'], loadBalancerSourceRanges: ['203.0.113.0/25'] },
      }),
    ),
  )
  expect(rules(steps, /SERVICES|NODEPORTS|KUBE-(EXT|FW|SVC|SEP)-|PROXY-FIREWALL/)).toEqual([
    '-A KUBE-SERVICES -m comment --comment "ns1/svc1:p80 has no endpoints" -m tcp -p tcp -d 10.96.0.41 --dport 80 -j REJECT',
    '-A KUBE-EXTERNAL-SERVICES -m comment --comment "ns1/svc1:p80 has no endpoints" -m tcp -p tcp -d 192.168.99.11 --dport 80 -j REJECT',
    '-A KUBE-EXTERNAL-SERVICES -m comment --comment "ns1/svc1:p80 has no endpoints" -m tcp -p tcp -d 1.2.3.4 --dport 80 -j REJECT',
    '-A KUBE-EXTERNAL-SERVICES -m comment --comment "ns1/svc1:p80 has no endpoints" -m addrtype --dst-type LOCAL -m tcp -p tcp --dport 30001 -j REJECT',
    '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
  ])
})

const local = sampleCluster(
  exposed('svc1', {
    ...{ namespace: 'ns1', clusterIP: '10.96.0.41', nodePort: 30001, endpoints: ['10.180.0.1:80@node-1', '10.180.1.1:80@node-2'] },
    spec: { type: 'NodePort', internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local' },
  }),
)

test('with both policies Local a node with an endpoint has SVL for strangers and SVC for its own', () => {
  expect(rules(program(local), /KUBE-(SVL|SVC|EXT)-|filter KUBE-(EXTERNAL-)?SERVICES/)).toEqual([
    '-A KUBE-EXT-XPGD46QRK7WJZT7O -m comment --comment "pod traffic for ns1/svc1:p80 external destinations" -s 10.180.0.0/16 -j KUBE-SVC-XPGD46QRK7WJZT7O',
    '-A KUBE-EXT-XPGD46QRK7WJZT7O -m comment --comment "masquerade LOCAL traffic for ns1/svc1:p80 external destinations" -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ',
    '-A KUBE-EXT-XPGD46QRK7WJZT7O -m comment --comment "route LOCAL traffic for ns1/svc1:p80 external destinations" -m addrtype --src-type LOCAL -j KUBE-SVC-XPGD46QRK7WJZT7O',
    '-A KUBE-EXT-XPGD46QRK7WJZT7O -j KUBE-SVL-XPGD46QRK7WJZT7O',
    '-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment "ns1/svc1:p80 -> 10.180.0.1:80" -m statistic --mode random --probability 0.5000000000 -j KUBE-SEP-SXIVWICOYRO3J4NJ',
    '-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment "ns1/svc1:p80 -> 10.180.1.1:80" -j KUBE-SEP-TOIS5JUHRKSSXDL7',
    '-A KUBE-SVL-XPGD46QRK7WJZT7O -m comment --comment "ns1/svc1:p80 cluster IP" -m tcp -p tcp -d 10.96.0.41 --dport 80 ! -s 10.180.0.0/16 -j KUBE-MARK-MASQ',
    '-A KUBE-SVL-XPGD46QRK7WJZT7O -m comment --comment "ns1/svc1:p80 -> 10.180.0.1:80" -j KUBE-SEP-SXIVWICOYRO3J4NJ',
  ])
})

test('a node without a local endpoint drops what policy Local brings there', () => {
  expect(rules(program(local, {}, 2), /KUBE-SVL-|filter KUBE-(EXTERNAL-)?SERVICES/)).toEqual([
    '-A KUBE-SERVICES -m comment --comment "ns1/svc1:p80 has no local endpoints" -m tcp -p tcp -d 10.96.0.41 --dport 80 -j DROP',
    '-A KUBE-EXTERNAL-SERVICES -m comment --comment "ns1/svc1:p80 has no local endpoints" -m addrtype --dst-type LOCAL -m tcp -p tcp --dport 30001 -j DROP',
  ])
})

test('affinity is asked before the lots are drawn, and set where the destination is written', () => {
  const steps = program(
    sampleCluster(
      exposed('svc4', {
        ...{ namespace: 'ns4', clusterIP: '10.96.0.44', endpoints: ['10.180.0.4:80', '10.180.0.5:80'] },
        spec: { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } },
      }),
    ),
  )
  expect(rules(steps, /KUBE-(SVC|SEP)-/)).toEqual([
    '-A KUBE-SVC-4SW47YFZTEDKD3PK -m comment --comment "ns4/svc4:p80 cluster IP" -m tcp -p tcp -d 10.96.0.44 --dport 80 ! -s 10.180.0.0/16 -j KUBE-MARK-MASQ',
    '-A KUBE-SVC-4SW47YFZTEDKD3PK -m comment --comment "ns4/svc4:p80 -> 10.180.0.4:80" -m recent --name KUBE-SEP-UKSFD7AGPMPPLUHC --rcheck --seconds 60 --reap -j KUBE-SEP-UKSFD7AGPMPPLUHC',
    '-A KUBE-SVC-4SW47YFZTEDKD3PK -m comment --comment "ns4/svc4:p80 -> 10.180.0.5:80" -m recent --name KUBE-SEP-C6EBXVWJJZMIWKLZ --rcheck --seconds 60 --reap -j KUBE-SEP-C6EBXVWJJZMIWKLZ',
    '-A KUBE-SVC-4SW47YFZTEDKD3PK -m comment --comment "ns4/svc4:p80 -> 10.180.0.4:80" -m statistic --mode random --probability 0.5000000000 -j KUBE-SEP-UKSFD7AGPMPPLUHC',
    '-A KUBE-SVC-4SW47YFZTEDKD3PK -m comment --comment "ns4/svc4:p80 -> 10.180.0.5:80" -j KUBE-SEP-C6EBXVWJJZMIWKLZ',
    '-A KUBE-SEP-UKSFD7AGPMPPLUHC -m comment --comment ns4/svc4:p80 -s 10.180.0.4 -j KUBE-MARK-MASQ',
    '-A KUBE-SEP-UKSFD7AGPMPPLUHC -m comment --comment ns4/svc4:p80 -m recent --name KUBE-SEP-UKSFD7AGPMPPLUHC --set -m tcp -p tcp -j DNAT --to-destination 10.180.0.4:80',
    '-A KUBE-SEP-C6EBXVWJJZMIWKLZ -m comment --comment ns4/svc4:p80 -s 10.180.0.5 -j KUBE-MARK-MASQ',
    '-A KUBE-SEP-C6EBXVWJJZMIWKLZ -m comment --comment ns4/svc4:p80 -m recent --name KUBE-SEP-C6EBXVWJJZMIWKLZ --set -m tcp -p tcp -j DNAT --to-destination 10.180.0.5:80',
  ])
})

test('source ranges that hold the node let the balancer’s own address in as well, host bits cleared', () => {
  const steps = program(
    sampleCluster(
      exposed('svc5', {
        ...{ namespace: 'ns5', clusterIP: '10.96.0.45', nodePort: 30002, balancer: ['5.6.7.8'], endpoints: ['10.180.0.3:80'] },
        spec: { type: 'LoadBalancer', loadBalancerSourceRanges: ['203.0.113.1/25', '192.168.0.0/24'] },
      }),
    ),
  )
  expect(rules(steps, /KUBE-FW-/)).toEqual([
    '-A KUBE-FW-NUKIZ6OKUXPJNT4C -m comment --comment "ns5/svc5:p80 loadbalancer IP" -s 203.0.113.0/25 -j KUBE-EXT-NUKIZ6OKUXPJNT4C',
    '-A KUBE-FW-NUKIZ6OKUXPJNT4C -m comment --comment "ns5/svc5:p80 loadbalancer IP" -s 192.168.0.0/24 -j KUBE-EXT-NUKIZ6OKUXPJNT4C',
    '-A KUBE-FW-NUKIZ6OKUXPJNT4C -m comment --comment "ns5/svc5:p80 loadbalancer IP" -s 5.6.7.8 -j KUBE-EXT-NUKIZ6OKUXPJNT4C',
    '-A KUBE-FW-NUKIZ6OKUXPJNT4C -m comment --comment "other traffic to ns5/svc5:p80 will be dropped by KUBE-PROXY-FIREWALL"',
  ])
})

test('IPv6 Services are written by the same code', () => {
  const steps = program(
    sampleCluster(
      exposed('web', { namespace: 'demo', clusterIP: 'fd00:96::9', nodePort: 30003, endpoints: ['[fd00:244::3]:8080'], spec: { type: 'NodePort' } }),
    ),
  )
  expect(rules(steps, /nat KUBE-(SERVICES|NODEPORTS|EXT-|SVC-|SEP-)|FIREWALL$/, 6)).toEqual([
    '-A KUBE-SERVICES -m comment --comment "demo/web:p80 cluster IP" -m tcp -p tcp -d fd00:96::9 --dport 80 -j KUBE-SVC-7Q5SMXYQ5APETNYW',
    '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL ! -d ::1/128 -j KUBE-NODEPORTS',
    '-A KUBE-NODEPORTS -m comment --comment demo/web:p80 -m tcp -p tcp --dport 30003 -j KUBE-EXT-7Q5SMXYQ5APETNYW',
    '-A KUBE-EXT-7Q5SMXYQ5APETNYW -m comment --comment "masquerade traffic for demo/web:p80 external destinations" -j KUBE-MARK-MASQ',
    '-A KUBE-EXT-7Q5SMXYQ5APETNYW -j KUBE-SVC-7Q5SMXYQ5APETNYW',
    '-A KUBE-SVC-7Q5SMXYQ5APETNYW -m comment --comment "demo/web:p80 -> [fd00:244::3]:8080" -j KUBE-SEP-5QTW4ROVA6SV6KWT',
    '-A KUBE-SEP-5QTW4ROVA6SV6KWT -m comment --comment demo/web:p80 -s fd00:244::3 -j KUBE-MARK-MASQ',
    '-A KUBE-SEP-5QTW4ROVA6SV6KWT -m comment --comment demo/web:p80 -m tcp -p tcp -j DNAT --to-destination [fd00:244::3]:8080',
  ])
})

test('masqueradeAll masquerades Pods too', () => {
  const [rule] = rules(program(sampleCluster(), { masqueradeAll: true }), /KUBE-SVC-XPGD46QRK7WJZT7O/)
  expect(rule).toBe('-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment "ns1/svc1:p80 cluster IP" -m tcp -p tcp -d 10.96.0.41 --dport 80 -j KUBE-MARK-MASQ')
})

const entry = (flags: Partial<Flags>): unknown => {
  const steps = program(clusterWith(), flags)
  return {
    nodePorts: rules(steps, /nat KUBE-SERVICES/),
    guard: rules(steps, /KUBE-FIREWALL/).length,
    sysctls: steps.filter((step) => step.kind === 'sysctl' && step.key.endsWith('route_localnet')).length,
  }
}
const LAST = '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain"'

test('NodePorts on localhost need a sysctl and a guard; without them loopback is left out', () => {
  expect([entry({}), entry({ localhostNodePorts: false })]).toEqual([
    { nodePorts: [`${LAST} -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS`], guard: 1, sysctls: 1 },
    { nodePorts: [`${LAST} -m addrtype --dst-type LOCAL ! -d 127.0.0.0/8 -j KUBE-NODEPORTS`], guard: 0, sysctls: 0 },
  ])
})

test('NodePort addresses are entered one by one', () => {
  const nodePortAddresses = [ip('192.168.0.10'), ip('127.0.0.1'), ip('fd00::1')]
  expect(entry({ localhostNodePorts: false, nodePortAddresses })).toEqual({ nodePorts: [`${LAST} -d 192.168.0.10 -j KUBE-NODEPORTS`], guard: 0, sysctls: 0 })
})

test.each([
  [2, ['0.5000000000']],
  [3, ['0.3333333333', '0.5000000000']],
  [4, ['0.2500000000', '0.3333333333', '0.5000000000']],
])('of %i endpoints each is drawn with the same odds', (n, odds) => {
  const endpoints = Array.from({ length: n }, (_, at) => `10.180.0.${at + 1}:80`)
  const drawn = rules(program(sampleCluster(exposed('web', { endpoints }))), /KUBE-SVC-/).flatMap((rule) => / --probability (\S+)/.exec(rule)?.[1] ?? [])
  expect(drawn).toEqual(odds)
})

test('the odds have ten digits, a half rounded to the even one', () => {
  const endpoints = Array.from({ length: 2049 }, (_, at) => `10.180.${at >> 8}.${at & 255}:80`)
  const drawn = rules(program(sampleCluster(exposed('web', { endpoints }))), /KUBE-SVC-/).flatMap((rule) => / --probability (\S+)/.exec(rule)?.[1] ?? [])
  expect(drawn.slice(0, 3)).toEqual(['0.0004880429', '0.0004882812', '0.0004885198'])
})

/** Services with five endpoints each, as a Cluster's plain data. */
function large(services: number): Cluster {
  const made = Array.from({ length: services }, (_, at): ServicePort => {
    const base = { namespace: 'load', name: `svc-${at}`, portName: 'http', protocol: 'TCP', family: 4, port: 80 } as const
    const lists = { externalIPs: [], loadBalancerIPs: [], sourceRanges: [], internalLocal: false, externalLocal: false }
    const endpoints = Array.from({ length: 5 }, (_, n) => endpointAt(at * 5 + n))
    return { ...base, ...lists, clusterIP: ip(`10.96.${at >> 8}.${at & 255}`), endpoints }
  })
  return { ...clusterWith(), services: made }
}
const endpointAt = (n: number, ready = true) => ({
  ...{ ip: ip(`10.244.${n >> 8}.${n & 255}`), port: 8080, node: `node-${(n % 3) + 1}` },
  ...{ ready, serving: ready, terminating: false, zones: [], forNodes: [] },
})

test('past 1000 endpoints the rules of endpoints lose their comments, and only those', () => {
  const [few, many] = [200, 201].map((services) =>
    rules(program(large(services)), /KUBE-(SVC|SEP)-/)
      .slice(0, 8)
      .map((rule) => rule.split(' ').slice(2, 5).join(' ')),
  )
  const [all, some] = [Array(8).fill('-m comment --comment'), many?.map((start) => start === '-m comment --comment')]
  expect([few, some]).toEqual([all, [true, false, false, false, false, false, false, false]])
})

test('one endpoint that goes rewrites one chain and takes one away; the Steps of other Services are the same objects', () => {
  const before = large(1000)
  const steps = (cluster: Cluster) => cluster.nodes.map((node) => kubeProxyIptables.steps(cluster, node))
  const old = steps(before)
  const services = before.services.map((service, at) => (at === 500 ? { ...service, endpoints: service.endpoints.slice(1) } : service))
  const work = steps({ ...before, services }).map((program, at) => {
    const { undo, make } = difference(old[at] ?? [], program)
    const known = new Set(old[at])
    const fresh = program.flatMap((step) => (step.kind === 'chain' && /-(SVC|SEP)-/.test(step.chain) && !known.has(step) ? [step.chain] : []))
    return { undo: undo.map(keyOf), make: make.map(keyOf), fresh: fresh.length }
  })
  const expected = { undo: [' chain 4 nat KUBE-SEP-ZA5P6U5CBCNMBJ3S'], make: [' chain 4 nat KUBE-SVC-ED7MYQKS3LCMGASW'], fresh: 5 }
  expect(work).toEqual([expected, expected, expected])
})

/** The senders that rules of these chains name, node by node. */
const senders = (cluster: Cluster, chains: RegExp): unknown =>
  [0, 1, 2].map((n) => rules(program(cluster, {}, n), chains).flatMap((rule) => / -s (\S+)/.exec(rule)?.[1] ?? []))

test('what is remembered for one node is not told to another outside the source range', () => {
  const web = { clusterIP: '10.96.0.45', balancer: ['5.6.7.8'], endpoints: ['10.180.0.3:80'] }
  const cluster = sampleCluster(exposed('web', { ...web, spec: { type: 'LoadBalancer', loadBalancerSourceRanges: ['192.168.0.10/32'] } }))
  expect(senders(cluster, /KUBE-FW-/)).toEqual([['192.168.0.10/32', '5.6.7.8'], ['192.168.0.10/32'], ['192.168.0.10/32']])
})

test('what is remembered for one node is not told to another in a zone of its own', () => {
  const plain = sampleCluster(exposed('web', { endpoints: ['10.180.0.3:80', '10.180.0.4:80'] }))
  const hinted = (service: ServicePort): ServicePort => ({ ...service, endpoints: service.endpoints.map((e, n) => ({ ...e, zones: [n === 0 ? 'a' : 'b'] })) })
  const cluster = { ...plain, nodes: plain.nodes.map((node, n) => ({ ...node, zone: n === 2 ? 'b' : 'a' })), services: plain.services.map(hinted) }
  expect(senders(cluster, /KUBE-SEP-/)).toEqual([['10.180.0.3'], ['10.180.0.3'], ['10.180.0.4']])
})

test('the Pod range is that of its own family only', () => {
  const cluster = clusterWith({ podCIDR: cidr('10.180.0.0/16'), objects: exposed('web', { clusterIP: 'fd00:96::9', endpoints: ['[fd00:244::3]:80'] }) })
  expect(rules(program(cluster), /KUBE-SVC-/, 6).filter((rule) => rule.includes('MARK-MASQ'))).toEqual([])
})

test('the lab says where NodePorts answer', () => {
  const steps = (o: Partial<Extract<Cluster['proxy'], { mode: 'iptables' }>>) => {
    const cluster = clusterWith({ proxy: { mode: 'iptables', masqueradeAll: false, ...o } })
    const [node] = cluster.nodes
    const all = node === undefined ? [] : kubeProxyIptables.steps(cluster, node, [])
    return [
      rules(all, /nat KUBE-SERVICES/)
        .at(-1)
        ?.replace(`${LAST} `, ''),
      all.some((step) => step.kind === 'sysctl' && step.key.endsWith('route_localnet')),
    ]
  }
  expect([
    steps({}),
    steps({ localhostNodePorts: false }),
    steps({ nodePortAddresses: 'primary' }),
    steps({ nodePortAddresses: [cidr('127.0.0.0/8')] }),
  ]).toEqual([
    ['-m addrtype --dst-type LOCAL -j KUBE-NODEPORTS', true],
    ['-m addrtype --dst-type LOCAL ! -d 127.0.0.0/8 -j KUBE-NODEPORTS', false],
    ['-d 192.168.0.10 -j KUBE-NODEPORTS', false],
    ['-d 127.0.0.1 -j KUBE-NODEPORTS', true],
  ])
})
