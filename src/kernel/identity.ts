/** Which thing on its machine a Step speaks of, and whether two Steps say the same about it. */
import { hostPort } from '#net/net.ts'
import type { Step } from './step.ts'

const keys = new WeakMap<Step, string>()

/** Two Steps with one key would fight for the same thing: a device name, a route's destination, a chain, a path. */
export function keyOf(step: Step): string {
  const known = keys.get(step)
  if (known !== undefined) return known
  const key = `${step.in ?? ''} ${nameOf(step)}`
  keys.set(step, key)
  return key
}

function nameOf(step: Step): string {
  switch (step.kind) {
    case 'netns':
      return `netns ${step.name}`
    case 'bridge':
    case 'vxlan':
    case 'dummy':
    case 'veth':
      return `link ${step.dev}`
    case 'port':
    case 'up':
      return `${step.kind} ${step.dev}`
    case 'addr':
      return `addr ${step.cidr} ${step.dev}`
    case 'route':
      return `route ${step.to}`
    case 'neigh':
      return `neigh ${step.ip} ${step.dev}`
    case 'fdb':
      return step.mac === ANY_MAC ? `fdb ${step.mac} ${step.dev} ${step.dst}` : `fdb ${step.mac} ${step.dev}`
    case 'sysctl':
      return `sysctl ${step.key}`
    case 'chain':
      return `chain ${step.family} ${step.table} ${step.chain}`
    case 'jump':
      return `jump ${step.family} ${step.table} ${step.chain} ${step.rule}`
    case 'ipset':
      return `ipset ${step.name}`
    case 'nft':
      // A set and a map of one name are one thing to nft.
      return `nft ${step.family} ${step.table}${step.object === 'table' ? '' : ` ${step.object === 'chain' ? 'chain' : 'set'} ${step.name}`}`
    case 'virtual-server':
      return `virtual-server ${step.proto} ${hostPort(step.vip, step.port)}`
    case 'file':
      return `file ${step.path}`
    case 'process':
      return `process ${step.id}`
    default:
      return step satisfies never
  }
}

/** The forwarding entry for all that has no entry of its own; only this one may have many destinations. */
export const ANY_MAC = '00:00:00:00:00:00'

/** Equal in what the kernel should hold; who wants it and why may differ. */
export function same(a: Step, b: Step): boolean {
  if (a === b) return true
  // Chains are by far the most, and a chain is its name and its rules.
  if (a.kind === 'chain' && b.kind === 'chain') return keyOf(a) === keyOf(b) && equal(a.rules, b.rules)
  return equal(a, b, true)
}

export function equal(a: unknown, b: unknown, isStep = false): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((one, at) => equal(one, b[at]))
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>]
  const counts = (key: string): boolean => !(isStep && (key === 'by' || key === 'why'))
  for (const key in left) if (counts(key) && !equal(left[key], right[key])) return false
  for (const key in right) if (counts(key) && right[key] !== undefined && left[key] === undefined) return false
  return true
}
