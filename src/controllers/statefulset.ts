/**
 * The StatefulSet controller: Pods with names that stay (web-0, web-1 …). In order, each waits for the one before it; an update goes from the
 * last to the first and stops at the partition. The Pods' subdomain is the governing Service, which gives them names in DNS.
 */
import type { PodObject, StatefulSet } from '#api/kinds.ts'
import { matchesSelector } from '#api/selectors.ts'
import { isAvailable } from './available.ts'
import { deleted, newMetadata, ownedReference, quiet, stated, updated } from './change.ts'
import type { Change, Controller, World } from './controller.ts'
import { controllerOf, named, ownedBy } from './lookup.ts'
import { isFinished, isReady, isTerminating, sameJson } from './objects.ts'
import { forgotten, REVISION_LABEL, type Revisions, revisionsOf, templateIn } from './revisions.ts'
import { limitsOf } from './rollout.ts'

const NAME = 'statefulset-controller'
const POD_NAME = 'statefulset.kubernetes.io/pod-name'
const POD_INDEX = 'apps.kubernetes.io/pod-index'

const unlessQuiet = quiet<StatefulSet>()

export const statefulset: Controller = {
  name: 'statefulset',
  changes: (world) =>
    world.objects.StatefulSet.filter((set) => !isTerminating(set)).flatMap((set) => {
      const pods = podsOf(world, set)
      const revisions = ownedBy(world.objects.ControllerRevision, set.metadata.uid)
      return set.spec.minReadySeconds > 0 ? reconciled(world, set, pods) : unlessQuiet(set, [...pods, ...revisions], () => reconciled(world, set, pods))
    }),
}

/** Its own Pods, and orphans that bear one of its names and labels. */
const podsOf = ({ objects }: World, set: StatefulSet): readonly PodObject[] => [
  ...ownedBy(objects.Pod, set.metadata.uid),
  ...ownedBy(objects.Pod, '').filter(
    (pod) =>
      pod.metadata.namespace === set.metadata.namespace &&
      ordinalOf(set, pod) !== undefined &&
      !isTerminating(pod) &&
      matchesSelector(set.spec.selector, pod.metadata.labels),
  ),
]

/** The number in the Pod's name, when the rest of it is the set's. */
function ordinalOf({ metadata }: StatefulSet, pod: PodObject): number | undefined {
  const digits = pod.metadata.name.startsWith(`${metadata.name}-`) ? pod.metadata.name.slice(metadata.name.length + 1) : ''
  return /^(0|[1-9]\d*)$/.test(digits) ? Number(digits) : undefined
}

/** A StatefulSet with its Pods by number. */
type Sets = {
  readonly world: World
  readonly set: StatefulSet
  readonly revisions: Revisions
  /** The revision that Pods below the partition stay at. */
  readonly current: string
  /** Pods that are wanted, lowest number first; undefined where there is none. */
  readonly wanted: readonly { readonly ordinal: number; readonly pod: PodObject | undefined }[]
  /** Pods beyond the wanted numbers, highest first. */
  readonly surplus: readonly PodObject[]
}

function reconciled(world: World, set: StatefulSet, pods: readonly PodObject[]): readonly Change[] {
  const orphans = pods.filter((pod) => controllerOf(pod) === undefined)
  if (orphans.length > 0) return orphans.map((pod) => updated(pod, { metadata: { ownerReferences: [...pod.metadata.ownerReferences, ownedReference(set)] } }))
  const revisions = revisionsOf(world, set)
  const known = revisions.all.some(({ metadata }) => metadata.name === set.status.currentRevision)
  const current = known && set.status.currentRevision !== undefined ? set.status.currentRevision : revisions.name
  const start = set.spec.ordinals?.start ?? 0
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(set, pod), pod]))
  const wanted = Array.from({ length: set.spec.replicas }, (_, at) => ({ ordinal: start + at, pod: byOrdinal.get(start + at) }))
  const kept = new Set(wanted.map(({ pod }) => pod))
  const number = (pod: PodObject) => ordinalOf(set, pod) ?? 0
  const surplus = pods.filter((pod) => !kept.has(pod)).sort((a, b) => number(b) - number(a))
  const sets: Sets = { world, set, revisions, current, wanted, surplus }
  const inUse = new Set([current, ...pods.map(revisionNameOf)])
  return [...revisions.changes, ...stepsOf(sets), ...forgotten(set, revisions, inUse), ...told(sets)]
}

const revisionNameOf = ({ metadata }: PodObject): string => metadata.labels[REVISION_LABEL] ?? ''

/** Running, ready, and not on its way out. */
const isHealthy = (sets: Sets, pod: PodObject): boolean => !isTerminating(pod) && !isFinished(pod) && isSteady(sets, pod)

const isSteady = ({ set, world }: Sets, pod: PodObject): boolean => isAvailable(pod, { minReadySeconds: set.spec.minReadySeconds, now: world.now })

function stepsOf(sets: Sets): readonly Change[] {
  const { set, wanted, surplus } = sets
  const inOrder = set.spec.podManagementPolicy === 'OrderedReady'
  const made: Change[] = []
  for (const { ordinal, pod } of wanted) {
    if (pod === undefined) made.push(...born(sets, ordinal))
    else if (isFinished(pod) && !isTerminating(pod)) made.push(...ended(set, pod))
    else if (!isTerminating(pod)) made.push(...identified(set, pod, ordinal))
    // In order, nobody starts before the one below it is steady.
    if (inOrder && (pod === undefined || !isHealthy(sets, pod))) return made
  }
  const doomed = inOrder ? surplus.slice(0, 1) : surplus
  const going = doomed.filter((pod) => !isTerminating(pod)).flatMap((pod) => ended(set, pod))
  if (inOrder && surplus.length > 0) return [...made, ...going]
  return [...made, ...going, ...(made.length > 0 ? [] : renewed(sets))]
}

