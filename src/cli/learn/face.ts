/** How a lesson is shown: on a live screen whose keys are read at once, or as plain lines that take a key and Enter. */
import { createInterface } from 'node:readline'
import { type Lesson, SIGNS, WORDS } from '#exercise/lesson.ts'
import type { Io } from '../io.ts'

export type Face = {
  readonly say: (lines: readonly string[]) => void
  readonly show: (lesson: Lesson) => void
  /** The terminal is as it was before. */
  readonly close: () => Promise<void>
  readonly live: boolean
  readonly page: { readonly width: number; readonly color: boolean }
}

/** `key` gets one character, or `ctrl-c`; `line` what was typed after it. */
type On = { readonly key: (key: string) => void; readonly line: (text: string) => void }

const WIDEST = 100

export async function openFace(io: Io, on: On): Promise<Face> {
  const page = { width: Math.min(WIDEST, io.columns()), color: io.color && io.outIsTty }
  if (io.outIsTty && io.inIsTty && io.env['TERM'] !== 'dumb') {
    // A .tsx runs from the bundle only.
    const ui = await import('#ui/learn.tsx').catch(() => undefined)
    if (ui !== undefined) return { ...ui.openLesson({ out: process.stdout, in: process.stdin }, { onKey: on.key, onLine: on.line }), live: true, page }
  }
  return { ...plainFace(io, on), live: false, page }
}

function plainFace(io: Io, on: On): Pick<Face, 'say' | 'show' | 'close'> {
  const input = createInterface({ input: process.stdin })
  input.on('line', (typed) => {
    const [, key = '', rest = ''] = /^\s*(\S)\S*\s*(.*)$/.exec(typed) ?? []
    on.key(key)
    if (key === 'a') on.line(rest)
  })
  const shown = new Map<string, string>()
  /** A line that was not the last one of its name. */
  const once = (name: string, line: string | undefined): void => {
    if (line !== undefined && shown.get(name) !== line) io.out(`${line}\n`)
    shown.set(name, line ?? '')
  }
  return {
    say: (lines) => io.out(lines.map((line) => `${line}\n`).join('')),
    show: ({ lines, violations, busy, news }) => {
      once('busy', busy === undefined ? undefined : `… ${busy}`)
      for (const { id, title, mark, observed } of lines) {
        if (mark === 'unknown') shown.delete(id)
        else if (shown.get(id) !== mark)
          io.out(`${SIGNS[mark]} ${title}${mark === 'done' ? '' : `  ${WORDS[mark]}${mark === 'blocked' || observed === '' ? '' : `: ${observed}`}`}\n`)
        if (mark !== 'unknown') shown.set(id, mark)
      }
      once('violations', violations.length === 0 ? undefined : `! not allowed: ${violations.join('; ')}`)
      once('news', news)
    },
    close: async () => {
      input.close()
      process.stdin.pause()
    },
  }
}
