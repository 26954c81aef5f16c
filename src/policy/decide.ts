/** May this packet open a connection? Computed from policies, and by which rule. */
import type { Cluster, Pod } from '#model/cluster.ts'
import { contains, type Ip } from '#net/net.ts'
import { type Direction, isolating, numberOf, type Peer, type Policy, type Port, type Protocol, type Rule } from './policy.ts'

/** One end of a connection: a Pod of the cluster, or any other address (a node, a machine outside). */
export type End = { readonly pod: Pod } | { readonly ip: Ip }
/** What is asked for: addresses and ports as they are after Service translation. */
export type Flow = { readonly from: End; readonly to: End; readonly protocol: Protocol; readonly port: number }

export type Decision = { readonly allowed: boolean; readonly egress: Half; readonly ingress: Half }
/** One direction of a decision. */
export type Half =
  /** Nobody isolates the Pod here, or there is no Pod at this end. */
  | { readonly verdict: 'open' }
  /** The Pod itself, or the node it runs on: never judged. */
  | { readonly verdict: 'exempt'; readonly why: 'own node' | 'itself' }
  | { readonly verdict: 'allowed'; readonly isolatedBy: readonly Policy[]; readonly by: readonly Allowance[] }
  | { readonly verdict: 'denied'; readonly isolatedBy: readonly Policy[] }
/** The policy's rule, counted from 0 as in `spec.ingress[0]`, that lets the flow pass. */
export type Allowance = { readonly policy: Policy; readonly rule: number }

export function decide(cluster: Cluster, flow: Flow): Decision {
  const egress = half(cluster, flow, 'egress', exempt(cluster, flow, 'egress'))
  const ingress = half(cluster, flow, 'ingress', exempt(cluster, flow, 'ingress'))
  return { allowed: egress.verdict !== 'denied' && ingress.verdict !== 'denied', egress, ingress }
}

/** A Pod's traffic to itself does not leave it; what its own node sends it (kubelet's probes) always comes in. */
function exempt(cluster: Cluster, { from, to }: Flow, direction: Direction): 'own node' | 'itself' | undefined {
  if ('pod' in from && 'pod' in to && from.pod === to.pod) return 'itself'
  if (direction === 'egress' || !('pod' in to)) return undefined
  const node = cluster.nodes.find(({ name }) => name === to.pod.node)
  return node !== undefined && addressOf(from) === node.ip ? 'own node' : undefined
}

function half(cluster: Cluster, flow: Flow, direction: Direction, why: 'own node' | 'itself' | undefined): Half {
  const end = direction === 'ingress' ? flow.to : flow.from
  if (!('pod' in end) || end.pod.sandbox === undefined) return { verdict: 'open' }
  if (why !== undefined) return { verdict: 'exempt', why }
  const isolatedBy = isolating(cluster, end.pod, direction)
  if (isolatedBy.length === 0) return { verdict: 'open' }
  const by = isolatedBy.flatMap((policy) => (policy[direction] ?? []).flatMap((rule, at) => (lets(rule, flow, direction) ? [{ policy, rule: at }] : [])))
  return by.length === 0 ? { verdict: 'denied', isolatedBy } : { verdict: 'allowed', isolatedBy, by }
}

function lets({ peers, ports }: Rule, flow: Flow, direction: Direction): boolean {
  const other = direction === 'ingress' ? flow.from : flow.to
  return (peers === 'all' || peers.some((peer) => isPeer(peer, other))) && (ports === 'all' || ports.some((port) => isPort(port, flow)))
}

/** Blocks look at addresses, of Pods as well; selectors never mean what is no Pod. */
function isPeer(peer: Peer, end: End): boolean {
  if (peer.kind === 'pods') return 'pod' in end && peer.pods.includes(end.pod)
  const address = addressOf(end)
  return contains(peer.cidr, address) && !peer.except.some((hole) => contains(hole, address))
}

/** A name is the destination's own word for a port; what is no Pod has none. */
function isPort(port: Port, { to, protocol, port: number }: Flow): boolean {
  if (port.protocol !== protocol) return false
  if ('name' in port) return 'pod' in to && numberOf(to.pod, port) === number
  return port.from <= number && number <= port.to
}

export const addressOf = (end: End): Ip => ('pod' in end ? end.pod.ip : end.ip)
