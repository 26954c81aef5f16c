/** What every kind is made of: names, numbers, metadata, selectors, conditions. */
import { z } from '../zod.ts'

export const text = z.string()
export const labels = z.record(z.string(), z.string())
export const port = z.int().min(1).max(65535)
export const portOrName = z.union([port, text.min(1)])
export const protocol = z.enum(['TCP', 'UDP', 'SCTP'])
export const count = z.int().min(0)
export const countOrPercent = z.union([count, z.string().regex(/^\d+%$/)])

const ownerReference = z.strictObject({
  apiVersion: text,
  kind: text,
  name: text,
  uid: text.default(''),
  controller: z.boolean().optional(),
  blockOwnerDeletion: z.boolean().optional(),
})

export const metadata = z.strictObject({
  name: text.default(''),
  generateName: text.optional(),
  namespace: text.optional(),
  labels: labels.default({}),
  annotations: labels.default({}),
  uid: text.default(''),
  resourceVersion: text.default(''),
  generation: count.default(1),
  creationTimestamp: text.nullish().transform((at) => at ?? undefined),
  deletionTimestamp: text.optional(),
  deletionGracePeriodSeconds: count.optional(),
  ownerReferences: z.array(ownerReference).default([]),
  finalizers: z.array(text).default([]),
  managedFields: z.array(z.unknown()).optional(),
  selfLink: text.optional(),
})

export const labelSelector = z.strictObject({
  matchLabels: labels.optional(),
  matchExpressions: z
    .array(z.strictObject({ key: text.min(1), operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']), values: z.array(text).optional() }))
    .optional(),
})

export const condition = z.strictObject({
  type: text,
  status: z.enum(['True', 'False', 'Unknown']),
  reason: text.optional(),
  message: text.optional(),
  lastTransitionTime: text.nullish(),
  lastProbeTime: text.nullish(),
  lastHeartbeatTime: text.nullish(),
  lastUpdateTime: text.nullish(),
  observedGeneration: count.optional(),
})

/** An object of one kind: what it may say beside apiVersion, kind and metadata. */
export const object = <K extends string, V extends string, S extends z.ZodRawShape>(apiVersion: V, kind: K, shape: S) =>
  z.strictObject({ apiVersion: z.literal(apiVersion), kind: z.literal(kind), metadata, ...shape })
