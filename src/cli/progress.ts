/** What a run shows while it goes on: a live screen on a terminal, plain lines elsewhere. Progress is no result, so it goes to stderr. */
import type { Event } from '#report/event.ts'
import { blank, fold } from '#ui/shown.ts'
import type { Io } from './io.ts'
import { plain } from './lines.ts'

export type Progress = {
  readonly event: (event: Event) => void
  /** Leaves the terminal as it was. */
  readonly close: () => Promise<void>
  readonly seen: () => readonly Event[]
}

/** The screen opens with the first event: a command that is refused before draws nothing. */
export async function openProgress(io: Io): Promise<Progress> {
  const seen: Event[] = []
  const ui = io.errIsTty && io.color ? await screenModule() : undefined
  let screen: ReturnType<NonNullable<typeof ui>['openScreen']> | undefined
  let shown = blank
  return {
    event: (event) => {
      const before = shown.over.length
      seen.push(event)
      shown = fold(shown, event)
      if (ui === undefined) return io.err(shown.over.slice(before).map(plain).join(''))
      screen ??= ui.openScreen(process.stderr, () => performance.now())
      screen.show(shown)
    },
    close: async () => {
      await screen?.close()
    },
    seen: () => seen,
  }
}

/** Ink is four times the rest of netlab, and its .tsx runs from the bundle only. */
const screenModule = () => import('#ui/screen.tsx').catch(() => undefined)
