/** What kube-router writes, whichever rules the kernel is given. */
import type { Step } from '#kernel/step.ts'
import type { Cluster, Pod } from '#model/cluster.ts'
import type { Family } from '#net/net.ts'
import type { Match } from '../matches.ts'
import type { Direction, Policy } from '../policy.ts'

/** A policy in one direction, in the terms of a packet filter. */
export type Judged = { readonly family: Family; readonly policy: Policy; readonly direction: Direction; readonly matches: readonly Match[] }

export type Dataplane = {
  /** A policy's chain for one direction, and the sets its rules ask. */
  readonly policySteps: (judged: Judged) => readonly Step[]
  /** What judges every packet to or from one Pod. */
  readonly podChain: (cluster: Cluster, pod: Pod) => Step
  /** Chains that every Pod's chain uses. */
  readonly shared: (family: Family) => readonly Step[]
  /** What leads packets of the node's own Pods to their chains. */
  readonly entrances: (cluster: Cluster, local: readonly Pod[]) => readonly Step[]
}
