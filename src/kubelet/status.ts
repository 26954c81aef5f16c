/** A Pod's status as kubelet reports it, from what its containers do. */
import type { Condition, Container, ContainerStatus, PodObject } from '#api/kinds.ts'
import { findImage } from './images.ts'

export type PodStatus = PodObject['status']
type Terminated = NonNullable<ContainerStatus['state']['terminated']>

/** What one container does at this moment. */
export type ContainerRuntime = {
  readonly state:
    | { readonly kind: 'waiting'; readonly reason: string; readonly message?: string }
    | { readonly kind: 'running'; readonly startedAt: string }
    | ({ readonly kind: 'terminated' } & Ended)
  readonly lastEnd?: Ended
  readonly restarts: number
  /** By its probes; means nothing unless it runs. */
  readonly ready: boolean
  readonly started: boolean
}

/** `code` is absent when a signal ended it. Times are RFC 3339. */
export type Ended = { readonly code?: number; readonly signal?: number; readonly startedAt?: string; readonly finishedAt?: string; readonly message?: string }

/** Containers not in the map have not been looked at yet. Init containers stand in the same map: names are unique in a Pod. */
export type Runtimes = ReadonlyMap<string, ContainerRuntime>

/** The status to report; `now` becomes the time of those conditions that change. */
export function podStatus(pod: PodObject, runtimes: Runtimes, now: string): PodStatus {
  const { spec, status } = pod
  const init = spec.initContainers.map((container) => containerStatus(container, runtimes, 'PodInitializing', true))
  const initialized = init.every(({ ready }) => ready)
  const containers = spec.containers.map((container) => containerStatus(container, runtimes, initialized ? 'ContainerCreating' : 'PodInitializing'))
  const phase = phaseOf(pod, init, containers)
  return {
    ...status,
    phase,
    ...(status.startTime === undefined ? { startTime: now } : {}),
    conditions: conditionsOf(pod, { init, containers, phase }, now),
    containerStatuses: containers,
    ...(init.length === 0 ? {} : { initContainerStatuses: init }),
    qosClass: qosClassOf(pod),
  }
}

/** 128 and the signal's number, as a shell says it. */
const exitCodeOf = ({ code, signal }: Ended): number => code ?? 128 + (signal ?? 0)

function containerStatus(container: Container, runtimes: Runtimes, before: string, isInit = false): ContainerStatus {
  const runtime = runtimes.get(container.name) ?? { state: { kind: 'waiting', reason: before }, restarts: 0, ready: false, started: false }
  const { state } = runtime
  const endedWell = state.kind === 'terminated' && exitCodeOf(state) === 0
  return {
    name: container.name,
    image: container.image,
    imageID: findImage(container.image)?.name ?? '',
    ready: isInit ? endedWell : state.kind === 'running' && runtime.ready,
    started: state.kind === 'running' && (isInit || runtime.started),
    restartCount: runtime.restarts,
    state: stateOf(state),
    lastState: runtime.lastEnd === undefined ? {} : { terminated: terminated(runtime.lastEnd) },
  }
}

function stateOf(state: ContainerRuntime['state']): ContainerStatus['state'] {
  switch (state.kind) {
    case 'waiting':
      return { waiting: { reason: state.reason, ...(state.message === undefined ? {} : { message: state.message }) } }
    case 'running':
      return { running: { startedAt: state.startedAt } }
    case 'terminated':
      return { terminated: terminated(state) }
    default:
      return state satisfies never
  }
}

