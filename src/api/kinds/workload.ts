/** What keeps a number of Pods alive. */
import { z } from '../zod.ts'
import { condition, count, countOrPercent, labelSelector, object, text } from './parts.ts'
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

export const StatefulSet = object('apps/v1', 'StatefulSet', {
  spec: z.strictObject({
    replicas: count.default(1),
    selector: labelSelector,
    template: podTemplate,
    /** The headless Service that gives the Pods their names in DNS. */
    serviceName: text.default(''),
    podManagementPolicy: z.enum(['OrderedReady', 'Parallel']).default('OrderedReady'),
    updateStrategy: z
      .strictObject({
        type: z.enum(['RollingUpdate', 'OnDelete']).default('RollingUpdate'),
        rollingUpdate: z.strictObject({ partition: count.default(0), maxUnavailable: countOrPercent.optional() }).optional(),
      })
      .prefault({}),
    minReadySeconds: count.default(0),
    revisionHistoryLimit: count.default(10),
    ordinals: z.strictObject({ start: count.default(0) }).optional(),
  }),
  status: workloadStatus.extend({ currentReplicas: count.optional(), currentRevision: text.optional(), updateRevision: text.optional() }).default({}),
})

export const DaemonSet = object('apps/v1', 'DaemonSet', {
  spec: z.strictObject({
    selector: labelSelector,
    template: podTemplate,
    updateStrategy: z
      .strictObject({
        type: z.enum(['RollingUpdate', 'OnDelete']).default('RollingUpdate'),
        rollingUpdate: z.strictObject({ maxUnavailable: countOrPercent.default(1), maxSurge: countOrPercent.default(0) }).optional(),
      })
      .prefault({}),
    minReadySeconds: count.default(0),
    revisionHistoryLimit: count.default(10),
  }),
  status: z
    .strictObject({
      currentNumberScheduled: count.default(0),
      numberMisscheduled: count.default(0),
      desiredNumberScheduled: count.default(0),
      numberReady: count.default(0),
      observedGeneration: count.optional(),
      updatedNumberScheduled: count.optional(),
      numberAvailable: count.optional(),
      numberUnavailable: count.optional(),
      collisionCount: count.optional(),
      conditions: z.array(condition).optional(),
    })
    .prefault({}),
})

/** A template as it once was, kept so that Pods of an older revision can be made again. */
export const ControllerRevision = object('apps/v1', 'ControllerRevision', {
  revision: count.default(0),
  data: z.record(z.string(), z.unknown()).optional(),
})
