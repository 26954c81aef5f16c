/** The arithmetic of a rollout: how many Pods each ReplicaSet of a Deployment should have next. Numbers in, numbers out. */

/** One ReplicaSet: what it was told, what it has. */
export type Share = { readonly name: string; readonly replicas: number; readonly available: number }

export type Limits = { readonly replicas: number; readonly maxSurge: number; readonly maxUnavailable: number }

/** `25%` of the replicas or a plain number; a surge is rounded up, an absence down, and they are never both none. */
export function limitsOf(o: { readonly replicas: number; readonly maxSurge: number | string; readonly maxUnavailable: number | string }): Limits {
  const maxSurge = resolved(o.maxSurge, o.replicas, Math.ceil)
  const maxUnavailable = Math.min(resolved(o.maxUnavailable, o.replicas, Math.floor), o.replicas)
  return { replicas: o.replicas, maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable }
}

const PERCENT = 100
const resolved = (of: number | string, total: number, round: (value: number) => number): number =>
  typeof of === 'number' ? of : round((Number.parseInt(of, 10) * total) / PERCENT)

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)

/** How many the new ReplicaSet may have now, without more Pods in all than the surge allows. */
export function newReplicas(fresh: number, all: readonly Share[], { replicas, maxSurge }: Limits): number {
  if (fresh >= replicas) return replicas
  const room = replicas + maxSurge - sum(all.map((share) => share.replicas))
  return fresh + Math.max(0, Math.min(room, replicas - fresh))
}

/** What the old ReplicaSets, oldest first, may keep: first those Pods go that serve nobody, then as many as availability allows. */
export function oldReplicas(fresh: Share, olds: readonly Share[], { replicas, maxUnavailable }: Limits): ReadonlyMap<string, number> {
  const minAvailable = replicas - maxUnavailable
  const total = sum([fresh, ...olds].map((share) => share.replicas))
  const removable = total - minAvailable - (fresh.replicas - fresh.available)
  if (removable <= 0) return new Map()
  const healthy = taken(olds, removable, (share) => Math.max(0, share.replicas - share.available))
  const spare = fresh.available + sum(olds.map((share) => share.available)) - minAvailable
  const cleared = sum(olds.map((share) => share.replicas)) - sum(healthy.map((share) => share.replicas))
  const left = taken(healthy, Math.max(0, Math.min(spare, removable - cleared)), (share) => share.replicas)
  return new Map(left.filter((share, at) => share.replicas !== olds[at]?.replicas).map((share) => [share.name, share.replicas]))
}

/** Takes up to `count` away, from the first on, of each no more than `most`. */
function taken(shares: readonly Share[], count: number, most: (share: Share) => number): readonly Share[] {
  let left = count
  return shares.map((share) => {
    const less = Math.min(left, most(share))
    left -= less
    return { ...share, replicas: share.replicas - less }
  })
}

/** When a Deployment is scaled in the middle of a rollout, each ReplicaSet grows or shrinks by its share; rounding's rest goes to the largest. */
export function proportional(shares: readonly Share[], { replicas, maxSurge }: Limits): ReadonlyMap<string, number> {
  const total = sum(shares.map((share) => share.replicas))
  const toAdd = (replicas > 0 ? replicas + maxSurge : 0) - total
  if (toAdd === 0 || total === 0) return new Map()
  const largest = [...shares].sort((a, b) => b.replicas - a.replicas || (a.name < b.name ? -1 : 1))
  let left = toAdd
  const wanted = largest.map((share) => {
    const part = Math.round((share.replicas * (total + toAdd)) / total) - share.replicas
    const given = toAdd > 0 ? Math.max(0, Math.min(part, left)) : Math.min(0, Math.max(part, left))
    left -= given
    return { ...share, replicas: share.replicas + given }
  })
  return new Map(wanted.map((share, at) => [share.name, Math.max(0, share.replicas + (at === 0 ? left : 0))]))
}
