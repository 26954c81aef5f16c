/** Which running lab a command means, and its daemon. */
import type { LabState } from '#daemon/state.ts'
import { runningLabs } from './alive.ts'
import { type Client, clientOf } from './client.ts'
import { type Io, stop, USAGE } from './io.ts'
import { offer } from './nearest.ts'
import { type Args, text } from './verb.ts'

/** The one named, else the only one. */
export function runningLab(io: Io, named: string | undefined): LabState {
  const labs = runningLabs(io)
  const names = labs.map((lab) => lab.name)
  if (named !== undefined) {
    const found = labs.find((lab) => lab.name === named)
    if (found === undefined) throw stop(USAGE, names.length === 0 ? `no lab runs; netlab up ${named}` : `no lab named "${named}" runs${offer(named, names)}`)
    return found
  }
  const [only, ...others] = labs
  if (only === undefined) throw stop(USAGE, 'no lab runs; netlab ls --labs shows those that can be started')
  if (others.length > 0) throw stop(USAGE, `several labs run, say which with --lab: ${names.join(', ')}`)
  return only
}

export function labOf(args: Args, io: Io): LabState {
  return runningLab(io, text(args, 'lab'))
}

export const clientFor = (args: Args, io: Io): Client => clientOf(labOf(args, io).socket, warningTo(io))

/** In kubectl's words. */
export const warningTo =
  (io: Io) =>
  (says: string): void =>
    io.err(`Warning: ${says}\n`)
