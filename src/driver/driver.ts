/** The one door: everything that touches a kernel goes through these five methods. Drivers do not think. */
import type { Command, Output, Series } from '#kernel/command.ts'
import type { Process } from '#kernel/step.ts'
import type { Segment } from '#lab/lab.ts'
import type { Cidr, IfName, Ip } from '#net/net.ts'

/** Bare machines joined by wires; nothing of Kubernetes. */
export type Wiring = {
  readonly lab: string
  readonly segments: readonly WiredSegment[]
  readonly machines: readonly Machine[]
  /** What the lab's own router reaches behind another one. */
  readonly routes: readonly { readonly to: Cidr; readonly via: Ip }[]
}

/** `gateway` is the lab's own router's address there; absent where it has none, since machines of the lab are the routers. */
export type WiredSegment = Omit<Segment, 'gateway'> & { readonly gateway?: Ip }

/** Most machines have one wire, `eth0`; routers more, in this order. */
export type Machine = {
  readonly name: string
  readonly wires: readonly Wire[]
  /** Where all leads that is not on the machine's wires; a router finds out by itself. */
  readonly gateway?: Ip
}

export type Wire = { readonly dev: IfName; readonly ip: Ip; readonly segment: string }

/** Whether what stands there is what is wanted. */
export const isSegment = (a: WiredSegment, b: WiredSegment): boolean =>
  a.name === b.name && a.cidr === b.cidr && a.gateway === b.gateway && a.mtu === b.mtu && a.carries === b.carries
export const isMachine = (a: Machine, b: Machine): boolean =>
  a.name === b.name &&
  a.gateway === b.gateway &&
  a.wires.length === b.wires.length &&
  a.wires.every((wire, at) => wire.dev === b.wires[at]?.dev && wire.ip === b.wires[at]?.ip && wire.segment === b.wires[at]?.segment)

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
  readonly run: (machine: string, command: Command | Series, options?: RunOptions) => Promise<Output>
  /** Starts a long-lived program; every chunk of its stdout and stderr goes to `log`. */
  readonly spawn: (machine: string, process: Process & { readonly in?: string }, log: Hear) => Promise<Running>
  /** The argv prefix that, run where the lab daemon runs, puts a program inside the machine, a namespace of it, or the view of the process `pid`. */
  readonly enter: (machine: string, inside?: { readonly netns?: string; readonly pid?: number }) => readonly string[]
  readonly down: () => Promise<void>
}

/** A series where there is no quicker way. */
export async function oneByOne({ commands }: Series, run: (command: Command) => Promise<Output>): Promise<Output> {
  let last: Output = { code: 0, stdout: '', stderr: '' }
  for (const [at, command] of commands.entries()) {
    last = { ...(await run(command)), ran: at + 1 }
    if (last.code !== 0) break
  }
  return last
}