/** From the last to the first, and never more at once than may be missing. */
function renewed(sets: Sets): readonly Change[] {
  const { set, revisions, wanted } = sets
  const { type, rollingUpdate } = set.spec.updateStrategy
  if (type === 'OnDelete') return []
  const partition = rollingUpdate?.partition ?? 0
  const { maxUnavailable } = limitsOf({ replicas: set.spec.replicas, maxSurge: 0, maxUnavailable: rollingUpdate?.maxUnavailable ?? 1 })
  const above = wanted.flatMap(({ ordinal, pod }) => (ordinal >= partition && pod !== undefined ? [pod] : [])).reverse()
  let absent = above.filter((pod) => !isHealthy(sets, pod)).length
  const changes: Change[] = []
  for (const pod of above) {
    if (isTerminating(pod) || revisionNameOf(pod) === revisions.name) {
      if (!isHealthy(sets, pod) && absent >= maxUnavailable) return changes
      continue
    }
    const broken = !isHealthy(sets, pod)
    if (!broken && absent >= maxUnavailable) return changes
    if (!broken) absent += 1
    changes.push(...ended(set, pod))
    if (absent >= maxUnavailable) return changes
  }
  return changes
}

/** A Pod of the new template from the partition on, of the one before it below. */
function born({ world, set, revisions, current }: Sets, ordinal: number): readonly Change[] {
  const name = `${set.metadata.name}-${ordinal}`
  const { namespace } = set.metadata
  if (named(world.objects.Pod, namespace, name) !== undefined) return []
  const partition = set.spec.updateStrategy.rollingUpdate?.partition ?? 0
  const revision = ordinal < partition ? current : revisions.name
  const kept = revisions.all.find(({ metadata }) => metadata.name === revision)
  const { metadata, spec } = revision === revisions.name ? set.spec.template : templateIn(set, kept)
  const made = newMetadata({
    name,
    generateName: `${set.metadata.name}-`,
    labels: { ...metadata.labels, ...labelsOf(name, ordinal), [REVISION_LABEL]: revision },
    annotations: metadata.annotations,
    finalizers: metadata.finalizers,
    ownerReferences: [ownedReference(set)],
    ...(namespace === undefined ? {} : { namespace }),
  })
  const subdomain = set.spec.serviceName === '' ? {} : { subdomain: set.spec.serviceName }
  const status: PodObject['status'] = { phase: 'Pending', podIPs: [], conditions: [], containerStatuses: [] }
  const pod: PodObject = { apiVersion: 'v1', kind: 'Pod', metadata: made, spec: { ...spec, hostname: name, ...subdomain }, status }
  return [{ verb: 'create', object: pod }, said(set, 'SuccessfulCreate', `create Pod ${name} in StatefulSet ${set.metadata.name} successful`)]
}

const labelsOf = (name: string, ordinal: number) => ({ [POD_NAME]: name, [POD_INDEX]: String(ordinal) })

/** A Pod keeps the labels that say who it is. */
function identified(_set: StatefulSet, pod: PodObject, ordinal: number): readonly Change[] {
  const labels = { ...pod.metadata.labels, ...labelsOf(pod.metadata.name, ordinal) }
  return sameJson(labels, pod.metadata.labels) ? [] : [updated(pod, { metadata: { labels } })]
}

const ended = (set: StatefulSet, pod: PodObject): readonly Change[] => [
  deleted(pod),
  said(set, 'SuccessfulDelete', `delete Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name} successful`),
]

const said = (about: StatefulSet, reason: string, message: string): Change => ({ verb: 'event', about, type: 'Normal', reason, message, from: NAME })

function told(sets: Sets): readonly Change[] {
  const { set, revisions, wanted, surplus } = sets
  const there = [...wanted.flatMap(({ pod }) => pod ?? []), ...surplus]
  const living = there.filter((pod) => !isTerminating(pod) && !isFinished(pod))
  const of = (revision: string) => living.filter((pod) => revisionNameOf(pod) === revision)
  const ready = living.filter(isReady)
  const updatedReplicas = of(revisions.name).length
  // The update is done when every wanted Pod is of the new template and ready: then that is the current one.
  const done =
    set.spec.updateStrategy.type === 'RollingUpdate' &&
    wanted.every(({ pod }) => pod !== undefined && isHealthy(sets, pod) && revisionNameOf(pod) === revisions.name) &&
    surplus.length === 0
  const currentRevision = done ? revisions.name : sets.current
  const status: StatefulSet['status'] = {
    ...set.status,
    observedGeneration: set.metadata.generation,
    replicas: there.filter((pod) => !isFinished(pod)).length,
    readyReplicas: ready.length,
    availableReplicas: living.filter((pod) => isSteady(sets, pod)).length,
    currentReplicas: of(currentRevision).length,
    updatedReplicas,
    currentRevision,
    updateRevision: revisions.name,
    collisionCount: set.status.collisionCount ?? 0,
  }
  return sameJson(status, set.status) ? [] : [stated(set, status)]
}
