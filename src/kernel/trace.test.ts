import { expect, test } from 'vitest'
import { clusterWith, object, pod } from '#model/build.ts'
import type { Cluster, Node } from '#model/cluster.ts'
import { cidr, ifName, ip } from '#net/net.ts'
import { programsOf } from '#plan/plan.ts'
import { type Flags, proxySteps } from '#proxy/iptables/iptables.ts'
import { exposed, sampleCluster } from '#proxy/sample.ts'
import type { NodeProgram, Step, Table } from './step.ts'
import { firstDrawn, type Packet, possible, trace } from './trace.ts'

const nodeIPs = [ip('192.168.0.10'), ip('10.180.0.254')]
const tcp = (from: string, to: string, dport: number, o: Partial<Packet> = {}): Packet => ({
  ...{ family: 4, proto: 'tcp', from: ip(from), sport: 40_000, to: ip(to), dport, nodeIPs },
  ...o,
})

// --- Services in iptables mode; test/flows.test.ts holds the table of all flows for all modes ----------------------------------------------

/** What kube-proxy plans for node-1 when the Service has these endpoints: `local` is on node-1, `remote` on node-2. */
function service(endpoints: readonly ('local' | 'remote')[], spec: Readonly<Record<string, unknown>>, flags: Partial<Flags> = {}): NodeProgram {
  const addresses = { local: '10.180.0.1:80@node-1', remote: '10.180.1.1:80@node-2' }
  const cluster = sampleCluster(
    exposed('web', {
      ...{ clusterIP: '10.96.0.41', nodePort: 30001, balancer: ['5.6.7.8'], endpoints: endpoints.map((where) => addresses[where]) },
      spec: { type: 'LoadBalancer', externalIPs: ['198.51.100.7'], ...spec },
    }),
  )
  return proxySteps(cluster, firstNode(cluster), { masqueradeAll: false, localhostNodePorts: true, ...flags })
}

function firstNode({ nodes: [node] }: Cluster): Node {
  if (node === undefined) throw new Error('no node')
  return node
}

const NAMES: Readonly<Record<string, string>> = { '10.180.0.1': 'local', '10.180.1.1': 'remote' }

/** `local as node`: to the local endpoint, which sees the node's address. */
function fate(program: NodeProgram, packet: Packet): string {
  const says = possible(program, packet).map(({ verdict, to, masquerade }) =>
    verdict === 'accept' ? `${NAMES[to] ?? 'untouched'}${masquerade ? ' as node' : ''}` : verdict,
  )
  return says.sort().join(', ')
}

const BOTH = ['local', 'remote'] as const
const all = 'local, remote'
const masked = 'local as node, remote as node'

test('a NodePort answers on 127.0.0.1 only with localhost NodePorts', () => {
  const knock = tcp('127.0.0.1', '127.0.0.1', 30001, { local: true })
  expect([{}, { localhostNodePorts: false }].map((flags) => fate(service(BOTH, {}, flags), knock))).toEqual([masked, 'untouched'])
})

test('without route_localnet no packet from 127.0.0.1 leaves the node', () => {
  const program = service(BOTH, {}).filter(({ kind }) => kind !== 'sysctl')
  const { verdict, path } = trace(program, tcp('127.0.0.1', '127.0.0.1', 30001, { local: true }), firstDrawn)
  expect({ verdict, last: path.at(-1) }).toEqual({
    verdict: 'drop',
    last: { table: 'routing', chain: 'OUTPUT', rule: '127.0.0.1 may not leave the node while route_localnet is 0', hit: true },
  })
})

test('nobody from elsewhere speaks to 127.0.0.1', () => {
  expect(fate(service(BOTH, {}), tcp('203.0.113.10', '127.0.0.1', 22))).toBe('drop')
})

test('a load balancer’s health check is let in', () => {
  const program = service(BOTH, { externalTrafficPolicy: 'Local', healthCheckNodePort: 30_100 })
  const { verdict, path } = trace(program, tcp('203.0.113.10', '192.168.0.10', 30_100), firstDrawn)
  expect({ verdict, by: path.findLast(({ hit }) => hit)?.rule }).toEqual({
    verdict: 'accept',
    by: '-m comment --comment "default/web:p80 health check node port" -m tcp -p tcp --dport 30100 -j ACCEPT',
  })
})

