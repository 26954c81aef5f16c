/** What keeps a number of Pods alive. */
import { z } from 'zod'
import { condition, count, countOrPercent, labelSelector, object } from './parts.ts'
import { podTemplate } from './pod.ts'

const workloadStatus = z.strictObject({
  observedGeneration: count.optional(),
  replicas: count.optional(),
  updatedReplicas: count.optional(),
  readyReplicas: count.optional(),
  availableReplicas: count.optional(),
  unavailableReplicas: count.optional(),
  fullyLabeledReplicas: count.optional(),
  conditions: z.array(condition).optional(),
  collisionCount: count.optional(),
})

export const Deployment = object('apps/v1', 'Deployment', {
  spec: z.strictObject({
    replicas: count.default(1),
    selector: labelSelector,
    template: podTemplate,
    strategy: z
      .strictObject({
        type: z.enum(['RollingUpdate', 'Recreate']).default('RollingUpdate'),
        rollingUpdate: z.strictObject({ maxSurge: countOrPercent.default('25%'), maxUnavailable: countOrPercent.default('25%') }).optional(),
      })
      .prefault({}),
    minReadySeconds: count.default(0),
    revisionHistoryLimit: count.default(10),
    progressDeadlineSeconds: count.default(600),
    paused: z.boolean().optional(),
  }),
  status: workloadStatus.default({}),
})

export const ReplicaSet = object('apps/v1', 'ReplicaSet', {
  spec: z.strictObject({ replicas: count.default(1), selector: labelSelector, template: podTemplate, minReadySeconds: count.default(0) }),
  status: workloadStatus.default({}),
})
