import { expect, test } from 'vitest'
import type { EndpointSlice, ServiceObject } from '#api/kinds.ts'
import { labWith, NOW, object, pod } from '#model/build.ts'
import type { Change } from './controller.ts'
import { endpointslice } from './endpointslice.ts'
import { objectsOf } from './objects.ts'
import { scene } from './scene.ts'

const lab = labWith()
const labels = { app: 'web' }
const web = (spec: object = {}): ServiceObject =>
  object('Service', {
    metadata: { name: 'web', uid: 'uid-web' },
    spec: { clusterIP: '10.96.100.1', selector: labels, ports: [{ port: 80, targetPort: 8080 }], ...spec },
  })
const changes = (...objects: Parameters<typeof objectsOf>[0]): readonly Change[] => endpointslice.changes({ lab, objects: objectsOf(objects), now: NOW })
const slices = (...objects: Parameters<typeof objectsOf>[0]): readonly EndpointSlice[] =>
  changes(...objects).flatMap((change) => ('object' in change && change.object.kind === 'EndpointSlice' ? [change.object] : []))
const endpoints = (...objects: Parameters<typeof objectsOf>[0]) =>
  slices(...objects).map((slice) => slice.endpoints.map(({ addresses, conditions }) => ({ at: addresses[0], ...conditions })))
const on = (name: string, ip: string, o: Parameters<typeof pod>[1] = {}) => pod(name, { labels, node: 'node-1', ip, ...o })
/** What came of the first turn, as the next one finds it. */
const born = (slice: EndpointSlice): EndpointSlice => ({ ...slice, metadata: { ...slice.metadata, uid: `uid-${slice.metadata.name}` } })

test('a slice names its Service, its maker, and every Pod behind it', () => {
  expect(slices(web(), on('a', '10.244.0.2'))).toEqual([
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: expect.objectContaining({
        name: expect.stringMatching(/^web-[bcdfghjklmnpqrstvwxz2-9]{5}$/),
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': 'web', 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' },
        ownerReferences: [expect.objectContaining({ kind: 'Service', name: 'web', uid: 'uid-web', controller: true })],
      }),
      addressType: 'IPv4',
      ports: [{ name: '', protocol: 'TCP', port: 8080 }],
      endpoints: [
        {
          addresses: ['10.244.0.2'],
          conditions: { ready: true, serving: true, terminating: false },
          nodeName: 'node-1',
          targetRef: { kind: 'Pod', namespace: 'default', name: 'a', uid: 'uid-default-a' },
        },
      ],
    },
  ])
})

test('a Pod that is not ready is kept, as not ready; one that ends serves while it can; one without address or over is none', () => {
  const ready = on('a', '10.244.0.2')
  const ends = { ...on('b', '10.244.0.3'), metadata: { ...on('b', '10.244.0.3').metadata, deletionTimestamp: NOW } }
  const over = { ...on('c', '10.244.0.4'), status: { ...on('c', '10.244.0.4').status, phase: 'Failed' as const } }
  const objects = [ready, ends, over, on('d', '10.244.0.5', { ready: false }), pod('e', { labels })]
  expect([endpoints(web(), ...objects), endpoints(web({ publishNotReadyAddresses: true }), ...objects)]).toEqual([
    [
      [
        { at: '10.244.0.2', ready: true, serving: true, terminating: false },
        { at: '10.244.0.3', ready: false, serving: true, terminating: true },
        { at: '10.244.0.5', ready: false, serving: false, terminating: false },
      ],
    ],
    [
      [
        { at: '10.244.0.2', ready: true, serving: true, terminating: false },
        { at: '10.244.0.3', ready: true, serving: true, terminating: true },
        { at: '10.244.0.5', ready: true, serving: false, terminating: false },
      ],
    ],
  ])
})

test("a named target port is each Pod's own; Pods of other numbers are in other slices, and one without the name has no port", () => {
  const listening = (name: string, ip: string, containerPort: number, protocol = 'TCP') =>
    on(name, ip, { spec: { containers: [{ name: 'c', image: 'netlab/echo', ports: [{ name: 'http', containerPort, protocol }] }] } })
  const service = web({ ports: [{ port: 80, targetPort: 'http' }] })
  const found = slices(
    service,
    listening('a', '10.244.0.2', 3000),
    listening('b', '10.244.0.3', 3001),
    listening('c', '10.244.0.4', 3000),
    listening('d', '10.244.0.5', 3000, 'UDP'),
  )
  expect(found.map(({ ports, endpoints: behind }) => [ports.map(({ port }) => port), behind.map(({ targetRef }) => targetRef?.name)])).toEqual([
    [[3000], ['a', 'c']],
    [[3001], ['b']],
    [[], ['d']],
  ])
})

test('a hostname is told only under the subdomain of that Service', () => {
  const hosts = slices(
    web({ clusterIP: 'None' }),
    on('a', '10.244.0.2', { spec: { hostname: 'one', subdomain: 'web' } }),
    on('b', '10.244.0.3', { spec: { hostname: 'two', subdomain: 'else' } }),
  )
  expect(hosts.map(({ metadata, endpoints: behind }) => [metadata.labels['service.kubernetes.io/headless'], behind.map(({ hostname }) => hostname)])).toEqual([
    ['', ['one', undefined]],
  ])
})

