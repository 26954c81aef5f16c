/** Exit codes of docs/LABS.md §4. */
import type { ProbeResult } from '#probe/probe.ts'
import { type RunState, results } from './state.ts'

export const EXIT = { passed: 0, failed: 1, usage: 2, inconclusive: 3, notStarted: 4, interrupted: 130 } as const

/** What the run said at its end; without an end, what can be concluded from what came. */
export function exitCode(state: RunState): number {
  if (state.end !== undefined) return state.end.exit
  if (state.phases.some((phase) => phase.state === 'fail')) return EXIT.notStarted
  const unfinished = state.probes.some((probe) => probe.result === undefined) || state.phases.some((phase) => phase.state !== 'done')
  return unfinished ? EXIT.inconclusive : exitOf(results(state))
}

/** An error leaves the whole run open; a blocked probe is one that did not pass. */
export function exitOf(all: readonly ProbeResult[]): number {
  if (all.some((result) => result.verdict === 'error')) return EXIT.inconclusive
  return all.some((result) => result.verdict === 'fail' || result.verdict === 'blocked') ? EXIT.failed : EXIT.passed
}

/** `31 of 33 probes passed, 1 failed, 1 could not be decided`. */
export function summary(all: readonly ProbeResult[]): string {
  const count = (verdict: ProbeResult['verdict']): number => all.filter((result) => result.verdict === verdict).length
  const others = (
    [
      ['fail', 'failed'],
      ['error', 'could not be decided'],
      ['blocked', 'blocked'],
      ['skip', 'skipped'],
    ] as const
  ).flatMap(([verdict, says]) => (count(verdict) === 0 ? [] : [`${count(verdict)} ${says}`]))
  return [`${count('pass')} of ${all.length} probes passed`, ...others].join(', ')
}
