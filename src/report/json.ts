/** A run as one JSON value: every result with all that is known, and the sum. */
import type { ProbeResult, Verdict } from '#probe/probe.ts'
import { exitCode } from './exit.ts'
import { type RunState, results } from './state.ts'

export type Report = {
  readonly apiVersion: 'netlab.dev/v1'
  readonly kind: 'Report'
  readonly verb: string
  readonly lab: string
  readonly exit: number
  readonly says: string
  readonly ms: number
  readonly phases: readonly { readonly id: string; readonly title: string; readonly state: string; readonly ms: number; readonly says: string }[]
  readonly verdicts: Readonly<Record<Verdict, number>>
  readonly points: { readonly reached: number; readonly of: number }
  readonly results: readonly ProbeResult[]
  readonly notes: readonly { readonly level: string; readonly says: string }[]
}

export function report(state: RunState): Report {
  const all = results(state)
  const count = (verdict: Verdict): number => all.filter((result) => result.verdict === verdict).length
  return {
    apiVersion: 'netlab.dev/v1',
    kind: 'Report',
    verb: state.verb,
    lab: state.lab,
    exit: exitCode(state),
    says: state.end?.says ?? '',
    ms: state.end?.ms ?? 0,
    phases: state.phases,
    verdicts: { pass: count('pass'), fail: count('fail'), error: count('error'), blocked: count('blocked'), skip: count('skip') },
    points: { reached: sum(all.filter((result) => result.verdict === 'pass')), of: sum(all) },
    results: all,
    notes: state.over.flatMap((over) => (over.kind === 'note' ? [{ level: over.level, says: over.says }] : [])),
  }
}

export const json = (state: RunState): string => `${JSON.stringify(report(state), undefined, 2)}\n`

const sum = (all: readonly ProbeResult[]): number => all.reduce((points, result) => points + result.points, 0)
