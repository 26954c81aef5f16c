/** The lines of each pane, for a width: what there is to be seen, before scrolling. */
import { bold, type Color, clean, dim, fill, fillLeft, plain, type Row, type Span } from './cells.ts'
import { type CaptureSeen, KINDS, type Look, type Pane, POD_TABLES, type Seen, type TableName, type Task } from './state.ts'
import { rateText, topologyRows } from './topology.ts'

/** `head` stays when the rest scrolls; `place` is what Enter, `s` and `p` mean on that line; `id` names a task. */
export type Item = { readonly row: Row; readonly place?: string; readonly id?: string }
export type Lines = { readonly head: readonly Row[]; readonly items: readonly Item[]; readonly empty: string }

export function linesOf(pane: Pane, seen: Seen, look: Look, width: number): Lines {
  const word = look.filter[pane].toLowerCase()
  const lines = PANE[pane](seen, look, width)
  if (word === '' || lines.items.length === 0) return lines
  const kept = lines.items.filter(({ row }) => textOf(row).toLowerCase().includes(word))
  return { ...lines, items: kept, empty: `nothing here has "${look.filter[pane]}"` }
}

const textOf = (row: Row): string => row.map(({ text }) => text).join('')

const PANE: Readonly<Record<Pane, (seen: Seen, look: Look, width: number) => Lines>> = { topology, tasks, tables, capture, objects, events }

// --- topology ---

function topology({ segments, machines, pods, tasks: { list } }: Seen, _: Look, width: number): Lines {
  const { head, items } = topologyRows({ segments, machines, pods }, { width, rates: true, state: true })
  return { head: items.length === 0 ? [] : [head], items: [...items, ...paths(list, width)], empty: 'no machines are there yet' }
}

/** What the probes found on each way through the lab. */
function paths(list: readonly Task[], width: number): readonly Item[] {
  const told = list.filter(({ path, verdict }) => path !== undefined && verdict !== undefined)
  const ways = [...Map.groupBy(told, ({ path }) => `${path?.from}\n${path?.to}`).entries()]
  if (ways.length === 0) return []
  const half = Math.max(8, Math.min(30, Math.floor((width - 24) / 2)))
  const rows = ways.map(([way, tasks]): Item => {
    const [from = '', to = ''] = way.split('\n')
    const passed = tasks.filter(({ verdict }) => verdict === 'pass').length
    const state = passed === tasks.length ? MARKS.pass : MARKS[tasks.find(({ verdict }) => verdict !== 'pass')?.verdict ?? 'error']
    return { row: [{ ...state, text: fill(state.text, 11) }, plain(`${fill(from, half)} → ${fill(to, half)} `), dim(`${passed} of ${tasks.length}`)] }
  })
  return [{ row: [] }, { row: [bold('ways'), dim(' as the last check found them')] }, ...rows]
}

// --- tasks ---

const MARKS: Readonly<Record<NonNullable<Task['verdict']> | 'waiting' | 'running' | 'broken', { readonly text: string; readonly color: Color }>> = {
  pass: { text: '✓ pass', color: 'green' },
  fail: { text: '✗ fail', color: 'red' },
  error: { text: '! undecided', color: 'yellow' },
  blocked: { text: '· blocked', color: 'gray' },
  skip: { text: '- skipped', color: 'gray' },
  waiting: { text: '○ open', color: 'gray' },
  running: { text: '… running', color: 'cyan' },
  broken: { text: '✗ broken', color: 'red' },
}

function tasks({ tasks: { list, says } }: Seen): Lines {
  const items = [...Map.groupBy(list, ({ group }) => group)].flatMap(([group, its]): readonly Item[] => [
    ...(group === '' ? [] : [{ row: [bold(clean(group)), dim(` ${its.filter(({ verdict }) => verdict === 'pass').length} of ${its.length}`)] }]),
    ...its.flatMap((task) => [
      { id: task.id, row: taskRow(task) },
      ...wrapped(task.tells).map((text): Item => ({ id: task.id, row: [dim(`${' '.repeat(TELLS)}${text}`)] })),
    ]),
  ])
  return { head: says === '' ? [] : [[dim(clean(says))]], items, empty: 'this lab has no checks' }
}

/** Where what is told about a task begins, and how long its lines are: in each layout, so that a line keeps its number. */
const TELLS = 5
const TELLS_WIDTH = 50

const markOf = ({ verdict, running, was }: Task) => MARKS[running ? 'running' : was === 'pass' && verdict !== 'pass' ? 'broken' : (verdict ?? 'waiting')]

function taskRow(task: Task): Row {
  const mark = markOf(task)
  return [{ text: fill(` ${mark.text}`, 13), color: mark.color }, plain(clean(task.title))]
}

