/** The ReplicaSet controller: as many living Pods as asked for. */
import type { Metadata, PodObject, ReplicaSet } from '#api/kinds.ts'
import { matchesSelector } from '#api/selectors.ts'
import { isAvailable } from './available.ts'
import { deleted, newMetadata, ownedReference, quiet, stated, updated } from './change.ts'
import type { Change, Controller, World } from './controller.ts'
import { controllerOf, ownedBy, podsWith } from './lookup.ts'
import { counted, freshNames } from './naming.ts'
import { conditionOf, isFinished, isReady, isTerminating, sameJson } from './objects.ts'

const NAME = 'replicaset-controller'
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost'

const unlessQuiet = quiet<ReplicaSet>()

export const replicaset: Controller = {
  name: 'replicaset',
  changes: (world) =>
    world.objects.ReplicaSet.filter((set) => !isTerminating(set)).flatMap((set) => {
      const pods = candidates(world.objects.Pod, set)
      return set.spec.minReadySeconds > 0 ? reconciled(world, set, pods) : unlessQuiet(set, pods, () => reconciled(world, set, pods))
    }),
}

/** The Pods it owns, and orphans that it may select. */
function candidates(all: readonly PodObject[], set: ReplicaSet): readonly PodObject[] {
  const { matchLabels = {} } = set.spec.selector
  const orphans = ownedBy(all, '')
  const near = Object.keys(matchLabels).length > 0 ? podsWith(orphans, set.metadata.namespace, matchLabels) : orphans
  return near.length === 0 ? ownedBy(all, set.metadata.uid) : [...ownedBy(all, set.metadata.uid), ...near]
}

function reconciled(world: World, set: ReplicaSet, pods: readonly PodObject[]): readonly Change[] {
  const { mine, claims } = claimed(pods, set)
  const missing = set.spec.replicas - mine.length
  const surplus = missing < 0 ? deletionOrder(mine).slice(0, -missing) : []
  return [
    ...claims,
    ...counted(pods, set),
    ...(missing > 0 ? created(world.objects.Pod, set, missing) : []),
    ...surplus.flatMap((pod) => [deleted(pod), said(set, 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`)]),
    ...statusOf(
      world,
      set,
      mine.filter((pod) => !surplus.includes(pod)),
    ),
  ]
}

/** The ReplicaSet's living Pods: those it owns and still selects, and orphans that it selects and therefore adopts. */
function claimed(pods: readonly PodObject[], set: ReplicaSet): { readonly mine: readonly PodObject[]; readonly claims: readonly Change[] } {
  const selects = (pod: PodObject) => pod.metadata.namespace === set.metadata.namespace && matchesSelector(set.spec.selector, pod.metadata.labels)
  const lives = (pod: PodObject) => !isFinished(pod) && !isTerminating(pod)
  const owned = pods.filter((pod) => controllerOf(pod) === set.metadata.uid && lives(pod))
  const released = owned.filter((pod) => !selects(pod))
  const orphans = pods.filter((pod) => controllerOf(pod) === undefined && lives(pod) && selects(pod))
  const withOwners = (pod: PodObject, ownerReferences: Metadata['ownerReferences']) => updated(pod, { metadata: { ownerReferences } })
  return {
    mine: [...owned.filter(selects), ...orphans],
    claims: [
      ...released.map((pod) =>
        withOwners(
          pod,
          pod.metadata.ownerReferences.filter(({ uid }) => uid !== set.metadata.uid),
        ),
      ),
      ...orphans.map((pod) => withOwners(pod, [...pod.metadata.ownerReferences, ownedReference(set)])),
    ],
  }
}

/** Pods with the next names. */
function created(pods: readonly PodObject[], set: ReplicaSet, count: number): readonly Change[] {
  const { metadata, spec } = set.spec.template
  const { namespace } = set.metadata
  return freshNames(pods, set, count).flatMap((name): readonly Change[] => {
    const { labels, annotations, finalizers } = metadata
    const made = newMetadata({ labels, annotations, finalizers, name, generateName: `${set.metadata.name}-`, ownerReferences: [ownedReference(set)] })
    const pod: PodObject = { apiVersion: 'v1', kind: 'Pod', metadata: namespace === undefined ? made : { ...made, namespace }, spec, status: EMPTY_STATUS }
    return [{ verb: 'create', object: pod }, said(set, 'SuccessfulCreate', `Created pod: ${name}`)]
  })
}

const EMPTY_STATUS: PodObject['status'] = { phase: 'Pending', podIPs: [], conditions: [], containerStatuses: [] }

const said = (about: ReplicaSet, reason: string, message: string): Change => ({ verb: 'event', about, type: 'Normal', reason, message, from: NAME })

/** Who goes first: who serves least. Unscheduled, pending, not ready, cheap, crowded, young in readiness, often restarted, young. */
export function deletionOrder(pods: readonly PodObject[]): readonly PodObject[] {
  const crowd = new Map<string, number>()
  for (const { spec } of pods) crowd.set(spec.nodeName ?? '', (crowd.get(spec.nodeName ?? '') ?? 0) + 1)
  const keysOf = (pod: PodObject): readonly (number | string)[] => [
    pod.spec.nodeName ? 1 : 0,
    ['Pending', 'Unknown'].indexOf(pod.status.phase) < 0 ? 2 : ['Pending', 'Unknown'].indexOf(pod.status.phase),
    isReady(pod) ? 1 : 0,
    Number(pod.metadata.annotations[DELETION_COST] ?? 0),
    -(crowd.get(pod.spec.nodeName ?? '') ?? 0),
    negated(conditionOf(pod.status.conditions, 'Ready')?.lastTransitionTime),
    -Math.max(0, ...pod.status.containerStatuses.map(({ restartCount }) => restartCount)),
    negated(pod.metadata.creationTimestamp),
  ]
  return pods
    .map((pod, at) => ({ pod, keys: [...keysOf(pod), -at] }))
    .sort((a, b) => firstDifference(a.keys, b.keys))
    .map(({ pod }) => pod)
}

/** Later moments first. */
const negated = (at: string | null | undefined): number => -(Date.parse(at ?? '') || 0)

function firstDifference(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  const at = a.findIndex((key, index) => key !== b[index])
  return at < 0 ? 0 : Number(a[at]) - Number(b[at])
}

function statusOf({ now }: World, set: ReplicaSet, pods: readonly PodObject[]): readonly Change[] {
  const { minReadySeconds } = set.spec
  const labels = Object.entries(set.spec.template.metadata.labels)
  const status: ReplicaSet['status'] = {
    ...set.status,
    replicas: pods.length,
    fullyLabeledReplicas: pods.filter((pod) => labels.every(([key, value]) => pod.metadata.labels[key] === value)).length,
    readyReplicas: pods.filter(isReady).length,
    availableReplicas: pods.filter((pod) => isAvailable(pod, { minReadySeconds, now })).length,
    observedGeneration: set.metadata.generation,
  }
  return sameJson(status, set.status) ? [] : [stated(set, status)]
}
