/** The scheduler: gives each Pod a node. Pods of one app go to different nodes, then to the emptiest, then to the first. */
import type { Condition, NodeObject, PodObject } from '#api/kinds.ts'
import { remembered } from '#model/remember.ts'
import { stated, updated } from './change.ts'
import type { Change, Controller, World } from './controller.ts'
import { canonical } from './hash.ts'
import { conditionOf, isFinished, isTerminating, keyOf, withCondition } from './objects.ts'

const NAME = 'default-scheduler'

export const scheduler: Controller = {
  name: 'scheduler',
  changes: (world) => {
    const waiting = world.objects.Pod.filter(isWaiting)
    return waiting.length === 0 ? [] : placed(world, waiting)
  },
}

const isWaiting = (pod: PodObject): boolean => !pod.spec.nodeName && !isTerminating(pod) && !isFinished(pod) && (pod.spec.schedulerName ?? NAME) === NAME

function placed({ objects, now }: World, waiting: readonly PodObject[]): readonly Change[] {
  const seats = objects.Node.map((node): Seat => ({ node, pods: [], apps: new Map() }))
  const seatOf = new Map(seats.map((seat) => [seat.node.metadata.name, seat]))
  for (const pod of objects.Pod) {
    const seat = seatOf.get(pod.spec.nodeName ?? '')
    if (seat !== undefined && !isTerminating(pod) && !isFinished(pod)) sit(seat, pod)
  }
  return waiting.flatMap((pod) => {
    const app = appOf(pod)
    const refusals = new Map(seats.map((seat) => [seat, refusal(seat, pod)]))
    const free = seats.filter((seat) => refusals.get(seat) === undefined)
    const [best] = free.sort((a, b) => appsOn(a, app) - appsOn(b, app) || a.pods.length - b.pods.length)
    if (best === undefined) return unplaced(pod, { now, message: noNode([...refusals.values()]) })
    sit(best, pod)
    return bound(pod, best.node.metadata.name, now)
  })
}

/** A node and who is on it; filled while one turn places its Pods. */
type Seat = { readonly node: NodeObject; readonly pods: PodObject[]; readonly apps: Map<string, number> }

function sit(seat: Seat, pod: PodObject): void {
  const app = appOf(pod)
  seat.pods.push(pod)
  seat.apps.set(app, appsOn(seat, app) + 1)
}

const appsOn = (seat: Seat, app: string): number => seat.apps.get(app) ?? 0

/** Labels that tell one Pod of an app from another, or one revision from the next. */
const OWN_LABELS = new Set(['pod-template-hash', 'controller-revision-hash', 'statefulset.kubernetes.io/pod-name', 'apps.kubernetes.io/pod-index'])

/** Pods of one app carry the same labels, whatever the revision of their template; without labels each Pod is its own. */
const appOf = remembered(({ metadata }: PodObject): string => {
  const labels = Object.entries(metadata.labels).filter(([key]) => !OWN_LABELS.has(key))
  return labels.length === 0 ? `${metadata.namespace}/${metadata.name}` : `${metadata.namespace} ${canonical(Object.fromEntries(labels))}`
})

/** Why the node cannot take the Pod, in the scheduler's words. */
function refusal({ node, pods }: Seat, pod: PodObject): string | undefined {
  if (!isPinnedTo(pod, node)) return "node(s) didn't match Pod's node affinity/selector"
  if (node.spec.unschedulable && !tolerates(pod.spec.tolerations, UNSCHEDULABLE)) return 'node(s) were unschedulable'
  const taint = node.spec.taints?.find((one) => ['NoSchedule', 'NoExecute'].includes(String(one['effect'])) && !tolerates(pod.spec.tolerations, one))
  if (taint !== undefined) return `node(s) had untolerated taint {${taint['key']}: ${taint['value'] ?? ''}}`
  const fits = Object.entries(pod.spec.nodeSelector).every(([key, value]) => node.metadata.labels[key] === value)
  if (!fits) return "node(s) didn't match Pod's node affinity/selector"
  const wanted = hostPortsOf(pod)
  const taken = wanted.length > 0 && pods.some((other) => hostPortsOf(other).some((used) => wanted.some((port) => collide(port, used))))
  return taken ? "node(s) didn't have free ports for the requested pod ports" : undefined
}

