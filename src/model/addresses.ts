/** Names and link-layer addresses that follow from an address or a name, so that every part of netlab derives the same. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Cidr, IfName, Mac } from '#net/net.ts'
import { addressOf, ifName, macOf, network } from '#net/net.ts'

const HOST_DEV_DIGITS = 8

/** flannel publishes the MAC of each node's VXLAN device; here it says the device's own address, the first of the node's range. */
export const vtepMac = (subnet: Cidr): Mac => macOf(addressOf(network(subnet)))

/** The Pod's network namespace on its node, named as kubelet names the Pod's log folder. */
export const sandboxOf = (namespace: string, name: string): string => `${namespace}_${name}`

/** The node's end of the Pod's veth pair. */
export const hostDevOf = (namespace: string, name: string): IfName =>
  ifName(`veth${bytesToHex(sha256(utf8ToBytes(`${namespace}/${name}`))).slice(0, HOST_DEV_DIGITS)}`)