test('a sender that affinity remembers comes back to its endpoint', () => {
  const program = service(BOTH, { sessionAffinity: 'ClientIP' })
  const lists = program.flatMap((step) => (step.kind === 'chain' && step.chain.startsWith('KUBE-SEP-') ? [step.chain] : []))
  expect([[], lists.slice(1)].map((recent) => fate(program, tcp('10.180.0.9', '10.96.0.41', 80, { recent })))).toEqual([all, 'remote'])
})

test('each of n endpoints is reached with odds 1/n', () => {
  const cluster = sampleCluster(exposed('web', { clusterIP: '10.96.0.41', endpoints: [1, 2, 3, 4, 5, 6, 7].map((n) => `10.180.2.${n}:8080`) }))
  const program = programsOf(cluster).get('node-1') ?? []
  const reached = possible(program, tcp('10.180.0.9', '10.96.0.41', 80)).map(({ to, dport, probability }) => `${to}:${dport} ${probability.toFixed(6)}`)
  expect(reached.sort()).toEqual([1, 2, 3, 4, 5, 6, 7].map((n) => `10.180.2.${n}:8080 0.142857`))
})

test('an established connection is not asked about nat again', () => {
  expect(fate(service(BOTH, {}), tcp('203.0.113.10', '10.96.0.41', 80, { ctstate: 'ESTABLISHED' }))).toBe('untouched')
})

test('a packet of no known connection is not forwarded', () => {
  expect(fate(service(BOTH, {}), tcp('203.0.113.10', '10.180.0.1', 80, { ctstate: 'INVALID' }))).toBe('drop')
})

test('the hits on the way tell the story of a connection', () => {
  const { path } = trace(service(BOTH, {}), tcp('10.180.0.9', '10.96.0.41', 80), firstDrawn)
  expect(path.filter(({ hit }) => hit).map(({ table, chain, rule }) => `${table} ${chain} ${rule.replace(/-m comment --comment ("[^"]*"|\S+) /, '')}`)).toEqual(
    [
      'nat PREROUTING -j KUBE-SERVICES',
      'nat KUBE-SERVICES -m tcp -p tcp -d 10.96.0.41 --dport 80 -j KUBE-SVC-4HWD6WD2BXF6N7ZC',
      'nat KUBE-SVC-4HWD6WD2BXF6N7ZC -m statistic --mode random --probability 0.5000000000 -j KUBE-SEP-VEVEW2VILMMTT7KC',
      'nat KUBE-SEP-VEVEW2VILMMTT7KC -m tcp -p tcp -j DNAT --to-destination 10.180.0.1:80',
      'filter FORWARD -m conntrack --ctstate NEW -j KUBE-PROXY-FIREWALL',
      'filter FORWARD -j KUBE-FORWARD',
      'filter FORWARD -m conntrack --ctstate NEW -j KUBE-SERVICES',
      'filter FORWARD -m conntrack --ctstate NEW -j KUBE-EXTERNAL-SERVICES',
      'nat POSTROUTING -j KUBE-POSTROUTING',
      'nat KUBE-POSTROUTING -m mark ! --mark 0x00004000/0x00004000 -j RETURN',
    ],
  )
})

test('IPv6 is walked by the same rules', () => {
  const cluster = sampleCluster(exposed('web', { clusterIP: 'fd00:96::9', nodePort: 30003, endpoints: ['[fd00:244::3]:8080'], spec: { type: 'NodePort' } }))
  const program = proxySteps(cluster, firstNode(cluster), { masqueradeAll: false, localhostNodePorts: true })
  const knock = (to: string, dport: number) => {
    const packet: Packet = { family: 6, proto: 'tcp', from: ip('fd00::1'), to: ip(to), dport, nodeIPs: [ip('fd00::10')] }
    return possible(program, packet).map(({ verdict, to, dport, masquerade }) => ({ verdict, to, dport, masquerade }))
  }
  const reached = { verdict: 'accept', to: 'fd00:244::3', dport: 8080 }
  expect([knock('fd00:96::9', 80), knock('fd00::10', 30003)]).toEqual([[{ ...reached, masquerade: false }], [{ ...reached, masquerade: true }]])
})

