/** NetworkPolicies enforced as kube-router does (its part "netpol"), for any network whose Pods hang on a bridge or on routes of their node. */
import type { NetworkPolicy } from '#api/kinds.ts'
import { equal } from '#kernel/identity.ts'
import type { Component, Step } from '#kernel/step.ts'
import type { Cluster, Pod } from '#model/cluster.ts'
import { sandboxedOn } from '#model/pods.ts'
import { lastOf } from '#model/remember.ts'
import { type Family, familyOf } from '#net/net.ts'
import { type Match, matchesOf } from '../matches.ts'
import { DIRECTIONS, type Direction, governing, type Policy, policiesAt } from '../policy.ts'
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
    const local = sandboxedOn(cluster, node)
    return [
      // A set that several policies ask is one.
      ...new Set(policiesAt(cluster, node).flatMap((policy) => allSteps(plane, { cluster, family, policy }))),
      ...shared(plane, [family], () => plane.shared(family)),
      ...local.map((pod) => podChain(pod, [plane, ...governing(cluster, pod)], () => plane.podChain(cluster, pod))),
      ...entrances(local, [plane, cluster.podCIDR, cluster.serviceCIDR], () => plane.entrances(cluster, local)),
    ]
  },
}

const shared = lastOf<Dataplane, readonly Step[]>()
const podChain = lastOf<Pod, Step>()
const entrances = lastOf<readonly Pod[], readonly Step[]>()

type Of = { readonly cluster: Cluster; readonly family: Family; readonly policy: Policy }

/** The same on every node. */
const allSteps = (plane: Dataplane, { cluster, family, policy }: Of): readonly Step[] =>
  lastMeant(policy, [plane, family], () =>
    DIRECTIONS.flatMap((direction) =>
      policy[direction] === undefined ? [] : policySteps(plane, { family, policy, direction, matches: matchesOf(cluster, policy, direction) }),
    ),
  )
const lastMeant = lastOf<Policy, readonly Step[]>()

/** A policy that lets pass what it let pass at the last turn has the very same Steps, which nobody needs to compare. */
function policySteps(plane: Dataplane, judged: Judged): readonly Step[] {
  const { policy, direction, matches } = judged
  const before = lastTurn.get(policy.object)?.[direction]
  if (before?.plane === plane && equal(before.matches, matches)) return before.steps
  const steps = plane.policySteps(judged)
  lastTurn.set(policy.object, { ...lastTurn.get(policy.object), [direction]: { plane, matches, steps } })
  return steps
}
type Last = { readonly [D in Direction]?: { readonly plane: Dataplane; readonly matches: readonly Match[]; readonly steps: readonly Step[] } }
const lastTurn = new WeakMap<NetworkPolicy, Last>()
