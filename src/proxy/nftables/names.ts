/** Names in kube-proxy's table: what they are for, a hash, and the Service in plain words, for nftables leaves room for both. */
import type { ServiceEndpoint, ServicePort } from '#model/cluster.ts'
import { hashOf, protocolOf } from '../names.ts'

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

export function serviceChains(service: ServicePort): ServiceChains {
  const base = hashed(fullName(service))
  return { cluster: `service-${base}`, local: `local-${base}`, external: `external-${base}`, firewall: `firewall-${base}` }
}

/** The chain of one endpoint, and the set of those who were led there before (ClientIP affinity). */
export function endpointNames(service: ServicePort, { ip, port }: ServiceEndpoint): { readonly chain: string; readonly affinity: string } {
  const base = hashed(`${fullName(service)}__${ip.replaceAll(':', '.')}/${port}`)
  return { chain: `endpoint-${base}`, affinity: `affinity-${base}` }
}

const fullName = (service: ServicePort): string => `${service.namespace}/${service.name}/${protocolOf(service)}/${service.portName}`

const HASH_LENGTH = 8
/** The kernel takes 256 bytes with the zero at the end; kube-proxy keeps 16 for what stands in front. */
const LENGTH_MAX = 240
const CUT = '...'

function hashed(name: string): string {
  const full = `${hashOf(name, HASH_LENGTH)}-${name}`
  return full.length > LENGTH_MAX ? `${full.slice(0, LENGTH_MAX - CUT.length)}${CUT}` : full
}
