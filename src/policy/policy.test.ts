import { expect, test } from 'vitest'
import type { KubeObject } from '#api/kinds.ts'
import { readObject } from '#api/validate.ts'
import { clusterWith, object, pod } from '#model/build.ts'
import { ip } from '#net/net.ts'
import { decide, type End } from './decide.ts'
import { endName, matrixOf, podEnds } from './matrix.ts'

type Json = Readonly<Record<string, unknown>>

const PORTS = [80, 81].flatMap((containerPort) =>
  ['TCP', 'UDP', 'SCTP'].map((protocol) => ({ containerPort, protocol, name: `serve-${containerPort}-${protocol.toLowerCase()}` })),
)
/** Namespaces x, y, z with Pods a, b, c in each, one of each on every node, as upstream's tests have it. */
const world: readonly KubeObject[] = ['x', 'y', 'z'].flatMap((namespace, n) => [
  object('Namespace', { metadata: { name: namespace, labels: { ns: namespace, 'kubernetes.io/metadata.name': namespace } } }),
  ...['a', 'b', 'c'].map((name, at) =>
    pod(name, {
      namespace,
      node: `node-${at + 1}`,
      ip: `10.244.${at}.${10 + n}`,
      labels: { pod: name },
      spec: { containers: [{ name: 'app', image: 'netlab/echo', ports: PORTS }] },
    }),
  ),
])

function policy(name: string, spec: Json, namespace = 'x'): KubeObject {
  const read = readObject({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace }, spec })
  if (!read.ok) throw new Error(read.errors.map(({ says }) => says).join('; '))
  return read.value
}

const thePod = (name: string) => ({ podSelector: { matchLabels: { pod: name } } })
const namespaceOf = (...names: readonly string[]) => ({ namespaceSelector: { matchExpressions: [{ key: 'ns', operator: 'In', values: names }] } })

/** Who is refused where, one line per source: `x/a: x/b x/c`. The way of a Pod to itself is nobody's business. */
function refused(policies: readonly KubeObject[], { port = 80, protocol = 'TCP' as 'TCP' | 'UDP' | 'SCTP', objects = world } = {}): readonly string[] {
  const cluster = clusterWith({ objects: [...objects, ...policies] })
  const ends = podEnds(cluster)
  return matrixOf(cluster, ends, ends, { protocol, port }).rows.flatMap((row, at) => {
    const to = row.flatMap(({ allowed }, i) => (allowed ? [] : [endName(ends[i] as End)]))
    return to.length === 0 ? [] : [`${endName(ends[at] as End)}: ${to.join(' ')}`]
  })
}

const ALL = ['x', 'y', 'z'].flatMap((namespace) => ['a', 'b', 'c'].map((name) => `${namespace}/${name}`))
const allBut = (...those: readonly string[]) => ALL.filter((name) => !those.includes(name))
/** The same destinations for each of the sources, but for a Pod's way to itself. */
const lines = (from: readonly string[], to: readonly string[]) =>
  from.flatMap((one) => {
    const others = to.filter((other) => other !== one)
    return others.length === 0 ? [] : [`${one}: ${others.join(' ')}`]
  })

test('without policies all is open', () => expect(refused([])).toEqual([]))

test('a policy isolates the Pods it selects in its own namespace, for what comes in when it says no types', () => {
  expect(refused([policy('deny', { podSelector: {} })])).toEqual(lines(ALL, ['x/a', 'x/b', 'x/c']))
  expect(refused([policy('deny', thePod('a'))])).toEqual(lines(ALL, ['x/a']))
})

test('without types a policy that has egress rules closes ingress too, and egress: [] is no rule', () => {
  const from = ['x/a']
  const both = refused([policy('p', { ...thePod('a'), egress: [{ to: [thePod('b')] }] })])
  expect(both).toEqual([...lines(from, allBut('x/b')), ...lines(allBut('x/a'), ['x/a'])])
  expect(refused([policy('p', { ...thePod('a'), egress: [] })])).toEqual(lines(ALL, ['x/a']))
})

test('rules of a direction that is not among the types do nothing', () => {
  expect(refused([policy('p', { ...thePod('a'), policyTypes: ['Egress'], ingress: [], egress: [{}] })])).toEqual([])
  expect(refused([policy('p', { ...thePod('a'), policyTypes: ['Egress'], ingress: [{}] })])).toEqual(lines(['x/a'], ALL))
})

test('an empty rule allows everything in its direction, no rule nothing; policies add up and never take away', () => {
  expect(refused([policy('p', { podSelector: {}, ingress: [{}] })])).toEqual([])
  const deny = policy('deny', { podSelector: {} })
  expect(refused([deny, policy('some', { ...thePod('a'), ingress: [{ from: [thePod('b')] }] })])).toEqual(
    ALL.map((one) => [one, ['x/a', 'x/b', 'x/c'].filter((to) => to !== one && !(one === 'x/b' && to === 'x/a'))] as const).map(
      ([one, to]) => `${one}: ${to.join(' ')}`,
    ),
  )
})

