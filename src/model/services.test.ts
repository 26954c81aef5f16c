import { expect, test } from 'vitest'
import type { EndpointSlice, KubeObject } from '#api/kinds.ts'
import { objectsOf } from '#controllers/objects.ts'
import { endpointSlice, object, service } from './build.ts'
import { servicePortsOf } from './services.ts'

const ports = (...objects: readonly KubeObject[]) => servicePortsOf(objectsOf(objects))
const endpoints = (...objects: readonly KubeObject[]) => ports(...objects).map((port) => port.endpoints.map(({ ip, port: number }) => `${ip}:${number}`))
const web = (spec: object = {}) => service('web', { spec: spec as never })[0]

function slice(name: string, rest: object, labels: Record<string, string> = {}): EndpointSlice {
  return object('EndpointSlice', {
    metadata: { name, labels: { 'kubernetes.io/service-name': 'web', ...labels } },
    addressType: 'IPv4',
    ports: [{ port: 80 }],
    ...rest,
  })
}

test('a Service port is matched with slice ports by name and protocol', () => {
  const both = web({
    ports: [
      { name: 'dns', protocol: 'UDP', port: 53 },
      { name: 'dns-tcp', protocol: 'TCP', port: 53 },
      { name: 'gone', protocol: 'TCP', port: 9 },
    ],
  })
  const one = slice('a', {
    ports: [
      { name: 'dns', protocol: 'UDP', port: 5353 },
      { name: 'dns-tcp', protocol: 'TCP', port: 5354 },
      { name: 'gone', protocol: 'UDP', port: 9 },
    ],
    endpoints: [{ addresses: ['10.244.0.2'] }],
  })
  expect(endpoints(both, one)).toEqual([['10.244.0.2:5353'], ['10.244.0.2:5354'], []])
})

test('endpoints stand in the order of their ip:port texts, whatever slice they are in', () => {
  const a = slice('a', { endpoints: [{ addresses: ['10.244.0.9'] }, { addresses: ['10.244.0.10'] }] })
  const b = slice('b', { endpoints: [{ addresses: ['10.244.0.2'] }] })
  expect(endpoints(web(), a, b)).toEqual([['10.244.0.10:80', '10.244.0.2:80', '10.244.0.9:80']])
})

test('an endpoint that says nothing of itself is ready and serving', () => {
  const one = slice('a', { endpoints: [{ addresses: ['10.244.0.2'], nodeName: 'node-1', hints: { forZones: [{ name: 'a' }] } }] })
  expect(ports(web(), one)[0]?.endpoints).toEqual([
    { ip: '10.244.0.2', port: 80, node: 'node-1', ready: true, serving: true, terminating: false, zones: ['a'], forNodes: [] },
  ])
})

test('of two claims to one address the one that does not terminate counts', () => {
  const dying = slice('z', { endpoints: [{ addresses: ['10.244.0.2'], nodeName: 'old', conditions: { ready: false, terminating: true } }] })
  const living = slice('a', { endpoints: [{ addresses: ['10.244.0.2'], nodeName: 'new' }] })
  const nodes = (...slices: EndpointSlice[]) => ports(web(), ...slices)[0]?.endpoints.map(({ node }) => node)
  expect([nodes(dying, living), nodes(living, { ...dying, metadata: { ...dying.metadata, name: '0' } })]).toEqual([['new'], ['new']])
})

test('of two claims to one address that both live the one with a node counts, whose endpoint may be here', () => {
  const [here, nowhere] = [
    slice('a', { endpoints: [{ addresses: ['10.244.0.2'], nodeName: 'here' }] }),
    slice('z', { endpoints: [{ addresses: ['10.244.0.2'] }] }),
  ]
  const nodes = (...slices: EndpointSlice[]) => ports(web(), ...slices)[0]?.endpoints.map(({ node }) => node)
  expect([nodes(here, nowhere), nodes(nowhere, here)]).toEqual([['here'], ['here']])
})

test('headless and external Services, and those of another proxy, leave no trace', () => {
  const other = { ...web(), metadata: { ...web().metadata, labels: { 'service.kubernetes.io/service-proxy-name': 'mine' } } }
  const marked = { ...web(), metadata: { ...web().metadata, labels: { 'service.kubernetes.io/headless': '' } } }
  const none = web({ clusterIP: 'None', clusterIPs: ['None'] })
  const external = web({ type: 'ExternalName', externalName: 'example.com', clusterIP: undefined, clusterIPs: undefined })
  expect([other, marked, none, external].map((one) => ports(one))).toEqual([[], [], [], []])
})

test('slices of another proxy, of another family or without a port do not count', () => {
  const foreign = slice('a', { endpoints: [{ addresses: ['10.244.0.2'] }] }, { 'service.kubernetes.io/service-proxy-name': 'mine' })
  const six = slice('b', { addressType: 'IPv6', endpoints: [{ addresses: ['fd00::2'] }] })
  const portless = slice('c', { ports: [{ name: '' }], endpoints: [{ addresses: ['10.244.0.3'] }] })
  expect(endpoints(web(), foreign, six, portless)).toEqual([[]])
})

test('what lets the world in is carried over, but not an address that a load balancer proxies itself', () => {
  const balanced = web({
    type: 'LoadBalancer',
    ports: [{ port: 80, nodePort: 30080 }],
    externalTrafficPolicy: 'Local',
    internalTrafficPolicy: 'Local',
    healthCheckNodePort: 31000,
    externalIPs: ['203.0.113.7', 'fd00::7'],
    loadBalancerSourceRanges: [' 203.0.113.0/24', 'fd00::/64'],
    sessionAffinity: 'ClientIP',
  })
  const status = { loadBalancer: { ingress: [{ ip: '203.0.113.80' }, { ip: '203.0.113.81', ipMode: 'Proxy' as const }, { hostname: 'lb.example' }] } }
  expect(ports({ ...balanced, status })).toEqual([
    {
      namespace: 'default',
      name: 'web',
      portName: '',
      protocol: 'TCP',
      family: 4,
      clusterIP: '10.96.100.1',
      port: 80,
      nodePort: 30080,
      externalIPs: ['203.0.113.7'],
      loadBalancerIPs: ['203.0.113.80'],
      sourceRanges: ['203.0.113.0/24'],
      internalLocal: true,
      externalLocal: true,
      healthCheckNodePort: 31000,
      affinitySeconds: 10800,
      endpoints: [],
    },
  ])
})

test('externalTrafficPolicy means nothing to a Service the outside cannot reach', () => {
  expect(ports(web({ externalTrafficPolicy: 'Local' })).map(({ externalLocal }) => externalLocal)).toEqual([false])
})

test('a change of one Service leaves the entries of all others the very same objects', () => {
  const named = ['a', 'b', 'c'].flatMap((name) => service(name, { endpoints: ['10.244.0.2:80'] }))
  const before = ports(...named)
  const [b] = service('b')
  const changed = named.map((one) => (one.kind === 'EndpointSlice' && one.metadata.name === 'b-abcde' ? endpointSlice(b, ['10.244.0.3:80']) : one))
  expect(ports(...changed).map((port, at) => port === before[at])).toEqual([true, false, true])
})
