import { expect, test } from 'vitest'
import type { ServicePort } from '#model/cluster.ts'
import { ip } from '#net/net.ts'
import { endpointNames, serviceChains } from './names.ts'

const port = (name: string): ServicePort => {
  const [namespace = '', service = '', protocol = '', portName = ''] = name.split('/')
  return {
    ...{ namespace, name: service, portName, protocol: protocol.toUpperCase() as ServicePort['protocol'], family: 4, clusterIP: ip('10.96.0.1'), port: 80 },
    ...{ externalIPs: [], loadBalancerIPs: [], sourceRanges: [], internalLocal: false, externalLocal: false, endpoints: [] },
  }
}
const endpoint = (address: string, number: number) => ({
  ip: ip(address),
  port: number,
  ready: true,
  serving: true,
  terminating: false,
  zones: [],
  forNodes: [],
})

test.each([
  ['ns1/svc1/tcp/p80', 'ULMVA6XW'],
  ['ns2/svc2/tcp/p80', '42NFTM6N'],
  ['ns3/svc3/tcp/p80', '4AT6LBPK'],
  ['ns4/svc4/tcp/p80', 'LAUZTJTB'],
  ['ns5/svc5/tcp/p80', 'HVFWP5L3'],
  ['kube-system/kube-dns/udp/dns', 'FY5PMXPG'],
  ['default/kubernetes/tcp/https', '2QRHZV4L'],
  ['default/nginx/tcp/', 'ECO34HEO'],
  ['demo/web/tcp/http', 'AXK6CI2C'],
])('the chains of %s bear the hash %s', (name, hash) => {
  const base = `${hash}-${name}`
  expect(serviceChains(port(name))).toEqual({ cluster: `service-${base}`, local: `local-${base}`, external: `external-${base}`, firewall: `firewall-${base}` })
})

test.each([
  ['ns1/svc1/tcp/p80', '10.180.0.1', '5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80'],
  ['ns2/svc2/tcp/p80', '10.180.0.2', 'SGOXE6O3-ns2/svc2/tcp/p80__10.180.0.2/80'],
  ['ns3/svc3/tcp/p80', '10.180.0.3', 'UEIP74TE-ns3/svc3/tcp/p80__10.180.0.3/80'],
  ['ns4/svc4/tcp/p80', '10.180.0.4', 'UNZV3OEC-ns4/svc4/tcp/p80__10.180.0.4/80'],
  ['ns4/svc4/tcp/p80', '10.180.0.5', '5RFCDDV7-ns4/svc4/tcp/p80__10.180.0.5/80'],
  ['ns5/svc5/tcp/p80', '10.180.0.3', 'GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80'],
  ['ns1/svc1/tcp/p80', 'fd00:10:180::1', 'ZVRFLKHO-ns1/svc1/tcp/p80__fd00.10.180..1/80'],
  ['ns1/svc1/tcp/p80', 'fd00:10:180::2:1', '2CRNCTTE-ns1/svc1/tcp/p80__fd00.10.180..2.1/80'],
])('the names of %s at %s end in %s', (name, address, base) => {
  expect(endpointNames(port(name), endpoint(address, 80))).toEqual({ chain: `endpoint-${base}`, affinity: `affinity-${base}` })
})

test('names of the greatest length are cut to what the kernel takes, the hash stays', () => {
  const long = port(['n', 's', 'sctp', 'p'].map((letter) => (letter === 'sctp' ? letter : letter.repeat(63))).join('/'))
  const { chain } = endpointNames(long, endpoint('fd00:1111:2222:3333:4444:5555:6666:7777', 65_535))
  expect({ length: chain.length, start: /^endpoint-[A-Z2-7]{8}-nnn/.test(chain), end: chain.slice(-5) }).toEqual({ length: 249, start: true, end: '5....' })
})
