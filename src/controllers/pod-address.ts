/** What every IPAM says of a Pod: that it has its address, or why it has none; and where its node is. */
import type { NodeObject, PodObject } from '#api/kinds.ts'
import type { Lab } from '#lab/lab.ts'
import { type Ip, parseIp } from '#net/net.ts'
import { stated } from './change.ts'
import type { Change } from './controller.ts'
import { conditionOf, withCondition } from './objects.ts'

const SANDBOX_CONDITION = 'PodReadyToStartContainers'

export const addressOfNode = (lab: Lab, { metadata, status }: NodeObject): Ip | undefined =>
  parseIp(status.addresses.find(({ type }) => type === 'InternalIP')?.address ?? '') ?? lab.nodes.find(({ name }) => name === metadata.name)?.ip

export const addressed = (pod: PodObject, { podIP, hostIP }: { readonly podIP: Ip; readonly hostIP: Ip }): Change =>
  stated(pod, {
    conditions: pod.status.conditions.filter(({ type }) => type !== SANDBOX_CONDITION),
    podIP,
    podIPs: [{ ip: podIP }],
    hostIP,
    hostIPs: [{ ip: hostIP }],
  })

/** The Pod waits; the next address that becomes free is its. */
export function exhausted(pod: PodObject, { reason: says, now }: { readonly reason: string; readonly now: string }): readonly Change[] {
  const reason = 'FailedCreatePodSandBox'
  const message = `Failed to create pod sandbox: ${says}`
  if (conditionOf(pod.status.conditions, SANDBOX_CONDITION)?.message === message) return []
  return [
    stated(pod, withCondition(pod, { type: SANDBOX_CONDITION, status: 'False', reason, message, lastTransitionTime: now })),
    { verb: 'event', about: pod, type: 'Warning', reason, message, from: 'kubelet' },
  ]
}
