/** A lab as a picture: one SVG with its own colours for light and dark, that asks nothing of the network and needs no program to be read. */
import type { Topology } from '#model/topology.ts'
import { escaped } from '#report/markup.ts'
import { factsOf, serviceRows } from './facts.ts'
import { type Bus, CARD, chipName, FONT, type Layout, type Line, layoutOf, type Placed, shortened, textWidth, type Wire } from './layout.ts'
import { type Chip, mapOf } from './map.ts'

export function svg(topology: Topology): string {
  const layout = layoutOf(mapOf(topology))
  const table = services(topology, layout.width)
  const facts = factsOf(topology)
  const width = Math.max(layout.width, table.width, ...[...facts, topology.lab].map((line) => textWidth(line, FONT.small) + 2 * EDGE))
  const head = EDGE + HEAD + facts.length * ROW
  const shift = Math.round((width - layout.width) / 2)
  const height = head + layout.height + table.height
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" class="netlab-map" role="img" aria-labelledby="netlab-map-title netlab-map-desc">`,
    `<title id="netlab-map-title">Topology of lab ${escaped(topology.lab)}</title>`,
    `<desc id="netlab-map-desc">${escaped(inWords(topology))}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="ground" width="${width}" height="${height}" rx="8"/>`,
    text(EDGE, EDGE + 12, 'lab', topology.lab),
    ...facts.map((line, i) => text(EDGE, EDGE + HEAD + 10 + i * ROW, 'says', line)),
    `<g transform="translate(${shift} ${head})">`,
    ...drawn(layout),
    '</g>',
    ...(table.rows.length === 0 ? [] : [`<g transform="translate(${EDGE} ${head + layout.height})">`, ...table.rows, '</g>']),
    '</svg>',
  ].join('\n')}\n`
}

const EDGE = 24
const HEAD = 18
const ROW = 17

/** For those who hear the picture. */
function inWords({ segments, machines, pods }: Topology): string {
  const on = (name: string): string =>
    machines
      .filter(({ wires }) => wires.some(({ segment }) => segment === name))
      .map((machine) => machine.name)
      .join(', ') || 'nobody but the router'
  const nodes = machines.filter(({ kind }) => kind === 'node')
  return [
    ...segments.map(({ name, cidr }) => `On segment ${name}, ${cidr}: ${on(name)}.`),
    ...nodes.map(({ name }) => {
      const its = pods.filter(({ node }) => node === name).map((pod) => pod.name)
      return `${name} has ${its.length === 0 ? 'no Pods' : `the Pods ${its.join(', ')}`}.`
    }),
  ].join(' ')
}

/** Wires first, so that boxes cover their ends. */
const drawn = ({ buses, wires, cards }: Layout): readonly string[] => [
  ...buses.flatMap(({ taps }) => taps.map((tap) => line('wire', tap))),
  ...wires.map((wire) => line('wire', wire)),
  ...buses.flatMap(busDrawn),
  ...wires.flatMap(wireDrawn),
  ...cards.flatMap(cardDrawn),
]

function busDrawn({ name, says, at: [x, y], lines, taps }: Bus): readonly string[] {
  return [
    ...lines.map((one) => line('bus', one)),
    ...taps.map(({ from }) => `<circle class="tap" cx="${from[0]}" cy="${from[1]}" r="3.5"/>`),
    text(x, y - 7, 'name halo', name),
    text(x, y + 16, 'says halo', says),
  ]
}

function wireDrawn({ name, says, at: [x, y] }: Wire): readonly string[] {
  return ['<g text-anchor="middle">', `<title>${escaped(name)}</title>`, text(x, y, 'says halo', says), '</g>']
}

function cardDrawn(card: Placed): readonly string[] {
  const { kind, name, corner, tone, lines, chips, chipsAt, x, y, width, height } = card
  const right = width - CARD.pad
  const stems = chips.flatMap((chip, i) => (chip.cable ? [(chipsAt[i] ?? 0) + CARD.chip / 2] : []))
  return [
    `<g class="${kind}" transform="translate(${x} ${y})">`,
    `<rect width="${width}" height="${height}" rx="6"/>`,
    text(CARD.pad, CARD.pad + 10, 'name', name),
    ...(corner === '' ? [] : [`<g text-anchor="end">${text(right, CARD.pad + 10, `says ${tone}`, corner)}</g>`]),
    ...lines.map((words, i) => text(CARD.pad, CARD.pad + CARD.title + 10 + i * CARD.line, 'says', words)),
    ...(stems.length === 0
      ? []
      : [
          `<path class="cable" d="M${CARD.pad + 2} ${(chipsAt[0] ?? 0) - 4}V${stems.at(-1)}${stems.map((at) => `M${CARD.pad + 2} ${at}h${CARD.stem - 2}`).join('')}"/>`,
        ]),
    ...chips.flatMap((chip, i) => chipDrawn(chip, { y: chipsAt[i] ?? 0, width: right - CARD.pad - CARD.stem })),
    '</g>',
  ]
}

function chipDrawn(chip: Chip, { y, width }: { readonly y: number; readonly width: number }): readonly string[] {
  const { title, detail, cable, tone, sign } = chip
  return [
    `<g class="pod${cable ? '' : ' loose'}" transform="translate(${CARD.pad + CARD.stem} ${y})">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${CARD.chip}" rx="4"/>`,
    ...(sign === '' ? [] : [text(8, 14, `sign ${tone}`, sign)]),
    text(sign === '' ? 8 : 22, 14, 'who', chipName(chip)),
    text(8, 28, `says${tone === 'bad' ? ' bad' : ''}`, detail),
    '</g>',
  ]
}

