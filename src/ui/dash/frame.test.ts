import { expect, test } from 'vitest'
import { ansi, rowWidth } from './cells.ts'
import { frame } from './frame.ts'
import { begin, type Look, nothing, PANES, type Seen, type Size } from './state.ts'
import { crowd, lab } from './testing.ts'

const look: Look = { ...begin, place: 'node/node-1', table: 'nat' }
const SIZES: readonly Size[] = [
  { columns: 60, rows: 16 },
  { columns: 80, rows: 24 },
  { columns: 120, rows: 40 },
  { columns: 200, rows: 60 },
]
const named = ({ columns, rows }: Size): string => `${columns}x${rows}`
const text = (seen: Seen, its: Look, size: Size, color = false): string =>
  `${frame(seen, its, size)
    .map((row) => ansi(row, color))
    .join('\n')}\n`
const screens = (its: readonly (readonly [title: string, screen: string])[]): string => its.map(([title, screen]) => `--- ${title}\n${screen}`).join('')

test.each(SIZES)('the frame at $columns x $rows, without and with colours', async (size) => {
  await expect(
    screens([
      ['no colours', text(lab, look, size)],
      ['colours', text(lab, look, size, true).replaceAll('\u001b', '␛')],
    ]),
  ).toMatchFileSnapshot(`testdata/${named(size)}.txt`)
})

test('each pane alone at 80 x 24, help, what is typed, a lab that is down, nothing yet, a crowd', async () => {
  const size = { columns: 80, rows: 24 }
  const shown = [
    ...PANES.map((pane) => [pane, text(lab, { ...look, pane }, size)] as const),
    ['help', text(lab, { ...look, help: true }, size)] as const,
    ['typed', text(lab, { ...look, prompt: { sign: 'capture', text: 'udp port 8472' } }, size)] as const,
    ['down', text({ ...lab, gone: 'lab flannel-vxlan does not run any more' }, look, size)] as const,
    ['frozen', text(lab, { ...look, pane: 'capture', frozen: 1 }, size)] as const,
    ...PANES.map((pane) => [`nothing in ${pane}`, text(nothing, { ...begin, pane }, { columns: 60, rows: 6 })] as const),
    ['a crowd', text(crowd, { ...look, at: { ...look.at, topology: 70 } }, size)] as const,
    ['filtered', text(crowd, { ...look, filter: { ...look.filter, topology: 'web-9' } }, size)] as const,
  ]
  await expect(screens(shown)).toMatchFileSnapshot('testdata/panes.txt')
})

test('a frame has as many rows and cells as the terminal, whatever its size and whatever is in it', () => {
  const sizes = [20, 40, 60, 89, 90, 139, 140, 250].flatMap((columns) => [4, 16, 17, 24, 61].map((rows) => ({ columns, rows })))
  const wrong = sizes.flatMap((size) =>
    [lab, crowd, nothing].flatMap((seen) =>
      [
        look,
        begin,
        { ...look, zoom: true as const },
        { ...look, help: true as const },
        { ...look, prompt: { sign: ':' as const, text: '世'.repeat(300) } },
      ].flatMap((its) => {
        const rows = frame(seen, its, size)
        return rows.length === size.rows && rows.every((row) => rowWidth(row) === size.columns) ? [] : [size]
      }),
    ),
  )
  expect(wrong).toEqual([])
})
