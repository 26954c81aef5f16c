/**
 * BIRD as calico-node runs it: each node tells the others by BGP which blocks of Pod addresses are behind it, and puts what it is told into its kernel.
 *
 *   bird.cfg        the protocols: kernel, device, direct, and a BGP session with each peer
 *   bird_aggr.cfg   the node's own blocks: a blackhole route each, announced in place of the single Pods in it
 *   bird_ipam.cfg   what is told to peers (addresses of Pods, nothing else) and what goes into the kernel
 */
import { bfdProtocol, daemon, PATIENCE, SCAN, underscored } from '#bgp/bird.ts'
import type { Component, Step } from '#kernel/step.ts'
import type { Cluster, Node } from '#model/cluster.ts'
import { torsOf } from '#model/routers.ts'
import { compareIp, type Ip, network } from '#net/net.ts'

type CalicoBgp = Extract<Cluster['cni'], { name: 'calico-bgp' }>

const by = 'cni/bird'
const FOLDER = '/run/netlab/etc/calico/confd/config'

export const bird: Component = {
  name: by,
  wanted: ({ cni }) => cni.name === 'calico-bgp',
  steps: (cluster, node) => {
    const { cni } = cluster
    if (cni.name !== 'calico-bgp') return []
    const peers = peersOf(cni, cluster, node)
    const main = file('bird.cfg', config(cni, node, peers), `with whom ${node.name} speaks BGP: ${peers.map(({ name }) => name).join(', ') || 'nobody'}`)
    const included = [
      file('bird_aggr.cfg', blocks(node), 'the node’s own blocks, each announced as one'),
      file('bird_ipam.cfg', filters(cluster), 'what peers are told, and what goes into the kernel'),
    ]
    const why =
      cni.peers.length > 0 ? 'tells the routers of its rack where Pods are, and listens to them' : 'tells the other nodes where Pods are, and listens to them'
    return [...included, main, daemon({ by, why, files: [main.path, ...included.map(({ path }) => path)] })]
  },
}

type File = Extract<Step, { kind: 'file' }>
const file = (name: string, text: string, why: string): File => ({ by, why, kind: 'file', path: `${FOLDER}/${name}`, text })

type Peer = {
  readonly name: string
  readonly ip: Ip
  /** The peer's autonomous system, and the node's own. */
  readonly asn: number
  /** `Mesh` when everybody speaks with everybody, `Node` when a reflector or a router stands between. */
  readonly kind: 'Mesh' | 'Node'
  /** The peer has its routes from this node. */
  readonly client: boolean
  /** Waits to be called. */
  readonly passive: boolean
}

/** The routers of the node's rack; or else all nodes, or with reflectors: they with everybody, the others with them. */
function peersOf(cni: CalicoBgp, cluster: Cluster, node: Node): readonly Peer[] {
  if (cni.peers.length > 0) return torsOf(cluster, node).map((router) => ({ ...router, kind: 'Node', client: false, passive: false }))
  const { asn, routeReflectors } = cni
  const others = cluster.nodes.filter(({ name }) => name !== node.name).map(({ name, ip }) => ({ name, ip, asn, passive: compareIp(ip, node.ip) > 0 }))
  if (routeReflectors.length === 0) return others.map((peer) => ({ ...peer, kind: 'Mesh', client: false }))
  const reflects = ({ name }: { readonly name: string }): boolean => routeReflectors.includes(name)
  return others.filter((peer) => reflects(node) || reflects(peer)).map((peer) => ({ ...peer, kind: 'Node', client: reflects(node) && !reflects(peer) }))
}

/** All reflectors of a lab are of one cluster (RFC 4456): none takes back what it has told another. */
const CLUSTER_ID = '244.0.0.1'

const config = (cni: CalicoBgp, node: Node, peers: readonly Peer[]): string => `# ${node.name}: as confd of calico-node writes it
include "${FOLDER}/bird_aggr.cfg";
include "${FOLDER}/bird_ipam.cfg";

log stderr all;
router id ${node.ip};

# Routes of this node's kernel: learns those of its own Pods, puts in those that peers tell.
protocol kernel {
  learn;
  persist;
  scan time ${SCAN};
  merge paths on;
${cni.gracefulRestart ? '  graceful restart;\n' : ''}  ipv4 {
    import all;
    export filter calico_kernel_programming;
  };
}

protocol device {
  scan time ${SCAN};
}

# What stands on the node's own wires, but not on Pods' cables nor on kube-proxy's device for Services.
protocol direct {
  interface -"cali*", -"kube-ipvs*", "*";
  ipv4;
}
${cni.bfd ? `\n${bfdProtocol('multihop')}` : ''}
template bgp bgp_template {
  local as ${peers[0]?.asn ?? cni.asn};
  multihop;
${PATIENCE}${cni.gracefulRestart ? '  graceful restart on;\n' : '  graceful restart off;\n'}${cni.bfd ? '  bfd on;\n' : ''}  ipv4 {
    import all;
    export filter calico_export_to_bgp_peers;
    gateway recursive;
    add paths on;
  };
}
${peers.map((peer) => session(node, peer)).join('')}`

const session = (node: Node, { name, ip, asn, kind, client, passive }: Peer): string => `
# ${name}
protocol bgp ${kind}_${underscored(ip)} from bgp_template {
  neighbor ${ip} as ${asn};
  source address ${node.ip};
${client ? `  rr client;\n  rr cluster id ${CLUSTER_ID};\n` : ''}${passive ? '  passive on;\n' : ''}}
`

function blocks(node: Node): string {
  const routes = node.blocks.map((block) => `  route ${block} blackhole;\n`)
  const asked = node.blocks.map((block) => `  if net = ${block} then accept;\n  if net ~ ${block} then reject;\n`)
  return `protocol static {
  ipv4;
${routes.join('')}}

# A block goes out whole: of the Pods in it nobody else needs to know.
function calico_aggr() {
${asked.join('')}}
`
}

const filters = ({ podCIDR }: Cluster): string => `filter calico_export_to_bgp_peers {
  calico_aggr();
  if net ~ ${network(podCIDR)} then accept;
  reject;
}

filter calico_kernel_programming {
  if source = RTS_DEVICE then reject;
  accept;
}
`
