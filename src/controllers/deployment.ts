/** The Deployment controller: one ReplicaSet per revision of the Pod template, and Pods moved from the old ones to the new one step by step. */
import type { Deployment, Metadata, PodObject, ReplicaSet } from '#api/kinds.ts'
import { matchesSelector } from '#api/selectors.ts'
import { remembered } from '#model/remember.ts'
import { deleted, newMetadata, ownedReference, quiet, stated, updated } from './change.ts'
import type { Change, Controller, World } from './controller.ts'
import { isComplete, progressOf, statusOf } from './deployment-status.ts'
import { canonical, fnv, safe } from './hash.ts'
import { named, ownedBy } from './lookup.ts'
import { isFinished, isTerminating, sameJson } from './objects.ts'
import { type Limits, limitsOf, newReplicas, oldReplicas, proportional, type Share } from './rollout.ts'

const NAME = 'deployment-controller'
const HASH_LABEL = 'pod-template-hash'
const REVISION = 'deployment.kubernetes.io/revision'
const DESIRED = 'deployment.kubernetes.io/desired-replicas'
const MAX = 'deployment.kubernetes.io/max-replicas'
/** Annotations that belong to the one object they are on. */
const OWN_ANNOTATIONS = [REVISION, DESIRED, MAX, 'kubectl.kubernetes.io/last-applied-configuration']

const unlessQuiet = quiet<Deployment>()

export const deployment: Controller = {
  name: 'deployment',
  changes: (world) =>
    world.objects.Deployment.filter((one) => !isTerminating(one)).flatMap((one) => {
      const sets = claimable(world, one)
      const inputs = one.spec.strategy.type === 'Recreate' ? [...sets, ...sets.flatMap(({ metadata }) => ownedBy(world.objects.Pod, metadata.uid))] : sets
      return isComplete(one, one.status) ? unlessQuiet(one, inputs, () => reconciled(world, one, sets)) : reconciled(world, one, sets)
    }),
}

/** A Deployment with its ReplicaSets: the one of the present template, if it is there, and those of earlier ones, oldest first. */
type Rollout = {
  readonly world: World
  readonly of: Deployment
  readonly fresh: ReplicaSet | undefined
  readonly olds: readonly ReplicaSet[]
  readonly limits: Limits
}

function reconciled(world: World, of: Deployment, sets: readonly ReplicaSet[]): readonly Change[] {
  const orphans = sets.filter(({ metadata }) => metadata.ownerReferences.length === 0)
  if (orphans.length > 0) return orphans.map((set) => updated(set, { metadata: { ownerReferences: [ownedReference(of)] } }))
  const byAge = [...sets].sort((a, b) => revisionOf(a) - revisionOf(b))
  const fresh = byAge.find((set) => templateText(set) === templateText(of))
  const { replicas, strategy } = of.spec
  const limits =
    strategy.type === 'Recreate' ? { replicas, maxSurge: 0, maxUnavailable: 0 } : limitsOf({ replicas, ...(strategy.rollingUpdate ?? DEFAULT_LIMITS) })
  const rollout: Rollout = { world, of, fresh, olds: byAge.filter((set) => set !== fresh), limits }
  const steps = stepsOf(rollout)
  return [...steps, ...(steps.length === 0 ? forgotten(rollout) : []), ...told(rollout)]
}

const DEFAULT_LIMITS = { maxSurge: '25%', maxUnavailable: '25%' }

/** Its own ReplicaSets, and orphans that it selects. */
function claimable({ objects }: World, of: Deployment): readonly ReplicaSet[] {
  const orphans = ownedBy(objects.ReplicaSet, '').filter(
    (set) =>
      set.metadata.namespace === of.metadata.namespace && set.metadata.ownerReferences.length === 0 && matchesSelector(of.spec.selector, set.metadata.labels),
  )
  return [...ownedBy(objects.ReplicaSet, of.metadata.uid), ...orphans].filter((set) => !isTerminating(set))
}