/** Broken between words. */
function wrapped(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text) => {
    const lines: string[] = ['']
    for (const word of clean(text).split(' ')) {
      const line = lines.at(-1) ?? ''
      if (line !== '' && line.length + 1 + word.length > TELLS_WIDTH) lines.push(word)
      else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
    }
    return lines
  })
}

// --- tables ---

export const tablesOf = ({ machines }: Pick<Seen, 'machines'>, place: string | undefined): readonly TableName[] =>
  place?.startsWith('pod/') ? POD_TABLES : (machines.find(({ kind, name }) => `${kind}/${name}` === place)?.tables ?? [])

const COUNT = 8

function tables({ table, machines }: Seen, look: Look, width: number): Lines {
  const head = [tabs(tablesOf({ machines }, look.place), look.table, width)]
  if (look.place === undefined) return { head, items: [], empty: 'choose a node or a Pod in the topology with Enter' }
  if (table === undefined || table.place !== look.place || table.name !== look.table) return { head, items: [], empty: `asking ${look.place} …` }
  const counted = table.lines.some(({ count }) => count !== undefined)
  const items = table.lines.map(({ text, count, more = 0 }): Item => {
    if (!counted) return { row: [plain(clean(text))] }
    const moved: Span = more > 0 ? { text: fill(` ▲${more}`, 7), color: 'yellow', bold: true } : plain(' '.repeat(7))
    return {
      row: [
        count ? plain(fillLeft(`${count}`, COUNT)) : dim(fillLeft(count === 0 ? '0' : '', COUNT)),
        moved,
        more > 0 ? bold(clean(text)) : plain(clean(text)),
      ],
    }
  })
  const title: Row = [dim('# '), { text: table.command, color: 'blue' }]
  return {
    head: [...head, title, ...(counted ? [[dim(`${fillLeft('packets', COUNT)} ${fill('moved', 6)}rule`)]] : [])],
    items,
    empty: table.failed ?? 'nothing is in it',
  }
}

/** The first ones leave when the chosen one would not be seen. */
function tabs(names: readonly string[], chosen: string, width: number): Row {
  const until = names.slice(0, names.indexOf(chosen) + 1)
  const room = until.reduce((sum, name) => sum + name.length + 2, 0)
  if (room > width && until.length > 1) return tabs(names.slice(1), chosen, width)
  return names.map((name): Span => (name === chosen ? { text: `[${name}]`, bold: true, color: 'cyan' } : dim(` ${name} `)))
}

// --- capture ---

function capture({ capture: its }: Seen, look: Look): Lines {
  if (its === undefined) return { head: [], items: [], empty: `p captures at ${look.place ?? 'the chosen place'}` }
  const shown = look.frozen === undefined ? its.lines : its.lines.slice(0, look.frozen)
  const items = shown.map((text): Item => ({ row: [plain(clean(text))] }))
  return { head: [captureHead(its, look.frozen !== undefined)], items, empty: clean(its.says ?? 'no packet has come by yet') }
}

function captureHead({ place, filter, state, packets, bytes, says }: CaptureSeen, frozen: boolean): Row {
  const mark: Span = frozen
    ? { text: '‖ frozen ', color: 'yellow' }
    : state === 'running'
      ? { text: '● running ', color: 'green' }
      : { text: '■ over ', color: 'gray' }
  return [
    mark,
    bold(place),
    plain(filter === '' ? '' : ` ${clean(filter)}`),
    dim(` ${packets} packet${packets === 1 ? '' : 's'}, ${sizeText(bytes)}`),
    ...(says ? [dim(` ${clean(says)}`)] : []),
  ]
}

const sizeText = (bytes: number): string => `${rateText(bytes)}B`

// --- objects and events ---

function objects({ objects: { kind, head, rows } }: Seen, look: Look, width: number): Lines {
  const known = kind === look.kind && head !== ''
  return {
    head: [tabs(KINDS, look.kind, width), ...(known && rows.length > 0 ? [[dim(head)]] : [])],
    items: known ? rows.map((text): Item => ({ row: [plain(clean(text))] })) : [],
    empty: known ? `no ${kind}` : `asking for ${look.kind} …`,
  }
}

function events({ events: { head, rows } }: Seen): Lines {
  const items = rows.map((text): Item => ({ row: [/\bWarning\b/.test(text) ? { text: `! ${clean(text)}`, color: 'yellow' } : plain(`  ${clean(text)}`)] }))
  return { head: head === '' ? [] : [[dim(`  ${head}`)]], items, empty: 'nothing has happened yet' }
}