function terminated(end: Ended): Terminated {
  const { signal, startedAt, finishedAt, message } = end
  const exitCode = exitCodeOf(end)
  return {
    exitCode,
    ...(signal === undefined ? {} : { signal }),
    reason: exitCode === 0 ? 'Completed' : 'Error',
    ...(message === undefined ? {} : { message }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
  }
}

/** state.waiting of a container that ended and waits for its next start. */
export function crashLoop(pod: PodObject, container: string, delayMs: number): ContainerRuntime['state'] {
  const { name, namespace = 'default', uid } = pod.metadata
  const seconds = Math.round(delayMs / 1000)
  const time = seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
  return { kind: 'waiting', reason: 'CrashLoopBackOff', message: `back-off ${time} restarting failed container=${container} pod=${name}_${namespace}(${uid})` }
}

function phaseOf({ spec }: PodObject, init: readonly ContainerStatus[], containers: readonly ContainerStatus[]): PodStatus['phase'] {
  const failedInit = init.some(({ state }) => state.terminated !== undefined && state.terminated.exitCode !== 0)
  if (failedInit && spec.restartPolicy === 'Never') return 'Failed'
  if (init.some(({ ready }) => !ready)) return 'Pending'
  // A container that waits for its next start counts as ended, one that was never started keeps the Pod pending.
  const ends = containers.map(({ state, lastState }) => state.terminated ?? (state.waiting === undefined ? undefined : lastState.terminated))
  if (containers.some(({ state }, at) => state.running === undefined && ends[at] === undefined)) return 'Pending'
  if (containers.some(({ state }) => state.running !== undefined) || spec.restartPolicy === 'Always') return 'Running'
  if (ends.every((end) => end?.exitCode === 0)) return 'Succeeded'
  return spec.restartPolicy === 'Never' ? 'Failed' : 'Running'
}

type Parts = { readonly init: readonly ContainerStatus[]; readonly containers: readonly ContainerStatus[]; readonly phase: PodStatus['phase'] }

function conditionsOf({ spec, status }: PodObject, { init, containers, phase }: Parts, now: string): Condition[] {
  const notInit = init.filter(({ ready }) => !ready).map(({ name }) => name)
  const notReady = containers.filter(({ ready }) => !ready).map(({ name }) => name)
  const closedGates = (spec.readinessGates ?? []).map(({ conditionType }) => conditionType).filter((type) => statusOf(type) !== 'True')
  const over: Judged | undefined = phase === 'Succeeded' ? no('PodCompleted') : phase === 'Failed' ? no('PodFailed') : undefined
  const containersReady = over ?? (notReady.length === 0 ? yes : no('ContainersNotReady', `containers with unready status: [${notReady.join(' ')}]`))
  const gates = closedGates.map((type) => `corresponding condition of pod readiness gate "${type}" does not exist or is not "True".`).join(', ')
  const ours: readonly (readonly [string, Judged])[] = [
    ['Initialized', notInit.length === 0 ? yes : no('ContainersNotInitialized', `containers with incomplete status: [${notInit.join(' ')}]`)],
    ['Ready', containersReady.status === 'False' || gates === '' ? containersReady : no('ReadinessGatesNotReady', gates)],
    ['ContainersReady', containersReady],
    ['PodScheduled', yes],
  ]
  const foreign = status.conditions.filter(({ type }) => !ours.some(([own]) => own === type))
  return [...foreign, ...ours.map(([type, judged]) => dated(type, judged))]

  function statusOf(type: string): string | undefined {
    return status.conditions.find((condition) => condition.type === type)?.status
  }
  /** A condition keeps its time as long as its status stays. */
  function dated(type: string, judged: Judged): Condition {
    const before = status.conditions.find((condition) => condition.type === type)
    return { type, ...judged, lastTransitionTime: before?.status === judged.status ? (before.lastTransitionTime ?? now) : now }
  }
}

type Judged = Pick<Condition, 'status' | 'reason' | 'message'>
const yes: Judged = { status: 'True' }
const no = (reason: string, message?: string): Judged => ({ status: 'False', reason, ...(message === undefined ? {} : { message }) })

/** Guaranteed when every container's limits are its requests for cpu and memory, BestEffort when no container says anything. */
function qosClassOf({ spec }: PodObject): string {
  const all = [...spec.initContainers, ...spec.containers].map(({ resources = {} }) => {
    const limits = (resources['limits'] ?? {}) as Record<string, unknown>
    return { limits, requests: { ...limits, ...(resources['requests'] as Record<string, unknown> | undefined) } as Record<string, unknown> }
  })
  const says = all.some(({ limits, requests }) => ['cpu', 'memory'].some((key) => limits[key] !== undefined || requests[key] !== undefined))
  if (!says) return 'BestEffort'
  const fixed = all.every(({ limits, requests }) =>
    ['cpu', 'memory'].every((key) => limits[key] !== undefined && String(limits[key]) === String(requests[key])),
  )
  return fixed ? 'Guaranteed' : 'Burstable'
}
