/** What goes through the one door: a process to run on a machine, or files to write there; `does` lets a failure name its owner. */
import type { Step } from './step.ts'

export type Command = Run | Write

export type Run = {
  readonly kind: 'run'
  readonly argv: readonly string[]
  /** A network namespace of the machine, by its `ip netns` name. */
  readonly in?: string
  /** Inside the view of this running process: its network, files, host name and processes. Its pid is the one `Running` tells. */
  readonly view?: number
  readonly stdin?: string
  /** What it prints is for nobody, however much it is; what it complains of is. */
  readonly quiet?: true
  /** The steps it carries out. */
  readonly does: readonly Step[]
  /** For line-by-line programs (`ip -batch`, `bridge -batch`): the step each line of stdin belongs to, so that a failed line names its owner. */
  readonly lines?: readonly Step[]
  /** How many leading lines of stdin undo something: there, finding it gone already is no failure (`failureOf` judges). */
  readonly undoes?: number
}

/** An absent `text` removes the file. */
export type Write = {
  readonly kind: 'write'
  readonly files: readonly { readonly path: string; readonly text?: string; readonly mode?: number }[]
  readonly does: readonly Step[]
}

/** One after the other, up to the first that does not end with 0. */
export type Series = { readonly kind: 'series'; readonly commands: readonly Command[] }

/** How a command ended. `code` is undefined when it was killed by `signal`. */
export type Output = {
  readonly code: number | undefined
  readonly signal?: string
  readonly stdout: string
  readonly stderr: string
  readonly timedOut?: boolean
  /** Of a series: how many of its commands were run. All else is told of the last of them. */
  readonly ran?: number
}
