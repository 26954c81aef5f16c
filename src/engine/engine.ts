/** A running lab: its objects, its machines, and the wheel between them. */
import type { DaemonSet, Deployment, KubeObject, PodObject, StatefulSet } from '#api/kinds.ts'
import { createStore, type Snapshot, type Store } from '#api/store.ts'
import { admitService } from '#controllers/allocate.ts'
import { overdue } from '#controllers/event-ttl.ts'
import { waitsForEviction } from '#controllers/node-lifecycle.ts'
import { providedObjects } from '#controllers/provided.ts'
import { objectsIn, recordEvent, settleControllers } from '#controllers/turn.ts'
import type { NodeDriver } from '#driver/driver.ts'
import { isDraining } from '#kernel/ipvs.ts'
import type { NodeProgram } from '#kernel/step.ts'
import { processId } from '#kubelet/containers.ts'
import { podDir } from '#kubelet/volumes.ts'
import type { Lab } from '#lab/lab.ts'
import type { Cluster } from '#model/cluster.ts'
import { clusterOf } from '#model/model.ts'
import { forgottenBy, isProxys, programsOf, withoutProxy } from '#plan/plan.ts'
import { wiring } from '#underlay/wiring.ts'
import { createDeclared } from './declare.ts'
import { createHandover } from './handover.ts'
import { createNodes } from './nodes.ts'
import { perform } from './perform.ts'
import { createPods, type Pods } from './pods.ts'
import { PROBER_ID, proberProgram } from './prober.ts'
import { reload, reloads } from './reload.ts'
import { createSupervisor, type Program, type Supervisor } from './supervisor.ts'
import { createTurns } from './turns.ts'
import { applyProgram, type Foreseen, foresee, kernelPart, mend } from './wheel.ts'

export type Engine = {
  readonly store: Store
  readonly driver: NodeDriver
  readonly supervisor: Supervisor
  /** How many times longer things may take here than on a kernel of the host. */
  readonly slowness: number
  readonly lab: () => Lab
  readonly cluster: () => Cluster
  /** What every machine should hold, processes included. */
  readonly programs: () => ReadonlyMap<string, NodeProgram>
  /** What netlab has put into the machine's kernel. */
  readonly applied: (machine: string) => NodeProgram
  /** Makes the machines and wires of the lab, but for nodes that are to be `off`: theirs are stopped. */
  readonly build: (lab: Lab, signal: AbortSignal, off?: ReadonlySet<string>) => Promise<void>
  /** Nodes whose machines do not run: stopped, or died. */
  readonly off: () => ReadonlySet<string>
  /** Makes the lab's own objects (or its Nodes only) those of the lab file: new ones made, changed ones replaced, vanished ones deleted. @returns what changed, in kubectl's words. */
  readonly declare: (lab: Lab, only?: 'Node') => readonly string[]
  /** Resolves when nothing waits to be applied. @throws the first failure of the turns it waited for. */
  readonly settled: () => Promise<void>
  /** Between two turns so many ms pass: what becomes ready meanwhile is written once. */
  readonly pace: (ms: number) => void
  /** Resolves when kernels have followed what was said until now, or could not; what is said meanwhile is not waited for. */
  readonly followed: () => Promise<void>
  /** Calls back after every turn and every change of an object, until the returned function is called. */
  readonly onTurn: (listener: () => void) => () => void
  /** Runs `work` while no turn runs. */
  readonly exclusively: <T>(work: () => Promise<T>) => Promise<T>
  readonly stop: () => Promise<void>
}

export type EngineOptions = {
  readonly lab: Lab
  readonly driver: NodeDriver
  readonly now: () => string
  readonly snapshot?: Snapshot
  readonly slowness?: number
  /** Something went wrong outside any operation that waits for it. */
  readonly onError: (error: Error) => void
}

const SECOND_MS = 1_000
const MINUTE_MS = 60_000
/** A Pod counts as available only after it was ready for a while: then time alone changes what is to be done. */
const waitsForTime = ({ spec, status }: Deployment | StatefulSet): boolean => spec.minReadySeconds > 0 && (status.availableReplicas ?? 0) < spec.replicas
const waitsForTimeToo = ({ spec, status }: DaemonSet): boolean => spec.minReadySeconds > 0 && (status.numberAvailable ?? 0) < status.desiredNumberScheduled

/** How often kube-proxy looks whether a leaving real server has lost its last connection. */
const DRAIN_MS = 60_000

