/** The Kubernetes kinds netlab serves, in their own field names: what a manifest may say and what it means when it says nothing. */
import { z } from 'zod'

const text = z.string()
const labels = z.record(z.string(), z.string())
const port = z.int().min(1).max(65535)
const portOrName = z.union([port, text.min(1)])
const protocol = z.enum(['TCP', 'UDP', 'SCTP'])
const count = z.int().min(0)
const countOrPercent = z.union([count, z.string().regex(/^\d+%$/)])

const ownerReference = z.strictObject({
  apiVersion: text,
  kind: text,
  name: text,
  uid: text.default(''),
  controller: z.boolean().optional(),
  blockOwnerDeletion: z.boolean().optional(),
})

const metadata = z.strictObject({
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

const labelSelector = z.strictObject({
  matchLabels: labels.optional(),
  matchExpressions: z
    .array(z.strictObject({ key: text.min(1), operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']), values: z.array(text).optional() }))
    .optional(),
})

const condition = z.strictObject({
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

// --- Pod ---------------------------------------------------------------------------------------------------------------------------

const envVar = z.strictObject({
  name: text.min(1),
  value: text.optional(),
  valueFrom: z
    .strictObject({
      fieldRef: z.strictObject({ fieldPath: text, apiVersion: text.optional() }).optional(),
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

const containerProbe = z.strictObject({
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

const lifecycleHandler = z.strictObject({ exec: execAction.optional(), httpGet: httpGet.optional(), sleep: z.strictObject({ seconds: count }).optional() })

const container = z.strictObject({
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

const podSpec = z.strictObject({
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

const containerStatus = z.strictObject({
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

const podTemplate = z.strictObject({ metadata: metadata.prefault({}), spec: podSpec })

// --- Service, EndpointSlice ----------------------------------------------------------------------------------------------------------

const servicePort = z.strictObject({
  name: text.optional(),
  protocol: protocol.default('TCP'),
  port,
  targetPort: portOrName.optional(),
  nodePort: port.optional(),
  appProtocol: text.optional(),
})

const serviceSpec = z.strictObject({
  type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']).default('ClusterIP'),
  selector: labels.nullish().transform((at) => at ?? undefined),
  ports: z.array(servicePort).default([]),
  clusterIP: text.optional(),
  clusterIPs: z.array(text).optional(),
  ipFamilies: z.array(z.enum(['IPv4', 'IPv6'])).optional(),
  ipFamilyPolicy: z.enum(['SingleStack', 'PreferDualStack', 'RequireDualStack']).optional(),
  externalIPs: z.array(text).default([]),
  externalName: text.optional(),
  sessionAffinity: z.enum(['None', 'ClientIP']).default('None'),
  sessionAffinityConfig: z.strictObject({ clientIP: z.strictObject({ timeoutSeconds: z.int().min(1).max(86400).default(10800) }).optional() }).optional(),
  internalTrafficPolicy: z.enum(['Cluster', 'Local']).default('Cluster'),
  externalTrafficPolicy: z.enum(['Cluster', 'Local']).optional(),
  healthCheckNodePort: port.optional(),
  loadBalancerIP: text.optional(),
  loadBalancerSourceRanges: z.array(text).default([]),
  loadBalancerClass: text.optional(),
  allocateLoadBalancerNodePorts: z.boolean().optional(),
  publishNotReadyAddresses: z.boolean().default(false),
  trafficDistribution: z.enum(['PreferClose', 'PreferSameZone', 'PreferSameNode']).optional(),
})

const serviceStatus = z.strictObject({
  loadBalancer: z
    .strictObject({
      ingress: z
        .array(
          z.strictObject({
            ip: text.optional(),
            hostname: text.optional(),
            ipMode: z.enum(['VIP', 'Proxy']).optional(),
            ports: z.array(z.unknown()).optional(),
          }),
        )
        .optional(),
    })
    .default({}),
  conditions: z.array(condition).optional(),
})

const endpoint = z.strictObject({
  addresses: z.array(text).min(1),
  conditions: z.strictObject({ ready: z.boolean().nullish(), serving: z.boolean().nullish(), terminating: z.boolean().nullish() }).default({}),
  hostname: text.optional(),
  nodeName: text.optional(),
  zone: text.optional(),
  targetRef: z
    .strictObject({
      kind: text,
      name: text,
      namespace: text.optional(),
      uid: text.optional(),
      apiVersion: text.optional(),
      resourceVersion: text.optional(),
      fieldPath: text.optional(),
    })
    .optional(),
  hints: z
    .strictObject({ forZones: z.array(z.strictObject({ name: text })).optional(), forNodes: z.array(z.strictObject({ name: text })).optional() })
    .optional(),
  deprecatedTopology: labels.optional(),
})

const object = <K extends string, V extends string, S extends z.ZodRawShape>(apiVersion: V, kind: K, shape: S) =>
  z.strictObject({ apiVersion: z.literal(apiVersion), kind: z.literal(kind), metadata, ...shape })

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

export const schemas = {
  Namespace: object('v1', 'Namespace', {
    spec: z.strictObject({ finalizers: z.array(text).optional() }).optional(),
    status: z.strictObject({ phase: z.enum(['Active', 'Terminating']).default('Active') }).default({ phase: 'Active' }),
  }),
  Node: object('v1', 'Node', {
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
  }),
  Pod: object('v1', 'Pod', { spec: podSpec, status: podStatus.prefault({}) }),
  Service: object('v1', 'Service', { spec: serviceSpec, status: serviceStatus.prefault({}) }),
  ConfigMap: object('v1', 'ConfigMap', { data: labels.default({}), binaryData: labels.optional(), immutable: z.boolean().optional() }),
  Event: object('v1', 'Event', {
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
  }),
  EndpointSlice: object('discovery.k8s.io/v1', 'EndpointSlice', {
    addressType: z.enum(['IPv4', 'IPv6', 'FQDN']),
    endpoints: z
      .array(endpoint)
      .nullish()
      .transform((at) => at ?? []),
    ports: z
      .array(z.strictObject({ name: text.default(''), protocol: protocol.default('TCP'), port: port.nullish(), appProtocol: text.optional() }))
      .nullish()
      .transform((at) => at ?? []),
  }),
  Deployment: object('apps/v1', 'Deployment', {
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
  }),
  ReplicaSet: object('apps/v1', 'ReplicaSet', {
    spec: z.strictObject({ replicas: count.default(1), selector: labelSelector, template: podTemplate, minReadySeconds: count.default(0) }),
    status: workloadStatus.default({}),
  }),
} as const

export type Kind = keyof typeof schemas
export type ObjectOf<K extends Kind> = z.output<(typeof schemas)[K]>
/** An object after defaulting. */
export type KubeObject = { [K in Kind]: ObjectOf<K> }[Kind]

export type Namespace = ObjectOf<'Namespace'>
export type NodeObject = ObjectOf<'Node'>
export type PodObject = ObjectOf<'Pod'>
export type ServiceObject = ObjectOf<'Service'>
export type ConfigMap = ObjectOf<'ConfigMap'>
export type EventObject = ObjectOf<'Event'>
export type EndpointSlice = ObjectOf<'EndpointSlice'>
export type Deployment = ObjectOf<'Deployment'>
export type ReplicaSet = ObjectOf<'ReplicaSet'>
export type Metadata = z.output<typeof metadata>
export type LabelSelector = z.output<typeof labelSelector>
export type PodSpec = z.output<typeof podSpec>
export type Container = z.output<typeof container>
export type ContainerProbe = z.output<typeof containerProbe>
export type ContainerStatus = z.output<typeof containerStatus>
export type ServicePort = z.output<typeof servicePort>
export type Endpoint = z.output<typeof endpoint>
export type Condition = z.output<typeof condition>

export { type Resource, resources } from './resources.ts'
