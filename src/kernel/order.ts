/** The one place that knows whose turn it is: what a thing needs stands above it. Undoing goes the other way round. */
import type { Step } from './step.ts'

const ORDER = [
  'sysctl',
  'netns',
  'inner sysctl',
  'bridge',
  'vxlan',
  'dummy',
  'veth',
  'port',
  'addr',
  'up',
  'device sysctl',
  'route',
  'neigh',
  'fdb',
  'ipset',
  'chain',
  'jump',
  'nft',
  'virtual-server',
  'late sysctl',
  'file',
  'process',
] as const satisfies readonly (Step['kind'] | 'inner sysctl' | 'device sysctl' | 'late sysctl')[]

const turns: ReadonlyMap<string, number> = new Map(ORDER.map((kind, index) => [kind, index]))

export const turnOf = (step: Step): number => turns.get(sortOf(step)) ?? ORDER.length

function sortOf(step: Step): string {
  if (step.kind !== 'sysctl') return step.kind
  if (step.dev !== undefined) return 'device sysctl'
  if (isLate(step)) return 'late sysctl'
  return step.in === undefined ? 'sysctl' : 'inner sysctl'
}

/** The connection table's settings are there once a rule has asked for it. */
export const isLate = ({ key }: Extract<Step, { kind: 'sysctl' }>): boolean => key.startsWith('net.netfilter.')

/** Steps of one turn keep the order in which they were said. */
export function inOrder(steps: readonly Step[]): readonly Step[] {
  const turns = Map.groupBy(steps, turnOf)
  return [...turns.keys()].sort((a, b) => a - b).flatMap((turn) => turns.get(turn) ?? [])
}
export const inReverse = (steps: readonly Step[]): readonly Step[] => inOrder(steps).toReversed()
