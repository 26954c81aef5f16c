/** The one door: everything that touches a kernel goes through these five methods. Drivers do not think. */
import type { Command, Output } from '#kernel/command.ts'
import type { Process } from '#kernel/step.ts'
import type { Segment } from '#lab/lab.ts'
import type { Ip } from '#net/net.ts'

/** Bare machines joined by wires; nothing of Kubernetes. */
export type Wiring = {
  readonly lab: string
  readonly segments: readonly Segment[]
  readonly machines: readonly Machine[]
}

/** A machine with one wire, `eth0`, on a segment. */
export type Machine = { readonly name: string; readonly ip: Ip; readonly segment: string }

export type Running = {
  /** The program's pid as the lab's processes see it. */
  readonly pid: number
  readonly exit: Promise<{ readonly code: number | undefined; readonly signal?: string }>
  readonly kill: (signal: 'SIGTERM' | 'SIGKILL') => void
  /** To the program's stdin, when the process asks for one. */
  readonly write: (text: string) => void
}

/** What programs of others get of this host, where they are not trusted. */
export type Limits = {
  /** Of each folder of a machine that can be written to, in MiB. */
  readonly disk: number
  /** Of all of the lab together, as seen by a container that wants one more. */
  readonly processes: number
}

export type RunOptions = { readonly signal?: AbortSignal; readonly timeoutMs?: number }

/** Whoever has heard enough for now answers with a promise; until it resolves, the program waits when it prints. */
export type Hear = (chunk: string, from: 'stdout' | 'stderr') => void | Promise<void>

export type NodeDriver = {
  /** Makes the machines and wires that are not there (any more) and removes those no longer wanted. Resolves with the names of those it made: they are bare. */
  readonly up: (wiring: Wiring, signal: AbortSignal) => Promise<readonly string[]>
  /** A non-zero exit is an answer, not an exception. */
  readonly run: (machine: string, command: Command, options?: RunOptions) => Promise<Output>
  /** Starts a long-lived program; every chunk of its stdout and stderr goes to `log`. */
  readonly spawn: (machine: string, process: Process & { readonly in?: string }, log: Hear) => Promise<Running>
  /** The argv prefix that, run where the lab daemon runs, puts a program inside the machine, a namespace of it, or the view of the process `pid`. */
  readonly enter: (machine: string, inside?: { readonly netns?: string; readonly pid?: number }) => readonly string[]
  readonly down: () => Promise<void>
}