// --- the whole node: what flannel and kube-proxy say together --------------------------------------------------------------------------

test('Pods talk to Pods as themselves and to the world as their node', () => {
  const objects = [pod('a', { node: 'node-1', ip: '10.244.0.2' }), pod('b', { node: 'node-2', ip: '10.244.1.2' })]
  const program = programsOf(clusterWith({ podCIDR: cidr('10.244.0.0/16'), objects })).get('node-1') ?? []
  const to = (address: string): boolean => trace(program, tcp('10.244.0.2', address, 80), firstDrawn).masquerade
  expect({ pod: to('10.244.1.2'), neighbour: to('10.244.0.3'), world: to('203.0.113.10') }).toEqual({ pod: false, neighbour: false, world: true })
})

test('a policy refuses at the Pod whom it does not name', () => {
  const closed = object('NetworkPolicy', {
    metadata: { name: 'closed' },
    spec: { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from: [{ ipBlock: { cidr: '10.244.0.3/32' } }] }] },
  })
  const objects = [pod('a', { node: 'node-1', ip: '10.244.0.2' }), closed]
  const program = programsOf(clusterWith({ podCIDR: cidr('10.244.0.0/16'), policy: 'kube-router', objects })).get('node-1') ?? []
  expect(['10.244.0.3', '10.244.0.4'].map((from) => trace(program, tcp(from, '10.244.0.2', 80), firstDrawn).verdict)).toEqual(['accept', 'reject'])
})

// --- single rules ------------------------------------------------------------------------------------------------------------------------

const by = 'test'
const chain = (table: Table, name: string, ...rules: string[]): Step => ({ by, why: by, kind: 'chain', family: 4, table, chain: name, rules })
const jump = (table: Table, chain: string, rule: string, place: 'first' | 'last' = 'last'): Step => ({
  by,
  why: by,
  kind: 'jump',
  family: 4,
  table,
  chain,
  rule,
  place,
})
const forwarded = (rule: string, o: Partial<Packet> = {}, more: NodeProgram = []): string =>
  trace([...more, jump('filter', 'FORWARD', rule)], tcp('10.0.0.1', '10.0.0.2', 80, o), firstDrawn).verdict

const SET: Step = { by, why: by, kind: 'ipset', name: 'S', type: 'hash:net', family: 4, members: ['10.0.0.0/24', '10.0.0.2/32 nomatch', '10.1.0.0/16'] }
const PAIRS: Step = { by, why: by, kind: 'ipset', name: 'P', type: 'hash:ip,port', family: 4, members: ['10.0.0.2,tcp:80', '10.0.0.2,udp:53'] }
const ROUTES: NodeProgram = [
  { by, why: by, kind: 'route', to: cidr('10.0.0.0/24'), dev: ifName('cni0') },
  { by, why: by, kind: 'route', to: cidr('10.0.0.2/32'), dev: ifName('flannel.1') },
]

const RULES: readonly (readonly [rule: string, matches: boolean, packet?: Partial<Packet>, more?: NodeProgram])[] = [
  ['-s 10.0.0.1', true],
  ['! -s 10.0.0.0/24', false],
  ['-d 10.0.0.3,10.0.0.2', true],
  ['-p udp', false],
  ['-p all', true],
  ['-m limit --limit 10/min --limit-burst 10', true],
  ['-p tcp -m tcp --dport 80:90', true],
  ['-p tcp -m tcp ! --dport 80', false],
  ['-p tcp -m tcp --sport 40000', true],
  ['-p tcp -m multiport --dports 22,79:81', true],
  ['-p tcp -m multiport --sports 22,443', false],
  ['-m mark --mark 0x1/0x1', true, { mark: 3 }],
  ['-m mark --mark 0x1', false, { mark: 3 }],
  ['-m conntrack --ctstate RELATED,ESTABLISHED', true, { ctstate: 'RELATED' }],
  ['-m conntrack ! --ctstate NEW', false],
  ['-m state --state NEW', true],
  ['-m addrtype --dst-type LOCAL', false],
  ['-m addrtype --src-type LOCAL', true, { nodeIPs: [ip('10.0.0.1')] }],
  ['-m set --match-set S src', true, {}, [SET]],
  ['-m set --match-set S dst', false, {}, [SET]],
  ['-m set ! --match-set S dst', true, {}, [SET]],
  ['-m set --match-set P dst,dst', true, {}, [PAIRS]],
  ['-m set --match-set P dst,dst', false, { proto: 'udp' }, [PAIRS]],
  ['-o flannel.1', true, {}, ROUTES],
  ['-i cni+', true, {}, ROUTES],
  ['-i eth0', true],
  ['-i veth1', true, { inDev: 'veth1' }],
  ['-m rpfilter --invert --validmark', false],
  ['-m rpfilter --invert --validmark', true, { inDev: 'veth1' }],
  ['-m rpfilter --validmark', true],
  ['-p 4', false],
]

