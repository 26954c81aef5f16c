/** Pools of addresses for Services of type LoadBalancer: apart from all that has an address already. */

import { named } from '#api/judge.ts'
import { dnsLabel } from '#api/names.ts'
import { contains, overlaps } from '#net/net.ts'
import type { BalancerPool, Segment } from './lab.ts'
import type { Machine } from './machines.ts'
import { type Judging, type Range, rangeOf } from './ranges.ts'
import type { LabFile } from './schema.ts'

/** `parts` are its ranges with their places. */
export type Placed = { readonly pool: BalancerPool; readonly parts: readonly Range[] }

type World = { readonly machines: readonly Machine[]; readonly segments: readonly Segment[] }

/** A pool may lie in a segment, as addresses that are announced there by ARP do, but not on an address that somebody has. */
export function* poolsOf(given: LabFile['spec']['loadBalancer']['pools'], world: World): Judging<readonly Placed[]> {
  const read: Placed[] = []
  for (const [i, { name, addresses }] of given.entries()) {
    const path = ['spec', 'loadBalancer', 'pools', i]
    if (name === undefined) yield { path: [...path, 'name'], says: 'required: a name of lower-case letters, digits and "-"' }
    else yield* named(dnsLabel, name, [...path, 'name'])
    if (name !== undefined && read.some(({ pool }) => pool.name === name)) yield { path: [...path, 'name'], says: `there is a pool "${name}" already` }
    if (addresses.length === 0) yield { path: [...path, 'addresses'], says: 'required: a list of ranges' }
    const parts: Range[] = []
    for (const [j, text] of addresses.entries()) {
      const at = [...path, 'addresses', j]
      const range = yield* rangeOf(text, at)
      if (range === undefined) continue
      for (const { ip, name: owner } of world.machines)
        if (ip !== undefined && contains(range, ip)) yield { path: at, says: `${range} holds ${ip}, which is the address of "${owner}"` }
      for (const { name: segment, gateway } of world.segments)
        if (contains(range, gateway)) yield { path: at, says: `${range} holds ${gateway}, which is the gateway of segment "${segment}"` }
      parts.push({ label: `pool "${name ?? ''}"`, path: at, range })
    }
    read.push({ pool: { name: name ?? '', ranges: parts.map(({ range }) => range) }, parts })
  }
  return read
}

export function* poolsApart(pools: readonly Placed[], cluster: readonly Range[]): Judging<void> {
  const parts = pools.flatMap((one) => one.parts)
  for (const [i, later] of parts.entries())
    for (const earlier of [...cluster, ...parts.slice(0, i)])
      if (overlaps(earlier.range, later.range)) yield { path: later.path, says: `${later.range} overlaps ${earlier.label} ${earlier.range}` }
}
