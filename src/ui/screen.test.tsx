import { PassThrough } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import type { Event } from '#report/event.ts'
import { fold, initial } from '#report/state.ts'
import { openScreen } from './screen.tsx'

const ESC = '\u001b'
const PIECES = new RegExp(`${ESC}\\[\\??[\\d;]*[A-Za-z]|\n|[^${ESC}\n]+`, 'g')

/** A terminal that shows what stands on it at the end: lines, and what moves up and erases them. */
function terminal() {
  const stream = Object.assign(new PassThrough(), { columns: 80, rows: 24, isTTY: true }) as unknown as NodeJS.WriteStream
  const lines: string[] = ['']
  stream.on('data', (chunk: Buffer) => {
    for (const [part] of chunk.toString().matchAll(PIECES)) {
      if (part === `${ESC}[2K`) lines[lines.length - 1] = ''
      else if (part === `${ESC}[1A`) lines.pop()
      else if (part === '\n') lines.push('')
      else lines[lines.length - 1] += stripVTControlCharacters(part)
    }
  })
  return { stream, shows: () => lines.map((line) => line.trimEnd()).filter((line) => line !== '') }
}

test('a run that is broken off leaves what is over, and nothing that turns', async () => {
  const events: readonly Event[] = [
    { kind: 'begin', verb: 'up', lab: 'x', phases: ['wires', 'pods'].map((id) => ({ id, title: id })) },
    { kind: 'phase', id: 'wires', state: 'start', ms: 0 },
    { kind: 'phase', id: 'wires', state: 'done', ms: 94, says: '3 nodes' },
    { kind: 'phase', id: 'pods', state: 'start', ms: 0 },
  ]
  const { stream, shows } = terminal()
  const screen = openScreen(stream, () => 0)
  screen.show(events.reduce(fold, initial))
  await screen.close()
  expect(shows()).toEqual(['✓ wires 0.09 s  3 nodes'])
})
