/** Pods bound to a node that is no more: nobody is left there to end them, so they go at once. */
import { deleted } from './change.ts'
import type { Controller } from './controller.ts'
import { named } from './lookup.ts'

export const leftovers: Controller = {
  name: 'pod-garbage-collector',
  changes: ({ objects }) =>
    objects.Pod.filter(({ spec }) => spec.nodeName && named(objects.Node, undefined, spec.nodeName) === undefined).map((pod) =>
      deleted(pod, { gracePeriodSeconds: 0 }),
    ),
}
