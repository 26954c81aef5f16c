import { expect, test } from 'vitest'
import type { ServicePort } from '#model/cluster.ts'
import { ip } from '#net/net.ts'
import { portNameOf } from '../names.ts'
import { endpointChain, serviceChains } from './names.ts'

const port = (name: string, protocol: ServicePort['protocol'] = 'TCP'): ServicePort => {
  const [, namespace = '', service = '', portName = ''] = /^(.+)\/([^:]+):?(.*)$/.exec(name) ?? []
  return {
    ...{ namespace, name: service, portName, protocol, family: 4, clusterIP: ip('10.96.0.1'), port: 80 },
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
  ['ns1/svc1:p80', 'TCP', 'XPGD46QRK7WJZT7O'],
  ['ns2/svc2:p80', 'TCP', 'GNZBNJ2PO5MGZ6GT'],
  ['ns3/svc3:p80', 'TCP', 'X27LE4BHSL4DOUIK'],
  ['ns4/svc4:p80', 'TCP', '4SW47YFZTEDKD3PK'],
  ['ns5/svc5:p80', 'TCP', 'NUKIZ6OKUXPJNT4C'],
  ['default/kubernetes:https', 'TCP', 'NPX46M4PTMTKRN6Y'],
  ['kube-system/kube-dns:dns', 'UDP', 'TCOU7JCQXEZGVUNU'],
  ['kube-system/kube-dns:dns-tcp', 'TCP', 'ERIFXISQEP7F7OF4'],
  ['kube-system/kube-dns:metrics', 'TCP', 'JD5MR3NA4I4DYORP'],
  ['default/nginx', 'TCP', '2CMXP7HKUVJN7L6M'],
  ['demo/web:http', 'TCP', 'XRY76EGRC3BSCIIJ'],
  ['demo/unnamed', 'TCP', 'BCNCO3VSOGSQEX2E'],
] as const)('the chains of %s %s bear the hash %s', (name, protocol, hash) => {
  const of = port(name, protocol)
  expect({ name: portNameOf(of), chains: serviceChains(of) }).toEqual({
    name,
    chains: { cluster: `KUBE-SVC-${hash}`, local: `KUBE-SVL-${hash}`, external: `KUBE-EXT-${hash}`, firewall: `KUBE-FW-${hash}` },
  })
})

test.each([
  ['ns1/svc1:p80', '10.180.0.1', 80, 'SXIVWICOYRO3J4NJ'],
  ['ns2/svc2:p80', '10.180.0.2', 80, 'RS4RBKLTHTF2IUXJ'],
  ['ns3/svc3:p80', '10.180.0.3', 80, 'OYPFS5VJICHGATKP'],
  ['ns4/svc4:p80', '10.180.0.4', 80, 'UKSFD7AGPMPPLUHC'],
  ['ns4/svc4:p80', '10.180.0.5', 80, 'C6EBXVWJJZMIWKLZ'],
  ['ns5/svc5:p80', '10.180.0.3', 80, 'I77PXRDZVX7PMWMN'],
  ['demo/web:http', '10.244.1.11', 8080, '4R67FX26EEAQJQLI'],
])('the chain of %s at %s:%i bears the hash %s', (name, address, number, hash) => {
  expect(endpointChain(port(name), endpoint(address, number))).toBe(`KUBE-SEP-${hash}`)
})
