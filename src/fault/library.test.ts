import { expect, test } from 'vitest'
import { clusterWith, object, pod, service } from '#model/build.ts'
import { ip } from '#net/net.ts'
import { readGroups } from '#probe/checks.ts'
import type { Place } from './fault.ts'
import { FAULT_NAMES, FAULTS, faultsIn } from './library.ts'
import { typo } from './objects.ts'

const objects = [
  pod('client-1', { node: 'node-1', ip: '10.244.0.2', labels: { role: 'client' } }),
  pod('client-2', { node: 'node-2', ip: '10.244.1.2', labels: { role: 'client' } }),
  ...service('orders', { clusterIP: '10.96.0.20', endpoints: ['10.244.1.3:8080@node-2'] }),
  object('NetworkPolicy', {
    metadata: { name: 'orders', namespace: 'default' },
    spec: { podSelector: { matchLabels: { app: 'orders' } }, ingress: [{ from: [{ podSelector: { matchLabels: { role: 'client' } } }] }] },
  }),
  object('ConfigMap', { metadata: { name: 'coredns', namespace: 'kube-system' }, data: { Corefile: '.:53 {\n  forward . /etc/resolv.conf\n}\n' } }),
  object('Service', { metadata: { name: 'kube-dns', namespace: 'kube-system' }, spec: { clusterIP: '10.96.0.10', ports: [{ port: 53 }] } }),
]
const flannel = clusterWith({
  objects,
  policy: 'kube-router',
  dns: 'coredns',
  nameservers: [ip('203.0.113.8')],
  hosts: [
    { name: 'internet', ip: ip('203.0.113.10') },
    { name: 'resolver', ip: ip('203.0.113.8'), dns: { zones: [{ name: 'example.com', records: ['www A 203.0.113.10'] }] } },
  ],
})
const calico = clusterWith({
  objects,
  cni: { name: 'calico-bgp', blockSize: 26, asn: 64512, routeReflectors: [], bfd: false, gracefulRestart: false, peers: [] },
})
const clusters = [flannel, calico]
const placed = clusters.flatMap((cluster) => FAULTS.flatMap((fault) => fault.places(cluster).map((place) => ({ cluster, fault: fault.name, place }))))

test('every fault has a name of its own, and a place in one of these labs', () => {
  expect([...new Set(placed.map(({ fault }) => fault))].toSorted()).toEqual([...new Set(FAULT_NAMES)].toSorted())
})

test('a lab has those faults that its network can have', () => {
  expect(faultsIn(calico).map(({ name }) => name)).toEqual([
    ...['ip-forward-off', 'blackhole-route', 'bgp-session-down', 'bgp-wrong-as', 'lost-service-rule', 'hand-made-drop'],
    ...['selector-typo', 'wrong-target-port', 'coredns-down'],
  ])
  expect(faultsIn(flannel, ['bgp-wrong-as', 'wrong-fdb']).map(({ name }) => name)).toEqual(['wrong-fdb'])
})

test('a Service without a ready endpoint, or whose rule is another on each node, cannot lose its rule', () => {
  const objectsOf = (name: string, spec: Readonly<Record<string, unknown>>, endpoints: readonly string[]) =>
    service(name, { spec, clusterIP: `10.96.0.3${name.length}`, endpoints })
  const cluster = clusterWith({
    objects: [
      pod('client', { node: 'node-1', ip: '10.244.0.2' }),
      ...objectsOf('a', {}, ['10.244.1.3:8080@node-2']),
      ...objectsOf('bb', {}, []),
      ...objectsOf('ccc', { internalTrafficPolicy: 'Local' }, ['10.244.1.3:8080@node-2']),
    ],
  })
  const [fault] = faultsIn(cluster, ['lost-service-rule'])
  expect(fault?.places(cluster).flatMap(({ asks }) => asks)).toEqual([{ tcp: { from: 'pod/client', to: 'svc/a' } }])
})

test('what is asked can be asked in that lab', () => {
  const wrong = placed.flatMap(({ cluster, fault, place }) =>
    readGroups([{ id: 'g', title: 'G', probes: [{ id: 'p', title: 'P', all: place.asks }] }], [], cluster).errors.map(({ says }) => `${fault}: ${says}`),
  )
  expect(wrong).toEqual([])
})

/** Words of mechanisms: whoever reads one of them in a complaint need not look. */
const TELLING =
  /\b(fdb|forward\w*|neigh\w*|arp|mac|mtu|routes?|blackhole|gateway|bgp|bird\w*|session|autonomous|masq\w*|rules?|chain|iptables|drop\w*|sysctl|selector|label\w*|targetport|endpoints?|polic\w+|coredns|corefile|upstream|scaled?|replicas?)\b/i

test('a symptom tells neither what is wrong nor on which node, and names whom it is about', () => {
  const telling = placed.filter(({ place }) => TELLING.test(place.symptom) || (/^node/.test(place.where) && place.symptom.includes(place.where)))
  expect(telling.map(({ fault, place }) => `${fault}: ${place.symptom}`)).toEqual([])
  expect(placed.filter(({ place }) => !/`\w+/.test(place.symptom) || !place.symptom.includes('\n    netlab exec '))).toEqual([])
})

test('places of one fault differ, and each is broken and mended in the same place', () => {
  const at = (changes: Place['breaks']) => changes.map((one) => (one.kind === 'run' ? one.at : `${one.object.kind}/${one.object.metadata.name}`))
  expect(placed.filter(({ place }) => at(place.breaks).join() !== at(place.mends).join() || place.hints.length !== 3)).toEqual([])
  for (const cluster of clusters)
    for (const fault of FAULTS) {
      const all = fault.places(cluster).map((place) => JSON.stringify([place.where, place.breaks]))
      expect([fault.name, new Set(all).size]).toEqual([fault.name, all.length])
    }
})

test('a typo is another word, however short the word was', () => {
  expect(['', 'a', 'ab', 'web', 'app', 'x1'].map(typo)).toEqual(['s', 'as', 'ba', 'wbe', 'apps', '1x'])
})
