/** Objects as kubectl lists them: the API server's columns, kubectl's padding. */
import { age } from './age.ts'
import { endpointTexts } from './endpoint-texts.ts'
import type { Kind, KubeObject, ObjectOf, Workload } from './kinds.ts'
import {
  eventSource,
  eventTimes,
  externalAddresses,
  labelsLine,
  nodeAddress,
  nodeRoles,
  nodeStatus,
  orNone,
  podReady,
  podRestarts,
  podStatus,
  selectorLine,
  servicePorts,
} from './show.ts'
import { tabbed } from './tabs.ts'

export type Cell = string | number
export type Column = { readonly name: string; readonly type: 'string' | 'integer'; readonly wide: boolean; readonly description: string }
export type Table = {
  readonly columns: readonly Column[]
  readonly rows: readonly { readonly cells: readonly Cell[]; readonly object: KubeObject }[]
}

export type TableOptions = {
  readonly now: string
  /** The columns of `-o wide` as well. */
  readonly wide?: boolean
  /** A column in front that says the namespace, for lists over all of them. */
  readonly showNamespace?: boolean
  readonly showLabels?: boolean
}

export function tableOf(kind: Kind, objects: readonly KubeObject[], options: TableOptions): Table {
  const wide = options.wide ?? false
  const all = COLUMNS[kind] as readonly Definition<KubeObject>[]
  const chosen = [
    ...(options.showNamespace === true ? [NAMESPACE] : []),
    ...all.filter((column) => wide || column.wide !== true),
    ...(options.showLabels === true ? [LABELS] : []),
  ]
  return {
    columns: chosen.map(({ name, says = '', number = false, wide: only = false }) => ({
      name,
      type: number ? 'integer' : 'string',
      wide: only,
      description: says,
    })),
    rows: objects.map((object) => ({ cells: chosen.map(({ cell }) => cell(object, { now: options.now })), object })),
  }
}

/** The table as text, with a line end after each row; `headers: false` as kubectl's --no-headers. */
export function printTable(table: Table, { headers = true }: { readonly headers?: boolean } = {}): string {
  const head = headers ? [table.columns.map(({ name }) => name.toUpperCase())] : []
  const lines = [...head, ...table.rows.map(({ cells }) => cells.map((cell) => oneLine(String(cell))))]
  return lines.length === 0 ? '' : `${tabbed(lines.map((cells) => cells.join('\t')).join('\n'), { least: 6, padding: 3 })}\n`
}

/** kubectl shows the first line of a cell and says that there is more. */
const oneLine = (cell: string): string => (/[\n\r\f]/.test(cell) ? `${cell.split(/[\n\r\f]/)[0]}...` : cell)

type Look = { readonly now: string }
type Definition<O> = {
  readonly name: string
  readonly cell: (object: O, look: Look) => Cell
  readonly wide?: true
  readonly number?: true
  readonly says?: string
}

const name: Definition<KubeObject> = { name: 'Name', cell: ({ metadata }) => metadata.name, says: 'unique within the namespace' }
const since: Definition<KubeObject> = { name: 'Age', cell: ({ metadata }, { now }) => age(metadata.creationTimestamp, now), says: 'time since creation' }
const NAMESPACE: Definition<KubeObject> = { name: 'Namespace', cell: ({ metadata }) => metadata.namespace ?? '' }
const LABELS: Definition<KubeObject> = { name: 'Labels', cell: ({ metadata }) => labelsLine(metadata.labels) }

const workload: readonly Definition<Workload>[] = [
  { name: 'Containers', wide: true, cell: ({ spec }) => spec.template.spec.containers.map((one) => one.name).join(',') },
  { name: 'Images', wide: true, cell: ({ spec }) => spec.template.spec.containers.map((one) => one.image).join(',') },
  { name: 'Selector', wide: true, cell: ({ spec }) => selectorLine(spec.selector) },
]

const MORE_THAN = 3

/** Three of them, and how many more. */
const some = (items: readonly string[]): string =>
  items.length > MORE_THAN ? `${items.slice(0, MORE_THAN).join(',')} + ${items.length - MORE_THAN} more...` : items.join(',') || '<unset>'

