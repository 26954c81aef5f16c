/** One object at length, with what belongs to it, as `kubectl describe` (1.33) tells it. */
import { hostPort, ip } from '#net/net.ts'
import { age } from './age.ts'
import { annotations, conditionLines, listed, pairs, row, sorted, when } from './describe-parts.ts'
import { podLines, templateLines } from './describe-pod.ts'
import { policyLines } from './describe-policy.ts'
import { controllerRevisionLines, daemonSetLines, endpointsLines, podCounts, statefulSetLines } from './describe-workload.ts'
import type { ConfigMap, Deployment, EndpointSlice, EventObject, KubeObject, NodeObject, PodObject, ReplicaSet, ServiceObject } from './kinds.ts'
import { labelsLine, nodeRoles, selectorLine } from './show.ts'
import { tabbed } from './tabs.ts'

/** What the cluster holds beside the object; describe picks what belongs to it. */
export type Related = {
  readonly now: string
  readonly events: readonly EventObject[]
  readonly pods?: readonly PodObject[]
  readonly slices?: readonly EndpointSlice[]
  readonly services?: readonly ServiceObject[]
  readonly replicaSets?: readonly ReplicaSet[]
}

export function describe(object: KubeObject, related: Related): string {
  const about = related.events.filter(({ involvedObject: { kind, name, namespace, uid } }) =>
    uid ? uid === object.metadata.uid : kind === object.kind && name === object.metadata.name && (namespace || undefined) === object.metadata.namespace,
  )
  const lines = [...linesOf(object, related), ...(object.kind === 'Namespace' || object.kind === 'Event' ? [] : eventLines(about, related.now))]
  return `${tabbed(lines.join('\n'), { least: 0, padding: 2 })}\n`
}

function linesOf(object: KubeObject, related: Related): readonly string[] {
  switch (object.kind) {
    case 'Pod':
      return podLines(object, related.now)
    case 'Service':
      return serviceLines(object, related)
    case 'Endpoints':
      return [...head(object), ...endpointsLines(object)]
    case 'EndpointSlice':
      return sliceLines(object)
    case 'Deployment':
      return deploymentLines(object, related)
    case 'ReplicaSet':
      return replicaSetLines(object, related)
    case 'StatefulSet':
      return statefulSetLines(object, related.pods ?? [])
    case 'DaemonSet':
      return daemonSetLines(object, related.pods ?? [])
    case 'ControllerRevision':
      return [...head(object), ...controllerRevisionLines(object)]
    case 'Node':
      return nodeLines(object, related)
    case 'ConfigMap':
      return configMapLines(object)
    case 'NetworkPolicy':
      return [...head(object), ...policyLines(object)]
    case 'Namespace':
      return [...head(object), row(0, 'Status', object.status.phase), '', 'No resource quota.', '', 'No LimitRange resource.']
    case 'Event':
      return [...head(object), row(0, 'Type', object.type ?? ''), row(0, 'Reason', object.reason ?? ''), row(0, 'Message', object.message ?? '')]
    default:
      return object satisfies never
  }
}

const head = ({ metadata }: KubeObject): readonly string[] => [
  row(0, 'Name', metadata.name),
  ...(metadata.namespace === undefined ? [] : [row(0, 'Namespace', metadata.namespace)]),
  ...pairs('Labels', metadata.labels),
  ...annotations('Annotations', metadata.annotations),
]

function eventLines(events: readonly EventObject[], now: string): readonly string[] {
  if (events.length === 0) return [row(0, 'Events', '<none>')]
  const latest = ({ lastTimestamp, firstTimestamp, eventTime }: EventObject) => lastTimestamp || firstTimestamp || eventTime || ''
  const lines = [...events]
    .sort((a, b) => (latest(a) < latest(b) ? -1 : 1))
    .map((event) => {
      const first = age(event.eventTime || event.firstTimestamp, now)
      const seen = (event.count ?? 1) > 1 ? `${age(event.lastTimestamp, now)} (x${event.count} over ${first})` : first
      const from = event.source?.component || event.reportingComponent || ''
      return `  ${event.type ?? ''}\t${event.reason ?? ''}\t${seen}\t${from}\t${event.message?.trim() ?? ''}`
    })
  return ['Events:', '  Type\tReason\tAge\tFrom\tMessage', '  ----\t------\t----\t----\t-------', ...lines]
}