/** Why a node is off, and what to do. */
const DIED = 'its first process has ended; netlab up makes it anew'
const STOPPED = 'it was stopped; netlab node start makes it anew'

export function createEngine(o: EngineOptions): Engine {
  const { slowness = 1 } = o
  let lab = o.lab
  const store = createStore({ now: o.now, admit: (...args) => admitService(lab)(...args), ...(o.snapshot === undefined ? {} : { snapshot: o.snapshot }) })
  const applied = new Map<string, NodeProgram>()
  /** The cluster that a machine's kernel was last made for. */
  const serves = new Map<string, Cluster>()
  const declared = createDeclared(store)
  /** Machines made anew that hold nothing yet. */
  const bare = new Set<string>()
  let off: ReadonlySet<string> = new Set()
  /** Machines that were off, and whose programs have not been started again yet. */
  const rising = new Set<string>()
  /** Machines whose kube-proxy does not run. */
  const resting = new Set<string>()
  const listeners = new Set<() => void>()
  let programs: ReadonlyMap<string, NodeProgram> = new Map()
  let cluster = clusterOf(lab, objectsIn(store))
  const handover = createHandover()
  let stopped = false
  let draining: NodeJS.Timeout | undefined
  let later: NodeJS.Timeout | undefined
  let resync: NodeJS.Timeout | undefined
  let resyncIsDue = false
  /** Pods deleted without their grace, whose sandboxes still stand: nothing of them may be there when one of the same name comes. */
  const abandoned = new Map<string, PodObject>()
  const turns = createTurns({
    turn: () => turn(),
    after: () => {
      for (const listener of listeners) listener()
    },
    onError: o.onError,
  })
  const { kick } = turns

  /** kube-proxy's look after its canaries, where the lab asks for it. */
  const planResync = (): void => {
    const seconds = cluster.proxy.mode === 'none' ? undefined : cluster.proxy.resyncSeconds
    if (seconds === undefined || resync !== undefined) return
    resync = setTimeout(() => {
      resync = undefined
      resyncIsDue = true
      kick()
    }, seconds * SECOND_MS).unref()
  }

  const turn = async (): Promise<void> => {
    settleControllers(store, { lab, now: o.now })
    const dead = new Set(pods.dead)
    const leaving = new Map(abandoned)
    const objects = objectsIn(store)
    clearTimeout(later)
    const waits =
      waitsForEviction(objects) || objects.Deployment.some(waitsForTime) || objects.StatefulSet.some(waitsForTime) || objects.DaemonSet.some(waitsForTimeToo)
    if (waits) later = setTimeout(kick, SECOND_MS).unref()
    const here = objects.Pod.filter((pod) => !dead.has(pod.metadata.uid) && !leaving.has(placeOf(pod)))
    const early = here.filter(handover.isEarly)
    cluster = clusterOf(lab, { ...objects, Pod: early.length === 0 ? here : here.filter((pod) => !early.includes(pod)) })
    programs = new Map(
      [...programsOf(cluster)].map(([machine, program]) => [machine, rests(machine) ? withoutProxy(program, applied.get(machine) ?? []) : program]),
    )
    pods.sync(cluster)
    const machines = [...programs.keys()].filter((machine) => !off.has(machine))
    const look = resyncIsDue
    resyncIsDue = false
    const results = await Promise.allSettled(machines.map((machine) => applyTo(machine, programs.get(machine) ?? [], look)))
    clearTimeout(draining)
    planResync()
    if ([...applied.values()].some(isDraining)) draining = setTimeout(kick, DRAIN_MS).unref()
    const failed = new Map(results.flatMap((result, at) => (result.status === 'rejected' ? [[machines[at] ?? '', result.reason as Error]] : [])))
    const over = objects.Pod.filter((pod) => dead.has(pod.metadata.uid) || neverRan(pod))
    await Promise.all(over.filter(({ spec }) => !failed.has(spec.nodeName ?? '')).map(bury))
    for (const [place, pod] of leaving) {
      if (failed.has(pod.spec.nodeName ?? '')) continue
      await removeFolder(pod)
      abandoned.delete(place)
      kick()
    }
    const refused = [...failed.keys()].join(', ')
    const hasty = handover.applied(cluster, early, failed.size > 0)
    for (const pod of hasty)
      tellOf(pod, 'AddressReused', `${pod.status.podIP} was another Pod's: ${refused} may still take it for that one, having refused to change`)
    if (failed.size === 0 ? early.length > 0 : hasty.length > 0) kick()
    for (const [, reason] of failed) throw reason
  }

  const coming = new Map<string, Foreseen>()
  /** The first machines, on their way. */
  let making: Promise<unknown> | undefined
  /** While machines come to be, controllers decide and the plan is made: the first turn finds all of it known. What goes wrong is that turn's to say. */
  const lookAhead = (): void => {
    if (turns.areOpen() || stopped || making === undefined) return
    try {
      settleControllers(store, { lab, now: o.now })
      foresee(programsOf(clusterOf(lab, objectsIn(store))), making, coming).catch(() => {})
    } catch {}
  }

  const applyTo = async (machine: string, program: NodeProgram, look: boolean): Promise<void> => {
    const kernel = kernelPart(program)
    const before = applied.get(machine) ?? []
    try {
      if (rests(machine)) resting.add(machine)
      else if (resting.has(machine)) await returnOfProxy(machine)
      const onFlushed = (): void => tell(machine, 'RulesResynced', 'somebody flushed the rules: kube-proxy wrote them all anew')
      const how = { look: look && !rests(machine), onFlushed, foreseen: coming.get(machine) }
      coming.delete(machine)
      applied.set(machine, await applyProgram(o.driver, machine, { applied: applied.get(machine) ?? [], wanted: kernel, ...how }))
    } catch (error) {
      tell(machine, 'FailedApply', (error as Error).message)
      throw error
    }
    await forget(machine)
    await supervisor.sync(machine, processesOf(machine, program))
    for (const step of reloads(before, program)) await reload(o.driver, machine, step, () => supervisor.get(machine, step.id)?.state.kind === 'running')
    if (bare.delete(machine)) supervisor.hurry(machine)
    if (rising.delete(machine)) kick()
  }

  const rests = (machine: string): boolean => cluster.nodes.some(({ name, proxyDown }) => name === machine && proxyDown)

  /** A kube-proxy that starts trusts nothing it finds: what was changed while it was away is put back. */
  const returnOfProxy = async (machine: string): Promise<void> => {
    const held = applied.get(machine) ?? []
    if (held.some(isProxys)) await mend(o.driver, machine, held, isProxys)
    resting.delete(machine)
  }

  const tell = (machine: string, reason: string, message: string): void => {
    const node = store.get('Node', undefined, machine)
    if (node !== undefined) tellOf(node, reason, message)
  }
  const tellOf = (about: KubeObject, reason: string, message: string): void =>
    recordEvent(store, { about, type: 'Warning', reason, message, from: 'netlab' }, o.now())

  const forget = async (machine: string): Promise<void> => {
    if (rests(machine)) return
    const [before, now] = [serves.get(machine), cluster]
    if (now.nodes.some(({ name }) => name === machine)) for (const command of forgottenBy(before, now)) await perform(o.driver, machine, command)
    serves.set(machine, now)
  }

  const processesOf = (machine: string, program: NodeProgram): { program: Program; owner: string }[] => {
    const owners = new Map(cluster.pods.filter((pod) => pod.node === machine).map((pod) => [`${pod.namespace}_${pod.name}`, pod]))
    const wanted = program.flatMap((step) => {
      if (step.kind !== 'process') return []
      const pod = owners.get(step.id.slice(0, step.id.lastIndexOf('/')))
      if (pod !== undefined && !pods.mayRun(pod, step.id)) return []
      return [{ program: step as Program, owner: pod?.object.metadata.uid ?? '' }]
    })
    return cluster.nodes.some((node) => node.name === machine) ? [{ program: proberProgram, owner: PROBER_ID }, ...wanted] : wanted
  }

  /** A Pod that is to go and never had an address has nothing to end. */
  const neverRan = (pod: PodObject): boolean =>
    pod.metadata.deletionTimestamp !== undefined &&
    !cluster.pods.some((one) => one.object.metadata.uid === pod.metadata.uid) &&
    !pods.dead.has(pod.metadata.uid)

  const bury = async (pod: PodObject): Promise<void> => {
    await removeFolder(pod)
    store.delete('Pod', pod.metadata.namespace, pod.metadata.name, { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } })
  }

  /** The Pod's folder goes with it: an emptyDir lives as long as its Pod. */
  const removeFolder = async (pod: PodObject): Promise<void> => {
    const machine = pod.spec.nodeName ?? ''
    const folder = podDir({ namespace: pod.metadata.namespace ?? 'default', name: pod.metadata.name })
    if (applied.has(machine)) await o.driver.run(machine, { kind: 'run', argv: ['rm', '-rf', folder], does: [] })
  }

  /** The machine of a node does not run any more. What it was made to hold is gone, and its kubelet says nothing. */
  const fall = (machine: string, why: string): void => {
    off = new Set([...off, machine])
    applied.delete(machine)
    for (const known of [serves, bare, resting, rising]) known.delete(machine)
    supervisor.hold(machine)
    nodes.fallen(machine, why)
  }

  const nodes = createNodes({ store, driver: o.driver, now: o.now })
  const supervisor = createSupervisor({
    driver: o.driver,
    now: o.now,
    onChange(machine, id) {
      pods.changed(machine, id)
      // The prober lives as long as its node.
      if (id !== PROBER_ID || supervisor.get(machine, id)?.state.kind !== 'backoff' || stopped || off.has(machine)) return
      const held = applied.get(machine)
      // By the time the answer is known, the machine may have been made anew.
      void nodes.isDead(machine).then((dead) => {
        if (dead && held !== undefined && applied.get(machine) === held) fall(machine, DIED)
      })
    },
  })
  const pods: Pods = createPods({
    store,
    driver: o.driver,
    supervisor,
    slowness,
    cluster: () => cluster,
    now: o.now,
    kick,
    silent: (machine) => off.has(machine) || rising.has(machine),
  })

  const aging = setInterval(() => {
    if (overdue(store.list('Event'), o.now()).length > 0) kick()
  }, MINUTE_MS).unref()

  store.onChange(({ type, object }) => {
    if (type === 'DELETED' && object.kind === 'Pod') {
      for (const { name } of [...object.spec.initContainers, ...object.spec.containers]) {
        supervisor.forget(object.spec.nodeName ?? '', processId(object, name))
      }
      if (!pods.dead.has(object.metadata.uid) && applied.has(object.spec.nodeName ?? '')) abandoned.set(placeOf(object), object)
      pods.buried(object.metadata.uid)
      handover.forget(object.metadata.uid)
    }
    if (object.kind !== 'Event') kick()
    for (const listener of listeners) listener()
  })

  return {
    store,
    driver: o.driver,
    supervisor,
    slowness,
    lab: () => lab,
    cluster: () => cluster,
    programs: () => programs,
    applied: (machine) => applied.get(machine) ?? [],
    settled: turns.settled,
    pace: turns.pace,
    followed: turns.followed,
    exclusively: turns.exclusively,

    off: () => off,

    async build(next, signal, stopped = new Set()) {
      const whole = wiring(clusterOf(next, objectsIn(store)))
      const wires = { ...whole, machines: whole.machines.filter(({ name }) => !stopped.has(name)) }
      const before = turns.areOpen()
      // No turn while machines come and go.
      await turns.hold()
      try {
        for (const machine of applied.keys()) {
          if (wires.machines.some(({ name }) => name === machine)) continue
          if (stopped.has(machine)) {
            fall(machine, STOPPED)
            continue
          }
          applied.delete(machine)
          serves.delete(machine)
          void supervisor.sync(machine, [])
        }
        const up = o.driver.up(wires, signal)
        if (!before) making = up
        const made = await up
        for (const machine of made) if (off.has(machine)) rising.add(machine)
        off = new Set([...off].filter((machine) => stopped.has(machine)))
        for (const machine of made) {
          applied.delete(machine)
          serves.delete(machine)
          bare.add(machine)
          nodes.risen(machine)
        }
        turns.open()
      } finally {
        if (before) turns.open()
        kick()
      }
    },

    declare(next, only) {
      lab = next
      const said = declared.say([...providedObjects(next, { now: o.now(), only }), ...next.objects], only)
      kick()
      // Not at once: who makes the machines has to be heard first.
      if (!turns.areOpen() && only === undefined) setImmediate(lookAhead)
      return said
    },

    onTurn(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },

    async stop() {
      stopped = true
      const over = turns.stop()
      clearTimeout(draining)
      clearTimeout(later)
      clearInterval(aging)
      nodes.stop()
      clearTimeout(resync)
      pods.stop()
      await over
      for (const machine of programs.keys()) void supervisor.sync(machine, [])
      await o.driver.down()
    },
  }
}

const placeOf = ({ metadata, spec }: PodObject): string => `${spec.nodeName} ${metadata.namespace}/${metadata.name}`
