import { expect, test } from 'vitest'
import { prose } from '#kernel/text.ts'
import { clusterWith } from '#model/build.ts'
import { ip } from '#net/net.ts'
import { hostSteps, wireSteps, wiring } from './underlay.ts'

const cluster = clusterWith({ nodes: 2, hosts: [{ name: 'internet', ip: ip('203.0.113.10') }] })

test('every node and every host outside is a machine on the segment that holds its address', () => {
  expect(wiring(cluster)).toEqual({
    lab: 'test',
    segments: [
      { name: 'nodes', cidr: '192.168.0.0/24', gateway: '192.168.0.1', mtu: 1500 },
      { name: 'outside', cidr: '203.0.113.0/24', gateway: '203.0.113.1', mtu: 1500 },
    ],
    machines: [
      { name: 'node-1', ip: '192.168.0.10', segment: 'nodes' },
      { name: 'node-2', ip: '192.168.0.11', segment: 'nodes' },
      { name: 'internet', ip: '203.0.113.10', segment: 'outside' },
    ],
  })
})

test('a host outside runs the echo server and knows nothing of the cluster', () => {
  expect(cluster.hosts.map((host) => prose(hostSteps(cluster, host)))).toEqual([
    `underlay
  internet knows its own name, and nothing of the cluster test
    file /run/netlab/etc/hosts
      127.0.0.1	localhost
      ::1	localhost ip6-localhost ip6-loopback
      203.0.113.10	internet
  no name has an address out here
    file /run/netlab/etc/resolv.conf
      nameserver 203.0.113.1
  internet answers on HTTP port 80 and echo port 7 and tells whom it saw
    process echo: /opt/netlab/bin/netlab-echo --http-port 80 --tcp-port 7 --udp-port 7
`,
  ])
})

test('what a machine has of its wire: both devices up, its address with the length of the segment, the way to the router', () => {
  expect([...cluster.nodes.slice(0, 1), ...cluster.hosts].map((machine) => prose(wireSteps(machine)))).toEqual([
    `underlay
  a machine reaches itself
    up lo
  the wire to segment nodes must be switched on
    up eth0
  under this address the others of segment nodes find the machine
    addr 192.168.0.10/24 on eth0
  what is not on the segment goes by its router
    route default via 192.168.0.1 dev eth0
`,
    `underlay
  a machine reaches itself
    up lo
  the wire to segment outside must be switched on
    up eth0
  under this address the others of segment outside find the machine
    addr 203.0.113.10/24 on eth0
  what is not on the segment goes by its router
    route default via 203.0.113.1 dev eth0
`,
  ])
})
