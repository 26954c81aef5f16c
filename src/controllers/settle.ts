/** The objects a lab comes to when all goes well, worked out without a kernel: what `netlab plan` shows. */
import type { KubeObject, PodObject } from '#api/kinds.ts'
import { createStore, type Store } from '#api/store.ts'
import type { Lab } from '#lab/lab.ts'
import { controllers } from './all.ts'
import { admitService } from './allocate.ts'
import { deleted, stated } from './change.ts'
import type { Change, Controller, Objects } from './controller.ts'
import { isFinished, isReady, isTerminating, keyOf } from './objects.ts'
import { providedObjects } from './provided.ts'
import { objectsIn, settleControllers } from './turn.ts'

export type SettleOptions = {
  /** RFC 3339; the plan's clock stands still. */
  readonly now: string
  /** What to start from, when it is not what netlab provides and the lab's own objects. */
  readonly objects?: readonly KubeObject[]
}

/** What no manifest alone is wrong about: the API has no address or port left for this one. */
export class Refused extends Error {
  /** The object: `Service default/web`. */
  readonly about: string
  constructor(object: KubeObject, says: string) {
    super(says)
    this.about = `${object.kind} ${keyOf(object)}`
  }
}

/** @throws Refused, with what the API would answer when it refuses an object; or an error that names the controller that never settles. */
export function settle(lab: Lab, { now, objects = [...providedObjects(lab, { now }), ...lab.objects] }: SettleOptions): Objects {
  const store = createStore({ now: () => now, admit: admitService(lab) })
  for (const object of [...objects].sort(namespacesFirst)) put(store, object)
  settleControllers(store, { lab, now: () => now, controllers: [...controllers, luckyKubelet] })
  return objectsIn(store)
}

const namespacesFirst = (a: KubeObject, b: KubeObject): number => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace')

function put(store: Store, object: KubeObject): void {
  const { namespace, name } = object.metadata
  const there = store.get(object.kind, namespace, name) !== undefined
  const answer = there ? store.update(object.kind, namespace, name, object) : store.create(object.kind, namespace, object)
  if (!answer.ok) throw new Refused(object, answer.status.message)
}

/** A kubelet whose Pods start and stop at once, and are ready from the first moment. */
export const luckyKubelet: Controller = {
  name: 'kubelet',
  changes: ({ objects, now }) =>
    objects.Pod.flatMap((pod): readonly Change[] => {
      if (isTerminating(pod)) return [deleted(pod, { gracePeriodSeconds: 0 })]
      return pod.spec.nodeName && pod.status.podIP && !isFinished(pod) && !isReady(pod) ? [stated(pod, running(pod, now))] : []
    }),
}

const CONDITIONS = ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled']

const running = ({ spec, status }: PodObject, now: string): Partial<PodObject['status']> => ({
  phase: 'Running',
  startTime: now,
  conditions: [
    ...status.conditions.filter(({ type }) => !CONDITIONS.includes(type)),
    ...CONDITIONS.map((type) => ({ type, status: 'True' as const, lastTransitionTime: now })),
  ],
  containerStatuses: spec.containers.map(({ name, image }) => ({
    name,
    image,
    ready: true,
    started: true,
    restartCount: 0,
    state: { running: { startedAt: now } },
    lastState: {},
  })),
})
