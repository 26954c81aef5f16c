import { expect, test } from 'vitest'
import { prose } from '#kernel/text.ts'
import { clusterWith, labWith } from '#model/build.ts'
import { ip } from '#net/net.ts'
import { hostSteps, wireSteps } from './underlay.ts'
import { wiring, wiringOf } from './wiring.ts'

const asked = { nodes: 2, hosts: [{ name: 'internet', ip: ip('203.0.113.10') }] }
const cluster = clusterWith(asked)

test('every node and every host outside is a machine on the segment that holds its address', () => {
  expect(wiring(cluster)).toEqual({
    lab: 'test',
    segments: [
      { name: 'nodes', cidr: '192.168.0.0/24', gateway: '192.168.0.1', mtu: 1500 },
      { name: 'outside', cidr: '203.0.113.0/24', gateway: '203.0.113.1', mtu: 1500 },
    ],
    machines: [
      { name: 'node-1', wires: [{ dev: 'eth0', ip: '192.168.0.10', segment: 'nodes' }], gateway: '192.168.0.1' },
      { name: 'node-2', wires: [{ dev: 'eth0', ip: '192.168.0.11', segment: 'nodes' }], gateway: '192.168.0.1' },
      { name: 'internet', wires: [{ dev: 'eth0', ip: '203.0.113.10', segment: 'outside' }], gateway: '203.0.113.1' },
    ],
    routes: [],
  })
})

test('a fresh lab is wired before it has objects as it is with them', () => expect(wiringOf(labWith(asked))).toEqual(wiring(cluster)))

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

test('what a machine has of its wire: both devices up, its address with the length of the segment, its MTU, the way to the router', () => {
  expect([...cluster.nodes.slice(0, 1), ...cluster.hosts].map((machine) => prose(wireSteps(machine)))).toEqual([
    `underlay
  a machine reaches itself
    up lo
  the wire to segment nodes must be switched on
    up eth0 mtu 1500
  under this address the others of segment nodes find the machine
    addr 192.168.0.10/24 on eth0
  what is not on the segment goes by its router
    route default via 192.168.0.1 dev eth0
`,
    `underlay
  a machine reaches itself
    up lo
  the wire to segment outside must be switched on
    up eth0 mtu 1500
  under this address the others of segment outside find the machine
    addr 203.0.113.10/24 on eth0
  what is not on the segment goes by its router
    route default via 203.0.113.1 dev eth0
`,
  ])
})

test('a name server outside serves its zones, and of every other name it says that it does not exist', () => {
  const dns = { zones: [{ name: 'corp.example', records: ['www A 203.0.113.10'] }] }
  const here = clusterWith({ nodes: 1, nameservers: [ip('203.0.113.53')], hosts: [{ name: 'corp-dns', ip: ip('203.0.113.53'), dns }] })
  const said = here.hosts.map((host) => prose(hostSteps(here, host)))[0] ?? ''
  expect(said.slice(said.indexOf('  whom'), said.indexOf('  corp-dns answers'))).toBe(`  whom the machines of this lab ask for names
    file /run/netlab/etc/resolv.conf
      nameserver 203.0.113.53
  corp-dns knows the names of corp.example
    file /run/netlab/dns/corp.example.zone
      $ORIGIN corp.example.
      $TTL 300
      @ SOA ns.corp.example. hostmaster.corp.example. 1 7200 1800 86400 30
      @ NS ns.corp.example.
      ns A 203.0.113.53
      www A 203.0.113.10
  of every other name corp-dns says that it does not exist
    file /run/netlab/dns/root.zone
      $ORIGIN .
      $TTL 300
      @ SOA ns.invalid. hostmaster.invalid. 1 7200 1800 86400 30
      @ NS ns.invalid.
  which zones corp-dns serves
    file /run/netlab/dns/Corefile
      corp.example:53 {
          errors
          log
          file /run/netlab/dns/corp.example.zone
      }
      .:53 {
          errors
          log
          file /run/netlab/dns/root.zone
      }
  corp-dns is a name server: a CoreDNS that reads zone files and knows no cluster
    process dns: /opt/netlab/bin/coredns -conf /run/netlab/dns/Corefile
`)
})
