/** A run as plain lines, for logs and pipes: each thing once, when it is over. */
import type { ProbeResult, Verdict } from '#probe/probe.ts'
import type { Over } from '#ui/shown.ts'

export function plain(over: Over): string {
  switch (over.kind) {
    case 'phase':
      return `${over.phase.state === 'done' ? '✓' : '✗'} ${over.phase.title} ${seconds(over.phase.ms)}${over.phase.says && `  ${over.phase.says}`}\n`
    case 'group': {
      const results = over.probes.flatMap((probe) => probe.result ?? [])
      return `${over.title}: ${results.filter((result) => result.verdict === 'pass').length} of ${results.length}\n${results.map(told).join('')}`
    }
    case 'note':
      return `${over.level === 'info' ? '' : `${over.level}: `}${over.says}\n`
    case 'end':
      return `${over.says} ${seconds(over.ms)}\n${over.next.map((command) => `next: ${command}\n`).join('')}`
    default:
      return over satisfies never
  }
}

const SIGNS: Readonly<Record<Verdict, string>> = { pass: '✓', fail: '✗', error: '!', blocked: '·', skip: '-' }

function told({ verdict, title, expected, observed, reproduce }: ProbeResult): string {
  if (verdict === 'pass') return `  ✓ ${title}\n`
  if (verdict === 'blocked' || verdict === 'skip') return `  ${SIGNS[verdict]} ${title}: ${observed}\n`
  const facts = [['expected', expected], ['observed', observed], ...(reproduce === '' ? [] : [['try', reproduce]])]
  return `  ${SIGNS[verdict]} ${title}\n${facts.map(([name = '', text = '']) => `      ${name.padEnd(10)}${text.replaceAll('\n', `\n${' '.repeat(16)}`)}\n`).join('')}`
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
