/** The live screen: keeps what is of the screen (which turn of the spinner, when a phase was first seen) and draws each state it is given. */
import { render } from 'ink'
import type { RunState } from '#report/state.ts'
import { Run } from './run.tsx'

export type Screen = { readonly show: (state: RunState) => void; readonly close: () => Promise<void> }

/** `clock` in milliseconds. The terminal stays in its ordinary mode, so Ctrl-C is a signal to the process as ever. */
export function openScreen(stream: NodeJS.WriteStream, clock: () => number): Screen {
  const begun = new Map<string, number>()
  let [state, tick]: [RunState | undefined, number] = [undefined, 0]
  const elapsed = (phase: string): number => clock() - (begun.get(phase) ?? clock())
  const frame = () => (state === undefined ? null : <Run state={state} tick={tick} elapsed={elapsed} />)
  const instance = render(frame(), { stdout: stream, stderr: stream, exitOnCtrlC: false, patchConsole: false, maxFps: FRAMES_A_SECOND })
  const timer = setInterval(() => {
    tick += 1
    if (state !== undefined && state.end === undefined) instance.rerender(frame())
  }, TURN_MS)
  return {
    show: (next) => {
      state = next
      for (const phase of next.phases) if (phase.state === 'running' && !begun.has(phase.id)) begun.set(phase.id, clock())
      instance.rerender(frame())
    },
    close: async () => {
      clearInterval(timer)
      // What was going on when it was broken off is not left standing as if it went on.
      if (state !== undefined) instance.rerender(<Run state={{ ...state, phases: [], probes: [] }} tick={tick} elapsed={elapsed} />)
      instance.unmount()
      await instance.waitUntilExit()
    },
  }
}

const TURN_MS = 80
const FRAMES_A_SECOND = 30