const revisionOf = (set: ReplicaSet): number => Number(set.metadata.annotations[REVISION] ?? 0)

/** The template as text, without the label that the controller itself adds to it. */
const templateText = remembered(({ spec }: Deployment | ReplicaSet): string => {
  const { [HASH_LABEL]: _, ...labels } = spec.template.metadata.labels
  return canonical({ ...spec.template, metadata: { labels, annotations: spec.template.metadata.annotations } })
})

function stepsOf(rollout: Rollout): readonly Change[] {
  const { of, fresh, olds } = rollout
  if (of.spec.paused) return scaled(rollout)
  if (fresh === undefined) return of.spec.strategy.type === 'Recreate' && !emptied(rollout) ? drained(rollout) : born(rollout)
  const revision = Math.max(0, ...olds.map(revisionOf)) + 1
  const renewed = renewal(rollout, fresh, Math.max(revision, revisionOf(fresh)))
  if (renewed.length > 0) return renewed
  if (isScaling(rollout)) return scaled(rollout)
  if (of.spec.strategy.type === 'Recreate') return emptied(rollout) ? resized(rollout, fresh, of.spec.replicas) : drained(rollout)
  return rolled(rollout, fresh)
}

/** The new template's ReplicaSet, named after the template's hash. A name that another template already took asks for another hash. */
function born({ world, of, olds, limits }: Rollout): readonly Change[] {
  const { namespace, name } = of.metadata
  const hash = safe(fnv(`${templateText(of)}${of.status.collisionCount ?? ''}`))
  const setName = `${name}-${hash}`
  if (named(world.objects.ReplicaSet, namespace, setName) !== undefined) return [stated(of, { collisionCount: (of.status.collisionCount ?? 0) + 1 })]
  const replicas = newReplicas(0, olds.map(shareOf), limits)
  const { template, selector, minReadySeconds } = of.spec
  const labels = { ...template.metadata.labels, [HASH_LABEL]: hash }
  const revision = String(Math.max(0, ...olds.map(revisionOf)) + 1)
  const metadata = newMetadata({
    name: setName,
    labels,
    annotations: { ...inherited(of), ...sizes(limits), [REVISION]: revision },
    ownerReferences: [ownedReference(of)],
    ...(namespace === undefined ? {} : { namespace }),
  })
  const set: ReplicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata,
    spec: {
      replicas,
      minReadySeconds,
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
    status: {},
  }
  return [{ verb: 'create', object: set }, ...revised(of, revision), ...(replicas > 0 ? [said(of, setName, 0, replicas)] : [])]
}

const inherited = (of: Deployment): Metadata['annotations'] =>
  Object.fromEntries(Object.entries(of.metadata.annotations).filter(([key]) => !OWN_ANNOTATIONS.includes(key)))

const sizes = ({ replicas, maxSurge }: Limits): Metadata['annotations'] => ({ [DESIRED]: String(replicas), [MAX]: String(replicas + maxSurge) })

const revised = (of: Deployment, revision: string): readonly Change[] =>
  of.metadata.annotations[REVISION] === revision ? [] : [updated(of, { metadata: { annotations: { ...of.metadata.annotations, [REVISION]: revision } } })]

/** A template that came back (a rollback) is the newest revision again. */
function renewal({ of }: Rollout, fresh: ReplicaSet, revision: number): readonly Change[] {
  const own =
    revisionOf(fresh) === revision ? [] : [updated(fresh, { metadata: { annotations: { ...fresh.metadata.annotations, [REVISION]: String(revision) } } })]
  return [...own, ...revised(of, String(revision))]
}

/** Recreate: nothing old may run when the new starts. */
const emptied = ({ world, olds }: Rollout): boolean =>
  olds.every((set) => set.spec.replicas === 0 && ownedBy(world.objects.Pod, set.metadata.uid).every((pod: PodObject) => isFinished(pod)))

