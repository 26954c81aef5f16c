/** What a container printed: the last lines, each with its time, as kubelet keeps them. */

/** kubelet keeps 10 MiB a container; a lab of many Pods keeps less. */
const KEPT = 1024 * 1024
/** What a line takes in memory besides its text: short ones count too. */
const LINE_OVERHEAD = 96

export type Line = { readonly at: string; readonly text: string }

export type Log = {
  /** What comes from one output does not break into a line of the other. */
  readonly add: (chunk: string, from?: 'stdout' | 'stderr') => void
  readonly lines: () => readonly Line[]
  /** Nothing more will come. */
  readonly end: () => void
  /** Calls back for each line to come, until the returned function is called, and once when nothing more will come. */
  readonly follow: (listener: (line: Line) => void, atEnd?: () => void) => () => void
}

const sizeOf = ({ text }: Line): number => text.length + LINE_OVERHEAD

export function createLog(now: () => string): Log {
  const lines: Line[] = []
  const listeners = new Map<(line: Line) => void, () => void>()
  let ended = false
  const partial = { stdout: '', stderr: '' }
  let size = 0
  const push = (text: string, at: string): void => {
    const line = { at, text }
    lines.push(line)
    size += sizeOf(line)
    if (size > KEPT) size -= lines.splice(0, Math.ceil(lines.length / 4)).reduce((sum, one) => sum + sizeOf(one), 0)
    for (const listener of listeners.keys()) listener(line)
  }
  const unended = (): readonly string[] => [partial.stdout, partial.stderr].filter((text) => text !== '')
  return {
    add(chunk, from = 'stdout') {
      const at = now()
      const parts = (partial[from] + chunk).split('\n')
      partial[from] = parts.pop() ?? ''
      for (const part of parts) push(part, at)
      // A program that never ends its line must not fill the memory.
      if (partial[from].length > 16_384) {
        push(partial[from], at)
        partial[from] = ''
      }
    },
    lines: () => [...lines, ...unended().map((text) => ({ at: now(), text }))],
    end() {
      for (const text of unended()) push(text, now())
      partial.stdout = ''
      partial.stderr = ''
      ended = true
      for (const atEnd of listeners.values()) atEnd()
      listeners.clear()
    },
    follow(listener, atEnd = () => {}) {
      if (ended) atEnd()
      else listeners.set(listener, atEnd)
      return () => listeners.delete(listener)
    },
  }
}
