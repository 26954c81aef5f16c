/** What a Deployment says of itself: counts over its ReplicaSets, whether it serves, and how its rollout goes. */
import type { Condition, Deployment, ReplicaSet } from '#api/kinds.ts'
import { conditionOf } from './objects.ts'
import type { Limits } from './rollout.ts'

type Counts = Omit<Deployment['status'], 'conditions'>

export function statusOf(of: Deployment, { fresh, olds }: { readonly fresh: ReplicaSet | undefined; readonly olds: readonly ReplicaSet[] }): Counts {
  const all = fresh === undefined ? olds : [...olds, fresh]
  const total = (count: (set: ReplicaSet) => number | undefined) => all.reduce((sum, set) => sum + (count(set) ?? 0), 0)
  const availableReplicas = total(({ status }) => status.availableReplicas)
  return {
    ...(of.status.collisionCount === undefined ? {} : { collisionCount: of.status.collisionCount }),
    observedGeneration: of.metadata.generation,
    replicas: total(({ status }) => status.replicas),
    updatedReplicas: fresh?.status.replicas ?? 0,
    readyReplicas: total(({ status }) => status.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(0, total(({ spec }) => spec.replicas) - availableReplicas),
  }
}

type Progress = { readonly counts: Counts; readonly fresh: ReplicaSet | undefined; readonly limits: Limits; readonly now: string }

export function progressOf(of: Deployment, o: Progress): Condition[] {
  const before = of.status.conditions ?? []
  const enough = (o.counts.availableReplicas ?? 0) >= o.limits.replicas - o.limits.maxUnavailable
  const available: Said = enough
    ? { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' }
    : { type: 'Available', status: 'False', reason: 'MinimumReplicasUnavailable', message: 'Deployment does not have minimum availability.' }
  const progressing = progress(of, o, conditionOf(before, 'Progressing'))
  return [available, ...(progressing === undefined ? [] : [progressing])].map((said) => timed(said, { before, now: o.now }))
}

/** `moved` when the moment of the last progress is now. */
type Said = Pick<Condition, 'type' | 'status' | 'reason' | 'message'> & { readonly moved?: boolean }

function progress(of: Deployment, { counts, fresh, now }: Progress, before: Condition | undefined): Said | undefined {
  const type = 'Progressing'
  if (of.spec.paused) return { type, status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' }
  if (fresh === undefined) return before === undefined ? undefined : { ...kept(before) }
  const name = `ReplicaSet "${fresh.metadata.name}"`
  if (isComplete(of, counts)) return { type, status: 'True', reason: 'NewReplicaSetAvailable', message: `${name} has successfully progressed.` }
  if (before === undefined || before.reason === 'DeploymentPaused')
    return { type, status: 'True', reason: 'NewReplicaSetCreated', message: `Created new replica set "${fresh.metadata.name}"` }
  if (hasMoved(of, counts)) return { type, status: 'True', reason: 'ReplicaSetUpdated', message: `${name} is progressing.`, moved: true }
  const since = Date.parse(before.lastUpdateTime ?? '')
  const late = before.reason !== 'NewReplicaSetAvailable' && since + of.spec.progressDeadlineSeconds * 1000 < Date.parse(now)
  return late ? { type, status: 'False', reason: 'ProgressDeadlineExceeded', message: `${name} has timed out progressing.` } : kept(before)
}

const kept = ({ type, status, reason, message }: Condition): Said => ({ type, status, reason, message })

export const isComplete = (of: Deployment, counts: Counts): boolean =>
  counts.updatedReplicas === of.spec.replicas && counts.replicas === of.spec.replicas && counts.availableReplicas === of.spec.replicas

/** The rollout moves as long as new Pods come, become ready, or old ones go. */
const hasMoved = ({ status }: Deployment, counts: Counts): boolean =>
  (counts.updatedReplicas ?? 0) > (status.updatedReplicas ?? 0) ||
  (counts.readyReplicas ?? 0) > (status.readyReplicas ?? 0) ||
  (counts.availableReplicas ?? 0) > (status.availableReplicas ?? 0) ||
  (counts.replicas ?? 0) - (counts.updatedReplicas ?? 0) < (status.replicas ?? 0) - (status.updatedReplicas ?? 0)

function timed({ moved, ...said }: Said, { before, now }: { readonly before: readonly Condition[]; readonly now: string }): Condition {
  const last = conditionOf(before, said.type)
  if (last !== undefined && !moved && last.reason === said.reason && last.message === said.message) return last
  return { ...said, lastUpdateTime: now, lastTransitionTime: last?.status === said.status ? (last.lastTransitionTime ?? now) : now }
}
