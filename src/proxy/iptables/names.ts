/** The names of kube-proxy's chains: a prefix that says the chain's part, and a hash that says whose it is (28 bytes are all that iptables allows). */
import type { ServiceEndpoint, ServicePort } from '#model/cluster.ts'
import { hostPort } from '#net/net.ts'
import { hashOf, portNameOf, protocolOf } from '../names.ts'

export type ServiceChains = {
  /** All usable endpoints. */
  readonly cluster: string
  /** The endpoints on this node only. */
  readonly local: string
  /** The way in for NodePort, external and load balancer addresses. */
  readonly external: string
  /** loadBalancerSourceRanges. */
  readonly firewall: string
}

const HASH_LENGTH = 16

export function serviceChains(service: ServicePort): ServiceChains {
  const hash = hashOf(portNameOf(service) + protocolOf(service), HASH_LENGTH)
  return { cluster: `KUBE-SVC-${hash}`, local: `KUBE-SVL-${hash}`, external: `KUBE-EXT-${hash}`, firewall: `KUBE-FW-${hash}` }
}

export const endpointChain = (service: ServicePort, { ip, port }: ServiceEndpoint): string =>
  `KUBE-SEP-${hashOf(portNameOf(service) + protocolOf(service) + hostPort(ip, port), HASH_LENGTH)}`