test('two selectors in one peer must both hold, in two peers one of them', () => {
  const and = policy('and', { ...thePod('a'), ingress: [{ from: [{ ...namespaceOf('y'), ...thePod('b') }] }] })
  const or = policy('or', { ...thePod('a'), ingress: [{ from: [namespaceOf('y'), thePod('b')] }] })
  expect([refused([and]), refused([or])]).toEqual([lines(allBut('y/b'), ['x/a']), lines(allBut('x/b', 'y/a', 'y/b', 'y/c'), ['x/a'])])
})

test('an empty namespaceSelector is all Pods and no address outside', () => {
  const cluster = clusterWith({ objects: [...world, policy('p', { ...thePod('a'), ingress: [{ from: [{ namespaceSelector: {} }] }] })] })
  const to = { pod: cluster.pods.find((one) => endName({ pod: one }) === 'x/a') as never }
  const from = (address: string) => decide(cluster, { from: { ip: ip(address) }, to, protocol: 'TCP', port: 80 }).allowed
  expect([refused([policy('p', { ...thePod('a'), ingress: [{ from: [{ namespaceSelector: {} }] }] })]), from('203.0.113.10'), from('192.168.0.12')]).toEqual([
    [],
    false,
    false,
  ])
})

test('an absent key satisfies NotIn and DoesNotExist, and no other requirement; an empty value still wants its key', () => {
  const from = (podSelector: Json) => refused([policy('p', { ...thePod('a'), ingress: [{ from: [{ podSelector }] }] })])
  const expr = (operator: string, values?: readonly string[]) => ({ matchExpressions: [{ key: 'tier', operator, ...(values ? { values } : {}) }] })
  const others = lines(allBut('x/b', 'x/c'), ['x/a'])
  const none = lines(ALL, ['x/a'])
  expect([expr('NotIn', ['web']), expr('DoesNotExist'), expr('In', ['web']), expr('Exists'), { matchLabels: { tier: '' } }].map(from)).toEqual([
    others,
    others,
    none,
    none,
    none,
  ])
})

test('ports: TCP is what is meant when no protocol is said, a range has both its ends, no number is every port of the protocol', () => {
  const at = (ports: readonly Json[], port: number, protocol: 'TCP' | 'UDP') =>
    refused([policy('p', { ...thePod('a'), ingress: [{ ports }] })], { port, protocol }).length === 0
  expect([
    at([{}], 80, 'TCP'),
    at([{}], 81, 'TCP'),
    at([{}], 80, 'UDP'),
    at([{ port: 80 }], 80, 'TCP'),
    at([{ port: 80 }], 81, 'TCP'),
    at([{ port: 79, endPort: 81 }], 81, 'TCP'),
    at([{ port: 79, endPort: 80 }], 81, 'TCP'),
    at([{ protocol: 'UDP', port: 80 }], 80, 'UDP'),
  ]).toEqual([true, true, false, true, false, true, false, true])
})

test('a rule for SCTP isolates for TCP all the same', () => {
  expect(refused([policy('p', { ...thePod('a'), ingress: [{ ports: [{ protocol: 'SCTP', port: 80 }] }] })])).toEqual(lines(ALL, ['x/a']))
})

test('a named port is the number that each destination gives the name, for its protocol; nobody has an unknown name, and no address outside has any', () => {
  const other = pod('d', {
    namespace: 'x',
    node: 'node-1',
    ip: '10.244.0.20',
    labels: { pod: 'd' },
    spec: { containers: [{ name: 'app', image: 'netlab/echo', ports: [{ containerPort: 81, name: 'serve-80-tcp' }] }] },
  })
  const objects = [...world, other]
  const named = (port: string, at: number, protocol: 'TCP' | 'UDP' = 'TCP') =>
    refused([policy('p', { ...thePod('b'), policyTypes: ['Egress'], egress: [{ ports: [{ port, protocol }] }] })], { port: at, protocol, objects })
  expect([named('serve-80-tcp', 80), named('serve-80-tcp', 81), named('serve-80-tcp', 80, 'UDP'), named('nothing', 80)]).toEqual([
    ['x/b: x/d'],
    lines(['x/b'], ALL),
    lines(['x/b'], [...ALL.slice(0, 3), 'x/d', ...ALL.slice(3)]),
    lines(['x/b'], [...ALL.slice(0, 3), 'x/d', ...ALL.slice(3)]),
  ])
})