/** Below the picture, for lines from every Service to every Pod would be no picture any more. */
function services(topology: Topology, room: number): { readonly rows: readonly string[]; readonly width: number; readonly height: number } {
  const cells = serviceRows(topology).map((row) => row.map((cell, i) => (i === row.length - 1 ? cell : shortened(cell, SERVICE_MOST))))
  if (cells.length === 0) return { rows: [], width: 0, height: 0 }
  const starts = [0]
  for (let i = 0; i < SERVICE_HEAD.length - 1; i += 1)
    starts.push((starts[i] ?? 0) + GAP + Math.max(...[SERVICE_HEAD, ...cells].map((row) => textWidth(row[i] ?? '', FONT.small))))
  const before = starts.at(-1) ?? 0
  const last = Math.max(room - 2 * EDGE - before, LAST_LEAST)
  let y = 14
  const row = (words: readonly string[], kind: string): readonly string[] => {
    const lines = wrapped(words.at(-1) ?? '', Math.floor(last / textWidth('m', FONT.small)))
    const drawnRow = [
      ...words.slice(0, -1).map((cell, i) => text(starts[i] ?? 0, y, i === 0 ? kind : 'says', cell)),
      ...lines.map((words, i) => text(before, y + i * ROW, 'says', words)),
    ]
    y += lines.length * ROW
    return drawnRow
  }
  const rows = [...row(SERVICE_HEAD, 'says'), `<path class="rule" d="M0 20h${before + last}"/>`]
  y += 6
  rows.push(...cells.flatMap((words) => row(words, 'who')))
  return { rows, width: before + last + 2 * EDGE, height: y + EDGE - 14 }
}

const SERVICE_HEAD = ['Service', 'type', 'address', 'port', 'behind it'] as const
const SERVICE_MOST = 48
const GAP = 20
const LAST_LEAST = 260
const LINES_MOST = 4

/** Broken between words; what has no room is counted. */
function wrapped(words: string, most: number): readonly string[] {
  const all = words.split(' ')
  const lines: string[] = []
  for (const [i, word] of all.entries()) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= most) lines[lines.length - 1] = `${last} ${word}`
    else if (lines.length < LINES_MOST) lines.push(shortened(word, most))
    else return [...lines.slice(0, -1), `${last} and ${all.length - i} more`]
  }
  return lines
}

const text = (x: number, y: number, kind: string, words: string): string => `<text class="${kind}" x="${x}" y="${y}">${escaped(words)}</text>`
const line = (kind: string, { from, to }: Line): string => `<path class="${kind}" d="M${from[0]} ${from[1]}L${to[0]} ${to[1]}"/>`

/** Every rule begins with the picture's class: within a page it says nothing of the rest. */
const STYLE = `
.netlab-map{--ground:#fff;--ink:#1f2328;--dim:#59636e;--wire:#818b98;--bus:#59636e;--node:#f6f8fa;--edge:#c3cad1;--pod:#e3f1ff;--podedge:#6cb0f5;--router:#fff5d6;--routeredge:#d4a72c;--ext:#f7edff;--extedge:#be8fff;--good:#1a7f37;--bad:#cf222e}
@media (prefers-color-scheme:dark){.netlab-map{--ground:#0d1117;--ink:#e6edf3;--dim:#a2abb6;--wire:#6e7681;--bus:#9198a1;--node:#161b22;--edge:#3d444d;--pod:#0f2742;--podedge:#2f6fbf;--router:#2a2212;--routeredge:#9e7a1e;--ext:#221539;--extedge:#8957e5;--good:#3fb950;--bad:#ff7b72}}
.netlab-map .ground{fill:var(--ground)}
.netlab-map text{fill:var(--ink);font:${FONT.small}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre}
.netlab-map .lab{font-size:16px;font-weight:bold}
.netlab-map .name{font-size:${FONT.name}px;font-weight:bold}
.netlab-map .says{fill:var(--dim)}
.netlab-map .good{fill:var(--good)}
.netlab-map .bad{fill:var(--bad)}
.netlab-map .halo{stroke:var(--ground);stroke-width:6px;stroke-linejoin:round;paint-order:stroke}
.netlab-map path{fill:none}
.netlab-map .wire{stroke:var(--wire);stroke-width:1.5}
.netlab-map .bus{stroke:var(--bus);stroke-width:4;stroke-linecap:round}
.netlab-map .tap{fill:var(--bus)}
.netlab-map .cable{stroke:var(--podedge);stroke-width:1.5}
.netlab-map .rule{stroke:var(--edge)}
.netlab-map .node>rect{fill:var(--node);stroke:var(--edge)}
.netlab-map .router>rect{fill:var(--router);stroke:var(--routeredge)}
.netlab-map .ext>rect{fill:var(--ext);stroke:var(--extedge)}
.netlab-map .pod>rect{fill:var(--pod);stroke:var(--podedge)}
.netlab-map .loose>rect{fill:none;stroke-dasharray:4 3}
`
