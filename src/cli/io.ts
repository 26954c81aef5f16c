/** What a verb is given of the process it runs in. */
export type Io = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Results. */
  readonly out: (text: string) => void
  /** Progress and messages. */
  readonly err: (text: string) => void
  readonly inIsTty: boolean
  readonly outIsTty: boolean
  readonly errIsTty: boolean
  readonly columns: () => number
  readonly color: boolean
  /** Aborted by the first Ctrl-C or by SIGTERM. */
  readonly signal: AbortSignal
  readonly stdin: () => Promise<string>
}

/** Why a command ends without having done its work; `exit` follows docs/LABS.md §4. */
export type Stop = { readonly stop: true; readonly exit: number; readonly says: string }

export const stop = (exit: number, says: string): Stop => ({ stop: true, exit, says })
export const isStop = (thrown: unknown): thrown is Stop => typeof thrown === 'object' && thrown !== null && 'stop' in thrown

export const USAGE = 2
export const UNDECIDED = 3
export const NOT_STARTED = 4
export const INTERRUPTED = 130
