/** One turn after the other: whoever changed something wants one, and one is enough for all who came before it. What failed is tried again after a while. */
import { createFollowers } from './followers.ts'

export type Turns = {
  /** Something has changed. */
  readonly kick: () => void
  /** Resolves when nothing waits for a turn; where there is a pace, when the one under way is over. @throws the first failure of those it waited for. */
  readonly settled: () => Promise<void>
  /** Resolves when the turn that knows what was said until now is over, whatever came of it; later ones are not waited for. */
  readonly followed: () => Promise<void>
  /** Runs `work` while no turn runs. */
  readonly exclusively: <T>(work: () => Promise<T>) => Promise<T>
  /** Until `open` there is no turn; resolves when the last one is over. It begins so. */
  readonly hold: () => Promise<void>
  readonly open: () => void
  readonly areOpen: () => boolean
  /** From the end of one turn to the next this long passes, in ms; 0, as it begins, is at once. */
  readonly pace: (ms: number) => void
  /** Resolves when the last one is over. */
  readonly stop: () => Promise<void>
}

export type TurnsOptions = {
  readonly turn: () => Promise<void>
  /** A turn is over, whatever came of it. */
  readonly after: () => void
  readonly onError: (error: Error) => void
}

const RETRY_MS = [1_000, 2_000, 5_000, 10_000, 30_000]

export function createTurns({ turn, after, onError }: TurnsOptions): Turns {
  const fixed = new Set<() => Promise<void>>()
  const followers = createFollowers()
  let isOpen = false
  let stopped = false
  let dirty = false
  let turning: Promise<void> | undefined
  let failure: Error | undefined
  let failures = 0
  let retry: NodeJS.Timeout | undefined
  let gap = 0
  let ended = Number.NEGATIVE_INFINITY
  let rest: NodeJS.Timeout | undefined

  const kick = (): void => {
    dirty = true
    spin()
  }

  const spin = (): void => {
    if (!isOpen || stopped) return
    const early = ended + gap - performance.now()
    if (gap > 0 && early > 0 && fixed.size === 0 && turning === undefined) {
      rest ??= setTimeout(() => {
        rest = undefined
        spin()
      }, early)
      return
    }
    turning ??= new Promise<void>((resolve) => setImmediate(resolve)).then(turns).finally(() => {
      turning = undefined
      if (dirty || fixed.size > 0) spin()
    })
  }

  const turns = async (): Promise<void> => {
    while ((dirty || fixed.size > 0) && isOpen && !stopped) {
      for (const work of fixed) {
        fixed.delete(work)
        await work()
      }
      if (!dirty) return
      dirty = false
      followers.begin()
      clearTimeout(retry)
      try {
        await turn()
        failure = undefined
        failures = 0
      } catch (error) {
        failure = error as Error
        if (stopped) return
        onError(failure)
        retry = setTimeout(kick, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)])
        failures += 1
      }
      followers.end()
      ended = performance.now()
      after()
      // Whoever asks meanwhile is answered, however much there is to do.
      await new Promise((resolve) => setImmediate(resolve))
      if (gap > 0) return
    }
  }

  return {
    kick,
    async settled() {
      while (isOpen && !stopped && (turning !== undefined || dirty)) {
        kick()
        await turning
        if (failure !== undefined) throw failure
        if (gap > 0) return
      }
    },
    async followed() {
      if (!stopped) await followers.wait(dirty)
    },
    exclusively: (work) =>
      new Promise((resolve, reject) => {
        fixed.add(() => work().then(resolve, reject))
        spin()
      }),
    async hold() {
      isOpen = false
      await turning
    },
    open() {
      isOpen = true
    },
    areOpen: () => isOpen,
    pace(ms) {
      gap = ms
      clearTimeout(rest)
      rest = undefined
      if (dirty) spin()
    },
    async stop() {
      stopped = true
      clearTimeout(retry)
      clearTimeout(rest)
      await turning
      followers.end(true)
    },
  }
}
