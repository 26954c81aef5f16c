/** What an update may change, and what it keeps when it does not say. */
import type { KubeObject, ObjectOf, PodObject, PodSpec, ServiceObject, StatefulSet, Workload } from './kinds.ts'
import type { FieldError } from './validate.ts'

/** Two values of plain data are the same; a field that is undefined is a field that is not there. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false
  if (Array.isArray(a)) return a.length === (b as unknown[]).length && a.every((item, i) => same(item, (b as unknown[])[i]))
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>]
  for (const key in left) if (!same(left[key], right[key])) return false
  for (const key in right) if (right[key] !== undefined && left[key] === undefined) return false
  return true
}

/** Addresses and ports that were allocated stay with a Service whose update leaves them out. */
export function keepAllocated(candidate: KubeObject, old: KubeObject): KubeObject {
  if (candidate.kind !== 'Service' || old.kind !== 'Service') return candidate
  const [spec, before] = [candidate.spec, old.spec]
  const both = (needs: (type: string) => boolean) => needs(spec.type) && needs(before.type)
  const keepsIp = both((type) => type !== 'ExternalName') && !spec.clusterIP && before.clusterIP
  const ports = both((type) => type === 'NodePort' || type === 'LoadBalancer')
    ? spec.ports.map((port) => {
        const nodePort = port.nodePort ?? before.ports.find((one) => one.port === port.port && one.protocol === port.protocol)?.nodePort
        return nodePort === undefined ? port : { ...port, nodePort }
      })
    : spec.ports
  const health = spec.externalTrafficPolicy === 'Local' && spec.type === 'LoadBalancer' ? (spec.healthCheckNodePort ?? before.healthCheckNodePort) : undefined
  return {
    ...candidate,
    spec: {
      ...spec,
      ports,
      ...(keepsIp ? { clusterIP: before.clusterIP, ...(before.clusterIPs ? { clusterIPs: before.clusterIPs } : {}) } : {}),
      ...(spec.type !== 'ExternalName' && spec.ipFamilies === undefined && before.ipFamilies ? { ipFamilies: before.ipFamilies } : {}),
      ...(spec.type !== 'ExternalName' && spec.ipFamilyPolicy === undefined && before.ipFamilyPolicy ? { ipFamilyPolicy: before.ipFamilyPolicy } : {}),
      ...(health === undefined ? {} : { healthCheckNodePort: health }),
    },
  }
}

export function forbiddenChanges(candidate: KubeObject, old: KubeObject): readonly FieldError[] {
  switch (candidate.kind) {
    case 'Pod':
      return podChanges(candidate.spec, (old as PodObject).spec)
    case 'Service':
      return serviceChanges(candidate, old as ServiceObject)
    case 'Deployment':
    case 'ReplicaSet':
    case 'DaemonSet':
      return same(candidate.spec.selector, (old as Workload).spec.selector) ? [] : [immutable(['spec', 'selector'])]
    case 'StatefulSet':
      return statefulSetChanges(candidate.spec, (old as StatefulSet).spec)
    case 'ControllerRevision':
      return same(candidate.data, (old as ObjectOf<'ControllerRevision'>).data) ? [] : [immutable(['data'])]
    case 'EndpointSlice':
      return candidate.addressType === (old as ObjectOf<'EndpointSlice'>).addressType ? [] : [immutable(['addressType'])]
    case 'ConfigMap':
      return configMapChanges(candidate, old as ObjectOf<'ConfigMap'>)
    case 'Node': {
      const before = (old as ObjectOf<'Node'>).spec.podCIDR
      return before === undefined || before === '' || before === candidate.spec.podCIDR ? [] : [immutable(['spec', 'podCIDR'], before)]
    }
    case 'Namespace':
    case 'Event':
    case 'Endpoints':
    case 'NetworkPolicy':
      return []
    default:
      return candidate satisfies never
  }
}

const immutable = (path: FieldError['path'], was?: string): FieldError => ({ path, says: `field is immutable${was === undefined ? '' : `: it is ${was}`}` })

/** A running Pod takes new images, a node when it has none, and looser waiting; anything else is a new Pod. */
function podChanges(spec: PodSpec, before: PodSpec): readonly FieldError[] {
  const images = (one: PodSpec) => ({
    ...one,
    containers: one.containers.map((container) => ({ ...container, image: '' })),
    initContainers: one.initContainers.map((container) => ({ ...container, image: '' })),
    tolerations: undefined,
    terminationGracePeriodSeconds: undefined,
    nodeName: before.nodeName ? one.nodeName : undefined,
  })
  const [now, then] = [images(spec) as Record<string, unknown>, images(before) as Record<string, unknown>]
  const changed = [...new Set([...Object.keys(now), ...Object.keys(then)])].filter((key) => !same(now[key], then[key]))
  return changed.map((key) => ({
    path: ['spec', key],
    says: "a Pod's spec may not change after creation, its images excepted; delete the Pod and create it anew",
  }))
}

const STATEFUL_CHANGEABLE = ['replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'minReadySeconds']

function statefulSetChanges(spec: StatefulSet['spec'], before: StatefulSet['spec']): readonly FieldError[] {
  const fixed = (one: StatefulSet['spec']) => Object.fromEntries(Object.entries(one).filter(([field]) => !STATEFUL_CHANGEABLE.includes(field)))
  return same(fixed(spec), fixed(before))
    ? []
    : [
        {
          path: ['spec'],
          says: `updates to statefulset spec for fields other than ${STATEFUL_CHANGEABLE.map((field) => `'${field}'`).join(', ')} are forbidden`,
        },
      ]
}

function serviceChanges({ spec }: ServiceObject, { spec: before }: ServiceObject): readonly FieldError[] {
  const moved = spec.type !== 'ExternalName' && before.type !== 'ExternalName' && before.clusterIP && spec.clusterIP !== before.clusterIP
  return moved ? [immutable(['spec', 'clusterIP'], before.clusterIP)] : []
}

function configMapChanges(now: ObjectOf<'ConfigMap'>, before: ObjectOf<'ConfigMap'>): readonly FieldError[] {
  if (before.immutable !== true) return []
  const says = 'field is immutable when immutable is set'
  return [
    ...(now.immutable === true ? [] : [{ path: ['immutable'], says }]),
    ...(same(now.data, before.data) ? [] : [{ path: ['data'], says }]),
    ...(same(now.binaryData, before.binaryData) ? [] : [{ path: ['binaryData'], says }]),
  ]
}
