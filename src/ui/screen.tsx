/** The live screen: keeps what is of the screen (which turn of the spinner, when a phase was first seen) and draws each state it is given. */
import { render } from 'ink'
import { Run } from './run.tsx'
import { isOver, type Shown } from './shown.ts'

export type Screen = { readonly show: (shown: Shown) => void; readonly close: () => Promise<void> }

/** `clock` in milliseconds. The terminal stays in its ordinary mode, so Ctrl-C is a signal to the process as ever. */
export function openScreen(stream: NodeJS.WriteStream, clock: () => number): Screen {
  const begun = new Map<string, number>()
  let [shown, tick]: [Shown | undefined, number] = [undefined, 0]
  const elapsed = (phase: string): number => clock() - (begun.get(phase) ?? clock())
  const frame = () => (shown === undefined ? null : <Run shown={shown} tick={tick} elapsed={elapsed} />)
  const instance = render(frame(), { stdout: stream, stderr: stream, exitOnCtrlC: false, patchConsole: false, maxFps: FRAMES_A_SECOND })
  const timer = setInterval(() => {
    tick += 1
    if (shown !== undefined && !isOver(shown)) instance.rerender(frame())
  }, TURN_MS)
  return {
    show: (next) => {
      shown = next
      for (const { id, state } of next.phases) if (state === 'running' && !begun.has(id)) begun.set(id, clock())
      instance.rerender(frame())
    },
    close: async () => {
      clearInterval(timer)
      instance.unmount()
      await instance.waitUntilExit()
    },
  }
}

const TURN_MS = 80
const FRAMES_A_SECOND = 30