function serviceLines(service: ServiceObject, { slices = [] }: Related): readonly string[] {
  const { spec, status, metadata } = service
  const own = slices.filter((slice) => slice.metadata.namespace === metadata.namespace && slice.metadata.labels['kubernetes.io/service-name'] === metadata.name)
  const ingress = (status.loadBalancer.ingress ?? []).map(({ ip: address, hostname, ipMode }) =>
    address ? `${address}${ipMode ? ` (${ipMode})` : ''}` : (hostname ?? ''),
  )
  return [
    ...head(service),
    row(0, 'Selector', labelsLine(spec.selector)),
    row(0, 'Type', spec.type),
    ...(spec.ipFamilyPolicy === undefined ? [] : [row(0, 'IP Family Policy', spec.ipFamilyPolicy)]),
    row(0, 'IP Families', spec.ipFamilies?.join(',') || '<none>'),
    row(0, 'IP', spec.clusterIP ?? ''),
    row(0, 'IPs', spec.clusterIPs?.join(',') || '<none>'),
    ...(spec.externalIPs.length === 0 ? [] : [row(0, 'External IPs', spec.externalIPs.join(','))]),
    ...(spec.loadBalancerIP ? [row(0, 'Desired LoadBalancer IP', spec.loadBalancerIP)] : []),
    ...(spec.externalName ? [row(0, 'External Name', spec.externalName)] : []),
    ...(ingress.length === 0 ? [] : [row(0, 'LoadBalancer Ingress', ingress.join(', '))]),
    ...spec.ports.flatMap((port) => {
      const name = port.name || '<unset>'
      return [
        row(0, 'Port', `${name}\t${port.port}/${port.protocol}`),
        row(0, 'TargetPort', `${port.targetPort ?? port.port}/${port.protocol}`),
        ...(port.appProtocol ? [row(0, 'AppProtocol', port.appProtocol)] : []),
        ...(port.nodePort ? [row(0, 'NodePort', `${name}\t${port.nodePort}/${port.protocol}`)] : []),
        row(0, 'Endpoints', endpointsOf(own, port.name ?? '')),
      ]
    }),
    row(0, 'Session Affinity', spec.sessionAffinity),
    ...(spec.externalTrafficPolicy === undefined ? [] : [row(0, 'External Traffic Policy', spec.externalTrafficPolicy)]),
    row(0, 'Internal Traffic Policy', spec.internalTrafficPolicy),
    ...(spec.healthCheckNodePort ? [row(0, 'HealthCheck NodePort', spec.healthCheckNodePort)] : []),
    ...(spec.loadBalancerSourceRanges.length === 0 ? [] : [row(0, 'LoadBalancer Source Ranges', spec.loadBalancerSourceRanges.join(','))]),
    ...(spec.trafficDistribution === undefined ? [] : [row(0, 'Traffic Distribution', spec.trafficDistribution)]),
  ]
}

const MORE_THAN = 3

/** Ready endpoints of one port: three of them, and how many more. */
function endpointsOf(slices: readonly EndpointSlice[], portName: string): string {
  if (slices.length === 0) return '<none>'
  const all = slices.flatMap(({ ports, endpoints, addressType }) => {
    const ready = endpoints.filter(({ conditions }) => conditions.ready !== false).map(({ addresses }) => addresses[0] ?? '')
    if (ports.length === 0) return ready
    const named = ports.filter(({ name }) => name === portName)
    return named.flatMap(({ port }) => ready.map((address) => (addressType === 'FQDN' ? `${address}:${port}` : hostPort(ip(address), port ?? 0))))
  })
  return all.length > MORE_THAN ? `${all.slice(0, MORE_THAN).join(',')} + ${all.length - MORE_THAN} more...` : all.join(',')
}

