/** A fault: one thing of a cluster's network that is wrong, how it is made and mended, and how people complain of it. */
import type { Cluster } from '#model/cluster.ts'

/** What somebody types or applies. */
export type Change =
  | {
      readonly kind: 'run' /** `node/NAME` or `pod/NAMESPACE/NAME`, as `netlab exec` takes it. */
      readonly at: string
      readonly script: string /** For `sh -e`. */
    }
  | { readonly kind: 'apply'; readonly object: KubeObjectLike }

/** An object as a manifest would say it. */
export type KubeObjectLike = {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly [field: string]: unknown
}

/** A question in the words of a check.yaml: `{ping: {…}}`. */
export type Question = Readonly<Record<string, unknown>>

/** A fault in a place where a cluster can have it. */
export type Place = {
  /** As it is answered: `node-2`, `pod/client`, `service/web`. */
  readonly where: string
  /** Markdown: what a user sees of it, with a command that shows it; nothing of what it comes from. */
  readonly symptom: string
  readonly breaks: readonly Change[]
  readonly mends: readonly Change[]
  /** All of them hold in a lab that is whole; while it is broken one of them does not. */
  readonly asks: readonly Question[]
  /** From a nudge over where to look to the solution. */
  readonly hints: readonly string[]
}

export type Fault = {
  /** The diagnosis in one word: how an author names it and a learner answers it. */
  readonly name: string
  /** Of networking, that one learns by it. */
  readonly concept: string
  /** What it is, in a sentence. */
  readonly is: string
  /** Markdown, for afterwards: why it looked as it did. */
  readonly why: string
  /** Which networks can have it. */
  readonly needs: string
  /** Where in this cluster; none when it cannot have it. */
  readonly places: (cluster: Cluster) => readonly Place[]
}
