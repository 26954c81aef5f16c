/** Services and the slices that hold their endpoints. */
import { z } from '../zod.ts'
import { condition, labels, object, port, portOrName, protocol, text } from './parts.ts'

export const servicePort = z.strictObject({
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

const targetRef = z.strictObject({
  kind: text,
  name: text,
  namespace: text.optional(),
  uid: text.optional(),
  apiVersion: text.optional(),
  resourceVersion: text.optional(),
  fieldPath: text.optional(),
})

export const endpoint = z.strictObject({
  addresses: z.array(text).min(1),
  conditions: z.strictObject({ ready: z.boolean().nullish(), serving: z.boolean().nullish(), terminating: z.boolean().nullish() }).default({}),
  hostname: text.optional(),
  nodeName: text.optional(),
  zone: text.optional(),
  targetRef: targetRef.optional(),
  hints: z
    .strictObject({ forZones: z.array(z.strictObject({ name: text })).optional(), forNodes: z.array(z.strictObject({ name: text })).optional() })
    .optional(),
  deprecatedTopology: labels.optional(),
})

export const Service = object('v1', 'Service', { spec: serviceSpec, status: serviceStatus.prefault({}) })

export const EndpointSlice = object('discovery.k8s.io/v1', 'EndpointSlice', {
  addressType: z.enum(['IPv4', 'IPv6', 'FQDN']),
  endpoints: z
    .array(endpoint)
    .nullish()
    .transform((at) => at ?? []),
  ports: z
    .array(z.strictObject({ name: text.default(''), protocol: protocol.default('TCP'), port: port.nullish(), appProtocol: text.optional() }))
    .nullish()
    .transform((at) => at ?? []),
})

const endpointAddress = z.strictObject({ ip: text, hostname: text.optional(), nodeName: text.optional(), targetRef: targetRef.optional() })

/** The older form of a Service's endpoints: each subset is its addresses times its ports. */
export const Endpoints = object('v1', 'Endpoints', {
  subsets: z
    .array(
      z.strictObject({
        addresses: z.array(endpointAddress).optional(),
        notReadyAddresses: z.array(endpointAddress).optional(),
        ports: z.array(z.strictObject({ name: text.optional(), port, protocol: protocol.default('TCP'), appProtocol: text.optional() })).optional(),
      }),
    )
    .nullish()
    .transform((at) => at ?? []),
})
