/** What kubelet does over time: starts init containers one after the other, asks the probes, reports each Pod's status, and ends Pods with their grace. */
import { constants } from 'node:os'
import type { Container, ContainerProbe, PodObject } from '#api/kinds.ts'
import type { Store } from '#api/store.ts'
import { sameJson } from '#controllers/objects.ts'
import { recordEvent } from '#controllers/turn.ts'
import type { NodeDriver } from '#driver/driver.ts'
import { initContainers, processId, waitingReason } from '#kubelet/containers.ts'
import { judgeContainer, judgeProbe, nextProbe, noAnswerYet, type ProbeKind, type ProbeState, probeTarget } from '#kubelet/probes.ts'
import { type ContainerRuntime, crashLoop, podStatus, type Ended as RuntimeEnd } from '#kubelet/status.ts'
import type { Cluster, Pod } from '#model/cluster.ts'
import { type Answer, createProber } from './prober.ts'
import type { Ended, Supervised, Supervisor } from './supervisor.ts'

export type PodsOptions = {
  readonly store: Store
  readonly driver: NodeDriver
  readonly supervisor: Supervisor
  readonly slowness: number
  readonly cluster: () => Cluster
  readonly now: () => string
  /** The machine does not run: nobody reports on its Pods, nor ends them. */
  readonly silent: (machine: string) => boolean
  /** Something was learnt that the next turn of the wheel must know. */
  readonly kick: () => void
}

export type Pods = {
  /** Processes of the Pod that may run by now: containers wait for the init containers before them. */
  readonly mayRun: (pod: Pod, id: string) => boolean
  /** Looks after the cluster's Pods of this moment. */
  readonly sync: (cluster: Cluster) => void
  /** Something happened to a process of this machine. */
  readonly changed: (machine: string, id: string) => void
  /** Uids of Pods whose containers have ended for good: their sandbox may go. */
  readonly dead: ReadonlySet<string>
  /** The Pod of this uid is no more. */
  readonly buried: (uid: string) => void
  readonly stop: () => void
}

type Watched = { states: Record<ProbeKind, ProbeState>; timers: Set<NodeJS.Timeout>; unhealthy: string }
type Worker = { pod: Pod; ending: boolean; containers: Map<string, Watched> }

const PROBES: readonly (readonly [ProbeKind, 'readinessProbe' | 'livenessProbe' | 'startupProbe'])[] = [
  ['startup', 'startupProbe'],
  ['readiness', 'readinessProbe'],
  ['liveness', 'livenessProbe'],
]

