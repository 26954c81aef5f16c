/** A Pod counts as available when it was ready for long enough. */
import type { PodObject } from '#api/kinds.ts'
import { conditionOf, isReady } from './objects.ts'

/** Ready for at least `minReadySeconds`. */
export function isAvailable(pod: PodObject, { minReadySeconds, now }: { readonly minReadySeconds: number; readonly now: string }): boolean {
  if (!isReady(pod) || minReadySeconds === 0) return isReady(pod)
  const since = Date.parse(conditionOf(pod.status.conditions, 'Ready')?.lastTransitionTime ?? '')
  return since + minReadySeconds * 1000 <= Date.parse(now)
}