test('an endpoint is in the zone of its node', () => {
  const node = object('Node', { metadata: { name: 'node-1', labels: { 'topology.kubernetes.io/zone': 'west' } } })
  expect(slices(web(), node, on('a', '10.244.0.2'))[0]?.endpoints[0]?.zone).toBe('west')
})

test('Services without a selector and ExternalNames are left to those who write slices by hand', () => {
  const byHand = object('EndpointSlice', {
    metadata: { name: 'mine', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['192.0.2.1'] }],
  })
  expect(
    [web({ selector: undefined }), web({ selector: {} }), web({ type: 'ExternalName', clusterIP: undefined, externalName: 'x.example' })].map((one) =>
      changes(one, byHand),
    ),
  ).toEqual([[], [], []])
})

test('a Service without Pods has an empty slice, and keeps one when all Pods are gone', () => {
  const [slice] = slices(web(), on('a', '10.244.0.2'))
  const [empty] = slice === undefined ? [] : slices(web(), born(slice))
  expect([slices(web()).map(({ endpoints: behind }) => behind), empty?.metadata.name === slice?.metadata.name, empty?.endpoints]).toEqual([[[]], true, []])
})

test('nothing is written when nothing changed', () => {
  const objects = [web(), on('a', '10.244.0.2'), on('b', '10.244.0.3')]
  expect(changes(...objects, ...slices(...objects).map(born))).toEqual([])
})

test('a slice holds a hundred endpoints; one more opens another, and a hole is filled before', () => {
  const pods = Array.from({ length: 102 }, (_, at) => on(`p${String(at).padStart(3, '0')}`, `10.244.0.${at + 2}`))
  const full = slices(web(), ...pods.slice(0, 101)).map(born)
  const without = pods.filter((_, at) => at !== 7)
  const next = changes(web(), ...without, ...full)
  expect(full.map((slice) => slice.endpoints.length)).toEqual([100, 1])
  expect(
    next.map((change) => [
      change.verb,
      'object' in change && change.object.kind === 'EndpointSlice' ? [change.object.metadata.name, change.object.endpoints.length] : [],
    ]),
  ).toEqual([['update', [full[0]?.metadata.name, 100]]])
})

test("slices follow a Pod's readiness, and vanish with their Service", () => {
  const { apply, patch, delete: erase, all } = scene(lab)
  apply('Service', { metadata: { name: 'web' }, spec: { selector: labels, ports: [{ port: 80 }] } })
  apply('Pod', { metadata: { name: 'a', labels }, spec: { containers: [{ name: 'c', image: 'netlab/echo' }] } })
  const mine = () => all('EndpointSlice').filter(({ metadata }) => metadata.name !== 'kubernetes')
  const ready = mine().map((slice) => slice.endpoints.map(({ conditions }) => conditions.ready))
  patch('Pod', 'a', { metadata: { labels: { app: 'else' } } })
  const gone = mine().map((slice) => slice.endpoints)
  erase('Service', 'web')
  expect([ready, gone, mine()]).toEqual([[[true]], [[]], []])
})

test('a slice that nobody needs any more is deleted', () => {
  const pods = Array.from({ length: 101 }, (_, at) => on(`p${at}`, `10.244.0.${at + 2}`))
  const full = slices(web(), ...pods).map(born)
  const [keeps, goes] = [...full].sort((a, b) => b.endpoints.length - a.endpoints.length)
  const left = pods.filter(({ metadata }) => keeps?.endpoints.some(({ targetRef }) => targetRef?.name === metadata.name))
  expect(changes(web(), ...left, ...full)).toEqual([{ verb: 'delete', kind: 'EndpointSlice', namespace: 'default', name: goes?.metadata.name }])
})

test('traffic that prefers to stay near has hints on every ready endpoint, and loses them with the wish', () => {
  const nodes = ['west', 'east'].map((zone, at) => object('Node', { metadata: { name: `node-${at + 1}`, labels: { 'topology.kubernetes.io/zone': zone } } }))
  const pods = [on('a', '10.244.0.2'), on('b', '10.244.1.2', { node: 'node-2' }), on('c', '10.244.0.3', { ready: false })]
  const hints = (spec: object) => slices(web(spec), ...nodes, ...pods)[0]?.endpoints.map((one) => one.hints)
  expect(['PreferClose', 'PreferSameZone', 'PreferSameNode'].map((trafficDistribution) => hints({ trafficDistribution })).concat([hints({})])).toEqual([
    [{ forZones: [{ name: 'west' }] }, { forZones: [{ name: 'east' }] }, undefined],
    [{ forZones: [{ name: 'west' }] }, { forZones: [{ name: 'east' }] }, undefined],
    [{ forZones: [{ name: 'west' }], forNodes: [{ name: 'node-1' }] }, { forZones: [{ name: 'east' }], forNodes: [{ name: 'node-2' }] }, undefined],
    [undefined, undefined, undefined],
  ])
})
