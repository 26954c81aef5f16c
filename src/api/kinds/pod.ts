/** Pods, and the template workloads make them from. */
import { z } from '../zod.ts'
import { condition, count, labels, metadata, object, port, portOrName, protocol, text } from './parts.ts'

const envVar = z.strictObject({
  name: text.min(1),
  value: text.optional(),
  valueFrom: z
    .strictObject({
      fieldRef: z.strictObject({ fieldPath: text, apiVersion: text.default('v1') }).optional(),
      configMapKeyRef: z.strictObject({ name: text, key: text, optional: z.boolean().optional() }).optional(),
    })
    .optional(),
})

const httpGet = z.strictObject({
  path: text.default('/'),
  port: portOrName,
  host: text.optional(),
  scheme: z.enum(['HTTP', 'HTTPS']).default('HTTP'),
  httpHeaders: z.array(z.strictObject({ name: text, value: text })).optional(),
})
const tcpSocket = z.strictObject({ port: portOrName, host: text.optional() })
const execAction = z.strictObject({ command: z.array(text).min(1) })

export const containerProbe = z.strictObject({
  httpGet: httpGet.optional(),
  tcpSocket: tcpSocket.optional(),
  exec: execAction.optional(),
  initialDelaySeconds: count.default(0),
  periodSeconds: z.int().min(1).default(10),
  timeoutSeconds: z.int().min(1).default(1),
  successThreshold: z.int().min(1).default(1),
  failureThreshold: z.int().min(1).default(3),
  terminationGracePeriodSeconds: count.optional(),
})

const lifecycleHandler = z.strictObject({
  exec: execAction.optional(),
  httpGet: httpGet.optional(),
  sleep: z.strictObject({ seconds: count }).optional(),
})

export const container = z.strictObject({
  name: text.min(1),
  image: text.min(1),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).optional(),
  command: z.array(text).optional(),
  args: z.array(text).optional(),
  workingDir: text.optional(),
  env: z.array(envVar).default([]),
  envFrom: z
    .array(z.strictObject({ prefix: text.optional(), configMapRef: z.strictObject({ name: text, optional: z.boolean().optional() }).optional() }))
    .default([]),
  ports: z
    .array(
      z.strictObject({
        containerPort: port,
        name: text.optional(),
        protocol: protocol.default('TCP'),
        hostPort: port.optional(),
        hostIP: text.optional(),
      }),
    )
    .default([]),
  readinessProbe: containerProbe.optional(),
  livenessProbe: containerProbe.optional(),
  startupProbe: containerProbe.optional(),
  lifecycle: z.strictObject({ preStop: lifecycleHandler.optional(), postStart: lifecycleHandler.optional() }).optional(),
  volumeMounts: z.array(z.strictObject({ name: text, mountPath: text, readOnly: z.boolean().optional(), subPath: text.optional() })).default([]),
  resources: z.record(z.string(), z.unknown()).optional(),
  securityContext: z.record(z.string(), z.unknown()).optional(),
  tty: z.boolean().optional(),
  stdin: z.boolean().optional(),
  terminationMessagePath: text.optional(),
  terminationMessagePolicy: text.optional(),
})

const volume = z.strictObject({
  name: text,
  configMap: z
    .strictObject({
      name: text,
      items: z.array(z.strictObject({ key: text, path: text, mode: count.optional() })).optional(),
      defaultMode: count.optional(),
      optional: z.boolean().optional(),
    })
    .optional(),
  emptyDir: z.strictObject({ medium: text.optional(), sizeLimit: text.optional() }).optional(),
})

export const podSpec = z.strictObject({
  containers: z.array(container).min(1),
  initContainers: z.array(container).default([]),
  volumes: z.array(volume).default([]),
  nodeName: text.optional(),
  nodeSelector: labels.default({}),
  hostNetwork: z.boolean().default(false),
  hostname: text.optional(),
  subdomain: text.optional(),
  hostAliases: z.array(z.strictObject({ ip: text, hostnames: z.array(text).default([]) })).default([]),
  dnsPolicy: z.enum(['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None']).default('ClusterFirst'),
  dnsConfig: z
    .strictObject({
      nameservers: z.array(text).default([]),
      searches: z.array(text).default([]),
      options: z.array(z.strictObject({ name: text, value: text.optional() })).default([]),
    })
    .optional(),
  restartPolicy: z.enum(['Always', 'OnFailure', 'Never']).default('Always'),
  terminationGracePeriodSeconds: count.default(30),
  enableServiceLinks: z.boolean().default(true),
  shareProcessNamespace: z.boolean().optional(),
  serviceAccountName: text.optional(),
  serviceAccount: text.optional(),
  automountServiceAccountToken: z.boolean().optional(),
  priorityClassName: text.optional(),
  priority: z.int().optional(),
  preemptionPolicy: text.optional(),
  schedulerName: text.optional(),
  tolerations: z.array(z.record(z.string(), z.unknown())).optional(),
  affinity: z.record(z.string(), z.unknown()).optional(),
  topologySpreadConstraints: z.array(z.record(z.string(), z.unknown())).optional(),
  securityContext: z.record(z.string(), z.unknown()).optional(),
  readinessGates: z.array(z.strictObject({ conditionType: text })).optional(),
  setHostnameAsFQDN: z.boolean().optional(),
})

const containerState = z.strictObject({
  waiting: z.strictObject({ reason: text.optional(), message: text.optional() }).optional(),
  running: z.strictObject({ startedAt: text.optional() }).optional(),
  terminated: z
    .strictObject({
      exitCode: z.int(),
      signal: z.int().optional(),
      reason: text.optional(),
      message: text.optional(),
      startedAt: text.optional(),
      finishedAt: text.optional(),
    })
    .optional(),
})

export const containerStatus = z.strictObject({
  name: text,
  image: text,
  imageID: text.optional(),
  containerID: text.optional(),
  ready: z.boolean(),
  started: z.boolean().optional(),
  restartCount: count,
  state: containerState.default({}),
  lastState: containerState.default({}),
})

const podStatus = z.strictObject({
  phase: z.enum(['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown']).default('Pending'),
  podIP: text.optional(),
  podIPs: z.array(z.strictObject({ ip: text })).default([]),
  hostIP: text.optional(),
  hostIPs: z.array(z.strictObject({ ip: text })).optional(),
  startTime: text.optional(),
  conditions: z.array(condition).default([]),
  reason: text.optional(),
  message: text.optional(),
  containerStatuses: z.array(containerStatus).default([]),
  initContainerStatuses: z.array(containerStatus).optional(),
  qosClass: text.optional(),
})

export const podTemplate = z.strictObject({ metadata: metadata.prefault({}), spec: podSpec })

export const Pod = object('v1', 'Pod', { spec: podSpec, status: podStatus.prefault({}) })
