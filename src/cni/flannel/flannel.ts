/**
 * flannel: each node leases a part of the Pod range and tells the others; a backend carries packets between them. What all backends have in common:
 * the masquerade of what leaves the Pod range, the leave to be forwarded, and the lease for the CNI plugin to read.
 */
import type { Component, Step } from '#kernel/step.ts'
import type { Cluster, Node } from '#model/cluster.ts'
import { type Cidr, familyOf, network } from '#net/net.ts'
import { gatewayOf, inNodeRange, NETWORK, podMtu } from '../network.ts'
import { hostGw } from './host-gw.ts'
import { by } from './name.ts'
import { vxlan } from './vxlan.ts'

export const flannel: Component = {
  name: by,
  wanted: ({ cni }) => backendOf(cni) !== undefined,
  steps: (cluster, node) => {
    const backend = backendOf(cluster.cni)
    return backend === undefined ? [] : [...backend(cluster, node), ...masquerade(cluster, node), ...forward(cluster), ...files(cluster, node)]
  },
}

type Backend = (cluster: Cluster, node: Node) => readonly Step[]

function backendOf(cni: Cluster['cni']): Backend | undefined {
  switch (cni.name) {
    case 'flannel-vxlan':
      return (cluster, node) => vxlan(cni, cluster, node)
    case 'host-gw':
      return hostGw
    default:
      return undefined
  }
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
