/** A lab with one node more or less: what `netlab node add` and `rm` make of a running one. */
import { labels, named } from '#api/judge.ts'
import { labelValue } from '#api/names.ts'
import type { FieldError } from '#api/validate.ts'
import { contains, type Ip, indexIn, nthIp, prefixOf, sizeOf } from '#net/net.ts'
import { fail, ok, type Result } from '#net/result.ts'
import type { Lab, LabNode } from './lab.ts'
import { FIRST_NODE, nameOf, oneName, onOneSegment, placed } from './machines.ts'
import { addressOf, type Judging } from './ranges.ts'
import { inARack } from './routers.ts'
import { NODES_MAX } from './schema.ts'

export type Newcomer = { readonly name: string; readonly ip?: string; readonly zone?: string; readonly labels?: Readonly<Record<string, string>> }

/** The lab with this node as well, or everything that is wrong with it. */
export function joined(lab: Lab, newcomer: Newcomer): Result<Lab, string> {
  const wrong: FieldError[] = []
  const judging = judge(lab, newcomer)
  for (;;) {
    const step = judging.next()
    if (!step.done) {
      wrong.push(step.value)
      continue
    }
    if (wrong.length > 0 || step.value === undefined) return fail(...wrong.map(({ path, says }) => `${path.join('.')}: ${says}`))
    return ok({ ...lab, nodes: [...kept(lab), step.value] })
  }
}

/** The lab without this node; the others keep their shares of the Pod range. */
export const left = (lab: Lab, name: string): Lab => ({ ...lab, nodes: kept(lab).filter((node) => node.name !== name) })

function* judge(lab: Lab, { name, ip: text, zone, labels: own = {} }: Newcomer): Judging<LabNode | undefined> {
  yield* nameOf(name, [])
  if (zone !== undefined) yield* named(labelValue, zone, ['zone'])
  yield* labels(own, ['labels'])
  const address = text === undefined ? freeAddress(lab) : yield* addressOf(text, ['ip'])
  if (text === undefined && address === undefined) yield { path: ['ip'], says: 'the segment of the nodes has no free address; say one with --ip' }
  const { cni, underlay } = lab
  const known = [...lab.nodes, ...lab.hosts].map((one) => ({ path: [], name: one.name, ip: one.ip, labels: {} }))
  const ports = underlay.routers.flatMap(({ name, addresses }) => addresses.map((ip) => ({ path: [], port: [], name, ip, labels: {} })))
  const newcomer = { path: [], name, labels: {}, ...(address === undefined ? {} : { ip: address }) }
  yield* oneName([...known, ...underlay.routers.map(({ name }) => ({ path: [], name, labels: {} })), newcomer])
  yield* placed([...known, ...ports, newcomer], underlay.segments)
  const nodes = [...known.slice(0, lab.nodes.length), newcomer]
  if (cni.name === 'calico-bgp' && cni.peers.length > 0) yield* inARack(cni.peers, nodes, underlay)
  else if (cni.name === 'host-gw' || cni.name === 'calico-bgp') yield* onOneSegment(cni.name, nodes, underlay.segments)
  if (nodes.length > NODES_MAX) yield { path: ['nodes'], says: `a lab has at most ${NODES_MAX} nodes` }
  const share = freeShare(lab)
  if (share === undefined) yield { path: ['podCIDR'], says: `${lab.podCIDR} has a /${lab.nodePrefix} for ${sharesOf(lab)} nodes and no more: CIDRNotAvailable` }
  if (address === undefined || share === undefined) return undefined
  return { name, ip: address, labels: own, share, ...(zone === undefined ? {} : { zone }) }
}

const shareOf = (node: LabNode, index: number): number => node.share ?? index
const sharesOf = (lab: Lab): number => 2 ** (lab.nodePrefix - prefixOf(lab.podCIDR))

/** Nodes that say which share they have, wherever they stand in the list. */
const kept = (lab: Lab): readonly LabNode[] => lab.nodes.map((node, index) => ({ ...node, share: shareOf(node, index) }))

/** The one after the last in use, as kube-controller-manager goes on and does not give at once what was just given back; then the first free one. */
function freeShare(lab: Lab): number | undefined {
  const used = new Set(lab.nodes.map(shareOf))
  const after = Math.max(-1, ...used) + 1
  if (after < sharesOf(lab)) return after
  const first = Array.from({ length: after }, (_, share) => share).find((share) => !used.has(share))
  return first
}

/** On the first node's segment, after the nodes that are there. */
function freeAddress(lab: Lab): Ip | undefined {
  const [first] = lab.nodes
  const segment = first && lab.underlay.segments.find(({ cidr }) => contains(cidr, first.ip))
  if (segment === undefined) return undefined
  const taken = new Set<string>(
    [...lab.nodes, ...lab.hosts].map(({ ip }) => ip).concat(segment.gateway, ...lab.underlay.routers.map(({ addresses }) => addresses)),
  )
  const highest = lab.nodes
    .filter(({ ip }) => contains(segment.cidr, ip))
    .reduce((most, { ip }) => Math.max(most, Number(indexIn(segment.cidr, ip))), FIRST_NODE - 1)
  for (let at = highest + 1; BigInt(at) < sizeOf(segment.cidr) - 1n; at += 1) {
    const address = nthIp(segment.cidr, at)
    if (!taken.has(address)) return address
  }
  return undefined
}
