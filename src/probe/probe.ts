/** Verdicts and results: the contract between probes, reports and grades (docs/LABS.md §2, §3). */

/** `error`: netlab could not decide. `blocked`: a probe it needs failed. `skip`: a feature is missing, said before the start. Silence is never read as an answer. */
export type Verdict = 'pass' | 'fail' | 'error' | 'blocked' | 'skip'

export type ProbeResult = {
  readonly id: string
  readonly title: string
  readonly group: string
  readonly verdict: Verdict
  readonly expected: string
  readonly observed: string
  /** Facts behind the verdict, one per line, as the tools printed them or shortened. */
  readonly evidence: readonly string[]
  readonly figures?: Figures
  /** One command a learner can paste to see it for themselves. */
  readonly reproduce: string
  readonly why?: string
  readonly attempts: readonly { readonly ms: number; readonly verdict: Verdict; readonly observed: string }[]
  readonly ms: number
  readonly points: number
}

/** What was measured, by name, where a verdict is about figures: milliseconds and counts. */
export type Figures = Readonly<Record<string, number>>
