/** Steps that are the very same when they say the same. */
import type { Step } from '#kernel/step.ts'

const known = new Map<string, Step>()
const KNOWN_MAX = 50_000

/** What says the same is the very same Step at the next turn, which nobody needs to compare. */
export function kept(key: string, make: () => Step): Step {
  const found = known.get(key)
  if (found !== undefined) return found
  if (known.size >= KNOWN_MAX) known.clear()
  const step = make()
  known.set(key, step)
  return step
}
