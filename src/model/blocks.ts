/** What Calico's IPAM has given to a node. In a real cluster that is in objects of Calico's own (BlockAffinity); here the Node's annotations hold it. */
import type { NodeObject } from '#api/kinds.ts'
import { type Cidr, type Ip, parseCidr, parseIp } from '#net/net.ts'

export const BLOCKS = 'netlab.dev/calico-blocks'
/** So calico-node itself names it. */
export const TUNNEL_ADDRESS = 'projectcalico.org/IPv4VXLANTunnelAddr'

export const blocksOf = ({ metadata }: NodeObject): readonly Cidr[] => (metadata.annotations[BLOCKS] ?? '').split(',').flatMap((text) => parseCidr(text) ?? [])
export const tunnelAddressOf = ({ metadata }: NodeObject): Ip | undefined => parseIp(metadata.annotations[TUNNEL_ADDRESS] ?? '')
