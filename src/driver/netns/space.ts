/**
 * The way from the daemon into a machine's network namespace. nsenter opens its files before it enters anything, and what is root on a machine may have put
 * a link in their place: so each folder on the way is opened by itself, and a link is not followed. That it is a network namespace is what setns asks.
 */
import { closeSync, constants, openSync, readlinkSync } from 'node:fs'

export type Space = {
  /** For nsenter, as long as it is not closed. */
  readonly flag: string
  readonly close: () => void
}

/** The machine's own namespace when none is named. @throws in nsenter's words when there is none of that name. */
export function openSpace(machine: number, netns: string | undefined): Space {
  if (netns === undefined) return { flag: '-n', close: () => {} }
  const path = `run/netns/${netns}`
  try {
    const fd = path.split('/').reduce(below, openSync(`/proc/${machine}/root`, constants.O_DIRECTORY))
    return { flag: `--net=/proc/${readlinkSync('/proc/self')}/fd/${fd}`, close: () => closeSync(fd) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Error(`nsenter: cannot open /${path}: ${code === 'ENOENT' ? 'No such file or directory' : message}`)
  }
}

/** What would make one wait is opened without waiting. */
function below(folder: number, name: string): number {
  try {
    return openSync(`/proc/self/fd/${folder}/${name}`, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } finally {
    closeSync(folder)
  }
}
