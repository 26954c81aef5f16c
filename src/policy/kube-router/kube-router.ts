/** NetworkPolicies enforced as kube-router does (its part "netpol"), for any network whose Pods hang on a bridge or on routes of their node. */
import type { NetworkPolicy } from '#api/kinds.ts'
import type { Component, Step } from '#kernel/step.ts'
import { familyOf } from '#net/net.ts'
import { matchesOf } from '../matches.ts'
import { DIRECTIONS, type Direction, policiesOf } from '../policy.ts'
import type { Dataplane, Judged } from './dataplane.ts'
import { iptables } from './iptables.ts'
import { by } from './names.ts'
import { nftables } from './nftables.ts'

export const kubeRouter: Component = {
  name: by,
  wanted: ({ policy }) => policy === 'kube-router' || policy === 'kube-router-nftables',
  steps: (cluster, node) => {
    const plane = cluster.policy === 'kube-router' ? iptables : nftables
    const family = familyOf(cluster.podCIDR)
    const local = cluster.pods.filter((pod) => pod.node === node.name && pod.sandbox !== undefined)
    const chosen = policiesOf(cluster).filter((policy) => policy.pods.some((pod) => pod.node === node.name))
    return [
      ...chosen.flatMap((policy) =>
        DIRECTIONS.flatMap((direction) =>
          policy[direction] === undefined ? [] : policySteps(plane, { family, policy, direction, matches: matchesOf(cluster, policy, direction) }),
        ),
      ),
      ...plane.shared(family),
      ...local.map((pod) => plane.podChain(cluster, pod)),
      ...plane.entrances(cluster, local),
    ]
  },
}

/** A policy that means what it meant at the last turn has the very same Steps, which nobody needs to compare. */
function policySteps(plane: Dataplane, judged: Judged): readonly Step[] {
  const { policy, direction, matches } = judged
  const before = lastTurn.get(policy.object)?.[direction]
  const meaning = JSON.stringify(matches)
  if (before?.plane === plane && before.meaning === meaning) return before.steps
  const steps = plane.policySteps(judged)
  lastTurn.set(policy.object, { ...lastTurn.get(policy.object), [direction]: { plane, meaning, steps } })
  return steps
}
type Last = { readonly [D in Direction]?: { readonly plane: Dataplane; readonly meaning: string; readonly steps: readonly Step[] } }
const lastTurn = new WeakMap<NetworkPolicy, Last>()
