/** NetworkPolicies enforced as kube-router does (its part "netpol"), for any network whose Pods hang on a bridge or on routes of their node. */
import type { NetworkPolicy } from '#api/kinds.ts'
import { equal, keyOf } from '#kernel/identity.ts'
import type { Component, Step } from '#kernel/step.ts'
import type { Cluster, Pod } from '#model/cluster.ts'
import { type Family, familyOf } from '#net/net.ts'
import { type Match, matchesOf } from '../matches.ts'
import { DIRECTIONS, type Direction, isolating, type Policy, policiesOf } from '../policy.ts'
import type { Dataplane, Judged } from './dataplane.ts'
import { iptables } from './iptables.ts'
import { by, fullName } from './names.ts'
import { nftables } from './nftables.ts'

export const kubeRouter: Component = {
  name: by,
  wanted: ({ policy }) => policy === 'kube-router' || policy === 'kube-router-nftables',
  steps: (cluster, node) => {
    const plane = cluster.policy === 'kube-router' ? iptables : nftables
    const family = familyOf(cluster.podCIDR)
    const local = cluster.pods.filter((pod) => pod.node === node.name && pod.sandbox !== undefined)
    return [
      ...once((policiesAt(cluster).get(node.name) ?? []).flatMap((policy) => allSteps(plane, { cluster, family, policy }))),
      ...plane.shared(family),
      ...local.map((pod) => podChain(plane, cluster, pod)),
      ...plane.entrances(cluster, local),
    ]
  },
}

/** By node, those that govern a Pod of it. */
function policiesAt(cluster: Cluster): ReadonlyMap<string, readonly Policy[]> {
  const found = byNode.get(cluster)
  if (found !== undefined) return found
  const now = new Map<string, Policy[]>()
  for (const policy of policiesOf(cluster))
    for (const node of new Set(policy.pods.map((pod) => pod.node))) {
      const there = now.get(node)
      if (there === undefined) now.set(node, [policy])
      else there.push(policy)
    }
  byNode.set(cluster, now)
  return now
}
const byNode = new WeakMap<Cluster, ReadonlyMap<string, readonly Policy[]>>()

/** A set that several policies ask is one. */
function once(steps: readonly Step[]): readonly Step[] {
  const first = new Map<string, Step>()
  for (const step of steps) if (!first.has(keyOf(step))) first.set(keyOf(step), step)
  return [...first.values()]
}

type Of = { readonly cluster: Cluster; readonly family: Family; readonly policy: Policy }

/** The same on every node; a Policy is of one cluster. */
function allSteps(plane: Dataplane, { cluster, family, policy }: Of): readonly Step[] {
  const found = inCluster.get(policy)
  if (found?.plane === plane) return found.steps
  const steps = DIRECTIONS.flatMap((direction) =>
    policy[direction] === undefined ? [] : policySteps(plane, { family, policy, direction, matches: matchesOf(cluster, policy, direction) }),
  )
  inCluster.set(policy, { plane, steps })
  return steps
}
const inCluster = new WeakMap<Policy, { readonly plane: Dataplane; readonly steps: readonly Step[] }>()

/** A Pod that the same policies govern as before has the very same chain. */
function podChain(plane: Dataplane, cluster: Cluster, pod: Pod): Step {
  const governed = DIRECTIONS.map((direction) => isolating(cluster, pod, direction).map(fullName).join(' ')).join(', ')
  const before = lastChain.get(pod)
  if (before?.plane === plane && before.governed === governed) return before.step
  const step = plane.podChain(cluster, pod)
  lastChain.set(pod, { plane, governed, step })
  return step
}
const lastChain = new WeakMap<Pod, { readonly plane: Dataplane; readonly governed: string; readonly step: Step }>()

/** A policy that means what it meant at the last turn has the very same Steps, which nobody needs to compare. */
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
