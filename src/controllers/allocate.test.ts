import { expect, test } from 'vitest'
import type { ServiceObject } from '#api/kinds.ts'
import { createStore } from '#api/store.ts'
import type { Lab } from '#lab/lab.ts'
import { labWith, NOW } from '#model/build.ts'
import { cidr } from '#net/net.ts'
import { admitService } from './allocate.ts'

function services(lab: Lab = labWith()) {
  const store = createStore({ now: () => NOW, admit: admitService(lab) })
  const said = (answer: ReturnType<typeof store.create>) => (answer.ok ? (answer.value as ServiceObject).spec : answer.status.message)
  return {
    make: (name: string, spec: object = {}) => said(store.create('Service', 'default', { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } })),
    change: (name: string, spec: object) => said(store.patch('Service', 'default', name, { spec }, 'merge')),
    erase: (name: string) => store.delete('Service', 'default', name),
    all: () => store.list('Service'),
  }
}

const ipOf = (spec: ServiceObject['spec'] | string) => (typeof spec === 'string' ? spec : spec.clusterIP)
const portsOf = (spec: ServiceObject['spec'] | string) => (typeof spec === 'string' ? spec : spec.ports.map(({ nodePort }) => nodePort))

test('a Service gets an address of the range, the same on every run, and all that follows from it', () => {
  const spec = services().make('web')
  expect([spec, ipOf(services().make('web'))]).toEqual([
    expect.objectContaining({ clusterIP: '10.106.175.246', clusterIPs: ['10.106.175.246'], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' }),
    '10.106.175.246',
  ])
})

test('the lower part of the range is for those who ask, until the rest is full', () => {
  const { make } = services(labWith({ serviceCIDR: cidr('10.96.0.0/27') }))
  const given = Array.from({ length: 31 }, (_, at) => ipOf(make(`s${at}`)))
  const numbers = given.slice(0, 30).map((ip) => Number(String(ip).split('.')[3]))
  expect([new Set(numbers.slice(0, 14)), numbers.slice(14), given[30]]).toEqual([
    new Set([17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30]),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
    'Service "s30" is invalid: spec.clusterIPs: failed to allocate a serviceIP: range 10.96.0.0/27 is full',
  ])
})

test('an address is given once, and again after its Service is gone', () => {
  const { make, erase } = services()
  const first = ipOf(make('a', { clusterIP: '10.96.0.10' }))
  const second = ipOf(make('b', { clusterIP: '10.96.0.10' }))
  erase('a')
  expect([first, second, ipOf(make('c', { clusterIP: '10.96.0.10' }))]).toEqual([
    '10.96.0.10',
    'Service "b" is invalid: spec.clusterIPs: failed to allocate IP 10.96.0.10: provided IP is already allocated, to default/a',
    '10.96.0.10',
  ])
})

test('an address out of the range is refused, and so are its first and its last', () => {
  const { make } = services()
  const refusal = (ip: string) =>
    `Service "a" is invalid: spec.clusterIPs: failed to allocate IP ${ip}: the provided IP (${ip}) is not in the valid range. The range of valid IPs is 10.96.0.0/12`
  expect(['192.168.0.10', '10.96.0.0', '10.111.255.255'].map((clusterIP) => make('a', { clusterIP }))).toEqual(
    ['192.168.0.10', '10.96.0.0', '10.111.255.255'].map(refusal),
  )
})

test('a headless Service has no address, an ExternalName none of all that', () => {
  const { make } = services()
  const external = make('b', { type: 'ExternalName', externalName: 'x.example', ports: [] }) as ServiceObject['spec']
  expect([ipOf(make('a', { clusterIP: 'None' })), external.clusterIP, external.clusterIPs, external.ipFamilies]).toEqual([
    'None',
    undefined,
    undefined,
    undefined,
  ])
})

test('changing the type gives back and takes anew', () => {
  const { make, change } = services()
  const first = ipOf(make('a'))
  const external = ipOf(change('a', { type: 'ExternalName', externalName: 'x.example', clusterIP: null, clusterIPs: null, ports: null }))
  const back = ipOf(change('a', { type: 'ClusterIP', externalName: null, ports: [{ port: 80 }] }))
  expect([first, external, back]).toEqual([back, undefined, first])
})

test('node ports come from 30000 to 32767, the lower ones only when asked for', () => {
  const { make } = services()
  const given = Array.from({ length: 200 }, (_, at) => (portsOf(make(`s${at}`, { type: 'NodePort' })) as number[])[0] ?? 0)
  expect([
    new Set(given).size,
    given.every((port) => port >= 30086 && port <= 32767),
    portsOf(make('asked', { type: 'NodePort', ports: [{ port: 80, nodePort: 30000 }] })),
  ]).toEqual([200, true, [30000]])
})

test('a node port that another Service has, or that is out of range, is refused', () => {
  const { make } = services()
  const at = (nodePort: number) => ({ type: 'NodePort', ports: [{ port: 80, nodePort }] })
  make('a', at(30080))
  expect([make('b', at(30080)), make('c', at(80))]).toEqual([
    'Service "b" is invalid: spec.ports[0].nodePort: provided port 30080 is already allocated, to default/a',
    'Service "c" is invalid: spec.ports[0].nodePort: provided port 80 is not in the valid range. The range of valid ports is 30000-32767',
  ])
})

test('TCP and UDP on one port share their node port', () => {
  const { make } = services()
  const ports = [
    { name: 'dns', port: 53, protocol: 'UDP' },
    { name: 'dns-tcp', port: 53, protocol: 'TCP' },
    { name: 'metrics', port: 9153 },
  ]
  const given = portsOf(make('dns', { type: 'NodePort', ports }))
  expect([given[0] === given[1], given[1] === given[2]]).toEqual([true, false])
})

test('a Service keeps its node ports when it changes elsewhere', () => {
  const { make, change } = services()
  const before = portsOf(make('a', { type: 'NodePort' }))
  expect(portsOf(change('a', { type: 'LoadBalancer' }))).toEqual(before)
})

test('a load balancer may do without node ports, and gets a health check port for local traffic', () => {
  const { make } = services()
  const bare = make('a', { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false })
  const local = make('b', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }) as ServiceObject['spec']
  expect([portsOf(bare), local.healthCheckNodePort !== undefined, local.healthCheckNodePort !== local.ports[0]?.nodePort]).toEqual([[undefined], true, true])
})

test('the other address family is not there to be had', () => {
  const { make } = services()
  expect([
    make('a', { ipFamilies: ['IPv6'] }),
    make('b', { ipFamilyPolicy: 'RequireDualStack' }),
    ipOf(make('c', { ipFamilyPolicy: 'PreferDualStack' })) !== undefined,
  ]).toEqual([
    'Service "a" is invalid: spec.ipFamilies[0]: IPv6 is not configured on this cluster; its Services have IPv4',
    'Service "b" is invalid: spec.ipFamilyPolicy: this cluster is not configured for dual-stack services',
    true,
  ])
})

test('a range of IPv6 is no different', () => {
  const { make } = services(labWith({ serviceCIDR: cidr('fd00:10:96::/108') }))
  expect(make('web')).toMatchObject({ clusterIP: expect.stringMatching(/^fd00:10:96::/), ipFamilies: ['IPv6'] })
})

test('a patch of the type alone drops what only the former type has', () => {
  const { make, change } = services()
  make('a', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' })
  const [local, cluster, node, plain, external, back] = [
    change('a', {}),
    change('a', { externalTrafficPolicy: 'Cluster' }),
    change('a', { type: 'NodePort' }),
    change('a', { type: 'ClusterIP' }),
    change('a', { type: 'ExternalName', externalName: 'x.example' }),
    change('a', { type: 'ClusterIP' }),
  ] as ServiceObject['spec'][]
  const shape = (spec: ServiceObject['spec'] | undefined) => [
    spec?.type,
    spec?.externalTrafficPolicy,
    spec?.healthCheckNodePort !== undefined,
    spec?.ports[0]?.nodePort !== undefined,
    spec?.clusterIP !== undefined,
    spec?.externalName,
  ]
  expect([local, cluster, node, plain, external, back].map(shape)).toEqual([
    ['LoadBalancer', 'Local', true, true, true, undefined],
    ['LoadBalancer', 'Cluster', false, true, true, undefined],
    ['NodePort', 'Cluster', false, true, true, undefined],
    ['ClusterIP', undefined, false, false, true, undefined],
    ['ExternalName', undefined, false, false, false, 'x.example'],
    ['ClusterIP', undefined, false, false, true, undefined],
  ])
})

test('a field of the former type that changes with the type is meant, and refused', () => {
  const { make, change } = services()
  make('a', { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] })
  expect([
    change('a', { type: 'ClusterIP', ports: [{ port: 80, nodePort: 30081 }] }),
    change('a', { type: 'ClusterIP', externalTrafficPolicy: 'Local' }),
  ]).toEqual([
    'Service "a" is invalid: spec.ports[0].nodePort: not allowed with type ClusterIP; NodePort and LoadBalancer have it',
    'Service "a" is invalid: spec.externalTrafficPolicy: only with type NodePort or LoadBalancer, found ClusterIP',
  ])
})
