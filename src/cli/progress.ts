/** What a run shows while it goes on: a live screen on a terminal, plain lines elsewhere. Progress is no result, so it goes to stderr. */
import type { Event } from '#report/event.ts'
import { fold, initial, type RunState } from '#report/state.ts'
import { lines } from '#report/text.ts'
import type { Io } from './io.ts'

export type Progress = {
  readonly event: (event: Event) => void
  /** Leaves the terminal as it was. */
  readonly close: () => Promise<void>
  readonly state: () => RunState
}

/** The screen opens with the first event: a command that is refused before draws nothing. */
export async function openProgress(io: Io): Promise<Progress> {
  const ui = io.errIsTty && io.color ? await screenModule() : undefined
  let screen: ReturnType<NonNullable<typeof ui>['openScreen']> | undefined
  let state = initial
  return {
    event: (event) => {
      const before = state
      state = fold(state, event)
      if (ui === undefined)
        return io.err(
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
  }
}

/** Ink is four times the rest of netlab, and its .tsx runs from the bundle only. */
const screenModule = () => import('#ui/screen.tsx').catch(() => undefined)
