/** A control group that bounds what a confined lab takes of this host's memory, where this user may make one: in cgroup v1 or v2. */
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readQuietly } from './processes.ts'

export type Cgroup = {
  readonly folder: string
  /** How often the kernel ended something in it for want of memory. */
  readonly kills: () => number
  /** Resolves when it is gone; of processes in it none may live. */
  readonly remove: () => Promise<void>
}

/** Undefined where this user may not. */
export function makeCgroup(name: string, memory: number): Cgroup | undefined {
  for (const { parent, version } of parents()) {
    const folder = join(parent, name)
    try {
      mkdirSync(folder)
    } catch {
      continue
    }
    try {
      writeFileSync(join(folder, version === 1 ? 'memory.limit_in_bytes' : 'memory.max'), `${memory}`)
      return { folder, kills: () => killsIn(folder, version), remove: () => removed(folder) }
    } catch {
      rmdirSync(folder)
    }
  }
  return undefined
}

/** This process's own group first; a v2 group that has processes can have no others below it, hence the one above. */
function parents(): readonly { readonly parent: string; readonly version: 1 | 2 }[] {
  const mounts = readQuietly('/proc/self/mounts')
    .split('\n')
    .map((line) => line.split(' '))
  const own = readQuietly('/proc/self/cgroup')
    .split('\n')
    .map((line) => line.split(':'))
  const one = mounts.find(([, , type, options]) => type === 'cgroup' && options?.split(',').includes('memory'))?.[1]
  const two = mounts.find(([, , type]) => type === 'cgroup2')?.[1]
  const ownOne = own.find(([, controllers]) => controllers?.split(',').includes('memory'))?.[2] ?? '/'
  const ownTwo = own.find(([id]) => id === '0')?.[2] ?? '/'
  return [
    ...(one === undefined ? [] : [ownOne, '/'].map((path) => ({ parent: join(one, path), version: 1 as const }))),
    ...(two === undefined ? [] : [ownTwo, join(ownTwo, '..'), '/'].map((path) => ({ parent: join(two, path), version: 2 as const }))),
  ]
}

function killsIn(folder: string, version: 1 | 2): number {
  const text = readQuietly(join(folder, version === 1 ? 'memory.oom_control' : 'memory.events'))
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0)
}

const REMOVE_MS = 5_000

/** The kernel counts a process that is on its way out for a moment more. */
async function removed(folder: string): Promise<void> {
  const deadline = Date.now() + REMOVE_MS
  for (;;) {
    try {
      rmdirSync(folder)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      if (Date.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}
