/**
 * From the packet's interface to its workload's chain. A node of many workloads asks by the first letter in which their names differ, then by the whole
 * name; an interface that Felix does not know is dropped, so that a new Pod is closed until its own chains stand.
 *
 *     cali-from-wl-dispatch ─ -i cali1+ ─► cali-from-wl-dispatch-1 ─ -i cali1a… ─► cali-fw-cali1a…
 *                           ─ -i cali7c… ─────────────────────────────────────► cali-fw-cali7c…
 */
import type { Step } from '#kernel/step.ts'
import type { Family, IfName } from '#net/net.ts'
import { DIRECTIONS, type Direction } from '../policy.ts'
import { DISPATCH, endpointChainName } from './names.ts'
import { chain, goto, jump, type Rule } from './rules.ts'

export const dispatchSteps = (devs: readonly IfName[], family: Family): readonly Step[] =>
  DIRECTIONS.flatMap((direction) => {
    const root = DISPATCH[direction]
    const why = direction === 'ingress' ? 'the way to a Pod leads over its own chain' : 'the way from a Pod leads over its own chain'
    const sorted = devs.toSorted()
    const common = commonPrefix(sorted).length
    const rules: Rule[] = []
    const children: Step[] = []
    for (const [prefix, names] of Map.groupBy(sorted, (name) => name.slice(0, common + 1))) {
      if (names.length === 1) rules.push(...names.map((name) => toEndpoint(name, direction)))
      else {
        const child = `${root}-${prefix.slice(common)}`
        rules.push({ match: by(`${prefix}+`, direction), does: goto(child) })
        children.push(chain(child, why, [...names.map((name) => toEndpoint(name, direction)), UNKNOWN], { family }))
      }
    }
    return [...children, chain(root, why, [...rules, UNKNOWN], { family })]
  })

const UNKNOWN: Rule = { comment: 'Unknown interface', does: jump('DROP') }
const by = (dev: string, direction: Direction): string => `--${direction === 'ingress' ? 'out' : 'in'}-interface ${dev}`
const toEndpoint = (dev: IfName, direction: Direction): Rule => ({ match: by(dev, direction), does: goto(endpointChainName(dev, direction)) })

function commonPrefix(sorted: readonly string[]): string {
  const [first = '', last = ''] = [sorted[0], sorted.at(-1)]
  let length = 0
  while (length < first.length && first[length] === last[length]) length += 1
  return first.slice(0, length)
}