export function createPods(o: PodsOptions): Pods {
  const workers = new Map<string, Worker>()
  const dead = new Set<string>()
  const prober = createProber(o.supervisor)
  const uidOf = (pod: Pod): string => pod.object.metadata.uid
  const processOf = (pod: Pod, container: string): Supervised | undefined => {
    const known = o.supervisor.get(pod.node, processId(pod.object, container))
    return known?.owner === uidOf(pod) ? known : undefined
  }

  const report = (worker: Worker): void => {
    const { pod } = worker
    if (o.silent(pod.node)) return
    const current = o.store.get('Pod', pod.namespace, pod.name)
    if (current === undefined || current.metadata.uid !== uidOf(pod)) return
    const containers = [...current.spec.initContainers, ...current.spec.containers]
    const runtimes = new Map(containers.map((container) => [container.name, runtimeOf(worker, container)]))
    const status = podStatus(current, runtimes, o.now())
    if (sameJson(status, current.status)) return
    o.store.update('Pod', pod.namespace, pod.name, { ...current, status }, 'status', { known: true })
    for (const { name, state } of [...(status.initContainerStatuses ?? []), ...status.containerStatuses]) {
      const before = [...(current.status.initContainerStatuses ?? []), ...current.status.containerStatuses].find((one) => one.name === name)
      if (state.waiting?.reason !== before?.state.waiting?.reason) tellWhyItWaits(current, name, state.waiting)
    }
  }

  /** In kubelet's words, so that `describe` tells why a container does not run. */
  const tellWhyItWaits = (pod: PodObject, container: string, waiting: { reason?: string | undefined; message?: string | undefined } | undefined): void => {
    const { name, namespace, uid } = pod.metadata
    if (waiting?.reason === 'CrashLoopBackOff')
      tell(pod, 'Warning', 'BackOff', `Back-off restarting failed container ${container} in pod ${name}_${namespace}(${uid})`)
    else if (waiting?.message !== undefined) tell(pod, 'Warning', 'Failed', `Error: ${waiting.message}`)
  }

  const runtimeOf = (worker: Worker, container: Container): ContainerRuntime => {
    const known = processOf(worker.pod, container.name)
    if (known === undefined) {
      const waits = waitingReason(o.cluster(), worker.pod, container)
      const initializing = worker.pod.object.spec.initContainers.some(
        ({ name }) => name !== container.name && processOf(worker.pod, name)?.state.kind !== 'ended',
      )
      return {
        state: { kind: 'waiting', ...(waits ?? { reason: initializing ? 'PodInitializing' : 'ContainerCreating' }) },
        restarts: 0,
        ready: false,
        started: false,
      }
    }
    const watched = worker.containers.get(container.name)
    const { ready, started } = watched === undefined ? { ready: false, started: false } : judgeContainer(container, watched.states)
    const common = { restarts: known.restarts, ready, started, ...(known.last === undefined ? {} : { lastEnd: runtimeEnd(known.last) }) }
    switch (known.state.kind) {
      case 'starting':
        return { ...common, state: { kind: 'waiting', reason: 'ContainerCreating' } }
      case 'running':
        return { ...common, state: { kind: 'running', startedAt: known.state.startedAt } }
      case 'backoff':
        return { ...common, state: crashLoop(worker.pod.object, container.name, known.state.pauseMs) }
      case 'ended': {
        const { lastEnd, ...rest } = common
        return { ...rest, state: { kind: 'terminated', ...runtimeEnd(known.state) } }
      }
      default:
        return known.state satisfies never
    }
  }

  /** Begins anew to ask a container that has just started. */
  const watch = (worker: Worker, container: Container): void => {
    forget(worker, container.name)
    const watched: Watched = { states: { readiness: noAnswerYet, liveness: noAnswerYet, startup: noAnswerYet }, timers: new Set(), unhealthy: '' }
    worker.containers.set(container.name, watched)
    for (const [kind, field] of PROBES) {
      const spec = container[field]
      if (spec !== undefined) schedule(worker, container, watched, kind, spec)
    }
  }

  const schedule = (worker: Worker, container: Container, watched: Watched, kind: ProbeKind, spec: ContainerProbe): void => {
    const { afterMs, early } = nextProbe(kind, watched.states[kind], spec)
    const timer = setTimeout(async () => {
      watched.timers.delete(timer)
      const waitsForStartup = kind !== 'startup' && container.startupProbe !== undefined && watched.states.startup.verdict !== 'success'
      if (!waitsForStartup) {
        const answer = await ask(worker.pod, container, spec)
        if (worker.containers.get(container.name) !== watched || worker.ending) return
        const before = judgeContainer(container, watched.states)
        watched.states = { ...watched.states, [kind]: judgeProbe(watched.states[kind], { ok: answer.ok, early }, spec) }
        judge(worker, container, watched, { kind, answer, early, before })
      }
      schedule(worker, container, watched, kind, spec)
    }, afterMs)
    watched.timers.add(timer)
  }

  const judge = (
    worker: Worker,
    container: Container,
    watched: Watched,
    o2: { readonly kind: ProbeKind; readonly answer: Answer; readonly early: boolean; readonly before: { readonly ready: boolean; readonly started: boolean } },
  ): void => {
    const after = judgeContainer(container, watched.states)
    if (!o2.answer.ok && !o2.early && watched.unhealthy !== o2.answer.says) {
      watched.unhealthy = o2.answer.says
      const word = `${o2.kind[0]?.toUpperCase()}${o2.kind.slice(1)}`
      tell(worker.pod.object, 'Warning', 'Unhealthy', `${word} probe failed: ${o2.answer.says}`)
    }
    if (o2.answer.ok) watched.unhealthy = ''
    if (after.kill) {
      tell(worker.pod.object, 'Normal', 'Killing', `Container ${container.name} failed ${o2.kind} probe, will be restarted`)
      forget(worker, container.name)
      o.supervisor.restart(worker.pod.node, processId(worker.pod.object, container.name))
      return
    }
    if (after.ready !== o2.before.ready || after.started !== o2.before.started) report(worker)
  }

  const ask = async (pod: Pod, container: Container, spec: ContainerProbe): Promise<Answer> => {
    const target = probeTarget(container, spec, pod.ip)
    const timeoutMs = spec.timeoutSeconds * 1_000
    if (target.kind === 'none') return { ok: false, says: target.says }
    if (target.kind !== 'exec') return prober.ask(pod.node, target, timeoutMs * o.slowness)
    const state = processOf(pod, container.name)?.state
    if (state?.kind !== 'running') return { ok: false, says: 'container not running' }
    const asked = o.driver.run(pod.node, { kind: 'run', argv: target.argv, view: state.pid, does: [] }, { timeoutMs })
    const output = await asked.catch((error: Error) => ({ code: 1, stdout: '', stderr: error.message, timedOut: false }))
    return { ok: output.code === 0, says: output.timedOut ? 'command timed out' : (output.stderr || output.stdout).trim() || `exit code ${output.code}` }
  }

  const tell = (about: PodObject, type: 'Normal' | 'Warning', reason: string, message: string): void =>
    recordEvent(o.store, { about, type, reason, message, from: 'kubelet' }, o.now())

  const forget = (worker: Worker, container: string): void => {
    for (const timer of worker.containers.get(container)?.timers ?? []) clearTimeout(timer)
    worker.containers.delete(container)
  }

  const end = async (worker: Worker): Promise<void> => {
    worker.ending = true
    const { pod } = worker
    for (const name of worker.containers.keys()) forget(worker, name)
    const graceMs = (pod.object.metadata.deletionGracePeriodSeconds ?? 30) * 1_000
    const begun = Date.now()
    await Promise.all(
      pod.object.spec.containers.map(async (container) => {
        const known = processOf(pod, container.name)
        const preStop = container.lifecycle?.preStop
        if (known?.state.kind === 'running' && preStop !== undefined) await beforeStop(pod, known.state.pid, preStop, graceMs).catch(() => {})
        // Deleted without grace in between, its name may be another Pod's by now.
        if (processOf(pod, container.name) === undefined) return
        await o.supervisor.end(pod.node, processId(pod.object, container.name), Math.max(0, graceMs - (Date.now() - begun)))
      }),
    )
    const inits = pod.object.spec.initContainers.filter(({ name }) => processOf(pod, name) !== undefined)
    await Promise.all(inits.map(({ name }) => o.supervisor.end(pod.node, processId(pod.object, name), 0)))
    if (o.store.get('Pod', pod.namespace, pod.name)?.metadata.uid !== uidOf(pod)) return
    dead.add(uidOf(pod))
    o.kick()
  }

  const beforeStop = async (pod: Pod, pid: number, hook: NonNullable<NonNullable<Container['lifecycle']>['preStop']>, timeoutMs: number): Promise<void> => {
    if (hook.exec !== undefined) await o.driver.run(pod.node, { kind: 'run', argv: hook.exec.command, view: pid, does: [] }, { timeoutMs })
    if (hook.sleep !== undefined) await new Promise((resolve) => setTimeout(resolve, Math.min(timeoutMs, (hook.sleep?.seconds ?? 0) * 1_000)))
  }

  return {
    dead,
    buried: (uid) => dead.delete(uid),
    mayRun(pod, id) {
      const inits = initContainers(pod.object)
      const before = inits.includes(id) ? inits.slice(0, inits.indexOf(id)) : inits
      return before.every((one) => {
        const known = o.supervisor.get(pod.node, one)
        return known?.owner === uidOf(pod) && known.state.kind === 'ended' && known.state.code === 0
      })
    },

    sync(cluster) {
      const present = new Map(cluster.pods.map((pod) => [uidOf(pod), pod]))
      for (const [uid, worker] of workers) {
        if (present.has(uid)) continue
        for (const name of [...worker.containers.keys()]) forget(worker, name)
        workers.delete(uid)
      }
      for (const [uid, pod] of present) {
        const worker = workers.get(uid) ?? { pod, ending: false, containers: new Map() }
        worker.pod = pod
        workers.set(uid, worker)
        if (pod.object.metadata.deletionTimestamp !== undefined && !worker.ending && !o.silent(pod.node)) void end(worker)
        else report(worker)
      }
    },

    changed(machine, id) {
      const worker = [...workers.values()].find(({ pod }) => pod.node === machine && id.startsWith(`${processId(pod.object, '')}`))
      if (worker === undefined || worker.ending) return
      for (const container of worker.pod.object.spec.containers) {
        const state = processOf(worker.pod, container.name)?.state
        if (state?.kind !== 'running') forget(worker, container.name)
        else if (!worker.containers.has(container.name) || processId(worker.pod.object, container.name) === id) watch(worker, container)
      }
      report(worker)
      if (initContainers(worker.pod.object).includes(id)) o.kick()
    },

    stop() {
      for (const worker of workers.values()) for (const name of [...worker.containers.keys()]) forget(worker, name)
      workers.clear()
    },
  }
}

const runtimeEnd = (end: Ended): RuntimeEnd => ({
  ...(end.signal === undefined ? { code: end.code } : { signal: constants.signals[end.signal as NodeJS.Signals] }),
  startedAt: end.startedAt,
  finishedAt: end.finishedAt,
})
