/** One lab is started by one command at a time: a file beside its folder names the process that does. */
import { linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { alive, readQuietly, startTimeOf } from './processes.ts'

const lockFile = (folder: string): string => `${folder}.lock`

export const lockHeld = (folder: string): boolean => heldBy(lockFile(folder))

export const isStaleLock = (file: string): boolean => /^\d+ \d+$/.test(readQuietly(file)) && !heldBy(file)

function heldBy(lock: string): boolean {
  const [pid = '', startTime = ''] = readQuietly(lock).split(' ')
  return pid !== '' && alive(Number(pid), startTime)
}

/** One `up` of a lab starts it, the others wait and then find it running. */
export async function lock(folder: string, signal?: AbortSignal): Promise<() => void> {
  mkdirSync(dirname(folder), { recursive: true, mode: 0o700 })
  // Made whole and then linked: nobody ever reads half a lock.
  const mine = `${lockFile(folder)}.${process.pid}.${++locks}`
  writeFileSync(mine, `${process.pid} ${startTimeOf(process.pid)}`, { mode: 0o600 })
  try {
    while (!taken(mine, lockFile(folder))) {
      if (!lockHeld(folder)) takeAway(lockFile(folder), `${mine}.stale`)
      if (signal?.aborted) throw new Error('interrupted')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  } finally {
    rmSync(mine, { force: true })
  }
  return () => rmSync(lockFile(folder), { force: true })
}

/** How many locks this process has asked for: each has a file of its own. */
let locks = 0

function taken(mine: string, lock: string): boolean {
  try {
    linkSync(mine, lock)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}

/** Of several who find a lock stale one moves it away; if it was a new one by then, it is put back. */
function takeAway(stale: string, aside: string): void {
  try {
    renameSync(stale, aside)
    if (heldBy(aside)) linkSync(aside, stale)
  } catch {
    // another one was first
  }
  rmSync(aside, { force: true })
}
