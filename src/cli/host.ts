/** What this host refuses to do with a file is no bug of netlab's, and often has a way out. */
import { stateRoot } from '#daemon/state.ts'
import type { Io } from './io.ts'

const REFUSALS: readonly unknown[] = ['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT']

/** Undefined of any other error. */
export function hostSays(error: unknown, env: Io['env']): string | undefined {
  if (!(error instanceof Error && 'path' in error && 'code' in error && REFUSALS.includes(error.code))) return undefined
  const kept = [stateRoot(env), stateRoot({ ...env, XDG_RUNTIME_DIR: undefined })].some((root) => String(error.path).startsWith(root))
  return kept ? `${error.message}\nNETLAB_STATE=DIR names another folder for what netlab keeps` : error.message
}
