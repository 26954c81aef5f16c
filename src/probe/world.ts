/** What a run of checks is given: clock, programs, API, and the hands that change the lab. */
import type { Output } from '#kernel/command.ts'
import type { Cluster } from '#model/cluster.ts'
import type { Event } from '#report/event.ts'
import type { Question, Run } from './question.ts'
import type { Spot } from './scene.ts'

/** What is done to the lab. `unready` holds a Pod's readiness down until `ready`. */
export type Act =
  | { readonly kind: 'unready' | 'ready' | 'delete'; readonly pod: { readonly namespace: string; readonly name: string } }
  | { readonly kind: 'exec'; readonly at: Spot; readonly argv: readonly string[] }

export type Clock = {
  /** Never goes back. */
  readonly now: () => number
  /** Milliseconds since 1970, as the kernel stamps packets. */
  readonly wall: () => number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
}

/** A program that watches until it is killed. */
export type Tap = { readonly exit: Promise<unknown>; readonly kill: (signal: 'SIGTERM' | 'SIGKILL') => void }

export type World = {
  readonly cluster: () => Cluster
  /** A non-zero exit is an answer; what cannot be started at all rejects. */
  readonly ask: (question: Question, signal: AbortSignal) => Promise<Output>
  /** Starts a long-lived program; all it says goes to `log`. */
  readonly tap: (question: Run, log: (chunk: string) => void) => Promise<Tap>
  /** Resolves when it is done; its effects may take longer, which is what `within` is for. */
  readonly act: (act: Act, signal: AbortSignal) => Promise<void>
  readonly clock: Clock
  /** A short word of letters and digits, another one for each number and each run. */
  readonly nonce: (n: number) => string
  readonly emit: (event: Event) => void
  readonly signal: AbortSignal
  /** How many times longer things may take than on a kernel of the host; 1 where it is absent. */
  readonly slowness?: number
  /** Ids of probes or groups; what they need is run as well. */
  readonly only?: readonly string[]
  /** What the learner answered, by the names of the questions. */
  readonly answers?: Readonly<Record<string, string>>
}
