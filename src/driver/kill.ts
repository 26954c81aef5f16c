/** Ends a program started as a process group of its own, with all that it started. */
import type { ChildProcess } from 'node:child_process'

export function killGroup(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null) killOrphans(child.pid)
}

/** What the program left behind, to be called at once when it has ended. */
export function killOrphans(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended, and nobody was told yet.
  }
}
