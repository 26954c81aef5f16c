/** Demands on what makes Pods from a template. */

import { type Loose, labelSelector, labels, type Mistakes, named } from './judge.ts'
import type { DaemonSet, Deployment, StatefulSet, Workload } from './kinds.ts'
import { dnsSubdomain } from './names.ts'
import { podSpec } from './rules-pod.ts'
import { matchesSelector } from './selectors.ts'

export function* workload(object: Loose<Workload>): Mistakes {
  const { selector, template } = object.spec ?? {}
  yield* labels(template?.metadata?.labels, ['spec', 'template', 'metadata', 'labels'])
  yield* podSpec(template?.spec, ['spec', 'template', 'spec'])
  const policy = template?.spec?.restartPolicy ?? 'Always'
  if (policy !== 'Always') yield { path: ['spec', 'template', 'spec', 'restartPolicy'], says: `must be Always in a ${object.kind}, found ${policy}` }
  if (object.kind === 'Deployment') yield* strategy(object as Loose<Deployment>)
  if (object.kind === 'StatefulSet') yield* statefulSet(object as Loose<StatefulSet>)
  if (object.kind === 'DaemonSet') yield* daemonSet(object as Loose<DaemonSet>)
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
  if (rolling !== undefined && zero(rolling.maxSurge) && zero(rolling.maxUnavailable))
    yield { path: [...at, 'rollingUpdate', 'maxUnavailable'], says: 'may not be 0 when maxSurge is 0: no Pod could ever be replaced' }
  const unavailable = rolling?.maxUnavailable
  if (typeof unavailable === 'string' && Number.parseInt(unavailable, 10) > 100)
    yield { path: [...at, 'rollingUpdate', 'maxUnavailable'], says: `at most 100%, found ${unavailable}` }
  const { minReadySeconds = 0, progressDeadlineSeconds } = spec ?? {}
  if (progressDeadlineSeconds !== undefined && progressDeadlineSeconds <= minReadySeconds)
    yield { path: ['spec', 'progressDeadlineSeconds'], says: `must be greater than minReadySeconds ${minReadySeconds}, found ${progressDeadlineSeconds}` }
}

const zero = (value: unknown) => value === 0 || value === '0%'

function* statefulSet({ spec }: Loose<StatefulSet>): Mistakes {
  if (spec?.serviceName) yield* named(dnsSubdomain, spec.serviceName, ['spec', 'serviceName'])
  const at = ['spec', 'updateStrategy', 'rollingUpdate']
  const rolling = spec?.updateStrategy?.rollingUpdate
  if (rolling === undefined) return
  if (spec?.updateStrategy?.type === 'OnDelete') yield { path: at, says: 'only allowed with type RollingUpdate, found OnDelete' }
  if (zero(rolling.maxUnavailable)) yield { path: [...at, 'maxUnavailable'], says: 'cannot be 0: no Pod could ever be replaced' }
}

function* daemonSet({ spec }: Loose<DaemonSet>): Mistakes {
  const at = ['spec', 'updateStrategy', 'rollingUpdate']
  const rolling = spec?.updateStrategy?.rollingUpdate
  if (rolling === undefined) return
  const [surges, absences] = [!zero(rolling.maxSurge ?? 0), !zero(rolling.maxUnavailable ?? 1)]
  if (surges && absences) yield { path: [...at, 'maxSurge'], says: 'may not be set when maxUnavailable is non-zero' }
  if (!surges && !absences) yield { path: [...at, 'maxUnavailable'], says: 'cannot be 0 when maxSurge is 0: no Pod could ever be replaced' }
  if (surges && (spec?.template?.spec?.containers ?? []).some((one) => (one?.ports ?? []).some((port) => port?.hostPort !== undefined)))
    yield { path: ['spec', 'template', 'spec', 'containers'], says: 'host ports are not allowed with maxSurge: the new Pod could not start beside the old one' }
}
