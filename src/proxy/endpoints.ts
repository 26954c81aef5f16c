/**
 * Which endpoints of a Service a node may use. The same for every kind of proxy: only how the choice is written into the kernel differs.
 *
 * - Ready endpoints count; when none is ready, those that still serve while they terminate. "None" is judged over the whole cluster for
 *   policy Cluster and over the node for policy Local.
 * - Topology hints count only when every ready endpoint has some and one of them names the node's zone.
 */
import type { Node, ServiceEndpoint, ServicePort } from '#model/cluster.ts'

export type Usable = {
  /** For traffic policy Cluster; empty when neither policy of the Service asks for it. */
  readonly cluster: readonly ServiceEndpoint[]
  /** For traffic policy Local: those on this node. */
  readonly local: readonly ServiceEndpoint[]
  /** All that this node may send to. */
  readonly reachable: readonly ServiceEndpoint[]
  /** There is a usable endpoint somewhere, though perhaps not for this node. */
  readonly any: boolean
}

export function usableEndpoints(service: ServicePort, node: Node): Usable {
  const { endpoints } = service
  const isLocal = (endpoint: ServiceEndpoint): boolean => endpoint.node === node.name
  const cluster = usesCluster(service) ? readyOrServing(nearEndpoints(endpoints, node.zone)) : []
  const local = usesLocal(service) ? readyOrServing(endpoints.filter(isLocal)) : []
  const wanted = new Set([...cluster, ...local])
  return { cluster, local, reachable: endpoints.filter((endpoint) => wanted.has(endpoint)), any: endpoints.some((e) => e.ready || isLastResort(e)) }
}

/** It has an address or a port that the world outside the cluster may use. */
export const isExternal = (service: ServicePort): boolean =>
  service.nodePort !== undefined || service.loadBalancerIPs.length > 0 || service.externalIPs.length > 0

/** Pods and the node itself reach external addresses over all endpoints, whatever the external policy says. */
const usesCluster = (service: ServicePort): boolean => !service.internalLocal || isExternal(service)
export const usesLocal = (service: ServicePort): boolean => service.internalLocal || (service.externalLocal && isExternal(service))

const isLastResort = (endpoint: ServiceEndpoint): boolean => endpoint.serving && endpoint.terminating

function readyOrServing(endpoints: readonly ServiceEndpoint[]): readonly ServiceEndpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready)
  return ready.length > 0 ? ready : endpoints.filter(isLastResort)
}

function nearEndpoints(endpoints: readonly ServiceEndpoint[], zone: string | undefined): readonly ServiceEndpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready)
  if (zone === undefined || ready.some(({ zones }) => zones.length === 0)) return endpoints
  const near = ready.filter(({ zones }) => zones.includes(zone))
  return near.length > 0 ? near : endpoints
}
