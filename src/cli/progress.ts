/** What a run shows while it goes on: a live screen on a terminal, plain lines elsewhere. Progress is no result, so it goes to stderr. */
import type { Event } from '#report/event.ts'
import type { Io } from './io.ts'

export type Progress = {
  readonly event: (event: Event) => void
  readonly close: () => Promise<void>
  readonly seen: () => readonly Event[]
}

export async function openProgress(io: Io): Promise<Progress> {
  const seen: Event[] = []
  return {
    event: (event) => {
      seen.push(event)
      if (event.kind === 'phase' && event.state !== 'start')
        io.err(`${event.state === 'done' ? '✓' : '✗'} ${event.id} ${(event.ms / 1000).toFixed(2)} s ${event.says ?? ''}\n`)
      if (event.kind === 'note') io.err(`${event.says}\n`)
      if (event.kind === 'result') io.err(`${event.result.verdict} ${event.result.title}: ${event.result.observed}\n`)
      if (event.kind === 'end') io.err(`${event.says} (${(event.ms / 1000).toFixed(2)} s)\n${event.next.map((next) => `next: ${next}\n`).join('')}`)
    },
    close: async () => {},
    seen: () => seen,
  }
}