const drained = (rollout: Rollout): readonly Change[] => rollout.olds.flatMap((set) => resized(rollout, set, 0))

function rolled(rollout: Rollout, fresh: ReplicaSet): readonly Change[] {
  const { olds, limits } = rollout
  const live = olds.filter((set) => set.spec.replicas > 0)
  const grown = resized(rollout, fresh, newReplicas(fresh.spec.replicas, [fresh, ...live].map(shareOf), limits))
  if (grown.length > 0) return grown
  const kept = oldReplicas(shareOf(fresh), live.map(shareOf), limits)
  return live.flatMap((set) => resized(rollout, set, kept.get(set.metadata.name) ?? set.spec.replicas))
}

const shareOf = ({ metadata, spec, status }: ReplicaSet): Share => ({ name: metadata.name, replicas: spec.replicas, available: status.availableReplicas ?? 0 })

/** Someone changed `replicas`: the size written on a living ReplicaSet is no longer the wanted one. */
const isScaling = ({ of, fresh, olds }: Rollout): boolean =>
  [...olds, ...(fresh === undefined ? [] : [fresh])].some(
    ({ spec, metadata }) => spec.replicas > 0 && metadata.annotations[DESIRED] !== undefined && Number(metadata.annotations[DESIRED]) !== of.spec.replicas,
  )

/** A new size, without a step of the rollout: to the only living ReplicaSet, or to each its share. */
function scaled(rollout: Rollout): readonly Change[] {
  const { of, fresh, olds, limits } = rollout
  const sets = [...olds, ...(fresh === undefined ? [] : [fresh])]
  const live = sets.filter((set) => set.spec.replicas > 0)
  const only = live.length <= 1 ? (live[0] ?? fresh ?? olds.at(-1)) : undefined
  if (only !== undefined) return resized(rollout, only, of.spec.replicas)
  const full = fresh !== undefined && fresh.spec.replicas === of.spec.replicas && fresh.status.availableReplicas === of.spec.replicas
  if (full) return drained(rollout)
  if (of.spec.strategy.type !== 'RollingUpdate') return []
  const wanted = isScaling(rollout) ? proportional(live.map(shareOf), limits) : new Map<string, number>()
  return live.flatMap((set) => resized(rollout, set, wanted.get(set.metadata.name) ?? set.spec.replicas))
}

/** The ReplicaSet with that many replicas, and with the whole size written on it; nothing when all that is so. */
function resized({ of, limits }: Rollout, set: ReplicaSet, replicas: number): readonly Change[] {
  const annotations = { ...set.metadata.annotations, ...sizes(limits) }
  const same = set.spec.replicas === replicas
  if (same && sameJson(annotations, set.metadata.annotations)) return []
  const change = updated(set, { metadata: { annotations }, spec: { replicas } })
  return same ? [change] : [change, said(of, set.metadata.name, set.spec.replicas, replicas)]
}

const said = (about: Deployment, set: string, from: number, to: number): Change => ({
  verb: 'event',
  about,
  type: 'Normal',
  reason: 'ScalingReplicaSet',
  message: `Scaled ${to > from ? 'up' : 'down'} replica set ${set} from ${from} to ${to}`,
  from: NAME,
})

/** Old revisions beyond the history's limit go, oldest first, once nothing of them is left. */
function forgotten({ of, olds }: Rollout): readonly Change[] {
  const empty = olds.filter(({ spec, status, metadata }) => spec.replicas === 0 && !status.replicas && status.observedGeneration === metadata.generation)
  return empty.slice(0, Math.max(0, empty.length - of.spec.revisionHistoryLimit)).map((set) => deleted(set))
}

function told({ world, of, fresh, olds, limits }: Rollout): readonly Change[] {
  const counts = statusOf(of, { fresh, olds })
  const status = { ...counts, conditions: progressOf(of, { counts, fresh, limits, now: world.now }) }
  return sameJson(status, of.status) ? [] : [stated(of, status)]
}
