/** What the plugins of one CNI configuration agree on: they meet in its name, its range and its MTU, not in one another's code. */
import type { Cluster, Node } from '#model/cluster.ts'
import { type Cidr, type Ip, ifName, nthIp, prefixOf, withPrefix } from '#net/net.ts'

/** The network's name in flannel's conflist; host-local keeps its leases under it. */
export const NETWORK = 'cbr0'
export const BRIDGE = ifName('cni0')
/** Every Pod's own device. */
export const POD_DEV = ifName('eth0')

/** Outer IPv4 20, UDP 8, VXLAN 8, inner Ethernet 14. */
const VXLAN_OVERHEAD = 50

const TUNNELS = new Set(['flannel-vxlan', 'calico-vxlan'])

/** What is left for a Pod's packet on a wire of this node. */
export const podMtu = (cluster: Cluster, node: Node): number => node.segment.mtu - (TUNNELS.has(cluster.cni.name) ? VXLAN_OVERHEAD : 0)

/** Whether bridge and host-local connect the node's Pods, as for flannel. */
export const hasBridge = ({ cni }: Cluster): boolean => cni.name === 'flannel-vxlan' || cni.name === 'host-gw'

/** The first address of a node's range is the bridge's: its Pods' way out. */
export const gatewayOf = (node: Node): Ip => nthIp(node.podCIDR, 1)
export const inNodeRange = (node: Node, address: Ip): Cidr => withPrefix(address, prefixOf(node.podCIDR))
