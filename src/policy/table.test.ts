import { expect, test } from 'vitest'
import { clusterWith, object, pod, service } from '#model/build.ts'
import { ip } from '#net/net.ts'
import { declaredPorts, mistakesIn, parsePort, tableOf, tableText } from './table.ts'

const ports = [{ containerPort: 80 }, { containerPort: 53, protocol: 'UDP' }]
const web = pod('web', { node: 'node-1', ip: '10.244.0.2', labels: { app: 'web' }, spec: { containers: [{ name: 'app', image: 'netlab/echo', ports }] } })
const client = pod('client', { node: 'node-2', ip: '10.244.1.2', labels: { app: 'client' } })
const deny = object('NetworkPolicy', { metadata: { name: 'deny' }, spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'] } })
const cluster = clusterWith({ objects: [web, client, deny] })
const wish = { ports: [{ port: 80, protocol: 'TCP' } as const], from: [ip('203.0.113.10')], to: [ip('198.51.100.7')] }

test('rows call, columns are called; who only calls has no column, and who is only called no cells', () => {
  expect(`\n${tableText(tableOf(cluster, wish))}`).toBe(`
80/TCP               1  2  3
 1  default/client   -  X  .
 2  default/web      .  -  .
    203.0.113.10     .  X  -
 3  198.51.100.7
`)
})

test('what is measured otherwise, and what could not be measured, is marked', () => {
  const flows = tableOf(cluster, { ...wish, from: [], to: [] }, [true, undefined])
  expect([tableText(flows), flows.flows.map(({ allowed, measured }) => [allowed, measured])]).toMatchInlineSnapshot(`
    [
      "80/TCP               1  2
     1  default/client   - X!
     2  default/web     .?  -
    ",
      [
        [
          false,
          true,
        ],
        [
          true,
          null,
        ],
      ],
    ]
  `)
})

test('a port is a number and perhaps a protocol; those that Pods declare are the usual ones', () => {
  expect([['80', '53/udp', '53/UDP', '0', '70000', 'http', '80/icmp'].map(parsePort), declaredPorts(cluster)]).toEqual([
    [{ port: 80, protocol: 'TCP' }, { port: 53, protocol: 'UDP' }, { port: 53, protocol: 'UDP' }, undefined, undefined, undefined, undefined],
    [
      { port: 53, protocol: 'UDP' },
      { port: 80, protocol: 'TCP' },
    ],
  ])
})

test('an address is whoever has it: a Pod’s own is the Pod, and what a Pod’s own node sends is let in for that', () => {
  const { from, to, flows } = tableOf(cluster, { ...wish, namespace: 'default', from: [ip('10.244.1.2'), ip('192.168.0.10'), ip('192.168.0.11')], to: [] })
  const told = flows.filter((flow) => flow.to === 'default/web').map((flow) => [flow.from, flow.allowed, flow.exempt])
  expect([from, to, told]).toEqual([
    ['default/client', 'default/web', '192.168.0.10', '192.168.0.11'],
    ['default/client', 'default/web'],
    [
      ['default/client', false, undefined],
      ['192.168.0.10', true, 'own node'],
      ['192.168.0.11', false, undefined],
    ],
  ])
})

test('no table is of a ClusterIP, behind which policies are judged, or of a namespace without Pods', () => {
  const shop = clusterWith({ objects: [web, ...service('web', { clusterIP: '10.96.0.9', endpoints: ['10.244.0.2:80'] })] })
  expect(mistakesIn(shop, { ...wish, namespace: 'shop', to: [ip('10.96.0.9')] })).toEqual([
    '10.96.0.9 is the ClusterIP of Service default/web: policies are about who stands behind it, and those Pods are in the table',
    'no Pod of namespace shop has an address that policies could be about',
  ])
})
