/** How much memory a lab takes, looked at from outside of it: beyond its limit it ends. Where a control group holds it, the kernel ends what takes most. */
import { readFileSync } from 'node:fs'
import type { Cgroup } from '#daemon/cgroup.ts'
import { familyOf, killQuietly } from '#daemon/processes.ts'
import type { LabState } from '#daemon/state.ts'

export type Watch = {
  /** Why programs of the lab, or the lab, were ended; in the words of a note. */
  readonly says: () => string | undefined
  readonly stop: () => void
}

const EVERY_MS = 250

/** `more`: what else runs in the lab. */
export function watchMemory(
  { keeper, init }: LabState,
  o: { readonly bytes: number; readonly cgroup: Cgroup | undefined; readonly more: () => readonly number[] },
): Watch {
  const { bytes, cgroup } = o
  const all = (): readonly number[] => [keeper, ...o.more()].flatMap(familyOf)
  let says: string | undefined
  const limit = `${Math.round(bytes / 2 ** 20)} MiB of memory`
  const look = (): void => {
    if (cgroup !== undefined && cgroup.kills() > 0) says = `the lab took more than ${limit}: the kernel ended programs of it`
    // With a group the kernel may have ended what it took; without one nobody but this.
    if (cgroup !== undefined || residentOf(all()) <= bytes || sharedOf(all()) <= bytes) return
    says = `the lab took more than ${limit} and was ended`
    killQuietly(init)
  }
  const timer = setInterval(look, EVERY_MS)
  return {
    says: () => {
      look()
      return says
    },
    stop: () => clearInterval(timer),
  }
}

const PAGE = 4096

/** A page that several share is counted for each: cheap, and never too little. */
const residentOf = (pids: readonly number[]): number => sum(pids, (pid) => Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE)
/** Each page once, in shares. */
const sharedOf = (pids: readonly number[]): number =>
  sum(pids, (pid) => Number(/^Pss:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1024)

function sum(pids: readonly number[], of: (pid: number) => number): number {
  return pids.reduce((all, pid) => {
    try {
      return all + of(pid)
    } catch {
      // It has ended in between.
      return all
    }
  }, 0)
}
