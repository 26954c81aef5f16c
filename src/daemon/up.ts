/** `up`, first and again: machines, objects, kernels, Pods, DNS, told as events. */
import type { PodObject } from '#api/kinds.ts'
import type { Engine } from '#engine/engine.ts'
import type { Lab } from '#lab/lab.ts'
import type { Event } from '#report/event.ts'

export type Emit = (event: Event) => void

const PHASES = [
  { id: 'objects', title: 'objects' },
  { id: 'machines', title: 'machines and wires' },
  { id: 'kernel', title: 'interfaces, routes and rules' },
  { id: 'pods', title: 'Pods ready' },
  { id: 'dns', title: 'DNS answers' },
] as const

/** How long Pods may take to be ready, and DNS to answer. */
const READY_MS = 30_000

export type UpOptions = { readonly engine: Engine; readonly lab: Lab; readonly emit: Emit; readonly signal: AbortSignal; readonly clock: () => number }

/** @returns whether the lab stands; a fresh lab that does not is to be taken down. */
export async function bringUp({ engine, lab, emit, signal, clock }: UpOptions): Promise<boolean> {
  const begun = clock()
  const phases = PHASES.filter(({ id }) => id !== 'dns' || lab.dns !== 'none')
  emit({ kind: 'begin', verb: 'up', lab: lab.name, phases })
  const during = async <T>(id: (typeof PHASES)[number]['id'], work: () => Promise<T>, says: (result: T) => string): Promise<T> => {
    const from = clock()
    emit({ kind: 'phase', id, state: 'start', ms: 0 })
    try {
      const result = await work()
      emit({ kind: 'phase', id, state: 'done', ms: clock() - from, says: says(result) })
      return result
    } catch (error) {
      emit({ kind: 'phase', id, state: 'fail', ms: clock() - from, says: (error as Error).message })
      throw error
    }
  }
  try {
    const changes = await during(
      'objects',
      async () => engine.declare(lab),
      (said) => (said.length === 0 ? 'unchanged' : `${said.length} changed`),
    )
    await during(
      'machines',
      () => engine.build(lab, signal),
      () => counted(lab.nodes.length, 'node') + (lab.hosts.length > 0 ? `, ${counted(lab.hosts.length, 'outside host')}` : ''),
    )
    await during(
      'kernel',
      () => engine.settled(),
      () => `${steps(engine)} steps`,
    )
    const late = await during(
      'pods',
      () => podsReady(engine, signal),
      (names) => (names.length === 0 ? counted(engine.cluster().pods.length, 'Pod') : `not ready: ${names.join('; ')}`),
    )
    if (lab.dns !== 'none')
      await during(
        'dns',
        () => dnsAnswers(engine, signal),
        (server) => server,
      )
    const ms = clock() - begun
    const says =
      late.length > 0
        ? `lab ${lab.name} is up, but ${counted(late.length, 'Pod')} ${late.length === 1 ? 'is' : 'are'} not ready`
        : changes.length === 0
          ? `lab ${lab.name} is up, nothing to change`
          : `lab ${lab.name} is up`
    const first = late[0]?.split(':')[0]
    emit({
      kind: 'end',
      exit: late.length > 0 ? 1 : 0,
      ms,
      says,
      next:
        first === undefined
          ? ['netlab get pods -o wide', `netlab check ${lab.name}`]
          : [`netlab describe pod ${first.split('/')[1]} -n ${first.split('/')[0]}`],
    })
    return true
  } catch (error) {
    emit({ kind: 'end', exit: signal.aborted ? 130 : 4, ms: clock() - begun, says: signal.aborted ? 'interrupted' : (error as Error).message, next: [] })
    return false
  }
}

const counted = (count: number, name: string): string => `${count} ${name}${count === 1 ? '' : 's'}`
const steps = (engine: Engine): number => [...engine.programs().values()].reduce((sum, program) => sum + program.length, 0)

/** Waits for every Pod that can still become ready. @returns those that are not, each with its reason */
async function podsReady(engine: Engine, signal: AbortSignal): Promise<string[]> {
  const deadline = Date.now() + READY_MS
  for (;;) {
    const late = notReady(engine)
    if (late.every(({ hopeless }) => hopeless) && replicasThere(engine)) return late.map(({ says }) => says)
    if (Date.now() > deadline) return late.map(({ says }) => says)
    if (signal.aborted) throw new Error('interrupted')
    await turn(engine, 100)
  }
}

function notReady(engine: Engine): { readonly says: string; readonly hopeless: boolean }[] {
  return engine.store.list('Pod').flatMap((pod) => {
    if (pod.metadata.deletionTimestamp !== undefined || pod.status.phase === 'Succeeded' || isTrue(pod, 'Ready')) return []
    const waits = pod.status.containerStatuses.map(({ state, restartCount }) => ({ reason: state.waiting?.reason, restartCount }))
    const stuck = waits.find(({ reason, restartCount }) => reason !== undefined && (HOPELESS.has(reason) || restartCount >= 3))
    const unscheduled = pod.status.conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False')
    const why = stuck?.reason ?? unscheduled?.reason ?? waits.find(({ reason }) => reason)?.reason ?? pod.status.reason ?? 'not ready'
    return [
      {
        says: `${pod.metadata.namespace}/${pod.metadata.name}: ${why}`,
        hopeless: stuck !== undefined || unscheduled !== undefined || pod.status.phase === 'Failed',
      },
    ]
  })
}

/** Reasons that time does not mend. */
const HOPELESS = new Set(['ErrImagePull', 'ImagePullBackOff', 'CreateContainerConfigError'])

const isTrue = (pod: PodObject, type: string): boolean => pod.status.conditions.some((condition) => condition.type === type && condition.status === 'True')

/** Every Deployment has as many Pods as it wants, of its newest template. */
const replicasThere = (engine: Engine): boolean => engine.store.list('Deployment').every(({ spec, status }) => (status.updatedReplicas ?? 0) >= spec.replicas)

async function dnsAnswers(engine: Engine, signal: AbortSignal): Promise<string> {
  const { dnsIP, nodes, domain } = engine.cluster()
  const [node] = nodes
  if (dnsIP === undefined || node === undefined) return 'no DNS Service'
  const name = `kubernetes.default.svc.${domain}`
  const argv = ['dig', '+short', '+time=1', '+tries=1', `@${dnsIP}`, name]
  const deadline = Date.now() + READY_MS
  for (;;) {
    const output = await engine.driver.run(node.name, { kind: 'run', argv, does: [] }, { signal, timeoutMs: 3_000 })
    if (output.code === 0 && output.stdout.trim() !== '') return `${name} is ${output.stdout.trim()}`
    if (signal.aborted) throw new Error('interrupted')
    if (Date.now() > deadline)
      throw new Error(`${node.name}: ${argv.join(' ')} did not answer within ${READY_MS / 1000} s: ${(output.stdout + output.stderr).trim()}`)
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
