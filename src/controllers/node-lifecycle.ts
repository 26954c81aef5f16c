/**
 * What follows when a node is not heard of any more: it is tainted, its Pods count as not ready, so that Services forget them, and after a while those
 * that do not tolerate it are deleted. Deleted is not gone: only the node's own kubelet could say that they have ended. Deployments make others meanwhile,
 * StatefulSets wait, DaemonSets' Pods stay.
 */
import type { NodeObject, PodObject } from '#api/kinds.ts'
import { deleted, stated, updated } from './change.ts'
import type { Change, Controller, Objects, World } from './controller.ts'
import { conditionOf, isFinished, isReady, isTerminating, keyOf, withCondition } from './objects.ts'
import { tolerates } from './scheduler.ts'

const NAME = 'node-controller'
const UNREACHABLE = 'node.kubernetes.io/unreachable'

/** How long a Pod stays bound to a node that is not heard of, unless it says so itself. In life the API server writes 300 s into each Pod. */
const EVICTION_SECONDS = 5

export const nodeLifecycle: Controller = {
  name: 'node-lifecycle',
  changes: (world) => world.objects.Node.flatMap((node) => (isSilent(node) || taintOf(node) !== undefined ? cared(world, node) : [])),
}

/** Whether time alone will delete Pods. */
export const waitsForEviction = (objects: Objects): boolean =>
  objects.Node.some((node) => {
    const taint = taintOf(node)
    return taint !== undefined && podsOn(objects, node).some((pod) => !isTerminating(pod) && staysFor(pod, taint) !== Number.POSITIVE_INFINITY)
  })

type Fields = Readonly<Record<string, unknown>>

const isSilent = (node: NodeObject): boolean => conditionOf(node.status.conditions, 'Ready')?.status === 'Unknown'
const taintOf = ({ spec }: NodeObject): Fields | undefined => spec.taints?.find(({ key, effect }) => key === UNREACHABLE && effect === 'NoExecute')
const podsOn = ({ Pod }: Objects, { metadata }: NodeObject): readonly PodObject[] =>
  Pod.filter((pod) => pod.spec.nodeName === metadata.name && !isFinished(pod))

function cared(world: World, node: NodeObject): readonly Change[] {
  const others = (node.spec.taints ?? []).filter(({ key }) => key !== UNREACHABLE)
  if (!isSilent(node)) return [updated(node, { spec: { taints: others } })]
  const pods = podsOn(world.objects, node)
  const unready = pods.filter(isReady).flatMap((pod) => doubted(world, pod))
  const taint = taintOf(node)
  if (taint !== undefined) return [...unready, ...pods.flatMap((pod) => evicted(world, pod, taint))]
  const taints = ['NoSchedule', 'NoExecute'].map((effect) => ({ key: UNREACHABLE, effect, timeAdded: world.now }))
  return [updated(node, { spec: { taints: [...others, ...taints] } }), ...unready]
}

const doubted = ({ now }: World, pod: PodObject): readonly Change[] => [
  stated(pod, withCondition(pod, { ...conditionOf(pod.status.conditions, 'Ready'), type: 'Ready', status: 'False', lastTransitionTime: now })),
  { verb: 'event', about: pod, type: 'Warning', reason: 'NodeNotReady', message: 'Node is not ready', from: NAME },
]

function evicted({ now }: World, pod: PodObject, taint: Fields): readonly Change[] {
  if (isTerminating(pod) || Date.parse(String(taint['timeAdded'])) + staysFor(pod, taint) * 1000 > Date.parse(now)) return []
  const message = `Marking for deletion Pod ${keyOf(pod)}`
  return [deleted(pod), { verb: 'event', about: pod, type: 'Normal', reason: 'TaintManagerEviction', message, from: 'taint-eviction-controller' }]
}

/** In seconds; of several tolerations the shortest counts. */
function staysFor({ spec }: PodObject, taint: Fields): number {
  const borne: readonly Fields[] = (spec.tolerations ?? []).filter((one) => tolerates([one], taint))
  if (borne.length === 0) return EVICTION_SECONDS
  return Math.min(...borne.map(({ tolerationSeconds: seconds }) => (typeof seconds === 'number' ? Math.max(0, seconds) : Number.POSITIVE_INFINITY)))
}
