/**
 * Which endpoints of a Service a node may use. The same for every kind of proxy: only how the choice is written into the kernel differs.
 *
 * - Ready endpoints count; when none is ready, those that still serve while they terminate. "None" is judged over the whole cluster for
 *   policy Cluster and over the node for policy Local.
 * - Topology hints count only when every ready endpoint has some. Hints of nodes come first, where one names this node; then hints of zones,
 *   where one names the node's zone; else all endpoints are used.
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
  const cluster = usesCluster(service) ? readyOrServing(nearEndpoints(endpoints, node)) : []
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

function nearEndpoints(endpoints: readonly ServiceEndpoint[], { name, zone }: Node): readonly ServiceEndpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready)
  const hinted = (hints: (endpoint: ServiceEndpoint) => readonly string[], here: string | undefined): readonly ServiceEndpoint[] =>
    here === undefined || ready.some((endpoint) => hints(endpoint).length === 0) ? [] : ready.filter((endpoint) => hints(endpoint).includes(here))
  const sameNode = hinted(({ forNodes }) => forNodes, name)
  const near = sameNode.length > 0 ? sameNode : hinted(({ zones }) => zones, zone)
  return near.length > 0 ? near : endpoints
}
