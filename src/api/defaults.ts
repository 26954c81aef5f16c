/** Defaults that depend on other fields: what the API server fills in after the plain ones of the schemas. */
import type { Container, DaemonSet, Deployment, KubeObject, NetworkPolicy, PodSpec, ServiceObject, StatefulSet, Workload } from './kinds.ts'

const AFFINITY_SECONDS = 10_800

export function withDefaults(object: KubeObject): KubeObject {
  switch (object.kind) {
    case 'Namespace':
      return { ...object, metadata: { ...object.metadata, labels: { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name } } }
    case 'Pod':
      return { ...object, spec: podSpec(object.spec) }
    case 'Service':
      return { ...object, spec: serviceSpec(object.spec) }
    case 'Deployment':
      return deployment(object)
    case 'NetworkPolicy':
      return { ...object, spec: { ...object.spec, policyTypes: policyTypes(object.spec) } }
    case 'ReplicaSet':
      return labelled(object)
    case 'StatefulSet':
      return statefulSet(labelled(object))
    case 'DaemonSet':
      return daemonSet(labelled(object))
    default:
      return object
  }
}

function serviceSpec(spec: ServiceObject['spec']): ServiceObject['spec'] {
  const outside = spec.type === 'NodePort' || spec.type === 'LoadBalancer'
  return {
    ...spec,
    ...(spec.type === 'ExternalName' ? {} : { ports: spec.ports.map((port) => ({ ...port, targetPort: port.targetPort ?? port.port })) }),
    ...(outside ? { externalTrafficPolicy: spec.externalTrafficPolicy ?? 'Cluster' } : {}),
    ...(spec.type === 'LoadBalancer' ? { allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? true } : {}),
    ...(spec.sessionAffinity === 'ClientIP'
      ? { sessionAffinityConfig: { clientIP: { timeoutSeconds: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS } } }
      : {}),
  }
}

/** Without types a policy governs what comes in, and what goes out only when it has a rule for that. */
const policyTypes = ({ policyTypes: given = [], egress = [] }: NetworkPolicy['spec']): NetworkPolicy['spec']['policyTypes'] =>
  given.length > 0 ? given : egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress']

const podSpec = (spec: PodSpec): PodSpec => ({
  ...spec,
  containers: spec.containers.map((one) => container(one, spec.hostNetwork)),
  initContainers: spec.initContainers.map((one) => container(one, spec.hostNetwork)),
  volumes: spec.volumes.map((volume) => (volume.configMap === undefined ? { ...volume, emptyDir: volume.emptyDir ?? {} } : volume)),
})

/** With hostNetwork a container's port is the machine's port. */
const container = (one: Container, hostNetwork: boolean): Container => ({
  ...one,
  imagePullPolicy: one.imagePullPolicy ?? (/(:latest|^[^:]+|\/[^:/]+)$/.test(one.image) && !one.image.includes('@') ? 'Always' : 'IfNotPresent'),
  ports: hostNetwork ? one.ports.map((port) => ({ ...port, hostPort: port.hostPort ?? port.containerPort })) : one.ports,
})

const deployment = (object: Deployment): Deployment => ({
  ...labelled(object),
  spec: {
    ...object.spec,
    template: template(object),
    strategy:
      object.spec.strategy.type === 'RollingUpdate'
        ? { type: 'RollingUpdate', rollingUpdate: object.spec.strategy.rollingUpdate ?? { maxSurge: '25%', maxUnavailable: '25%' } }
        : object.spec.strategy,
  },
})

function statefulSet(object: StatefulSet): StatefulSet {
  const { type, rollingUpdate = { partition: 0 } } = object.spec.updateStrategy
  return { ...object, spec: { ...object.spec, updateStrategy: type === 'RollingUpdate' ? { type, rollingUpdate } : { ...object.spec.updateStrategy, type } } }
}

function daemonSet(object: DaemonSet): DaemonSet {
  const { type, rollingUpdate = { maxUnavailable: 1, maxSurge: 0 } } = object.spec.updateStrategy
  return { ...object, spec: { ...object.spec, updateStrategy: type === 'RollingUpdate' ? { type, rollingUpdate } : { ...object.spec.updateStrategy, type } } }
}

const template = (object: Workload) => ({ ...object.spec.template, spec: podSpec(object.spec.template.spec) })

/** A workload without labels takes those of its template. */
function labelled<O extends Workload>(object: O): O {
  const own = Object.keys(object.metadata.labels).length > 0
  return {
    ...object,
    metadata: own ? object.metadata : { ...object.metadata, labels: object.spec.template.metadata.labels },
    spec: { ...object.spec, template: template(object) },
  }
}
