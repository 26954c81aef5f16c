/**
 * flannel's host-gw backend: no overlay. For each other node one plain route, to the node itself:
 *   10.244.1.0/24 via 192.168.0.11 dev eth0
 * Packets stay as they are, so the wire's whole MTU is the Pods'. It works only where the other node is a neighbour on the wire: a router in between
 * would have to know the Pod ranges, too.
 */
import type { Step } from '#kernel/step.ts'
import { WIRE } from '#model/addresses.ts'
import type { Cluster, Node } from '#model/cluster.ts'
import { network } from '#net/net.ts'
import { by } from './name.ts'

export const hostGw = (cluster: Cluster, node: Node): readonly Step[] => cluster.nodes.filter((peer) => isNeighbour(node, peer)).map(directRoute)

/** Another node, on the same wire. */
export const isNeighbour = (node: Node, peer: Node): boolean => peer.name !== node.name && peer.segment.name === node.segment.name

export const directRoute = (peer: Node): Step => ({
  by,
  why: `the Pods of ${peer.name} are behind ${peer.name} itself, a neighbour on the wire`,
  kind: 'route',
  to: network(peer.podCIDR),
  via: peer.ip,
  dev: WIRE,
})
