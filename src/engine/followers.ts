/** Who waits for the kernels to follow: for the end of the turn that knows what was said until then, and for no later one. */
export type Followers = {
  readonly begin: () => void
  /** The turn that has begun is over; `all`: there will be no other. */
  readonly end: (all?: boolean) => void
  /** `dirty`: something was said that the turn which goes on does not know. */
  readonly wait: (dirty: boolean) => Promise<void>
}

export function createFollowers(): Followers {
  const waiting = new Set<{ readonly turn: number; readonly told: () => void }>()
  let [begun, ended] = [0, 0]
  return {
    begin: () => {
      begun += 1
    },
    end(all = false) {
      ended = begun
      for (const one of waiting) {
        if (one.turn > ended && !all) continue
        waiting.delete(one)
        one.told()
      }
    },
    wait: async (dirty) => {
      const turn = dirty ? begun + 1 : begun
      if (turn > ended) await new Promise<void>((told) => waiting.add({ turn, told }))
    },
  }
}
