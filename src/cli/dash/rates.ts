/** How fast links carry: the difference of their counters over the last second. */
import type { Link } from '#ui/dash/state.ts'
import type { Counters } from './watcher.ts'

type Sample = { readonly ms: number; readonly counters: ReadonlyMap<string, Counters> }
/** From the oldest sample that still counts to the newest. */
export type Samples = readonly Sample[]

const OVER_MS = 1_000

/** The last sample that is a second old stays: the rate is measured from it. */
export function sampled(samples: Samples, fresh: Sample): Samples {
  const all = [...samples, fresh]
  const first = all.findLastIndex(({ ms }) => ms <= fresh.ms - OVER_MS)
  return all.slice(Math.max(0, first))
}

/** In the order in which the machine lists its links. A link that was not there before, or was made anew, has carried what it has counted. */
export function linksOf(samples: Samples, machine: string): readonly Link[] {
  const [first, last] = [samples[0], samples.at(-1)]
  const before = first?.counters.get(machine)
  const seconds = ((last?.ms ?? 0) - (first?.ms ?? 0)) / 1000
  const isKnown = seconds > 0 && before !== undefined && before.size > 0
  const rate = (from: number, to: number): number => (isKnown ? Math.round((to < from ? to : to - from) / seconds) : 0)
  return [...(last?.counters.get(machine) ?? [])].map(([dev, { rx, tx }]) => {
    const then = before?.get(dev) ?? { rx: 0, tx: 0 }
    return { dev, rx: rate(then.rx, rx), tx: rate(then.tx, tx) }
  })
}

/** A rate that is only a little other than the one that is shown is not shown anew: figures that never rest cannot be read. */
export const steady = (links: readonly Link[], shown: readonly Link[] = []): readonly Link[] =>
  links.map((link) => {
    const last = shown.find(({ dev }) => dev === link.dev)
    return last === undefined ? link : { ...link, rx: near(link.rx, last.rx), tx: near(link.tx, last.tx) }
  })

const near = (rate: number, shown: number): number => (rate > 0 && Math.abs(rate - shown) < shown * LITTLE ? shown : rate)
const LITTLE = 0.06
