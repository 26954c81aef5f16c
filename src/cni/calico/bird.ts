/**
 * BIRD as calico-node runs it: each node tells the others by BGP which blocks of Pod addresses are behind it, and puts what it is told into its kernel.
 *
 *   bird.cfg        the protocols: kernel, device, direct, and a BGP session with each peer
 *   bird_aggr.cfg   the node's own blocks: a blackhole route each, announced in place of the single Pods in it
 *   bird_ipam.cfg   what is told to peers (addresses of Pods, nothing else) and what goes into the kernel
 */
import type { Component, Process, Step } from '#kernel/step.ts'
import type { Cluster, Node } from '#model/cluster.ts'
import { compareIp, type Ip, network } from '#net/net.ts'

type CalicoBgp = Extract<Cluster['cni'], { name: 'calico-bgp' }>

const by = 'cni/bird'
const FOLDER = '/run/netlab/etc/calico/confd/config'
/** Where birdc looks by itself. */
const SOCKET = '/run/bird/bird.ctl'

export const bird: Component = {
  name: by,
  wanted: ({ cni }) => cni.name === 'calico-bgp',
  steps: (cluster, node) => {
    const { cni } = cluster
    if (cni.name !== 'calico-bgp') return []
    const peers = peersOf(cni, cluster, node)
    const files = [
      file('bird_aggr.cfg', blocks(node), 'the node’s own blocks, each announced as one'),
      file('bird_ipam.cfg', filters(cluster), 'what peers are told, and what goes into the kernel'),
      file('bird.cfg', main(cni, node, peers), `with whom ${node.name} speaks BGP: ${peers.map(({ node: { name } }) => name).join(', ') || 'nobody'}`),
    ]
    return [...files, daemon(files.map(({ path }) => path))]
  },
}

type File = Extract<Step, { kind: 'file' }>
const file = (name: string, text: string, why: string): File => ({ by, why, kind: 'file', path: `${FOLDER}/${name}`, text })

const daemon = (files: readonly string[]): Step & Process => ({
  by,
  why: 'tells the other nodes where Pods are, and listens to them',
  kind: 'process',
  id: 'bird',
  argv: ['bird', '-f', '-c', `${FOLDER}/bird.cfg`, '-s', SOCKET],
  env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
  // The folder of the socket is the machine's own, made where it is missing.
  mounts: [{ from: '/run/bird/', to: '/run/bird', readOnly: false }],
  onChange: 'restart',
  restart: 'Always',
  reload: { argv: ['birdc', '-s', SOCKET, 'configure'], files },
})

type Peer = {
  readonly node: Node
  /** `Mesh` when everybody speaks with everybody, `Node` when a reflector stands between. */
  readonly kind: 'Mesh' | 'Node'
  /** The peer has its routes from this node. */
  readonly client: boolean
}

/** Everybody, or with reflectors: they with everybody, the others with them. */
function peersOf({ routeReflectors }: CalicoBgp, { nodes }: Cluster, node: Node): readonly Peer[] {
  const others = nodes.filter(({ name }) => name !== node.name)
  if (routeReflectors.length === 0) return others.map((peer) => ({ node: peer, kind: 'Mesh', client: false }))
  const reflects = ({ name }: Node): boolean => routeReflectors.includes(name)
  return others.filter((peer) => reflects(node) || reflects(peer)).map((peer) => ({ node: peer, kind: 'Node', client: reflects(node) && !reflects(peer) }))
}

/** All reflectors of a lab are of one cluster (RFC 4456): none takes back what it has told another. */
const CLUSTER_ID = '244.0.0.1'

/** In seconds. Calico's own are 2, 5 and 5 to 30, and 240 without a word: a lab cannot wait that long. */
const CONNECT_DELAY = 1
const CONNECT_RETRY = 1
/** None: a side that waits refuses the other's call, and a new session takes two turns of it. Connect delay keeps the pace. */
const ERROR_WAIT = '0,0'
const HOLD = 3
const KEEPALIVE = 1
const SCAN = 2
/** In milliseconds: three in a row missed, and the peer is gone. */
const BFD_INTERVAL = 100

const main = (cni: CalicoBgp, node: Node, peers: readonly Peer[]): string => `# ${node.name}: as confd of calico-node writes it
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
${cni.bfd ? `\nprotocol bfd {\n  multihop { interval ${BFD_INTERVAL} ms; multiplier 3; };\n}\n` : ''}
template bgp bgp_template {
  local as ${cni.asn};
  multihop;
  connect delay time ${CONNECT_DELAY};
  connect retry time ${CONNECT_RETRY};
  error wait time ${ERROR_WAIT};
  hold time ${HOLD};
  keepalive time ${KEEPALIVE};
${cni.gracefulRestart ? '  graceful restart on;\n' : '  graceful restart off;\n'}${cni.bfd ? '  bfd on;\n' : ''}  ipv4 {
    import all;
    export filter calico_export_to_bgp_peers;
    gateway recursive;
    add paths on;
  };
}
${peers.map((peer) => session(cni, node, peer)).join('')}`

const session = (cni: CalicoBgp, node: Node, { node: peer, kind, client }: Peer): string => `
# ${peer.name}
protocol bgp ${kind}_${underscored(peer.ip)} from bgp_template {
  neighbor ${peer.ip} as ${cni.asn};
  source address ${node.ip};
${client ? `  rr client;\n  rr cluster id ${CLUSTER_ID};\n` : ''}${compareIp(peer.ip, node.ip) > 0 ? '  passive on;\n' : ''}}
`

const underscored = (address: Ip): string => address.replaceAll('.', '_')

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
