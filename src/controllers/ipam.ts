/**
 * Addresses for Pods, as the CNI plugin host-local gives them: each node has a range of its own, the first address is the bridge's, and a
 * Pod gets the lowest one that is free. The Pods' own statuses are the record, so an address is free again when its Pod is gone.
 */
import type { NodeObject, PodObject } from '#api/kinds.ts'
import type { Lab } from '#lab/lab.ts'
import { podRangeOf } from '#model/addresses.ts'
import type { Cidr, Ip } from '#net/net.ts'
import { contains, familyOf, indexIn, nthIp, parseCidr, parseIp, sizeOf } from '#net/net.ts'
import { stated } from './change.ts'
import type { Change, Controller, World } from './controller.ts'
import { named } from './lookup.ts'
import { conditionOf, isFinished, isTerminating, withCondition } from './objects.ts'

/** 0 is the range itself, 1 the bridge. */
const FIRST = 2
const SANDBOX_CONDITION = 'PodReadyToStartContainers'

export const ipam: Controller = {
  name: 'ipam',
  changes: (world) => {
    const waiting = world.objects.Pod.filter((pod) => pod.spec.nodeName && !pod.status.podIP && !isFinished(pod) && !isTerminating(pod))
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
      return podIP ? [addressed(pod, { podIP, hostIP })] : exhausted(pod, { range, now })
    })
  })
}

const addressOfNode = (lab: Lab, { metadata, status }: NodeObject): Ip | undefined =>
  parseIp(status.addresses.find(({ type }) => type === 'InternalIP')?.address ?? '') ?? lab.nodes.find(({ name }) => name === metadata.name)?.ip

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

const addressed = (pod: PodObject, { podIP, hostIP }: { readonly podIP: Ip; readonly hostIP: Ip }): Change =>
  stated(pod, {
    conditions: pod.status.conditions.filter(({ type }) => type !== SANDBOX_CONDITION),
    podIP,
    podIPs: [{ ip: podIP }],
    hostIP,
    hostIPs: [{ ip: hostIP }],
  })

/** The Pod waits; the next address that becomes free is its. */
function exhausted(pod: PodObject, { range, now }: { readonly range: Cidr; readonly now: string }): readonly Change[] {
  const reason = 'FailedCreatePodSandBox'
  const last = nthIp(range, sizeOf(range) - (familyOf(range) === 4 ? 2n : 1n))
  const message = `Failed to create pod sandbox: failed to allocate for range 0: no IP addresses available in range set: ${nthIp(range, 1)}-${last}`
  if (conditionOf(pod.status.conditions, SANDBOX_CONDITION)?.message === message) return []
  return [
    stated(pod, withCondition(pod, { type: SANDBOX_CONDITION, status: 'False', reason, message, lastTransitionTime: now })),
    { verb: 'event', about: pod, type: 'Warning', reason, message, from: 'kubelet' },
  ]
}
