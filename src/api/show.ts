/** Small facts about objects in the words kubectl prints. */
import { age } from './age.ts'
import type { EventObject, LabelSelector, NodeObject, PodObject, ServiceObject } from './kinds.ts'

export const orNone = (text: string | undefined): string => (text === undefined || text === '' ? '<none>' : text)

export const labelsLine = (labels: Readonly<Record<string, string>> | undefined): string =>
  orNone(
    Object.entries(labels ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
  )

const OPERATORS = { In: 'in', NotIn: 'notin' } as const

export function selectorLine({ matchLabels, matchExpressions = [] }: LabelSelector): string {
  const expressions = matchExpressions.map(({ key, operator, values = [] }) =>
    operator === 'Exists' ? key : operator === 'DoesNotExist' ? `!${key}` : `${key} ${OPERATORS[operator]} (${[...values].sort().join(',')})`,
  )
  return orNone([...(Object.keys(matchLabels ?? {}).length === 0 ? [] : [labelsLine(matchLabels)]), ...expressions].join(','))
}

/** The word in the STATUS column: the phase, unless a container has something more telling to say. */
export function podStatus(pod: PodObject): string {
  const { deletionTimestamp } = pod.metadata
  const { phase, reason } = pod.status
  if (deletionTimestamp !== undefined && phase !== 'Succeeded' && phase !== 'Failed') return reason === 'NodeLost' ? 'Unknown' : 'Terminating'
  return initStatus(pod) ?? containersStatus(pod)
}

function initStatus({ spec, status }: PodObject): string | undefined {
  const statuses = status.initContainerStatuses ?? []
  const at = statuses.findIndex(({ state }) => state.terminated?.exitCode !== 0)
  const first = statuses[at]
  if (first === undefined) return undefined
  const { terminated, waiting } = first.state
  if (terminated !== undefined) return `Init:${terminated.reason || endWord(terminated)}`
  if (waiting?.reason && waiting.reason !== 'PodInitializing') return `Init:${waiting.reason}`
  return `Init:${at}/${spec.initContainers.length}`
}

function containersStatus({ status }: PodObject): string {
  let word: string = status.reason || status.phase
  let running = false
  for (const { state, ready } of [...status.containerStatuses].reverse()) {
    if (state.waiting?.reason) word = state.waiting.reason
    else if (state.terminated !== undefined) word = state.terminated.reason || endWord(state.terminated)
    else if (ready && state.running !== undefined) running = true
  }
  if (word !== 'Completed' || !running) return word
  return isTrue(status.conditions, 'Ready') ? 'Running' : 'NotReady'
}

const endWord = ({ signal, exitCode }: { readonly signal?: number | undefined; readonly exitCode: number }): string =>
  signal ? `Signal:${signal}` : `ExitCode:${exitCode}`

const isTrue = (conditions: readonly { readonly type: string; readonly status: string }[], type: string): boolean =>
  conditions.some((one) => one.type === type && one.status === 'True')

export function podRestarts({ status }: PodObject, now: string): string {
  const statuses = [...status.containerStatuses, ...(initRunning(status.initContainerStatuses) ? (status.initContainerStatuses ?? []) : [])]
  const count = statuses.reduce((sum, one) => sum + one.restartCount, 0)
  const last = statuses
    .flatMap(({ lastState }) => lastState.terminated?.finishedAt ?? [])
    .sort()
    .at(-1)
  return count === 0 || last === undefined ? String(count) : `${count} (${age(last, now)} ago)`
}

const initRunning = (statuses: PodObject['status']['initContainerStatuses']): boolean => (statuses ?? []).some(({ state }) => state.terminated?.exitCode !== 0)

export const podReady = ({ spec, status }: PodObject): string =>
  `${status.containerStatuses.filter((one) => one.ready && one.state.running !== undefined).length}/${spec.containers.length}`

/** Addresses of a Service for the world outside. */
export function externalAddresses({ spec, status }: ServiceObject): string {
  if (spec.type === 'ExternalName') return orNone(spec.externalName)
  if (spec.type !== 'LoadBalancer') return orNone(spec.externalIPs.join(','))
  const given = (status.loadBalancer.ingress ?? []).flatMap(({ ip, hostname }) => ip || hostname || [])
  const line = [...new Set(given)].sort().join(',')
  return [...(line === '' ? [] : [line]), ...spec.externalIPs].join(',') || '<pending>'
}

export const servicePorts = ({ spec }: ServiceObject): string =>
  orNone(spec.ports.map(({ port, nodePort, protocol }) => `${port}${nodePort ? `:${nodePort}` : ''}/${protocol}`).join(','))

export function nodeStatus({ spec, status }: NodeObject): string {
  const ready = status.conditions.find(({ type }) => type === 'Ready')?.status
  const word = ready === undefined ? 'Unknown' : ready === 'True' ? 'Ready' : 'NotReady'
  return spec.unschedulable === true ? `${word},SchedulingDisabled` : word
}

const ROLE = 'node-role.kubernetes.io/'

export const nodeRoles = ({ metadata }: NodeObject): string =>
  orNone(
    Object.entries(metadata.labels)
      .flatMap(([key, value]) => (key.startsWith(ROLE) && key !== ROLE ? key.slice(ROLE.length) : key === 'kubernetes.io/role' && value !== '' ? value : []))
      .sort()
      .join(','),
  )

export const nodeAddress = ({ status }: NodeObject, type: string): string => orNone(status.addresses.find((one) => one.type === type)?.address)

/** When an event was first and last seen. */
export const eventTimes = ({ firstTimestamp, lastTimestamp, eventTime }: EventObject, now: string) => {
  const first = age(firstTimestamp || eventTime, now)
  return { first, last: lastTimestamp ? age(lastTimestamp, now) : first }
}

export const eventSource = ({ source, reportingComponent, reportingInstance }: EventObject): string =>
  (source?.component ? [source.component, source.host] : [reportingComponent, reportingInstance]).filter((one) => one).join(', ')
