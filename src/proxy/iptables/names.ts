/** The names of kube-proxy's chains: a prefix that says the chain's part, and a hash that says whose it is (28 bytes are all that iptables allows). */
import { sha256 } from '@noble/hashes/sha2.js'
import { base32 } from '@scure/base'
import type { ServiceEndpoint, ServicePort } from '#model/cluster.ts'
import { hostPort } from '#net/net.ts'

/** `namespace/name:port`, as kube-proxy's comments and logs call a port of a Service. */
export const portNameOf = ({ namespace, name, portName }: ServicePort): string => `${namespace}/${name}${portName === '' ? '' : `:${portName}`}`

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
  const hash = hashOf(portNameOf(service) + protocolOf(service))
  return { cluster: `KUBE-SVC-${hash}`, local: `KUBE-SVL-${hash}`, external: `KUBE-EXT-${hash}`, firewall: `KUBE-FW-${hash}` }
}

/** As the rules and the hashes spell it. */
export const protocolOf = (service: ServicePort): string => service.protocol.toLowerCase()

export const endpointChain = (service: ServicePort, { ip, port }: ServiceEndpoint): string =>
  `KUBE-SEP-${hashOf(portNameOf(service) + protocolOf(service) + hostPort(ip, port))}`

const HASH_LENGTH = 16
const KEPT = 50_000
const hashes = new Map<string, string>()
const bytes = new TextEncoder()

/** A few µs each, and a large cluster asks for the same thousands again and again. */
function hashOf(text: string): string {
  const known = hashes.get(text)
  if (known !== undefined) return known
  const hash = base32.encode(sha256(bytes.encode(text))).slice(0, HASH_LENGTH)
  if (hashes.size >= KEPT) hashes.clear()
  hashes.set(text, hash)
  return hash
}
