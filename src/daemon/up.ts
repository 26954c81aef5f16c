/** `up`, first and again: machines, objects, kernels, Pods, DNS, told as events. */
import { setImmediate as breath } from 'node:timers/promises'
import { same } from '#api/change.ts'
import type { PodObject } from '#api/kinds.ts'
import { Refused } from '#controllers/settle.ts'
import type { Engine } from '#engine/engine.ts'
import type { Step } from '#kernel/step.ts'
import type { Lab } from '#lab/lab.ts'
import { fixedChanges } from '#model/fixed.ts'
import type { Event } from '#report/event.ts'

export type Emit = (event: Event) => void

const PHASES = [
  { id: 'objects', title: 'objects' },
  { id: 'machines', title: 'machines and wires' },
  { id: 'kernel', title: 'interfaces, routes and rules' },
  { id: 'bgp', title: 'BGP sessions' },
  { id: 'pods', title: 'Pods ready' },
  { id: 'dns', title: 'DNS answers' },
] as const

/** How long Pods may take to be ready, and DNS to answer. */
const READY_MS = 30_000
/** Sessions stand a second after both ends have begun; one that was refused tries again every second. */
const BGP_MS = 10_000
/** Nobody waits for one that is switched off, only for the others. */
const BGP_OFF_MS = 2_000
/** As Pods of a fresh lab become ready one after the other, rules are not written for each: that would keep the others waiting. */
const PACE_MS = 60

export type UpOptions = {
  readonly engine: Engine
  readonly lab: Lab
  readonly made: string
  /** Nothing of it is there yet: machines come to be while objects are made. */
  readonly fresh: boolean
  /** Called when machines and wires are there. */
  readonly standing: () => Promise<void>
  /** For Pods to be ready and names to be answered. */
  readonly wait: boolean
  readonly emit: Emit
  readonly signal: AbortSignal
  readonly clock: () => number
}

/** What a phase has to say; one that fails softly leaves the lab up, to be looked into. */
type Told = { readonly says: string; readonly failed?: boolean; readonly next?: string }

/** @returns whether the lab stands; a fresh lab that does not is to be taken down. */
export async function bringUp({ engine, lab, made, fresh, standing, wait, emit, signal, clock }: UpOptions): Promise<boolean> {
  const begun = clock()
  const wasWhole = engine.off().size === 0
  const isSameLab = same({ ...engine.lab(), objects: [] }, { ...lab, objects: [] })
  // Machines need no more than their Nodes.
  const nodes = fresh ? engine.declare(lab, 'Node') : []
  const ahead = fresh ? engine.build(lab, signal) : undefined
  // It may fail while nobody waits for it yet.
  ahead?.catch(() => {})
  const work: Readonly<Record<(typeof PHASES)[number]['id'], () => Promise<Told>>> = {
    objects: async () => {
      // What the machines are asked for with goes out before this thread is busy.
      if (ahead !== undefined) await breath()
      refuseFixed(engine.lab(), lab)
      const changes = [...nodes, ...engine.declare(lab)]
      return { says: changes.length === 0 ? 'unchanged' : `${changes.length} changed` }
    },
    machines: async () => {
      await (ahead ?? engine.build(lab, signal))
      await standing()
      const counts = [counted(lab.nodes.length, 'node'), ...some(lab.underlay.routers.length, 'router'), ...some(lab.hosts.length, 'outside host')]
      return { says: `${counts.join(', ')}; ${made}` }
    },
    kernel: async () => {
      if (fresh && wait) engine.pace(PACE_MS)
      await engine.settled()
      return { says: held(engine) }
    },
    bgp: () => unlessDied(engine, lab, signal, bgpStands),
    pods: () => unlessDied(engine, lab, signal, podsReady).finally(() => engine.pace(0)),
    dns: () => unlessDied(engine, lab, signal, dnsAnswers),
  }
  const phases = PHASES.filter(({ id }) => (wait || !WAITS.has(id)) && (id !== 'dns' || hasNames(lab)) && (id !== 'bgp' || speaksBgp(lab)))
  emit({ kind: 'begin', verb: 'up', lab: lab.name, phases })
  const failed: Told[] = []
  let unchanged = false
  for (const { id } of phases) {
    const from = clock()
    emit({ kind: 'phase', id, state: 'start', ms: 0 })
    try {
      // Names cannot be answered while their servers, or the ways to them, are not ready: that is said once, by these.
      const told = id === 'dns' && failed.length > 0 ? { says: 'not asked: what names need is not ready', failed: true } : await work[id]()
      emit({ kind: 'phase', id, state: told.failed ? 'fail' : 'done', ms: clock() - from, says: told.says })
      if (told.failed) failed.push(told)
      if (id === 'objects') unchanged = isSameLab && wasWhole && told.says === 'unchanged'
    } catch (error) {
      const says = signal.aborted ? 'interrupted' : (error as Error).message
      const about = error instanceof Refused ? { about: error.about } : {}
      emit({ kind: 'phase', id, state: 'fail', ms: clock() - from, says, ...about })
      emit({ kind: 'end', exit: signal.aborted ? 130 : 4, ms: clock() - begun, says, next: [], ...about })
      return false
    }
  }
  const well = unchanged ? `lab ${lab.name} is up, nothing to change` : `lab ${lab.name} is up`
  emit({
    kind: 'end',
    exit: failed.length > 0 ? 1 : 0,
    ms: clock() - begun,
    says: failed.length > 0 ? `lab ${lab.name} is up, but not well: ${failed[0]?.says}` : well,
    next: failed.length > 0 ? [...new Set(failed.flatMap(({ next }) => next ?? []))] : ['netlab get pods -o wide', `netlab check ${lab.name}`],
  })
  return true
}

