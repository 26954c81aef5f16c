/** What a run shows while it goes on: a live screen on a terminal, plain lines elsewhere. */
import type { Event } from '#report/event.ts'
import { fold, initial, type RunState } from '#report/state.ts'
import { lines } from '#report/text.ts'
import type { Io } from './io.ts'

export type Progress = {
  readonly event: (event: Event) => void
  /** Leaves the terminal as it was. */
  readonly close: () => Promise<void>
  readonly state: () => RunState
  /** On a live screen, on stderr. */
  readonly drawn: boolean
}

/**
 * The screen opens with the first event: a command that is refused before draws nothing. Progress is no result, so plain lines go to stderr;
 * where they are the result, `plain` says so.
 */
export async function openProgress(io: Io, plain: (text: string) => void = io.err): Promise<Progress> {
  const ui = io.errIsTty && io.color ? await screenModule() : undefined
  let screen: ReturnType<NonNullable<typeof ui>['openScreen']> | undefined
  let state = initial
  return {
    event: (event) => {
      const before = state
      state = fold(state, event)
      if (ui === undefined)
        return plain(
          lines(event, before, state)
            .map((line) => `${line}\n`)
            .join(''),
        )
      screen ??= ui.openScreen(process.stderr, () => performance.now())
      screen.show(state)
    },
    close: async () => {
      await screen?.close()
    },
    state: () => state,
    drawn: ui !== undefined,
  }
}

/** Ink is four times the rest of netlab, and its .tsx runs from the bundle only. */
const screenModule = () => import('#ui/screen.tsx').catch(() => undefined)
