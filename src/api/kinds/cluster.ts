/** What a cluster is: namespaces, nodes, settings, and what has happened. */
import { z } from '../zod.ts'
import { condition, count, labels, object, text } from './parts.ts'

export const Namespace = object('v1', 'Namespace', {
  spec: z.strictObject({ finalizers: z.array(text).optional() }).optional(),
  status: z.strictObject({ phase: z.enum(['Active', 'Terminating']).default('Active') }).default({ phase: 'Active' }),
})

export const Node = object('v1', 'Node', {
  spec: z
    .strictObject({
      podCIDR: text.optional(),
      podCIDRs: z.array(text).optional(),
      unschedulable: z.boolean().optional(),
      taints: z.array(z.record(z.string(), z.unknown())).optional(),
      providerID: text.optional(),
    })
    .default({}),
  status: z
    .strictObject({
      addresses: z.array(z.strictObject({ type: text, address: text })).default([]),
      conditions: z.array(condition).default([]),
      nodeInfo: z.record(z.string(), z.unknown()).optional(),
      capacity: labels.optional(),
      allocatable: labels.optional(),
    })
    .prefault({}),
})

export const ConfigMap = object('v1', 'ConfigMap', { data: labels.default({}), binaryData: labels.optional(), immutable: z.boolean().optional() })

export const Event = object('v1', 'Event', {
  involvedObject: z.strictObject({
    kind: text.optional(),
    namespace: text.optional(),
    name: text.optional(),
    uid: text.optional(),
    apiVersion: text.optional(),
    resourceVersion: text.optional(),
    fieldPath: text.optional(),
  }),
  reason: text.optional(),
  message: text.optional(),
  type: text.optional(),
  count: count.optional(),
  action: text.optional(),
  firstTimestamp: text.nullish(),
  lastTimestamp: text.nullish(),
  eventTime: text.nullish(),
  source: z.strictObject({ component: text.optional(), host: text.optional() }).optional(),
  reportingComponent: text.optional(),
  reportingInstance: text.optional(),
})