/** A DaemonSet says by node affinity which node a Pod is for. */
type Pin = {
  readonly nodeAffinity?: {
    readonly requiredDuringSchedulingIgnoredDuringExecution?: {
      readonly nodeSelectorTerms?: readonly { readonly matchFields?: readonly { readonly key: string; readonly values?: readonly string[] }[] }[]
    }
  }
}

/** The node whose name the Pod's affinity asks for. */
export function pinOf({ spec }: PodObject): string | undefined {
  const terms = (spec.affinity as Pin | undefined)?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  return terms.flatMap(({ matchFields = [] }) => matchFields.find(({ key }) => key === 'metadata.name')?.values?.[0] ?? [])[0]
}

const isPinnedTo = (pod: PodObject, node: NodeObject): boolean => (pinOf(pod) ?? node.metadata.name) === node.metadata.name

type Fields = Readonly<Record<string, unknown>>

const UNSCHEDULABLE = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }

export const tolerates = (tolerations: PodObject['spec']['tolerations'], taint: Fields): boolean =>
  (tolerations ?? []).some(
    ({ key = '', operator = 'Equal', value = '', effect = '' }: Fields) =>
      (effect === '' || effect === taint['effect']) &&
      (key === '' ? operator === 'Exists' : key === taint['key'] && (operator === 'Exists' || value === (taint['value'] ?? ''))),
  )

type HostPort = { readonly port: number; readonly protocol: string; readonly ip: string }
const ANY = '0.0.0.0'

const hostPortsOf = (pod: PodObject): readonly HostPort[] =>
  pod.spec.containers.flatMap(({ ports }) =>
    ports.flatMap(({ hostPort, protocol, hostIP }) => (hostPort === undefined ? [] : [{ port: hostPort, protocol, ip: hostIP || ANY }])),
  )
const collide = (a: HostPort, b: HostPort): boolean => a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === ANY || b.ip === ANY)

function noNode(refusals: readonly (string | undefined)[]): string {
  const counted = Map.groupBy(refusals, (text) => text ?? '')
  const reasons = [...counted].map(([text, { length }]) => `${length} ${text}`).sort()
  return refusals.length === 0 ? 'no nodes available to schedule pods' : `0/${refusals.length} nodes are available: ${reasons.join(', ')}.`
}

/** That it is scheduled says its kubelet with its first report; only a former refusal is taken back here. */
function bound(pod: PodObject, nodeName: string, now: string): readonly Change[] {
  return [
    updated(pod, { spec: { nodeName } }),
    ...(conditionOf(pod.status.conditions, 'PodScheduled') === undefined ? [] : [stated(pod, withScheduled(pod, { status: 'True', lastTransitionTime: now }))]),
    { verb: 'event', about: pod, type: 'Normal', reason: 'Scheduled', message: `Successfully assigned ${keyOf(pod)} to ${nodeName}`, from: NAME },
  ]
}

function unplaced(pod: PodObject, { now, message }: { readonly now: string; readonly message: string }): readonly Change[] {
  if (conditionOf(pod.status.conditions, 'PodScheduled')?.message === message) return []
  return [
    stated(pod, withScheduled(pod, { status: 'False', reason: 'Unschedulable', message, lastTransitionTime: now })),
    { verb: 'event', about: pod, type: 'Warning', reason: 'FailedScheduling', message, from: NAME },
  ]
}

const withScheduled = (pod: PodObject, condition: Omit<Condition, 'type'>) => withCondition(pod, { type: 'PodScheduled', ...condition })
