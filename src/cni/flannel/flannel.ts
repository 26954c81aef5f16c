/**
 * flannel with its VXLAN backend: an IP network over the nodes' network.
 *
 * Each node leases a part of the Pod range and owns one tunnel end, flannel.1, whose address is the first of that part. For each other node
 * it holds three entries and nothing else, so nothing is ever asked on the wire:
 *   a route       its Pods are behind the address of its tunnel end      10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink
 *   a neighbour   that address has this MAC                              10.244.1.0 lladdr 0a:58:0a:f4:01:00
 *   an fdb entry  frames for this MAC go in UDP to this node             0a:58:0a:f4:01:00 dst 192.168.0.11
 */
import type { Component, Step } from '#kernel/step.ts'
import { vtepMac } from '#model/addresses.ts'
import type { Cluster, Node } from '#model/cluster.ts'
import { WIRE } from '#model/model.ts'
import { addressOf, type Cidr, familyOf, hostCidr, type Ip, ifName, network } from '#net/net.ts'
import { gatewayOf, inNodeRange, NETWORK, podMtu } from '../network.ts'

const by = 'cni/flannel'

export const flannel: Component = {
  name: by,
  wanted: ({ cni }) => cni.name === 'flannel-vxlan',
  steps: (cluster, node) => {
    if (cluster.cni.name !== 'flannel-vxlan') return []
    const { vni, port } = cluster.cni
    const dev = ifName(`flannel.${vni}`)
    const why = 'the node’s end of the tunnel; it learns nothing by itself, every peer is told to it'
    return [
      { by, why, kind: 'vxlan', dev, vni, port, local: node.ip, underlay: WIRE, mac: vtepMac(node.podCIDR), mtu: podMtu(cluster, node), learning: false },
      { by, why, kind: 'up', dev },
      { by, why: 'the source address of what the node itself sends to other nodes’ Pods', kind: 'addr', dev, cidr: hostCidr(tunnelEnd(node)) },
      ...cluster.nodes.filter(({ name }) => name !== node.name).flatMap((peer) => toPeer(peer, dev)),
      ...masquerade(cluster, node),
      ...forward(cluster),
      ...files(cluster, node),
    ]
  },
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

/** Set by kube-proxy on what it will masquerade itself. */
const KUBE_PROXY_MARK = '0x4000/0x4000'
const MULTICAST = { 4: '224.0.0.0/4', 6: 'ff00::/8' } as const

/** Pods reach each other as themselves and the rest of the world as their node. */
function masquerade({ podCIDR }: Cluster, node: Node): readonly Step[] {
  const family = familyOf(podCIDR)
  const comment = '-m comment --comment "flanneld masq"'
  const all = network(podCIDR)
  const own = network(node.podCIDR)
  const rules = [
    `-m mark --mark ${KUBE_PROXY_MARK} ${comment} -j RETURN`,
    `-s ${own} -d ${all} ${comment} -j RETURN`,
    `-s ${all} -d ${own} ${comment} -j RETURN`,
    `! -s ${all} -d ${own} ${comment} -j RETURN`,
    `-s ${all} ! -d ${MULTICAST[family]} ${comment} -j MASQUERADE --random-fully`,
    `! -s ${all} -d ${all} ${comment} -j MASQUERADE --random-fully`,
  ]
  const why = 'between Pods addresses stay as they are; a Pod that talks to the outside does so as its node'
  return [
    { by, why, kind: 'chain', family, table: 'nat', chain: 'FLANNEL-POSTRTG', rules },
    { by, why, kind: 'jump', family, table: 'nat', chain: 'POSTROUTING', rule: `${comment} -j FLANNEL-POSTRTG`, place: 'last' },
  ]
}

function forward({ podCIDR }: Cluster): readonly Step[] {
  const family = familyOf(podCIDR)
  const comment = '-m comment --comment "flanneld forward"'
  const all = network(podCIDR)
  const why = 'what comes from Pods or goes to Pods may pass the node, even where its owner has closed it'
  return [
    { by, why, kind: 'chain', family, table: 'filter', chain: 'FLANNEL-FWD', rules: [`-s ${all} ${comment} -j ACCEPT`, `-d ${all} ${comment} -j ACCEPT`] },
    { by, why, kind: 'jump', family, table: 'filter', chain: 'FORWARD', rule: `${comment} -j FLANNEL-FWD`, place: 'last' },
  ]
}

function files(cluster: Cluster, node: Node): readonly Step[] {
  const subnet = inNodeRange(node, gatewayOf(node))
  return [
    {
      by,
      why: 'the node’s lease, for the CNI plugin to read',
      kind: 'file',
      path: '/run/flannel/subnet.env',
      text: subnetEnv(network(cluster.podCIDR), subnet, podMtu(cluster, node)),
    },
    {
      by,
      why: 'what kubelet calls for each Pod: flannel, which leaves the work to bridge',
      kind: 'file',
      path: '/run/netlab/etc/cni/net.d/10-flannel.conflist',
      text: conflist,
    },
  ]
}

const subnetEnv = (all: Cidr, subnet: Cidr, mtu: number): string =>
  familyOf(all) === 4
    ? `FLANNEL_NETWORK=${all}\nFLANNEL_SUBNET=${subnet}\nFLANNEL_MTU=${mtu}\nFLANNEL_IPMASQ=true\n`
    : `FLANNEL_IPV6_NETWORK=${all}\nFLANNEL_IPV6_SUBNET=${subnet}\nFLANNEL_MTU=${mtu}\nFLANNEL_IPMASQ=true\n`

const conflist = `${JSON.stringify(
  {
    name: NETWORK,
    cniVersion: '0.3.1',
    plugins: [
      { type: 'flannel', delegate: { hairpinMode: true, isDefaultGateway: true } },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  },
  null,
  2,
)}\n`
