/** What a probe can know when it asks. */
import type { Cluster, Pod } from '#model/cluster.ts'
import type { Ip } from '#net/net.ts'

export type Scene = {
  /** As it is now. */
  readonly cluster: Cluster
  /** Pods remembered by a group's steps, by the name after `as`. */
  readonly was: Readonly<Record<string, Pod>>
  /** Different for each attempt; what a probe sends carries it. */
  readonly nonce: string
  /** What the learner answered, by the names of the questions. */
  readonly answers?: Readonly<Record<string, string>>
  /** How many times longer things may take than on a kernel of the host; 1 where it is absent. */
  readonly slowness?: number
}

/** Where a program can be run. */
export type Spot = {
  /** As `netlab exec` takes it. */
  readonly name: string
  readonly machine: string
  /** The network namespace on the machine; absent for the machine itself. */
  readonly netns?: string
  readonly ip: Ip
  readonly pod?: Pod
}

/** Where packets can be sent to. */
export type Target = {
  readonly name: string
  /** An address, or a name that the source has to look up. */
  readonly host: string
  readonly port?: number
  /** Present when the target is a place of the lab. */
  readonly spot?: Spot
  readonly service?: { readonly namespace: string; readonly name: string; readonly port: number }
}
