/** What a lab's machines are made of: settled before anything starts, and said with the reason. */
import { canUnshare } from '#daemon/begin.ts'
import type { LabDriver } from '#daemon/state.ts'
import type { Lab } from '#lab/lab.ts'
import { home } from './home.ts'
import { type Io, isStop, NOT_STARTED, stop } from './io.ts'
import { type Args, text } from './verb.ts'

export type DriverKind = Lab['driver']
/** What the machines are to be made of. */
export type DriverWish = { readonly kind: 'netns' | 'docker'; readonly why: string }

export const ASKED = 'it was asked for'

export const driverText = ({ kind, why }: LabDriver): string => `driver ${kind}: ${why}`

const KINDS: readonly DriverKind[] = ['auto', 'netns', 'docker']

/** What `--driver` says. */
export const driverKind = (args: Args): DriverKind | undefined => KINDS.find((kind) => kind === text(args, 'driver'))

/** `asked` on the command line wins over what the lab prefers. @throws when Docker is wanted and cannot be had. */
export async function driverFor(lab: Lab, asked: DriverKind | undefined, io: Io): Promise<DriverWish> {
  const kind = asked ?? lab.driver
  const by = asked === undefined || asked === 'auto' ? 'the lab prefers it' : ASKED
  if (kind === 'netns') return { kind, why: by }
  if (kind === 'docker') return await docker(by, io)
  if (canUnshare()) return { kind: 'netns', why: 'it is the fastest and needs nothing' }
  return await docker('this user may not make user namespaces', io).catch((thrown: unknown) => {
    if (!isStop(thrown) || io.signal.aborted) throw thrown
    // The refusal of namespaces tells what to do about it.
    return { kind: 'netns', why: 'no Docker can be had either' }
  })
}

async function docker(why: string, io: Io): Promise<DriverWish> {
  const { nodeImage, openDocker } = await import('#daemon/docker.ts')
  try {
    const opened = await openDocker(io.env)
    await nodeImage(opened, home, io.env, { say: (words) => io.err(`${words}\n`), signal: io.signal })
    return { kind: 'docker', why }
  } catch (error) {
    throw stop(NOT_STARTED, (error as Error).message)
  }
}
