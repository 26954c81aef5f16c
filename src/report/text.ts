/** A run as plain lines, for logs and pipes: each thing once, when it is over. */
import type { ProbeResult, Verdict } from '#probe/probe.ts'
import type { Event } from './event.ts'
import type { Over, RunState } from './state.ts'

/** The lines this event adds; `state` is what was known before it, `after` what is known with it. */
export const lines = (_event: Event, state: RunState, after: RunState): readonly string[] => after.over.slice(state.over.length).flatMap(plain)

export function plain(over: Over): readonly string[] {
  switch (over.kind) {
    case 'phase':
      return [`${over.phase.state === 'done' ? '✓' : '✗'} ${over.phase.title} ${seconds(over.phase.ms)}${over.phase.says && `  ${over.phase.says}`}`]
    case 'group': {
      const results = over.probes.flatMap((probe) => probe.result ?? [])
      return [`${over.title}: ${results.filter((result) => result.verdict === 'pass').length} of ${results.length}`, ...results.flatMap(told)]
    }
    case 'note':
      return [`${over.level === 'info' ? '' : `${over.level}: `}${over.says}`]
    case 'end':
      return [`${over.says} ${seconds(over.ms)}`, ...over.next.map((command) => `next: ${command}`)]
    default:
      return over satisfies never
  }
}

export const SIGNS: Readonly<Record<Verdict, string>> = { pass: '✓', fail: '✗', error: '!', blocked: '·', skip: '-' }
export const WORDS: Readonly<Record<Verdict, string>> = { pass: 'passed', fail: 'failed', error: 'could not be decided', blocked: 'blocked', skip: 'skipped' }

/** A failure tells symptom, expectation, observation and one command to look for oneself. */
export function told({ verdict, title, expected, observed, reproduce, ms }: ProbeResult): readonly string[] {
  if (verdict === 'pass') return [`  ✓ ${title} ${seconds(ms)}`]
  if (verdict === 'blocked' || verdict === 'skip') return [`  ${SIGNS[verdict]} ${title} (${WORDS[verdict]}: ${observed})`]
  const facts = [
    ['expected', expected],
    ['observed', observed],
    ['try', reproduce],
  ] as const
  return [
    `  ${SIGNS[verdict]} ${title} (${WORDS[verdict]})`,
    ...facts.flatMap(([name, says]) => (says === '' ? [] : [`      ${name.padEnd(10)}${says.replaceAll('\n', `\n${' '.repeat(16)}`)}`])),
  ]
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
