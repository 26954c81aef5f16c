/** Names and link-layer addresses that follow from an address or a name, so that every part of netlab derives the same. */
import { sha1 } from '@noble/hashes/legacy.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Cni, Lab, Segment } from '#lab/lab.ts'
import type { Cidr, IfName, Ip, Mac } from '#net/net.ts'
import { addressOf, contains, ifName, macOf, network, nthSubnet } from '#net/net.ts'
import type { Cluster } from './cluster.ts'

export const CLUSTER_DOMAIN = 'cluster.local'
const CONTROL_PLANE_PORT = 6443

/** The one wire of every machine but routers, which have more. */
export const WIRE = ifName('eth0')

const HOST_DEV_DIGITS = 8
const CALI_DIGITS = 11

/** The lab's own router carries the API, on its address in the first segment where it has one. */
export function controlPlaneOf(lab: Lab): Cluster['controlPlane'] {
  const first = lab.underlay.segments.find((segment) => !isRouted(segment, lab))
  if (first === undefined) throw new TypeError(`the lab ${lab.name} has no segment with its own router`)
  return { ip: first.gateway, port: CONTROL_PLANE_PORT }
}

/** A machine of the lab is the way out of this segment, and the lab's own router is not on it. */
export const isRouted = ({ gateway }: Segment, { underlay: { routers } }: Lab): boolean => routers.some(({ addresses }) => addresses.includes(gateway))

export function segmentOf(lab: Lab, address: Ip): Segment {
  const segment = lab.underlay.segments.find(({ cidr }) => contains(cidr, address))
  if (segment === undefined) throw new TypeError(`no segment of the lab ${lab.name} holds ${address}`)
  return segment
}

/** The share of the Pod range that the node at `index` gets, in the order of lab.yaml unless it has another one already. */
export const podRangeOf = (lab: Lab, index: number): Cidr => nthSubnet(lab.podCIDR, lab.nodePrefix, lab.nodes[index]?.share ?? index)

/** flannel publishes the MAC of each node's VXLAN device; here it says the device's own address, the first of the node's range. */
export const vtepMac = (subnet: Cidr): Mac => macOf(addressOf(network(subnet)))

/** The Pod's network namespace on its node, named as kubelet names the Pod's log folder. */
export const sandboxOf = (namespace: string, name: string): string => `${namespace}_${name}`

/** The node's end of the Pod's veth pair, as its CNI plugin names it. */
export const hostDevOf = (cni: Cni, namespace: string, name: string): IfName =>
  cni.name.startsWith('calico')
    ? ifName(`cali${bytesToHex(sha1(utf8ToBytes(`${namespace}.${name}`))).slice(0, CALI_DIGITS)}`)
    : ifName(`veth${bytesToHex(sha256(utf8ToBytes(`${namespace}/${name}`))).slice(0, HOST_DEV_DIGITS)}`)
