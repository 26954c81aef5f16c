/** What a run shows while it goes on: a live screen on a terminal, plain lines elsewhere. */
import type { Event } from '#report/event.ts'
import { fold, initial, type RunState } from '#report/state.ts'
import { lines } from '#report/text.ts'
import type { Screen } from '#ui/screen.tsx'
import type { Io } from './io.ts'

export type Progress = {
  readonly event: (event: Event) => void
  /** Leaves the terminal as it was. */
  readonly close: () => Promise<void>
  readonly state: () => RunState
  /** On a live screen, on stderr. */
  readonly drawn: () => boolean
}

/** Where the screen is somebody else's. */
export const SILENT: Progress = { event: () => {}, close: async () => {}, state: () => initial, drawn: () => false }

/**
 * The screen opens with the first event: a command that is refused before draws nothing, and Ink loads while the lab works. Progress is no result, so
 * plain lines go to stderr; where they are the result, `plain` says so.
 */
export function openProgress(io: Io, plain: (text: string) => void = io.err): Progress {
  let drawn = io.errIsTty && io.color
  let screen: Promise<Screen | undefined> | undefined
  let state = initial
  let untold = ''
  const open = async (): Promise<Screen | undefined> => {
    try {
      const { openScreen } = await import('#ui/screen.tsx')
      return openScreen(process.stderr, () => performance.now())
    } catch {
      // A .tsx runs from the bundle only.
      drawn = false
      plain(untold)
      return undefined
    }
  }
  return {
    event: (event) => {
      const before = state
      state = fold(state, event)
      const text = lines(event, before, state)
        .map((line) => `${line}\n`)
        .join('')
      if (!drawn) return plain(text)
      untold += text
      screen ??= open()
      void screen.then((one) => one?.show(state))
    },
    close: async () => {
      await (await screen)?.close()
    },
    state: () => state,
    drawn: () => drawn,
  }
}
