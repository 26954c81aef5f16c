/**
 * flannel's VXLAN backend: an IP network over the nodes' network.
 *
 * Each node owns one tunnel end, flannel.1, whose address is the first of its part of the Pod range. For each other node
 * it holds three entries and nothing else, so nothing is ever asked on the wire:
 *   a route       its Pods are behind the address of its tunnel end      10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink
 *   a neighbour   that address has this MAC                              10.244.1.0 lladdr 0a:58:0a:f4:01:00
 *   an fdb entry  frames for this MAC go in UDP to this node             0a:58:0a:f4:01:00 dst 192.168.0.11
 * With DirectRouting a node on the same segment gets host-gw's one route instead.
 */
import type { Step } from '#kernel/step.ts'
import { vtepMac, WIRE } from '#model/addresses.ts'
import type { Cluster, Node } from '#model/cluster.ts'
import { addressOf, hostCidr, type Ip, ifName, network } from '#net/net.ts'
import { podMtu } from '../network.ts'
import { directRoute, isNeighbour } from './host-gw.ts'
import { by } from './name.ts'

type Options = Extract<Cluster['cni'], { name: 'flannel-vxlan' }>

export function vxlan({ vni, port, directRouting }: Options, cluster: Cluster, node: Node): readonly Step[] {
  const dev = ifName(`flannel.${vni}`)
  const why = 'the node’s end of the tunnel; it learns nothing by itself, every peer is told to it'
  return [
    { by, why, kind: 'vxlan', dev, vni, port, local: node.ip, underlay: WIRE, mac: vtepMac(node.podCIDR), mtu: podMtu(cluster, node), learning: false },
    { by, why, kind: 'up', dev },
    { by, why: 'the source address of what the node itself sends to other nodes’ Pods', kind: 'addr', dev, cidr: hostCidr(tunnelEnd(node)) },
    ...cluster.nodes
      .filter(({ name }) => name !== node.name)
      .flatMap((peer) => (directRouting && isNeighbour(node, peer) ? [directRoute(peer)] : toPeer(peer, dev))),
  ]
}

const tunnelEnd = (node: Node): Ip => addressOf(network(node.podCIDR))

function toPeer(peer: Node, dev: ReturnType<typeof ifName>): readonly Step[] {
  const via = tunnelEnd(peer)
  const mac = vtepMac(peer.podCIDR)
  return [
    { by, why: `the Pods of ${peer.name} are behind its tunnel end`, kind: 'route', to: network(peer.podCIDR), via, dev, onlink: true },
    { by, why: `the tunnel end of ${peer.name} has this MAC; nobody has to ask`, kind: 'neigh', ip: via, mac, dev },
    { by, why: `frames for the tunnel end of ${peer.name} travel in UDP to ${peer.name}`, kind: 'fdb', mac, dst: peer.ip, dev },
  ]
}