function sliceLines(slice: EndpointSlice): readonly string[] {
  const ports = slice.ports.map(({ name, port, protocol }) => `  ${name || '<unset>'}\t${port ?? '<unset>'}\t${protocol}`)
  const endpoints = slice.endpoints.flatMap(({ addresses, conditions, hostname, targetRef, nodeName, zone }) => [
    row(1, '- Addresses', addresses.join(', ')),
    '    Conditions:',
    row(3, 'Ready', String(conditions.ready ?? '<unset>')),
    row(2, 'Hostname', hostname ?? '<unset>'),
    ...(targetRef === undefined ? [] : [row(2, 'TargetRef', `${targetRef.kind}/${targetRef.name}`)]),
    row(2, 'NodeName', nodeName ?? '<unset>'),
    row(2, 'Zone', zone ?? '<unset>'),
  ])
  return [
    ...head(slice),
    row(0, 'AddressType', slice.addressType),
    ...(ports.length === 0 ? ['Ports: <unset>'] : ['Ports:', '  Name\tPort\tProtocol', '  ----\t----\t--------', ...ports]),
    ...(endpoints.length === 0 ? ['Endpoints: <none>'] : ['Endpoints:', ...endpoints]),
  ]
}

function deploymentLines({ metadata, spec, status }: Deployment, { replicaSets = [] }: Related): readonly string[] {
  const { rollingUpdate, type } = spec.strategy
  const own = replicaSets.filter((set) => set.metadata.ownerReferences.some(({ uid }) => uid === metadata.uid))
  const revision = metadata.annotations[REVISION]
  const isNew = (set: ReplicaSet) => revision === undefined || set.metadata.annotations[REVISION] === revision
  const line = (sets: readonly ReplicaSet[]) =>
    sets.map((set) => `${set.metadata.name} (${set.status.replicas ?? 0}/${set.spec.replicas} replicas created)`).join(', ') || '<none>'
  return [
    row(0, 'Name', metadata.name),
    row(0, 'Namespace', metadata.namespace ?? ''),
    row(0, 'CreationTimestamp', when(metadata.creationTimestamp)),
    ...pairs('Labels', metadata.labels),
    ...annotations('Annotations', metadata.annotations),
    row(0, 'Selector', selectorLine(spec.selector)),
    row(
      0,
      'Replicas',
      `${spec.replicas} desired | ${status.updatedReplicas ?? 0} updated | ${status.replicas ?? 0} total | ${status.availableReplicas ?? 0} available | ${status.unavailableReplicas ?? 0} unavailable`,
    ),
    row(0, 'StrategyType', type),
    row(0, 'MinReadySeconds', spec.minReadySeconds),
    ...(rollingUpdate === undefined
      ? []
      : [row(0, 'RollingUpdateStrategy', `${rollingUpdate.maxUnavailable} max unavailable, ${rollingUpdate.maxSurge} max surge`)]),
    ...templateLines(spec.template),
    ...conditionLines(status.conditions ?? [], ['type', 'status', 'reason']),
    ...(own.length === 0 ? [] : [row(0, 'OldReplicaSets', line(own.filter((set) => !isNew(set)))), row(0, 'NewReplicaSet', line(own.filter(isNew)))]),
  ]
}

const REVISION = 'deployment.kubernetes.io/revision'

function replicaSetLines(set: ReplicaSet, { pods = [] }: Related): readonly string[] {
  const { metadata, spec, status } = set
  const controller = metadata.ownerReferences.find((owner) => owner.controller === true)
  return [
    row(0, 'Name', metadata.name),
    row(0, 'Namespace', metadata.namespace ?? ''),
    row(0, 'Selector', selectorLine(spec.selector)),
    ...pairs('Labels', metadata.labels),
    ...annotations('Annotations', metadata.annotations),
    ...(controller === undefined ? [] : [row(0, 'Controlled By', `${controller.kind}/${controller.name}`)]),
    row(0, 'Replicas', `${status.replicas ?? 0} current / ${spec.replicas} desired`),
    podCounts(metadata.uid, pods),
    ...templateLines(spec.template),
    ...conditionLines(status.conditions ?? [], ['type', 'status', 'reason']),
  ]
}

