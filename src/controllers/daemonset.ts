/**
 * The DaemonSet controller: one Pod on each node that the template fits. The Pods are pinned to their nodes by affinity and go through the
 * scheduler; an update replaces them node by node, or with a surge puts the new one beside the old one first.
 */
import type { DaemonSet, NodeObject, PodObject } from '#api/kinds.ts'
import { matchesSelector } from '#api/selectors.ts'
import { isAvailable } from './available.ts'
import { deleted, newMetadata, ownedReference, quiet, stated, updated } from './change.ts'
import type { Change, Controller, World } from './controller.ts'
import { controllerOf, ownedBy, podsWith } from './lookup.ts'
import { counted, freshNames } from './naming.ts'
import { isFinished, isReady, isTerminating, sameJson } from './objects.ts'
import { forgotten, REVISION_LABEL, type Revisions, revisionsOf } from './revisions.ts'
import { pinOf, tolerates } from './scheduler.ts'

const NAME = 'daemonset-controller'

const unlessQuiet = quiet<DaemonSet>()

export const daemonset: Controller = {
  name: 'daemonset',
  changes: (world) =>
    world.objects.DaemonSet.filter((set) => !isTerminating(set)).flatMap((set) => {
      const pods = podsOf(world, set)
      const inputs = [world.objects.Node, ...pods, ...ownedBy(world.objects.ControllerRevision, set.metadata.uid)]
      return set.spec.minReadySeconds > 0 ? reconciled(world, set, pods) : unlessQuiet(set, inputs, () => reconciled(world, set, pods))
    }),
}

/** Its own Pods, and orphans it selects. */
function podsOf({ objects }: World, set: DaemonSet): readonly PodObject[] {
  const { matchLabels = {} } = set.spec.selector
  const orphans = ownedBy(objects.Pod, '')
  const near = Object.keys(matchLabels).length > 0 ? podsWith(orphans, set.metadata.namespace, matchLabels) : orphans
  const selects = (pod: PodObject) =>
    pod.metadata.namespace === set.metadata.namespace && !isTerminating(pod) && matchesSelector(set.spec.selector, pod.metadata.labels)
  return [...ownedBy(objects.Pod, set.metadata.uid), ...near.filter(selects)]
}

/** A node, whether it should have a Pod, and the Pods it has, those that are ending included. */
type Seat = { readonly node: NodeObject; readonly wanted: boolean; readonly tolerated: boolean; readonly pods: readonly PodObject[] }

type Round = { readonly world: World; readonly set: DaemonSet; readonly revisions: Revisions; readonly seats: readonly Seat[] }

function reconciled(world: World, set: DaemonSet, pods: readonly PodObject[]): readonly Change[] {
  const orphans = pods.filter((pod) => controllerOf(pod) === undefined)
  if (orphans.length > 0) return orphans.map((pod) => updated(pod, { metadata: { ownerReferences: [...pod.metadata.ownerReferences, ownedReference(set)] } }))
  const revisions = revisionsOf(world, set)
  const byNode = Map.groupBy(pods, (pod) => pod.spec.nodeName || pinOf(pod))
  const seats = world.objects.Node.map((node): Seat => ({ node, ...placeIn(set, node), pods: byNode.get(node.metadata.name) ?? [] }))
  const round: Round = { world, set, revisions, seats }
  const homeless = pods.filter((pod) => !isTerminating(pod) && !seats.some((seat) => seat.pods.includes(pod)))
  const steps = [...placed(round), ...homeless.flatMap((pod) => ended(set, pod))]
  const inUse = new Set(pods.map((pod) => `${set.metadata.name}-${hashOf(pod)}`))
  return [
    ...revisions.changes,
    ...counted(world.objects.Pod, set),
    ...(steps.length > 0 ? steps : renewed(round)),
    ...forgotten(set, revisions, inUse),
    ...told(round),
  ]
}

const hashOf = ({ metadata }: PodObject): string => metadata.labels[REVISION_LABEL] ?? ''

/** NoSchedule keeps a new Pod away, NoExecute drives one out that is there. */
function placeIn(set: DaemonSet, { metadata, spec }: NodeObject): Pick<Seat, 'wanted' | 'tolerated'> {
  const { nodeSelector, nodeName, tolerations } = withTolerations(set).spec
  const chosen = Object.entries(nodeSelector).every(([key, value]) => metadata.labels[key] === value) && (!nodeName || nodeName === metadata.name)
  const borne = (effects: readonly string[]) =>
    (spec.taints ?? []).every((taint) => !effects.includes(String(taint['effect'])) || tolerates(tolerations, taint))
  return { wanted: chosen && borne(['NoSchedule', 'NoExecute']), tolerated: chosen && borne(['NoExecute']) }
}

/** A daemon stays where others may not come. */
function withTolerations({ spec: { template } }: DaemonSet): DaemonSet['spec']['template'] {
  const own = (key: string, effect: string) => ({ key: `node.kubernetes.io/${key}`, operator: 'Exists', effect })
  const added = [
    own('not-ready', 'NoExecute'),
    own('unreachable', 'NoExecute'),
    own('disk-pressure', 'NoSchedule'),
    own('memory-pressure', 'NoSchedule'),
    own('pid-pressure', 'NoSchedule'),
    own('unschedulable', 'NoSchedule'),
    ...(template.spec.hostNetwork ? [own('network-unavailable', 'NoSchedule')] : []),
  ]
  return { ...template, spec: { ...template.spec, tolerations: [...(template.spec.tolerations ?? []), ...added] } }
}

const living = ({ pods }: Seat): readonly PodObject[] => pods.filter((pod) => !isTerminating(pod))

