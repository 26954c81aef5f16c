/** What of a lab cannot change while it runs: ranges of addresses, of which Pods and Services already have theirs. */

import type { Lab } from '#lab/lab.ts'
import { podRangeOf } from './addresses.ts'

/** Each change that is not possible, with the old value and the new. */
export function fixedChanges(running: Lab, wanted: Lab): readonly string[] {
  const ranges = (['podCIDR', 'serviceCIDR', 'nodePrefix'] as const)
    .filter((field) => running[field] !== wanted[field])
    .map((field) => `${field} is ${running[field]} in the running lab and ${wanted[field]} in its files`)
  if (ranges.length > 0) return ranges
  const before = rangesOf(running)
  return [...rangesOf(wanted)].flatMap(([node, range]) => {
    const had = before.get(node)
    return had === undefined || had === range
      ? []
      : [`${node} has ${had} in the running lab and would have ${range}: nodes get their ranges in order, new ones last`]
  })
}

const rangesOf = (lab: Lab): ReadonlyMap<string, string> => new Map(lab.nodes.map(({ name }, index) => [name, podRangeOf(lab, index)]))