const COLUMNS: { readonly [K in Kind]: readonly Definition<ObjectOf<K>>[] } = {
  Namespace: [name, { name: 'Status', cell: ({ status }) => status.phase, says: 'the life of the namespace' }, since],
  Node: [
    name,
    { name: 'Status', cell: nodeStatus, says: 'whether Pods can run here' },
    { name: 'Roles', cell: nodeRoles },
    since,
    { name: 'Version', cell: ({ status }) => String(status.nodeInfo?.['kubeletVersion'] ?? '') },
    { name: 'Internal-IP', wide: true, cell: (node) => nodeAddress(node, 'InternalIP') },
    { name: 'External-IP', wide: true, cell: (node) => nodeAddress(node, 'ExternalIP') },
    { name: 'OS-Image', wide: true, cell: ({ status }) => String(status.nodeInfo?.['osImage'] || '<unknown>') },
    { name: 'Kernel-Version', wide: true, cell: ({ status }) => String(status.nodeInfo?.['kernelVersion'] || '<unknown>') },
    { name: 'Container-Runtime', wide: true, cell: ({ status }) => String(status.nodeInfo?.['containerRuntimeVersion'] || '<unknown>') },
  ],
  Pod: [
    name,
    { name: 'Ready', cell: podReady, says: 'containers that are ready, of all' },
    { name: 'Status', cell: podStatus, says: 'phase, or what keeps a container from running' },
    { name: 'Restarts', cell: (pod, { now }) => podRestarts(pod, now) },
    since,
    { name: 'IP', wide: true, cell: ({ status }) => orNone(status.podIPs[0]?.ip ?? status.podIP) },
    { name: 'Node', wide: true, cell: ({ spec }) => orNone(spec.nodeName) },
    { name: 'Nominated Node', wide: true, cell: () => '<none>' },
    { name: 'Readiness Gates', wide: true, cell: readinessGates },
  ],
  Service: [
    name,
    { name: 'Type', cell: ({ spec }) => spec.type },
    { name: 'Cluster-IP', cell: ({ spec }) => orNone(spec.clusterIPs?.[0] ?? spec.clusterIP) },
    { name: 'External-IP', cell: externalAddresses },
    { name: 'Port(s)', cell: servicePorts },
    since,
    { name: 'Selector', wide: true, cell: ({ spec }) => labelsLine(spec.selector) },
  ],
  ConfigMap: [name, { name: 'Data', number: true, cell: ({ data, binaryData }) => Object.keys(data).length + Object.keys(binaryData ?? {}).length }, since],
  Event: [
    { name: 'Last Seen', cell: (event, { now }) => eventTimes(event, now).last },
    { name: 'Type', cell: ({ type }) => type ?? '' },
    { name: 'Reason', cell: ({ reason }) => reason ?? '' },
    { name: 'Object', cell: ({ involvedObject: { kind = '', name } }) => (name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase()) },
    { name: 'Subobject', wide: true, cell: ({ involvedObject }) => involvedObject.fieldPath ?? '' },
    { name: 'Source', wide: true, cell: eventSource },
    { name: 'Message', cell: ({ message }) => message?.trim() ?? '' },
    { name: 'First Seen', wide: true, cell: (event, { now }) => eventTimes(event, now).first },
    { name: 'Count', wide: true, number: true, cell: ({ count }) => count || 1 },
    { name: 'Name', wide: true, cell: ({ metadata }) => metadata.name },
  ],
  Endpoints: [name, { name: 'Endpoints', cell: ({ subsets }) => endpointsCell(endpointTexts(subsets)) }, since],
  EndpointSlice: [
    name,
    { name: 'AddressType', cell: ({ addressType }) => addressType },
    { name: 'Ports', cell: ({ ports }) => some(ports.map(({ port, name: named }) => String(port ?? (named || '*')))) },
    { name: 'Endpoints', cell: ({ endpoints }) => some(endpoints.flatMap(({ addresses }) => addresses)) },
    since,
  ],
  Deployment: [
    name,
    { name: 'Ready', cell: ({ spec, status }) => `${status.readyReplicas ?? 0}/${spec.replicas}`, says: 'ready Pods of the wanted ones' },
    { name: 'Up-to-date', number: true, cell: ({ status }) => status.updatedReplicas ?? 0 },
    { name: 'Available', number: true, cell: ({ status }) => status.availableReplicas ?? 0 },
    since,
    ...workload,
  ],
  ReplicaSet: [
    name,
    { name: 'Desired', number: true, cell: ({ spec }) => spec.replicas },
    { name: 'Current', number: true, cell: ({ status }) => status.replicas ?? 0 },
    { name: 'Ready', number: true, cell: ({ status }) => status.readyReplicas ?? 0 },
    since,
    ...workload,
  ],
  StatefulSet: [
    name,
    { name: 'Ready', cell: ({ spec, status }) => `${status.readyReplicas ?? 0}/${spec.replicas}`, says: 'ready Pods of the wanted ones' },
    since,
    ...workload.slice(0, 2),
  ],
  DaemonSet: [
    name,
    { name: 'Desired', number: true, cell: ({ status }) => status.desiredNumberScheduled },
    { name: 'Current', number: true, cell: ({ status }) => status.currentNumberScheduled },
    { name: 'Ready', number: true, cell: ({ status }) => status.numberReady },
    { name: 'Up-to-date', number: true, cell: ({ status }) => status.updatedNumberScheduled ?? 0 },
    { name: 'Available', number: true, cell: ({ status }) => status.numberAvailable ?? 0 },
    { name: 'Node Selector', cell: ({ spec }) => labelsLine(spec.template.spec.nodeSelector) },
    since,
    ...workload,
  ],
  ControllerRevision: [
    name,
    { name: 'Controller', cell: ({ metadata }) => controllerLine(metadata.ownerReferences) },
    { name: 'Revision', number: true, cell: ({ revision }) => revision },
    since,
  ],
  NetworkPolicy: [name, { name: 'Pod-Selector', cell: ({ spec }) => selectorLine(spec.podSelector) }, since],
}

/** Endpoints are cut after three, however many more there are. */
const endpointsCell = (texts: readonly string[]): string =>
  texts.length === 0 ? '<none>' : texts.length > MORE_THAN ? `${texts.slice(0, MORE_THAN).join(',')} + ${texts.length - MORE_THAN} more...` : texts.join(',')

function controllerLine(owners: KubeObject['metadata']['ownerReferences']): string {
  const owner = owners.find(({ controller }) => controller)
  return owner === undefined ? '<none>' : `${owner.kind.toLowerCase()}.${owner.apiVersion.split('/')[0]}/${owner.name}`
}

function readinessGates({ spec, status }: ObjectOf<'Pod'>): string {
  const gates = spec.readinessGates ?? []
  const met = gates.filter(({ conditionType }) => status.conditions.some(({ type, status: is }) => type === conditionType && is === 'True'))
  return gates.length === 0 ? '<none>' : `${met.length}/${gates.length}`
}
