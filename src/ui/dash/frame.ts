/** The whole screen: panes side by side where there is room, else one behind another; always exactly as many rows and cells as the terminal has. */
import { bold, clean, dim, exactly, fill, plain, type Row, type Span, width } from './cells.ts'
import { HELP } from './keys.ts'
import { linesOf } from './panes.ts'
import { type Look, PANES, type Pane, type Seen, type Size } from './state.ts'

export function frame(seen: Seen, look: Look, { columns, rows }: Size): readonly Row[] {
  const body = { columns, rows: Math.max(1, rows - 2) }
  const middle = look.help ? boxed('help', helpRows(), body, true) : stacked(layout(look, body), seen, look, body)
  return [header(seen, columns), ...middle, footer(seen, look, columns)].slice(0, rows)
}

// --- where panes stand ---

/** Columns from left to right, each with its panes from top to bottom; of several in one group only the chosen one is seen, the others are tabs. */
type Slot = { readonly panes: readonly Pane[]; readonly share: number }
type Column = { readonly share: number; readonly slots: readonly Slot[] }

const slot = (share: number, ...panes: readonly Pane[]): Slot => ({ share, panes })

export function layout({ zoom, pane }: Look, { columns, rows }: Size): readonly Column[] {
  if (zoom) return [{ share: 1, slots: [slot(1, pane)] }]
  if (columns < 90 || rows < 16) return [{ share: 1, slots: [slot(1, ...PANES)] }]
  if (columns < 140) {
    return [
      { share: 0.5, slots: [slot(0.6, 'topology'), slot(0.4, 'tasks')] },
      { share: 0.5, slots: [slot(0.55, 'tables'), slot(0.45, 'capture', 'objects', 'events')] },
    ]
  }
  return [
    { share: 0.36, slots: [slot(0.6, 'topology'), slot(0.4, 'tasks')] },
    { share: 0.34, slots: [slot(0.55, 'tables'), slot(0.45, 'capture')] },
    { share: 0.3, slots: [slot(0.55, 'objects'), slot(0.45, 'events')] },
  ]
}

/** Shares of a whole as whole numbers, the last takes what is left. */
function shared(shares: readonly { readonly share: number }[], whole: number): readonly number[] {
  const parts = shares.slice(0, -1).map(({ share }) => Math.round(share * whole))
  return [...parts, whole - parts.reduce((sum, part) => sum + part, 0)]
}

/** Columns beside each other, their slots below each other. */
function stacked(columns: readonly Column[], seen: Seen, look: Look, size: Size): readonly Row[] {
  const widths = shared(columns, size.columns)
  const drawn = columns.map(({ slots }, c) => {
    const heights = shared(slots, size.rows)
    return slots.flatMap((one, s) => paneRows(one.panes, seen, look, { columns: widths[c] ?? 0, rows: heights[s] ?? 0 }))
  })
  return Array.from({ length: size.rows }, (_, i) => drawn.flatMap((rows) => rows[i] ?? []))
}

// --- one pane ---

function paneRows(panes: readonly Pane[], seen: Seen, look: Look, size: Size): readonly Row[] {
  const pane = panes.includes(look.pane) ? look.pane : (panes.find((one) => one === 'objects') ?? panes[0] ?? 'topology')
  const chosen = pane === look.pane
  const inner = { columns: size.columns - 4, rows: size.rows - 2 }
  const { head, items, empty } = linesOf(pane, seen, look, inner.columns)
  const room = Math.max(1, inner.rows - head.length)
  const at = Math.min(look.at[pane], Math.max(0, items.length - 1))
  const first = Math.max(0, Math.min(at - Math.floor(room / 2), items.length - room))
  const shown = items.slice(first, first + room).map(({ row, place }, i): Row => {
    const here = chosen && first + i === at && pane !== 'capture' && pane !== 'events'
    const picked = place !== undefined && place === look.place && pane === 'topology'
    const [sign, ...rest] = [
      here ? { text: '▸', color: 'cyan' as const, bold: true as const } : picked ? { text: '•', color: 'cyan' as const } : plain(' '),
      ...row,
    ]
    return [sign, ...(here ? rest.map((span) => ({ ...span, bold: true as const })) : rest)]
  })
  const rows = items.length === 0 ? [[dim(` ${empty}`)]] : shown
  const more = items.length > room ? `${first + 1}-${Math.min(items.length, first + room)} of ${items.length}` : ''
  const filter = look.filter[pane] === '' || pane === 'capture' ? '' : `/${look.filter[pane]}`
  const corner = [filter, more].filter((word) => word !== '').join(' ')
  const title = titleOf(panes, pane, seen, size.columns - 8 - width(corner))
  return boxed(title, [...head.map((row) => [plain(' '), ...row]), ...rows], size, chosen, corner)
}