/** @throws before anything is changed. */
function refuseFixed(running: Lab, wanted: Lab): void {
  const changes = fixedChanges(running, wanted)
  if (changes.length === 0) return
  throw new Error([...changes, `Pods and Services have their addresses already: netlab down ${wanted.name}, then netlab up again`].join('\n'))
}

/** Without kube-proxy nothing leads to the address of kube-dns, and without a network nothing to its Pods. */
const hasNames = ({ dns, proxy, cni }: Lab): boolean => dns !== 'none' && proxy.mode !== 'none' && cni.name !== 'none'

const counted = (count: number, name: string): string => `${count} ${name}${count === 1 ? '' : 's'}`
const some = (count: number, name: string): readonly string[] => (count === 0 ? [] : [counted(count, name)])

/** How many rules there are depends on which Pods are ready by then; interfaces and routes are the same each time. */
function held(engine: Engine): string {
  const steps = [...engine.programs().values()].flat()
  const interfaces = steps.reduce((sum, { kind }) => sum + (INTERFACES.get(kind) ?? 0), 0)
  const routes = steps.filter(({ kind }) => kind === 'route').length
  return [...some(interfaces, 'interface'), ...some(routes, 'route')].join(', ') || 'none'
}

/** A cable has two ends. */
const INTERFACES: ReadonlyMap<Step['kind'], number> = new Map([
  ['veth', 2],
  ['bridge', 1],
  ['vxlan', 1],
  ['dummy', 1],
])

const WAITS: ReadonlySet<string> = new Set(['bgp', 'pods', 'dns'])
const speaksBgp = ({ cni, nodes, underlay: { routers } }: Lab): boolean => (cni.name === 'calico-bgp' && nodes.length > 1) || routers.length > 0

type Waiting = (engine: Engine, lab: Lab, signal: AbortSignal) => Promise<Told>

/** What is waited for, unless a machine dies meanwhile: nothing else of it is worth telling then, and the lab stays up to be mended. */
async function unlessDied(engine: Engine, lab: Lab, signal: AbortSignal, wait: Waiting): Promise<Told> {
  const over = new AbortController()
  const look = setInterval(() => dead(engine).length > 0 && over.abort(), LOOK_MS)
  try {
    const told = await wait(engine, lab, AbortSignal.any([signal, over.signal]))
    return diedOf(engine, lab) ?? told
  } catch (error) {
    const died = signal.aborted ? undefined : diedOf(engine, lab)
    if (died === undefined) throw error
    return died
  } finally {
    clearInterval(look)
  }
}

const LOOK_MS = 200

function diedOf(engine: Engine, { name }: Lab): Told | undefined {
  const machines = dead(engine)
  return machines.length === 0
    ? undefined
    : {
        failed: true,
        says: `${machines.join(' and ')} died: ${machines.length === 1 ? 'its first process has' : 'their first processes have'} ended`,
        next: `netlab up ${name}`,
      }
}

/** Of routers and hosts nobody but the driver learns it. */
const dead = ({ driver, programs, off }: Engine): readonly string[] =>
  [...programs().keys()].filter((machine) => off().has(machine) || !isThere(driver, machine))

function isThere(driver: Engine['driver'], machine: string): boolean {
  try {
    return driver.enter(machine).length > 0
  } catch {
    return false
  }
}

/** Waits until every session stands and every node has the blocks of the others. */
async function bgpStands(engine: Engine, _: Lab, signal: AbortSignal): Promise<Told> {
  const { missingOfBgp } = await import('./bgp.ts')
  const begun = Date.now()
  for (;;) {
    const missing = await missingOfBgp(engine, signal)
    const [first] = missing
    if (first === undefined) return { says: 'every one stands, and every node was told of the others’ Pods' }
    if (signal.aborted) throw new Error('interrupted')
    // Of a session that somebody switched off the other end goes on trying.
    const ms = (missing.some(({ hopeless }) => hopeless) ? BGP_OFF_MS : BGP_MS) * engine.slowness
    if (Date.now() - begun > ms) {
      const says = `not within ${ms / 1000} s: ${missing.map((one) => `${one.machine}: ${one.says}`).join('; ')}`
      return { failed: true, says, next: `netlab exec ${first.machine} -- ${first.ask}` }
    }
    await turn(engine, 50)
  }
}