function nodeLines(node: NodeObject, { pods = [], now }: Related): readonly string[] {
  const { metadata, spec, status } = node
  const info = (field: string) => String(status.nodeInfo?.[field] ?? '')
  const own = pods.filter((pod) => pod.spec.nodeName === metadata.name && pod.status.phase !== 'Succeeded' && pod.status.phase !== 'Failed')
  return [
    row(0, 'Name', metadata.name),
    row(0, 'Roles', nodeRoles(node)),
    ...pairs('Labels', metadata.labels),
    ...annotations('Annotations', metadata.annotations),
    row(0, 'CreationTimestamp', when(metadata.creationTimestamp)),
    ...listed('Taints', taints(node)),
    row(0, 'Unschedulable', String(spec.unschedulable ?? false)),
    ...nodeConditions(node),
    'Addresses:',
    ...status.addresses.map(({ type, address }) => row(1, type, address)),
    ...amounts('Capacity', status.capacity),
    ...amounts('Allocatable', status.allocatable),
    'System Info:',
    row(1, 'Machine ID', info('machineID')),
    row(1, 'System UUID', info('systemUUID')),
    row(1, 'Boot ID', info('bootID')),
    row(1, 'Kernel Version', info('kernelVersion')),
    row(1, 'OS Image', info('osImage')),
    row(1, 'Operating System', info('operatingSystem')),
    row(1, 'Architecture', info('architecture')),
    row(1, 'Container Runtime Version', info('containerRuntimeVersion')),
    row(1, 'Kubelet Version', info('kubeletVersion')),
    ...(spec.podCIDR ? [row(0, 'PodCIDR', spec.podCIDR)] : []),
    ...((spec.podCIDRs ?? []).length === 0 ? [] : [row(0, 'PodCIDRs', (spec.podCIDRs ?? []).join(','))]),
    ...(spec.providerID ? [row(0, 'ProviderID', spec.providerID)] : []),
    row(0, 'Non-terminated Pods', `(${own.length} in total)`),
    '  Namespace\tName\tIP\tAge',
    '  ---------\t----\t--\t---',
    ...own.map((pod) => `  ${pod.metadata.namespace}\t${pod.metadata.name}\t${pod.status.podIP ?? '<none>'}\t${age(pod.metadata.creationTimestamp, now)}`),
  ]
}

const taints = ({ spec }: NodeObject): readonly string[] =>
  (spec.taints ?? [])
    .map((one) => one as { key?: string; value?: string; effect?: string })
    .sort((a, b) => (`${a.effect},${a.key}` < `${b.effect},${b.key}` ? -1 : 1))
    .map(({ key = '', value, effect }) => `${key}${value ? `=${value}` : ''}${effect ? `:${effect}` : ''}`)

function nodeConditions({ status }: NodeObject): readonly string[] {
  if (status.conditions.length === 0) return []
  return [
    'Conditions:',
    '  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage',
    '  ----\t------\t-----------------\t------------------\t------\t-------',
    ...status.conditions.map(
      (one) => `  ${one.type} \t${one.status} \t${when(one.lastHeartbeatTime)} \t${when(one.lastTransitionTime)} \t${one.reason ?? ''} \t${one.message ?? ''}`,
    ),
  ]
}

const amounts = (title: string, map: Readonly<Record<string, string>> | undefined): readonly string[] =>
  map === undefined || Object.keys(map).length === 0 ? [] : [`${title}:`, ...sorted(map).map(([name, amount]) => row(1, name, amount))]

const BASE64_GROUP = 4
const GROUP_BYTES = 3

function configMapLines(map: ConfigMap): readonly string[] {
  const size = (text: string) => Math.floor((text.replace(/=+$/, '').length * GROUP_BYTES) / BASE64_GROUP)
  return [
    ...head(map),
    '',
    'Data',
    '====',
    ...sorted(map.data).flatMap(([key, value]) => [`${key}:`, '----', value, '']),
    '',
    'BinaryData',
    '====',
    ...sorted(map.binaryData ?? {}).map(([key, value]) => `${key}: ${size(value)} bytes`),
    '',
  ]
}