/** A Pod where one is missing, none where none should be; of several the oldest of each template stays. A failed one makes room for another. */
function placed(round: Round): readonly Change[] {
  const { set, seats } = round
  const missing = seats.filter(({ wanted, pods }) => wanted && pods.length === 0)
  const surges = isSurging(set)
  const surplus = seats.flatMap((seat) => {
    const there = living(seat)
    if (!seat.tolerated) return there
    const sound = there.filter((pod) => !isFinished(pod)).sort((a, b) => (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? ''))
    const groups = surges ? [...Map.groupBy(sound, hashOf).values()] : [sound]
    return [...there.filter(isFinished), ...groups.flatMap((group) => group.slice(1))]
  })
  return [...born(round, missing), ...surplus.flatMap((pod) => ended(set, pod))]
}

const isSurging = ({ spec: { updateStrategy } }: DaemonSet): boolean =>
  updateStrategy.type === 'RollingUpdate' && ![0, '0%', undefined].includes(updateStrategy.rollingUpdate?.maxSurge)

const PERCENT = 100
const resolved = (of: number | string, total: number): number => (typeof of === 'number' ? of : Math.ceil((Number.parseInt(of, 10) * total) / PERCENT))

function renewed(round: Round): readonly Change[] {
  const { set, revisions } = round
  const { type, rollingUpdate = { maxUnavailable: 1, maxSurge: 0 } } = set.spec.updateStrategy
  if (type === 'OnDelete') return []
  const seats = round.seats.filter(({ wanted }) => wanted)
  const fresh = (seat: Seat) => living(seat).find((pod) => hashOf(pod) === revisions.hash)
  const olds = seats.flatMap((seat) =>
    living(seat)
      .filter((pod) => hashOf(pod) !== revisions.hash && !isFinished(pod))
      .map((pod) => ({ seat, pod })),
  )
  const available = (pod: PodObject | undefined) => pod !== undefined && isUp(round, pod)
  if (isSurging(set)) {
    const surge = resolved(rollingUpdate.maxSurge, seats.length) - seats.filter((seat) => seat.pods.length > 1).length
    const done = olds.filter(({ seat, pod }) => available(fresh(seat)) || (!available(pod) && fresh(seat) !== undefined))
    const next = olds.filter(({ seat }) => fresh(seat) === undefined && seat.pods.length === 1).slice(0, Math.max(0, surge))
    return [
      ...done.flatMap(({ pod }) => ended(set, pod)),
      ...born(
        round,
        next.map(({ seat }) => seat),
      ),
    ]
  }
  const absent = seats.filter((seat) => !living(seat).some(available)).length
  const broken = olds.filter(({ pod }) => !available(pod))
  const budget = Math.max(0, Math.max(1, resolved(rollingUpdate.maxUnavailable, seats.length)) - absent)
  const going = olds.filter(({ pod }) => available(pod)).slice(0, budget)
  return [...broken, ...going].flatMap(({ pod }) => ended(set, pod))
}

const isUp = ({ set, world }: Round, pod: PodObject): boolean => isAvailable(pod, { minReadySeconds: set.spec.minReadySeconds, now: world.now })

function born({ world, set, revisions }: Round, seats: readonly Seat[]): readonly Change[] {
  const { namespace } = set.metadata
  const { metadata, spec } = withTolerations(set)
  const names = freshNames(world.objects.Pod, set, seats.length)
  return seats.flatMap(({ node }, at): readonly Change[] => {
    const name = names[at] ?? ''
    const made = newMetadata({
      name,
      generateName: `${set.metadata.name}-`,
      labels: { ...metadata.labels, [REVISION_LABEL]: revisions.hash },
      annotations: metadata.annotations,
      finalizers: metadata.finalizers,
      ownerReferences: [ownedReference(set)],
      ...(namespace === undefined ? {} : { namespace }),
    })
    const status: PodObject['status'] = { phase: 'Pending', podIPs: [], conditions: [], containerStatuses: [] }
    const pod: PodObject = { apiVersion: 'v1', kind: 'Pod', metadata: made, spec: { ...spec, affinity: pinnedTo(node) }, status }
    return [{ verb: 'create', object: pod }, said(set, 'SuccessfulCreate', `Created pod: ${name}`)]
  })
}

const pinnedTo = ({ metadata }: NodeObject) => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [metadata.name] }] }],
    },
  },
})

const ended = (set: DaemonSet, pod: PodObject): readonly Change[] => [deleted(pod), said(set, 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`)]

const said = (about: DaemonSet, reason: string, message: string): Change => ({ verb: 'event', about, type: 'Normal', reason, message, from: NAME })

function told(round: Round): readonly Change[] {
  const { set, revisions, seats } = round
  const wanted = seats.filter((seat) => seat.wanted)
  const count = (which: (pod: PodObject) => boolean) => wanted.filter((seat) => living(seat).some(which)).length
  const available = count((pod) => isUp(round, pod))
  const status: DaemonSet['status'] = {
    ...set.status,
    observedGeneration: set.metadata.generation,
    desiredNumberScheduled: wanted.length,
    currentNumberScheduled: wanted.filter(({ pods }) => pods.length > 0).length,
    numberMisscheduled: seats.filter((seat) => !seat.wanted && living(seat).length > 0).length,
    numberReady: count(isReady),
    updatedNumberScheduled: count((pod) => hashOf(pod) === revisions.hash),
    numberAvailable: available,
    numberUnavailable: wanted.length - available,
  }
  return sameJson(status, set.status) ? [] : [stated(set, status)]
}
