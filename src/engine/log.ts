/** What a container printed: the last lines, each with its time, as kubelet keeps them. */

/** kubelet keeps 10 MiB a container; a lab of many Pods keeps less. */
const KEPT = 1024 * 1024

export type Line = { readonly at: string; readonly text: string }

export type Log = {
  readonly add: (chunk: string) => void
  readonly lines: () => readonly Line[]
  /** Calls back for each line to come, until the returned function is called. */
  readonly follow: (listener: (line: Line) => void) => () => void
}

export function createLog(now: () => string): Log {
  const lines: Line[] = []
  const listeners = new Set<(line: Line) => void>()
  let partial = ''
  let size = 0
  const push = (text: string): void => {
    const line = { at: now(), text }
    lines.push(line)
    size += text.length + 1
    while (size > KEPT && lines.length > 1) size -= (lines.shift()?.text.length ?? 0) + 1
    for (const listener of listeners) listener(line)
  }
  return {
    add(chunk) {
      const parts = (partial + chunk).split('\n')
      partial = parts.pop() ?? ''
      for (const part of parts) push(part)
      // A program that never ends its line must not fill the memory.
      if (partial.length > 16_384) {
        push(partial)
        partial = ''
      }
    },
    lines: () => (partial === '' ? lines : [...lines, { at: now(), text: partial }]),
    follow(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