test('a block looks at addresses, those of Pods too; except cuts its own block only, and another peer may let in again what it cut', () => {
  const block = { ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.1.0/24'] } }
  const from = (...peers: readonly Json[]) => refused([policy('p', { ...thePod('a'), ingress: [{ from: peers }] })])
  const second = ['x/b', 'y/b', 'z/b']
  expect([from(block), from(block, { ipBlock: { cidr: '10.244.1.11/32' } })]).toEqual([lines(second, ['x/a']), lines(['x/b', 'z/b'], ['x/a'])])
})

test('what the Pod’s own node sends always comes in; from other nodes it is an address like any other, and there is no counterpart for what goes out', () => {
  const cluster = clusterWith({ objects: [...world, policy('deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] })] })
  const a = { pod: cluster.pods.find((one) => endName({ pod: one }) === 'x/a') as never }
  const node = (n: number) => ({ ip: cluster.nodes[n]?.ip as never })
  const verdicts = [
    decide(cluster, { from: node(0), to: a, protocol: 'TCP', port: 80 }),
    decide(cluster, { from: node(1), to: a, protocol: 'TCP', port: 80 }),
    decide(cluster, { from: a, to: node(0), protocol: 'TCP', port: 80 }),
  ].map(({ allowed, ingress, egress }) => [allowed, egress.verdict, ingress.verdict])
  expect(verdicts).toEqual([
    [true, 'open', 'exempt'],
    [false, 'open', 'denied'],
    [false, 'denied', 'open'],
  ])
})

test('a Pod on its node’s network is neither isolated nor meant by a selector', () => {
  const host = pod('agent', { namespace: 'x', node: 'node-2', ip: '192.168.0.11', labels: { pod: 'b' }, spec: { hostNetwork: true } })
  const cluster = clusterWith({ objects: [...world, host, policy('p', { podSelector: {}, ingress: [{ from: [thePod('b')] }] })] })
  const end = (name: string): End => ({ pod: cluster.pods.find((one) => endName({ pod: one }) === name) as never })
  const may = (from: string, to: string) => decide(cluster, { from: end(from), to: end(to), protocol: 'TCP', port: 80 }).allowed
  expect([may('z/a', 'x/agent'), may('x/agent', 'x/a'), may('x/agent', 'x/b')]).toEqual([true, false, true])
})

test('a decision names the rules that let a flow pass, and the policies that isolate', () => {
  const cluster = clusterWith({
    objects: [
      ...world,
      policy('deny', { podSelector: {} }),
      policy('web', { ...thePod('a'), ingress: [{ ports: [{ port: 443 }] }, { from: [thePod('b')], ports: [{ port: 80 }] }] }),
    ],
  })
  const end = (name: string): End => ({ pod: cluster.pods.find((one) => endName({ pod: one }) === name) as never })
  const { ingress } = decide(cluster, { from: end('x/b'), to: end('x/a'), protocol: 'TCP', port: 80 })
  if (ingress.verdict !== 'allowed') throw new Error(ingress.verdict)
  expect([ingress.isolatedBy.map(({ name }) => name), ingress.by.map(({ policy: { name }, rule }) => [name, rule])]).toEqual([['deny', 'web'], [['web', 1]]])
})

test('bad policies are refused, each mistake in its place', () => {
  const read = readObject({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'p' },
    spec: {
      podSelector: {
        matchExpressions: [
          { key: 'a', operator: 'In' },
          { key: 'b', operator: 'Exists', values: ['c'] },
        ],
      },
      policyTypes: ['ingress'],
      ingress: [
        {
          from: [{}, { podSelector: {}, ipBlock: { cidr: '10.0.0.0/33' } }],
          ports: [{ port: 90, endPort: 80 }, { port: 'http', endPort: 81 }, { endPort: 80 }],
        },
      ],
      egress: [
        {
          to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/8', '10.0.0.0/8', 'x'] } }],
          ports: [{ port: 0 }, { port: 'much-too-long-a-name' }, { protocol: 'ICMP' }],
        },
      ],
    },
  })
  expect(read.ok ? [] : read.errors.map(({ path, says }) => `${path.join('.')}: ${says}`)).toMatchInlineSnapshot(`
    [
      "spec.policyTypes.0: expected one of Ingress, Egress, found "ingress"; did you mean "Ingress"?",
      "spec.egress.0.ports.0.port: expected a whole number from 1 to 65535 or text, found 0",
      "spec.egress.0.ports.2.protocol: expected one of TCP, UDP, SCTP, found "ICMP"",
      "spec.podSelector.matchExpressions.0.values: required with operator In",
      "spec.podSelector.matchExpressions.1.values: not allowed with operator Exists",
      "spec.ingress.0.from.0: a peer needs podSelector, namespaceSelector or ipBlock; everybody is an empty list, not an empty peer",
      "spec.ingress.0.from.1.ipBlock: not allowed beside a selector: make it a peer of its own",
      "spec.ingress.0.from.1.ipBlock.cidr: "10.0.0.0/33" is not a range such as 10.0.0.0/8",
      "spec.ingress.0.ports.0.endPort: 80 is below port 90",
      "spec.ingress.0.ports.1.endPort: not allowed with the named port "http": a range is of numbers",
      "spec.ingress.0.ports.2.endPort: needs port, the first of the range",
      "spec.egress.0.to.0.ipBlock.except.0: "11.0.0.0/8" is not a part of 10.0.0.0/8; except cuts holes into its own block",
      "spec.egress.0.to.0.ipBlock.except.1: "10.0.0.0/8" is not a part of 10.0.0.0/8; except cuts holes into its own block",
      "spec.egress.0.to.0.ipBlock.except.2: "x" is not a range such as 10.0.0.0/8",
      "spec.egress.0.ports.1.port: "much-too-long-a-name" has 20 characters; at most 15 are allowed",
    ]
  `)
})