/** Waits for every Pod that can still become ready. Those of the lab that left a node while it was silent are made anew. */
async function podsReady(engine: Engine, lab: Lab, signal: AbortSignal): Promise<Told> {
  const deadline = Date.now() + READY_MS * engine.slowness
  for (;;) {
    if (own(engine, lab).some((pod) => pod === undefined)) engine.declare(lab)
    const leaving = own(engine, lab).some((pod) => pod?.metadata.deletionTimestamp !== undefined)
    const late = notReady(engine)
    const over = Date.now() > deadline
    if (over || (!leaving && late.every(({ hopeless }) => hopeless) && replicasThere(engine, late))) {
      const [first] = late
      if (first === undefined) return { says: counted(engine.cluster().pods.length, 'Pod') }
      const says = `${counted(late.length, 'Pod')} not ready: ${late.map((pod) => `${pod.namespace}/${pod.name} (${pod.why})`).join(', ')}`
      return { says, failed: true, next: `netlab describe pod ${first.name} -n ${first.namespace}` }
    }
    if (signal.aborted) throw new Error('interrupted')
    await turn(engine, 100)
  }
}

/** The Pods that the lab's files name, as far as they are there. */
const own = ({ store }: Engine, { objects }: Lab): readonly (PodObject | undefined)[] =>
  objects.filter(({ kind }) => kind === 'Pod').map(({ metadata: { namespace, name } }) => store.get('Pod', namespace, name))

type Late = { readonly namespace: string; readonly name: string; readonly why: string; readonly hopeless: boolean }

function notReady(engine: Engine): Late[] {
  return engine.store.list('Pod').flatMap((pod) => {
    if (pod.metadata.deletionTimestamp !== undefined || pod.status.phase === 'Succeeded' || isTrue(pod, 'Ready')) return []
    const waits = pod.status.containerStatuses.map(({ state, restartCount }) => ({ reason: state.waiting?.reason, restartCount }))
    const stuck = waits.find(
      ({ reason, restartCount }) => reason !== undefined && (HOPELESS.has(reason) || (reason === 'CrashLoopBackOff' && restartCount >= 3)),
    )
    const unscheduled = pod.status.conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False')
    const why = stuck?.reason ?? unscheduled?.reason ?? waits.find(({ reason }) => reason)?.reason ?? pod.status.reason ?? 'not ready'
    const hopeless = stuck !== undefined || unscheduled !== undefined || pod.status.phase === 'Failed'
    return [{ namespace: pod.metadata.namespace ?? 'default', name: pod.metadata.name, why, hopeless }]
  })
}

/** Reasons that time does not mend. */
const HOPELESS = new Set(['ErrImagePull', 'ImagePullBackOff', 'CreateContainerConfigError'])

const isTrue = (pod: PodObject, type: string): boolean => pod.status.conditions.some((condition) => condition.type === type && condition.status === 'True')

/** Every Deployment has as many Pods as it wants, of its newest template; DaemonSets likewise, and StatefulSets unless a Pod is stuck that the next one waits for. */
const replicasThere = ({ store }: Engine, late: readonly Late[]): boolean =>
  store.list('Deployment').every(({ spec, status }) => (status.updatedReplicas ?? 0) >= spec.replicas) &&
  store
    .list('StatefulSet')
    .every(
      ({ metadata, spec, status }) =>
        (status.replicas ?? 0) >= spec.replicas || late.some(({ namespace, name }) => namespace === metadata.namespace && name.startsWith(`${metadata.name}-`)),
    ) &&
  store
    .list('DaemonSet')
    .every(({ status, metadata }) => status.observedGeneration === metadata.generation && status.currentNumberScheduled >= status.desiredNumberScheduled)

async function dnsAnswers(engine: Engine, _: Lab, signal: AbortSignal): Promise<Told> {
  const { dnsIP, nodes, domain } = engine.cluster()
  const [node] = nodes
  if (dnsIP === undefined || node === undefined) return { says: 'no DNS Service' }
  const name = `kubernetes.default.svc.${domain}`
  const argv = ['dig', '+short', '+time=1', '+tries=1', `@${dnsIP}`, name]
  const ms = READY_MS * engine.slowness
  const deadline = Date.now() + ms
  for (;;) {
    // Asked while rules are being written, a question could pass between two tables and get lost.
    await engine.settled()
    const output = await engine.driver.run(node.name, { kind: 'run', argv, does: [] }, { signal, timeoutMs: 3_000 })
    if (output.code === 0 && output.stdout.trim() !== '') return { says: `${name} is ${output.stdout.trim()}` }
    if (signal.aborted) throw new Error('interrupted')
    if (Date.now() > deadline)
      return { failed: true, says: `${node.name}: ${argv.join(' ')} did not answer within ${ms / 1000} s: ${(output.stdout + output.stderr).trim()}` }
    await turn(engine, 25)
  }
}

/** Until the next turn of the wheel, or `ms` at most. */
function turn(engine: Engine, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      off()
      resolve()
    }
    const timer = setTimeout(done, ms)
    const off = engine.onTurn(done)
  })
}
