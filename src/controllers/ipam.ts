/**
 * Addresses for Pods: each CNI plugin has an IPAM of its own, Calico's is in calico-ipam.ts. host-local's, here: each node has a range, the first
 * address is the bridge's, and a Pod gets the lowest one that is free. The Pods' own statuses are the record, so an address is free again when its
 * Pod is gone.
 */
import type { NodeObject, PodObject } from '#api/kinds.ts'
import { isCalico } from '#lab/cni.ts'
import type { Lab } from '#lab/lab.ts'
import { podRangeOf } from '#model/addresses.ts'
import type { Cidr, Ip } from '#net/net.ts'
import { contains, familyOf, indexIn, nthIp, parseCidr, parseIp, sizeOf } from '#net/net.ts'
import { calicoIpam } from './calico-ipam.ts'
import type { Change, Controller, World } from './controller.ts'
import { named } from './lookup.ts'
import { isFinished, isTerminating } from './objects.ts'
import { addressed, addressOfNode, exhausted } from './pod-address.ts'

/** 0 is the range itself, 1 the bridge. */
const FIRST = 2

export const ipam: Controller = {
  name: 'ipam',
  changes: (world) => {
    const waiting = world.objects.Pod.filter((pod) => pod.spec.nodeName && !pod.status.podIP && !isFinished(pod) && !isTerminating(pod))
    const { cni } = world.lab
    if (isCalico(cni)) return calicoIpam(world, cni, waiting)
    return waiting.length === 0 ? [] : given(world, waiting)
  },
}

function given({ lab, objects, now }: World, waiting: readonly PodObject[]): readonly Change[] {
  const byNode = Map.groupBy(waiting, (pod) => pod.spec.nodeName ?? '')
  return [...byNode].flatMap(([name, pods]) => {
    const node = named(objects.Node, undefined, name)
    const hostIP = node === undefined ? undefined : addressOfNode(lab, node)
    const range = node === undefined ? undefined : rangeOf(lab, node)
    if (hostIP === undefined || range === undefined) return []
    const free = freeIn(
      range,
      objects.Pod.filter(({ spec }) => spec.nodeName === name),
    )
    return pods.flatMap((pod): readonly Change[] => {
      const podIP = pod.spec.hostNetwork ? hostIP : free.next().value
      return podIP ? [addressed(pod, { podIP, hostIP })] : exhausted(pod, { reason: fullSays(range), now })
    })
  })
}

function rangeOf(lab: Lab, { metadata, spec }: NodeObject): Cidr | undefined {
  const index = lab.nodes.findIndex(({ name }) => name === metadata.name)
  return parseCidr(spec.podCIDR ?? '') ?? (index < 0 ? undefined : podRangeOf(lab, index))
}

/** The free addresses of the range, lowest first. IPv4's last one is broadcast. */
function* freeIn(range: Cidr, pods: readonly PodObject[]): Generator<Ip, undefined> {
  const used = new Set<bigint>()
  for (const { spec, status } of pods.filter((pod) => !isFinished(pod))) {
    const ip = spec.hostNetwork ? undefined : parseIp(status.podIP ?? '')
    if (ip !== undefined && contains(range, ip)) used.add(indexIn(range, ip))
  }
  const end = sizeOf(range) - (familyOf(range) === 4 ? 1n : 0n)
  for (let at = BigInt(FIRST); at < end; at += 1n) if (!used.has(at)) yield nthIp(range, at)
  return undefined
}

function fullSays(range: Cidr): string {
  const last = nthIp(range, sizeOf(range) - (familyOf(range) === 4 ? 2n : 1n))
  return `failed to allocate for range 0: no IP addresses available in range set: ${nthIp(range, 1)}-${last}`
}
