/** Blocks of Pod addresses that lab.yaml gives to nodes: each one of those that podCIDR is cut into, and nobody else's. */
import { addressOf, type Cidr, contains, overlaps, prefixOf } from '#net/net.ts'
import { isCalico } from './cni.ts'
import type { Cni } from './lab.ts'
import type { Machine } from './machines.ts'
import { type Judging, type Range, rangeOf } from './ranges.ts'

/** By node, in their order. */
export function* blocksOf(nodes: readonly Machine[], cni: Cni, podCIDR: Cidr): Judging<readonly (readonly Cidr[])[]> {
  const given: Range[] = []
  const read: Cidr[][] = []
  for (const { name, path, blocks = [] } of nodes) {
    const own: Cidr[] = []
    read.push(own)
    if (blocks.length > 0 && !isCalico(cni)) {
      yield { path: [...path, 'blocks'], says: `only with cni calico-bgp or calico-vxlan, found ${cni.name}` }
      continue
    }
    for (const [at, text] of blocks.entries()) {
      const field = [...path, 'blocks', at]
      const range = yield* rangeOf(text, field)
      if (range === undefined || !isCalico(cni)) continue
      const taken = given.find((one) => overlaps(one.range, range))
      if (!contains(podCIDR, addressOf(range))) yield { path: field, says: `${range} lies outside podCIDR ${podCIDR}` }
      else if (prefixOf(range) !== cni.blockSize)
        yield { path: field, says: `${range} is no block: those of this lab are /${cni.blockSize} (spec.cni.blockSize)` }
      else if (taken !== undefined) yield { path: field, says: `${range} overlaps ${taken.label} ${taken.range}` }
      given.push({ label: `a block of "${name}",`, path: field, range })
      own.push(range)
    }
  }
  return read
}
