/** Steps that are the very same when they say the same. */
import type { Step } from '#kernel/step.ts'

type Kept = ReadonlyMap<string, Step>

/** What was asked for since `young` was empty, and before that. */
let [young, old]: [Map<string, Step>, Kept] = [new Map(), new Map()]
let letters = 0

/** So many letters of keys, which name all members of a set: sets that change are not to fill the memory with all that they ever were. */
const LETTERS_MAX = 32_000_000

/** What says the same is the very same Step at the next turn, which nobody needs to compare. */
export function kept(key: string, make: () => Step): Step {
  const found = young.get(key)
  if (found !== undefined) return found
  if (letters > LETTERS_MAX) {
    ;[young, old] = [new Map(), young]
    letters = 0
  }
  const step = old.get(key) ?? make()
  young.set(key, step)
  letters += key.length
  return step
}
