import { expect, test } from 'vitest'
import { clusterWith, object, pod } from '#model/build.ts'
import { ip } from '#net/net.ts'
import { declaredPorts, parsePort, tableOf, tableText } from './table.ts'

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
