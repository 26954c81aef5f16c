/**
 * The ReplicaSet controller: as many living Pods as asked for. It counts what it ever made in an annotation, so that a Pod's name
 * follows from its ReplicaSet's and no name comes twice.
 */

import type { Metadata, PodObject, ReplicaSet } from '#api/kinds.ts'
import { matchesSelector } from '#api/selectors.ts'
import type { Change, Controller, World } from './controller.ts'
import { suffix } from './hash.ts'
import { conditionOf, controllerOf, isFinished, isReady, isTerminating, named, ownedBy, ownedByReference, podsWith, quiet, sameJson } from './objects.ts'

const NAME = 'replicaset-controller'
const CREATED = 'netlab.dev/pods-created'
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
  const near = Object.keys(matchLabels).length > 0 ? podsWith(all, set.metadata.namespace, matchLabels) : ownedBy(all, '')
  return [...ownedBy(all, set.metadata.uid), ...near.filter((pod) => controllerOf(pod) === undefined)]
}

function reconciled(world: World, set: ReplicaSet, pods: readonly PodObject[]): readonly Change[] {
  const { mine, claims } = claimed(pods, set)
  const missing = set.spec.replicas - mine.length
  return [
    ...claims,
    ...(missing > 0
      ? created(world, set, missing)
      : deletionOrder(mine)
          .slice(0, -missing || 0)
          .flatMap((pod) => deleted(set, pod))),
    ...statusOf(world, set, mine),
  ]
}

/** The ReplicaSet's living Pods: those it owns and still selects, and orphans that it selects and therefore adopts. */
function claimed(pods: readonly PodObject[], set: ReplicaSet): { readonly mine: readonly PodObject[]; readonly claims: readonly Change[] } {
  const selects = (pod: PodObject) => pod.metadata.namespace === set.metadata.namespace && matchesSelector(set.spec.selector, pod.metadata.labels)
  const lives = (pod: PodObject) => !isFinished(pod) && !isTerminating(pod)
  const owned = pods.filter((pod) => controllerOf(pod) === set.metadata.uid && lives(pod))
  const released = owned.filter((pod) => !selects(pod))
  const orphans = pods.filter((pod) => controllerOf(pod) === undefined && lives(pod) && selects(pod))
  const withOwners = (pod: PodObject, ownerReferences: Metadata['ownerReferences']): Change => ({
    verb: 'update',
    object: { ...pod, metadata: { ...pod.metadata, ownerReferences } },
  })
  return {
    mine: [...owned.filter(selects), ...orphans],
    claims: [
      ...released.map((pod) =>
        withOwners(
          pod,
          pod.metadata.ownerReferences.filter(({ uid }) => uid !== set.metadata.uid),
        ),
      ),
      ...orphans.map((pod) => withOwners(pod, [...pod.metadata.ownerReferences, ownedByReference(set)])),
    ],
  }
}

function created({ objects }: World, set: ReplicaSet, count: number): readonly Change[] {
  const { name, namespace, annotations } = set.metadata
  const { metadata: labelled, spec } = set.spec.template
  const changes: Change[] = []
  let made = Number(annotations[CREATED] ?? 0)
  for (let left = count; left > 0; made += 1) {
    const podName = `${name}-${suffix(`${namespace}/${name}/${made}`)}`
    if (named(objects.Pod, namespace, podName) !== undefined) continue
    left -= 1
    const metadata: Metadata = {
      ...labelled,
      name: podName,
      namespace,
      generateName: `${name}-`,
      ownerReferences: [ownedByReference(set)],
    }
    const pod: PodObject = { apiVersion: 'v1', kind: 'Pod', metadata, spec, status: EMPTY_STATUS }
    changes.push({ verb: 'create', object: pod }, said(set, 'SuccessfulCreate', `Created pod: ${podName}`))
  }
  const counted = { ...set, metadata: { ...set.metadata, annotations: { ...annotations, [CREATED]: String(made) } } }
  return [{ verb: 'update', object: counted }, ...changes]
}

const EMPTY_STATUS: PodObject['status'] = { phase: 'Pending', podIPs: [], conditions: [], containerStatuses: [] }

const deleted = (set: ReplicaSet, pod: PodObject): readonly Change[] => [
  { verb: 'delete', kind: 'Pod', name: pod.metadata.name, ...(pod.metadata.namespace === undefined ? {} : { namespace: pod.metadata.namespace }) },
  said(set, 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`),
]

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

/** Ready for at least `minReadySeconds`. */
export function isAvailable(pod: PodObject, { minReadySeconds, now }: { readonly minReadySeconds: number; readonly now: string }): boolean {
  if (!isReady(pod) || minReadySeconds === 0) return isReady(pod)
  const since = Date.parse(conditionOf(pod.status.conditions, 'Ready')?.lastTransitionTime ?? '')
  return since + minReadySeconds * 1000 <= Date.parse(now)
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
  return sameJson(status, set.status) ? [] : [{ verb: 'status', object: { ...set, status } }]
}
