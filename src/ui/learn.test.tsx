import { PassThrough } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { openLesson } from './learn.tsx'

test('a command longer than a line of the terminal is one line all the same', async () => {
  const out = Object.assign(new PassThrough(), { columns: 40, rows: 24, isTTY: true }) as unknown as NodeJS.WriteStream
  const keys = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => keys, ref: () => keys, unref: () => keys }) as unknown as NodeJS.ReadStream
  const said: string[] = []
  out.on('data', (chunk: Buffer) => said.push(stripVTControlCharacters(chunk.toString())))
  const command = "    netlab exec client -- sh -c 'for i in 1 2 3 4; do curl -s http://10.96.0.20/hostname; echo; done'"
  const view = openLesson({ out, in: keys }, { onKey: () => {}, onLine: () => {} })
  view.say(['Type:', command])
  view.show({ name: 'x/y', task: { at: 1, of: 1, title: 'z', done: false }, points: { earned: 0, of: 2 }, lines: [], violations: [] })
  await view.close()
  expect(
    said
      .join('')
      .split('\n')
      .filter((line) => /Type|netlab|http/.test(line)),
  ).toEqual(['Type:', command])
})
