/** Demands on what makes Pods from a template. */

import { type Loose, labelSelector, labels, type Mistakes } from './judge.ts'
import type { Deployment, ReplicaSet } from './kinds.ts'
import { podSpec } from './rules-pod.ts'
import { matchesSelector } from './selectors.ts'

export function* workload(object: Loose<Deployment | ReplicaSet>): Mistakes {
  const { selector, template } = object.spec ?? {}
  yield* labels(template?.metadata?.labels, ['spec', 'template', 'metadata', 'labels'])
  yield* podSpec(template?.spec, ['spec', 'template', 'spec'])
  const policy = template?.spec?.restartPolicy ?? 'Always'
  if (policy !== 'Always') yield { path: ['spec', 'template', 'spec', 'restartPolicy'], says: `must be Always in a ${object.kind}, found ${policy}` }
  if (object.kind === 'Deployment') yield* strategy(object as Loose<Deployment>)
  if (selector === undefined) return
  const bad = [...labelSelector(selector, ['spec', 'selector'])]
  yield* bad
  if (Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0)
    return yield { path: ['spec', 'selector'], says: 'an empty selector would match every Pod; give matchLabels or matchExpressions' }
  const own = (template?.metadata?.labels ?? {}) as Record<string, string>
  if (bad.length === 0 && template !== undefined && !matchesSelector(selector as never, own))
    yield {
      path: ['spec', 'selector'],
      says: `does not match spec.template.metadata.labels (${
        Object.entries(own)
          .map(([key, value]) => `${key}=${value}`)
          .join(', ') || 'none'
      }): its Pods would not be its own`,
    }
}

function* strategy({ spec }: Loose<Deployment>): Mistakes {
  const at = ['spec', 'strategy']
  const rolling = spec?.strategy?.rollingUpdate
  if (spec?.strategy?.type === 'Recreate' && rolling !== undefined) yield { path: [...at, 'rollingUpdate'], says: 'not allowed with type Recreate' }
  const zero = (value: unknown) => value === 0 || value === '0%'
  if (rolling !== undefined && zero(rolling.maxSurge) && zero(rolling.maxUnavailable))
    yield { path: [...at, 'rollingUpdate', 'maxUnavailable'], says: 'may not be 0 when maxSurge is 0: no Pod could ever be replaced' }
  const unavailable = rolling?.maxUnavailable
  if (typeof unavailable === 'string' && Number.parseInt(unavailable, 10) > 100)
    yield { path: [...at, 'rollingUpdate', 'maxUnavailable'], says: `at most 100%, found ${unavailable}` }
  const { minReadySeconds = 0, progressDeadlineSeconds } = spec ?? {}
  if (progressDeadlineSeconds !== undefined && progressDeadlineSeconds <= minReadySeconds)
    yield { path: ['spec', 'progressDeadlineSeconds'], says: `must be greater than minReadySeconds ${minReadySeconds}, found ${progressDeadlineSeconds}` }
}