/** The names of the panes that share the place, the one that is seen in brackets; numbers are the keys that lead there, and say enough where room is scarce. */
function titleOf(panes: readonly Pane[], shown: Pane, seen: Seen, room: number): string {
  const number = (pane: Pane): string => `${PANES.indexOf(pane) + 1}`
  const named = (pane: Pane): string => `${number(pane)} ${pane === 'tasks' ? seen.tasks.title : pane}`
  if (panes.length === 1) return named(shown)
  const title = panes.map((pane) => (pane === shown ? `[${named(pane)}]` : named(pane))).join(' ')
  return width(title) <= room ? title : panes.map((pane) => (pane === shown ? `[${named(pane)}]` : number(pane))).join(' ')
}

function boxed(title: string, rows: readonly Row[], { columns, rows: height }: Size, chosen: boolean, corner = ''): readonly Row[] {
  const edge = (text: string): Span => (chosen ? { text, bold: true, color: 'cyan' } : plain(text))
  const room = columns - 4
  const right = corner === '' ? '' : ` ${corner} `
  const left = ` ${title} `
  const kept = fill(left, Math.min(width(left), Math.max(0, room - width(right))))
  const line = '─'.repeat(Math.max(0, room - width(kept) - width(right)))
  const inner = Array.from({ length: Math.max(0, height - 2) }, (_, i): Row => [edge('│'), ...exactly(rows[i] ?? [], columns - 2), edge('│')])
  const top: Row = [edge('╭─'), edge(kept), edge(line), dim(fill(right, Math.min(width(right), room))), edge('─╮')]
  return [top, ...inner, [edge(`╰${'─'.repeat(columns - 2)}╯`)]]
}

// --- above and below ---

function header({ lab, facts, gone, machines, pods }: Seen, columns: number): Row {
  const nodes = machines.filter(({ kind }) => kind === 'node')
  const [nodesReady, podsReady] = [nodes.filter(({ ready }) => ready).length, pods.filter(({ ready }) => ready).length]
  const state: Span =
    gone !== undefined
      ? { text: `✗ down: ${gone}`, color: 'red', bold: true }
      : nodesReady < nodes.length
        ? { text: '! not well', color: 'yellow' }
        : { text: '✓ up', color: 'green' }
  const counts = gone === undefined ? ` nodes ${nodesReady}/${nodes.length}, Pods ${podsReady}/${pods.length}` : ''
  return exactly([bold(` ${lab} `), state, plain(counts), dim(gone === undefined && facts !== '' ? `  ${facts}` : '')], columns)
}

const KEYS = [
  'Tab pane  Enter select  s shell  p capture  c check  / filter  : command  ? help  q quit',
  'Tab pane  s shell  p capture  c check  / filter  : command  ? help  q quit',
  'Tab  s shell  p capture  / filter  ? help  q quit',
  '? help  q quit',
]

function footer({ note, gone }: Seen, { prompt, zoom }: Look, columns: number): Row {
  if (prompt !== undefined) {
    const label = prompt.sign === 'capture' ? ' capture filter, as tcpdump takes it: ' : ` ${prompt.sign}`
    const room = columns - width(label) - 2
    // The end of what is typed stays to be seen.
    const tail = width(prompt.text) > room ? `…${prompt.text.slice(1 - room)}` : prompt.text
    return exactly([{ text: label, color: 'cyan', bold: true }, plain(clean(tail)), { text: '█', color: 'cyan' }], columns)
  }
  if (gone !== undefined) return exactly([dim(' q quit')], columns)
  if (note !== undefined)
    return exactly([note.level === 'error' ? { text: ` ✗ ${clean(note.says)}`, color: 'red' } : { text: ` ${clean(note.says)}`, color: 'green' }], columns)
  const keys = KEYS.find((words) => words.length + 2 <= columns - (zoom ? 13 : 0)) ?? ''
  return exactly([dim(` ${zoom ? 'z all panes  ' : ''}${keys}`)], columns)
}

const KEYS_WIDE = Math.max(...HELP.map(([key]) => width(key))) + 1
const helpRows = (): readonly Row[] => HELP.map(([key, says]) => [bold(` ${fill(key, KEYS_WIDE)}`), plain(says)])
