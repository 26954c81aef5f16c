/** Routers of the underlay, wired, and who speaks with whom. */
import type { Lab } from '#lab/lab.ts'
import { contains, type Ip, ifName } from '#net/net.ts'
import { isRouted, segmentOf } from './addresses.ts'
import type { Cluster, Node, Router, RouterPeer, RouterWire } from './cluster.ts'

export const routersOf = (lab: Lab): readonly Router[] => lab.underlay.routers.flatMap((router) => routerOf(lab, router))

type LabRouter = Lab['underlay']['routers'][number]

function routerOf(lab: Lab, { name, asn, addresses }: LabRouter): readonly Router[] {
  const wires = addresses.map((ip, at): RouterWire => {
    const segment = segmentOf(lab, ip)
    return { dev: ifName(`eth${at}`), ip, segment, rack: segment.gateway === ip && isRack(lab, ip) }
  })
  const [first] = wires
  if (first === undefined) return []
  const uplink = wires.find(({ segment }) => !isRouted(segment, lab))?.segment.gateway
  const { ip, segment } = first
  return [{ name, ip, segment, asn, wires, peers: peersOf(lab, name), ...(uplink === undefined ? {} : { uplink }) }]
}

/** Where machines are that are no routers. */
const isRack = (lab: Lab, ip: Ip): boolean => [...lab.nodes, ...lab.hosts].some((one) => contains(segmentOf(lab, ip).cidr, one.ip))

/** Those it names, and those that name it, each at its address on the first segment they share. */
function peersOf(lab: Lab, name: string): readonly RouterPeer[] {
  const { routers } = lab.underlay
  const own = routers.find((router) => router.name === name)
  return routers.flatMap((other) => {
    if (own === undefined || !(own.peers.includes(other.name) || other.peers.includes(name))) return []
    const ip = other.addresses.find((address) => own.addresses.some((mine) => contains(segmentOf(lab, mine).cidr, address)))
    return ip === undefined ? [] : [{ name: other.name, ip, asn: other.asn }]
  })
}

/** With whom a Calico node speaks in its rack: those of the CNI's peers that have a wire on its segment. */
export const torsOf = ({ cni, routers }: Pick<Cluster, 'cni' | 'routers'>, { segment }: Pick<Node, 'segment'>): readonly RouterPeer[] =>
  cni.name !== 'calico-bgp'
    ? []
    : routers
        .filter(({ name }) => cni.peers.includes(name))
        .flatMap(({ name, asn, wires }) => wires.filter((wire) => wire.segment.name === segment.name).map(({ ip }) => ({ name, ip, asn })))
