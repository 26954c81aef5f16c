/** The dashboard on a terminal: draws each frame it is given, hands keys up, lends the terminal to a shell. */
import { Box, render, Text, useApp, useInput, usePaste } from 'ink'
import type { ReactNode } from 'react'
import { ansi } from './cells.ts'
import { frame } from './frame.ts'
import type { Key, Press } from './keys.ts'
import type { Look, Seen, Size } from './state.ts'

export type Dashboard = {
  readonly show: (seen: Seen, look: Look) => void
  /** The terminal belongs to `work` until it is done. */
  readonly lend: (work: () => Promise<void>) => Promise<void>
  /** Leaves the terminal as it was. */
  readonly close: () => Promise<void>
}

type Terminal = { readonly stdin: NodeJS.ReadStream; readonly stdout: NodeJS.WriteStream; readonly color: boolean; readonly onPress: (press: Press) => void }

export function openDashboard({ stdin, stdout, color, onPress }: Terminal): Dashboard {
  let shown: { readonly seen: Seen; readonly look: Look } | undefined
  let lend: Dashboard['lend'] = (work) => work()
  const size = (): Size => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 })
  const root = () => (
    <Screen
      {...(shown && { ...shown })}
      size={size()}
      color={color}
      onPress={onPress}
      onApp={(app) => {
        lend = app
      }}
    />
  )
  const instance = render(root(), {
    stdin,
    stdout,
    alternateScreen: true,
    incrementalRendering: true,
    exitOnCtrlC: false,
    patchConsole: false,
    maxFps: FRAMES_A_SECOND,
  })
  const draw = (): void => instance.rerender(root())
  stdout.on('resize', draw)
  return {
    show: (seen, look) => {
      shown = { seen, look }
      draw()
    },
    lend: async (work) => {
      await lend(work)
      draw()
    },
    close: async () => {
      stdout.off('resize', draw)
      instance.unmount()
      await instance.waitUntilExit()
    },
  }
}

const FRAMES_A_SECOND = 30

type Props = {
  readonly seen?: Seen
  readonly look?: Look
  readonly size: Size
  readonly color: boolean
  readonly onPress: (press: Press) => void
  readonly onApp: (suspend: Dashboard['lend']) => void
}

function Screen({ seen, look, size, color, onPress, onApp }: Props): ReactNode {
  onApp(useApp().suspendTerminal)
  useInput((text, key) => {
    for (const press of pressesOf(text, key)) onPress(press)
  })
  usePaste((text) => onPress({ text: text.split('\n')[0] ?? '' }))
  const rows = seen === undefined || look === undefined ? [] : frame(seen, look, size)
  return (
    <Box flexDirection="column" width={size.columns} height={size.rows}>
      {rows.map((row, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line of the screen is where it is
        <Text key={i} wrap="truncate">
          {ansi(row, color)}
        </Text>
      ))}
    </Box>
  )
}

type InkKey = Parameters<Parameters<typeof useInput>[0]>[1]

const NAMED: readonly (readonly [keyof InkKey, Key])[] = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageUp', 'pageup'],
  ['pageDown', 'pagedown'],
  ['home', 'home'],
  ['end', 'end'],
  ['return', 'enter'],
  ['escape', 'escape'],
  ['backspace', 'backspace'],
  ['delete', 'backspace'],
]

/** Keys that were pressed faster than they were read come as one text. */
function pressesOf(text: string, key: InkKey): readonly Press[] {
  if (key.ctrl) return text === 'c' ? [{ key: 'ctrl-c' }] : text === 'u' ? [{ key: 'ctrl-u' }] : []
  if (key.tab) return [{ key: key.shift ? 'backtab' : 'tab' }]
  const named = NAMED.find(([name]) => key[name])
  if (named !== undefined) return [{ key: named[1] }]
  return key.meta ? [] : [...text].map((letter) => (letter === '\r' ? { key: 'enter' } : { text: letter }))
}
