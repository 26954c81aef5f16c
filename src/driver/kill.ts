/** Ends a program started as a process group of its own, with all that it started. */
import type { ChildProcess } from 'node:child_process'

export function killGroup(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null) killOrphans(child)
}

/** What the program left behind, to be called at once when it has ended. */
export function killOrphans(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It has ended, and nobody was told yet.
  }
}
