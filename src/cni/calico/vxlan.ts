/** Calico's overlay without BGP: Felix itself gives each node the blocks of all the others, behind their ends of one tunnel. */
import type { Step } from '#kernel/step.ts'
import { WIRE } from '#model/addresses.ts'
import type { Cluster, Node, Pod } from '#model/cluster.ts'
import { sandboxedOn } from '#model/pods.ts'
import { lastOf } from '#model/remember.ts'
import { contains, hostCidr, ifName, macOf } from '#net/net.ts'
import { podMtu } from '../network.ts'

const by = 'cni/calico'

type CalicoVxlan = Extract<Cluster['cni'], { name: 'calico-vxlan' }>
const DEV = ifName('vxlan.calico')

export function vxlan(cni: CalicoVxlan, cluster: Cluster, node: Node): readonly Step[] {
  const { tunnelIp } = node
  if (tunnelIp === undefined) return []
  const why = 'the node’s end of the tunnel; it learns nothing by itself, Felix tells it every peer'
  const mine = node.blocks.map(
    (block): Step => ({ by, why: 'an address of the node’s own block that no Pod has is nowhere', kind: 'route', to: block, type: 'blackhole' }),
  )
  const { vni, port } = cni
  return [
    { by, why, kind: 'vxlan', dev: DEV, vni, port, local: node.ip, underlay: WIRE, mac: macOf(tunnelIp), mtu: podMtu(cluster, node), learning: false },
    { by, why, kind: 'up', dev: DEV },
    { by, why: 'the source address of what the node itself sends through the tunnel', kind: 'addr', dev: DEV, cidr: hostCidr(tunnelIp) },
    ...mine,
    ...cluster.nodes.filter(({ name }) => name !== node.name).flatMap((peer) => toPeer(peer, cni.crossSubnet && peer.segment.name === node.segment.name)),
    ...borrowed(cluster, node, cni),
  ]
}

function toPeer(peer: Node, isDirect: boolean): readonly Step[] {
  const { tunnelIp: via } = peer
  if (via === undefined) return []
  const mac = macOf(via)
  return [
    ...peer.blocks.map(
      (to): Step =>
        isDirect
          ? { by, why: `the Pods of ${peer.name} are behind it, on the same segment: no tunnel`, kind: 'route', to, via: peer.ip, dev: WIRE, onlink: true }
          : { by, why: `the Pods of ${peer.name} are behind its tunnel end`, kind: 'route', to, via, dev: DEV, onlink: true },
    ),
    { by, why: `the tunnel end of ${peer.name} has this MAC; nobody has to ask`, kind: 'neigh', ip: via, mac, dev: DEV },
    { by, why: `frames for the tunnel end of ${peer.name} travel in UDP to ${peer.name}`, kind: 'fdb', mac, dst: peer.ip, dev: DEV },
  ]
}

/** A Pod whose address is of another node's block has a route of its own. */
const borrowed = (cluster: Cluster, node: Node, cni: CalicoVxlan): readonly Step[] =>
  cluster.nodes.flatMap((peer): readonly Step[] => {
    const { tunnelIp } = peer
    if (peer.name === node.name || tunnelIp === undefined) return []
    const isDirect = cni.crossSubnet && peer.segment.name === node.segment.name
    return borrowers(cluster, peer).map((pod) => {
      const way = isDirect ? { via: peer.ip, dev: WIRE } : { via: tunnelIp, dev: DEV }
      return {
        by,
        why: `${pod.namespace}/${pod.name} on ${peer.name} borrows an address of another block`,
        kind: 'route',
        to: hostCidr(pod.ip),
        onlink: true,
        ...way,
      }
    })
  })

const borrowers = (cluster: Cluster, node: Node): readonly Pod[] => {
  const pods = sandboxedOn(cluster, node)
  return borrowing(pods, node.blocks, () => pods.filter(({ ip }) => !node.blocks.some((block) => contains(block, ip))))
}
const borrowing = lastOf<readonly Pod[], readonly Pod[]>()