test.each(RULES.map(([rule, matches, ...given]) => ({ rule, matches, given })))('$rule matches: $matches', ({ rule, matches, given: [packet, more] }) => {
  expect(forwarded(`${rule} -j DROP`, packet, more)).toBe(matches ? 'drop' : 'accept')
})

test('a chain that is jumped into comes back, one that is gone to does not', () => {
  const through = (how: '-j' | '-g'): string =>
    trace(
      [chain('filter', 'A', `${how} B`, '-j DROP'), chain('filter', 'B', '-j RETURN'), jump('filter', 'FORWARD', '-j A')],
      tcp('10.0.0.1', '10.0.0.2', 80),
      firstDrawn,
    ).verdict
  expect([through('-j'), through('-g')]).toEqual(['drop', 'accept'])
})

test('what got another destination is in state DNAT from then on', () => {
  const rule = '-m conntrack --ctstate DNAT -j DROP'
  const translate = jump('nat', 'PREROUTING', '-p tcp -j DNAT --to-destination 10.0.0.3:81')
  expect([forwarded(rule), forwarded(rule, {}, [translate])]).toEqual(['accept', 'drop'])
})

test('a rule that logs goes on', () => {
  expect(forwarded('-j NFLOG --nflog-group 100', {}, [jump('filter', 'FORWARD', '-j NFLOG --nflog-group 100'), jump('filter', 'FORWARD', '-j DROP')])).toBe(
    'drop',
  )
})

test('of jumps put first the last one said is the first one asked', () => {
  const program = [jump('filter', 'FORWARD', '-j DROP'), jump('filter', 'FORWARD', '-j REJECT', 'first'), jump('filter', 'FORWARD', '-j ACCEPT', 'first')]
  const { path } = trace(program, tcp('10.0.0.1', '10.0.0.2', 80), firstDrawn)
  expect(path.map(({ rule }) => rule)).toEqual(['-j ACCEPT'])
})

test.each([
  ['-j MARK --set-mark 0x10', '0x10'],
  ['-j MARK --set-xmark 0x10/0xf0', '0x1f'],
  ['-j MARK --or-mark 0x10', '0x3f'],
  ['-j MARK --and-mark 0x10', '0x0'],
  ['-j MARK --xor-mark 0x2', '0x2d'],
])('%s on 0x2f makes %s', (rule, mark) => {
  const program = [jump('mangle', 'FORWARD', rule)]
  expect(forwarded(`-m mark --mark ${mark} -j DROP`, { mark: 0x2f }, program)).toBe('drop')
})

test.each([
  ['-m u32 --u32 "0=0" -j DROP', 'cannot trace "-m u32" in the rule: -m u32 --u32 "0=0" -j DROP'],
  ['-p tcp --syn -j DROP', 'cannot trace "--syn" in the rule: -p tcp --syn -j DROP'],
  ['-m statistic --mode nth --every 2 -j DROP', 'cannot trace "--every" in the rule: -m statistic --mode nth --every 2 -j DROP'],
  ['-m addrtype --dst-type BROADCAST -j DROP', 'cannot trace "addrtype BROADCAST" in the rule: -m addrtype --dst-type BROADCAST -j DROP'],
  ['-p gre -j DROP', 'cannot trace "-p gre" in the rule: -p gre -j DROP'],
  ['-j TPROXY', 'a rule leads to TPROXY, which is no chain of table filter and no target known here'],
  ['-m set --match-set S src -j DROP', 'a rule asks the set S, which is not planned'],
])('never guessed: %s', (rule, says) => expect(() => forwarded(rule)).toThrow(says))
