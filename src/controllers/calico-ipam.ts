/**
 * Addresses for Pods, as Calico's IPAM gives them: the Pod range is cut into blocks, a node takes one when its first Pod comes, another when all of its
 * own are full, and when none is left it borrows single addresses from the blocks of others. Every address of a block is a Pod's, the first one too.
 */
import type { NodeObject, PodObject } from '#api/kinds.ts'
import type { CalicoBgp, CalicoVxlan, Lab } from '#lab/lab.ts'
import { BLOCKS, blocksOf, TUNNEL_ADDRESS, tunnelAddressOf } from '#model/blocks.ts'
import { type Cidr, type Ip, nthIp, nthSubnet, parseIp, prefixOf, sizeOf } from '#net/net.ts'
import { updated } from './change.ts'
import type { Change, World } from './controller.ts'
import { named } from './lookup.ts'
import { isFinished } from './objects.ts'
import { addressed, addressOfNode, exhausted } from './pod-address.ts'

type Pool = {
  /** An address of the node's own blocks, of a new one of its own, or of anybody's. */
  readonly take: (node: string) => Ip | undefined
  readonly blocks: (node: string) => readonly Cidr[]
}

export function calicoIpam({ lab, objects, now }: World, cni: CalicoBgp | CalicoVxlan, waiting: readonly PodObject[]): readonly Change[] {
  const tunnelless = cni.name === 'calico-vxlan' ? objects.Node.filter((node) => tunnelAddressOf(node) === undefined) : []
  if (waiting.length === 0 && tunnelless.length === 0) return []
  const pool = poolOf(lab, cni.blockSize, objects)
  const tunnels = new Map(tunnelless.flatMap(({ metadata: { name } }) => [[name, pool.take(name)] as const]))
  const given = waiting.flatMap((pod): readonly Change[] => {
    const node = named(objects.Node, undefined, pod.spec.nodeName ?? '')
    const hostIP = node === undefined ? undefined : addressOfNode(lab, node)
    if (node === undefined || hostIP === undefined) return []
    const podIP = pod.spec.hostNetwork ? hostIP : pool.take(node.metadata.name)
    return podIP ? [addressed(pod, { podIP, hostIP })] : exhausted(pod, { reason: NO_ADDRESS, now })
  })
  return [...objects.Node.flatMap((node) => claimed(node, pool, tunnels.get(node.metadata.name))), ...given]
}

const NO_ADDRESS =
  'plugin type="calico" failed (add): failed to request IPv4 addresses: Assigned 0 out of 1 requested IPv4 addresses; No more free affine blocks'

function claimed(node: NodeObject, pool: Pool, tunnel: Ip | undefined): readonly Change[] {
  const blocks = pool.blocks(node.metadata.name)
  if (blocks.length === blocksOf(node).length && tunnel === undefined) return []
  const annotations = { ...node.metadata.annotations, [BLOCKS]: blocks.join(','), ...(tunnel === undefined ? {} : { [TUNNEL_ADDRESS]: tunnel }) }
  return [updated(node, { metadata: { annotations } })]
}

function poolOf(lab: Lab, blockSize: number, objects: World['objects']): Pool {
  const owned = new Map(objects.Node.map((node) => [node.metadata.name, [...blocksOf(node)]]))
  const taken = new Set([...owned.values()].flat())
  const used = new Set<Ip>(objects.Node.flatMap((node) => tunnelAddressOf(node) ?? []))
  for (const pod of objects.Pod) {
    const ip = pod.spec.hostNetwork || isFinished(pod) ? undefined : parseIp(pod.status.podIP ?? '')
    if (ip !== undefined) used.add(ip)
  }
  const count = 2 ** (blockSize - prefixOf(lab.podCIDR))
  /** Where a node begins to look for a block: its place among the nodes, and behind all of them once it has one. */
  const unclaimed = (node: string, has: number): Cidr | undefined => {
    const at = lab.nodes.findIndex(({ name }) => name === node)
    const first = has > 0 || at < 0 ? lab.nodes.length : at
    for (let i = 0; i < count; i += 1) {
      const block = nthSubnet(lab.podCIDR, blockSize, (first + i) % count)
      if (!taken.has(block)) return block
    }
    return undefined
  }
  const freeIn = (block: Cidr): Ip | undefined => {
    for (let at = 0n; at < sizeOf(block); at += 1n) if (!used.has(nthIp(block, at))) return nthIp(block, at)
    return undefined
  }
  const firstFree = (blocks: Iterable<Cidr>): Ip | undefined => {
    for (const block of blocks) {
      const ip = freeIn(block)
      if (ip !== undefined) return ip
    }
    return undefined
  }
  return {
    blocks: (node) => owned.get(node) ?? [],
    take(node) {
      const mine = owned.get(node) ?? []
      const own = firstFree(mine)
      const block = own === undefined ? unclaimed(node, mine.length) : undefined
      if (block !== undefined) {
        owned.set(node, [...mine, block])
        taken.add(block)
      }
      const ip = own ?? (block === undefined ? firstFree(taken) : freeIn(block))
      if (ip !== undefined) used.add(ip)
      return ip
    },
  }
}
