/** Where everything on the map stands, in pixels: tiers from the top down, the nodes lowest; segments are lines that machines hang on. */
import type { Card, Chip, LabMap, Segment } from './map.ts'

export type Placed = Card & { readonly x: number; readonly y: number; readonly width: number; readonly height: number; readonly chipsAt: readonly number[] }
/** From one point straight to another. */
export type Line = { readonly from: readonly [x: number, y: number]; readonly to: readonly [x: number, y: number] }
/** A segment as a line: `taps` lead from it to its machines; its name stands at `at`. */
export type Bus = {
  readonly name: string
  readonly says: string
  readonly at: readonly [x: number, y: number]
  readonly lines: readonly Line[]
  readonly taps: readonly Line[]
}
/** A segment that joins two routers and nothing else. */
export type Wire = Line & { readonly name: string; readonly says: string; readonly at: readonly [x: number, y: number] }
export type Layout = {
  readonly width: number
  readonly height: number
  readonly cards: readonly Placed[]
  readonly buses: readonly Bus[]
  readonly wires: readonly Wire[]
}

/** Of a letter of a monospaced font, by its size. */
export const LETTER = 0.61
export const FONT = { name: 13, small: 11 } as const
export const textWidth = (text: string, size: number): number => Math.ceil([...text].length * size * LETTER)

export const CARD = { pad: 12, title: 18, line: 16, chip: 34, chipGap: 6, stem: 14 } as const
const GAP = 24
const GROUP_GAP = 44
/** Between a row of machines and the nearest line of a segment. */
const DROP = 30
const LANE = 44
/** How far left of the machines their segment leads to further rows of them. */
const RAIL = 18
/** Room in which wires between routers may cross. */
const CROSSING = 130
const ACROSS_MOST = 6
const NAME_MOST = 44

/** Of a long name the ends tell it from its brothers. */
export const shortened = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most - 9)}…${text.slice(-8)}`)

export function layoutOf(map: LabMap): Layout {
  const across = acrossOf(map)
  const rows = rowsOf(map)
  const cards: Placed[] = []
  const ports = portsOf(map, across)
  const bottom = new Map<string, number>()
  const top = new Map<string, number>()
  const areas: { readonly tier: number; readonly y: number; readonly lanes: ReadonlyMap<string, number> }[] = []
  let y = 0
  for (const { tier, above } of rows) {
    const height = Math.max(0, ...above.map((card) => sizeOf(card).height))
    for (const card of above) {
      const { width, height: own } = sizeOf(card)
      const placed = { ...card, x: (across.centers.get(card.name) ?? 0) - width / 2, y: y + height - own, width, height: own, chipsAt: chipsAt(card) }
      cards.push(placed)
      top.set(card.name, placed.y)
      bottom.set(card.name, placed.y + own)
    }
    y += height
    const lanes = lanesOf(map, tier, across, ports)
    areas.push({ tier, y: y + DROP, lanes })
    const count = Math.max(0, ...lanes.values()) + (lanes.size > 0 ? 1 : 0)
    const isCrossed = map.segments.some((segment) => segment.tier === tier && isWire(segment, map))
    y += Math.max(count === 0 ? 0 : DROP * 2 + (count - 1) * LANE, isCrossed ? CROSSING : 0)
  }
  const grids = map.segments.filter(({ tier }) => tier === 0).map((segment) => gridOf(segment, across, y))
  for (const grid of grids) {
    cards.push(...grid.cards)
    for (const card of grid.cards) top.set(card.name, card.y)
  }
  const at = (end: 'top' | 'bottom', name: string): number => (end === 'top' ? top : bottom).get(name) ?? 0
  const lined = map.segments.map((segment) => ({ segment, area: areas.find(({ tier }) => tier === segment.tier) }))
  const buses = lined.flatMap(({ segment, area }) => {
    const lane = area?.lanes.get(segment.name)
    return area === undefined || lane === undefined
      ? []
      : [busOf(segment, { map, across, ports, at, y: area.y + lane * LANE, grid: grids.find(({ name }) => name === segment.name) })]
  })
  const wires = map.segments.filter((segment) => isWire(segment, map)).map((segment) => wireOf(segment, { map, ports, at }))
  return framed({ cards, buses, wires: labelled(wires) })
}

// --- sizes ---

export function sizeOf({ name, corner, lines, chips }: Card): { readonly width: number; readonly height: number } {
  const texts = [
    textWidth(name, FONT.name) + (corner === '' ? 0 : 16 + textWidth(corner, FONT.small)),
    ...lines.map((line) => textWidth(line, FONT.small)),
    ...chips.map((chip) => CARD.stem + 16 + chipWidth(chip)),
  ]
  const least = chips.length > 0 ? 190 : 130
  return {
    width: Math.max(least, Math.max(...texts) + 2 * CARD.pad),
    height: headOf({ lines }) + chips.length * (CARD.chip + CARD.chipGap) + CARD.pad - (chips.length > 0 ? 2 : 4),
  }
}

const chipWidth = ({ name, detail, sign }: Chip): number =>
  Math.max(textWidth(shortened(name, NAME_MOST), FONT.small) + (sign === '' ? 0 : 14), textWidth(detail, FONT.small))
const headOf = ({ lines }: Pick<Card, 'lines'>): number => CARD.pad + CARD.title + lines.length * CARD.line
const chipsAt = (card: Card): readonly number[] => card.chips.map((_, at) => headOf(card) + 4 + at * (CARD.chip + CARD.chipGap))
export const chipName = ({ name }: Chip): string => shortened(name, NAME_MOST)

const labelWidth = ({ name, says }: Segment): number => Math.max(textWidth(name, FONT.name), textWidth(says, FONT.small)) + 14

// --- from left to right ---

/** Centers of all machines by name; of the lowest segments the columns and the left end. */
type Across = {
  readonly centers: ReadonlyMap<string, number>
  readonly lefts: ReadonlyMap<string, number>
  readonly middles: ReadonlyMap<string, number>
}

function acrossOf(map: LabMap): Across {
  const centers = new Map<string, number>()
  const lefts = new Map<string, number>()
  /** Of segments. */
  const middles = new Map<string, number>()
  let x = 0
  for (const segment of map.segments.filter(({ tier }) => tier === 0)) {
    const width = Math.max(0, ...segment.on.map((card) => sizeOf(card).width))
    const columns = columnsOf(segment.on.length)
    // The segment's name stands left of the first machine's wire.
    const first = x + Math.max(0, labelWidth(segment) - width / 2) + width / 2
    segment.on.forEach((card, i) => {
      centers.set(card.name, first + (i % columns) * (width + GAP))
    })
    lefts.set(segment.name, first - Math.max(labelWidth(segment), width / 2))
    const last = first + Math.max(0, columns - 1) * (width + GAP)
    middles.set(segment.name, (first + last) / 2)
    x = Math.max(last + width / 2, first + labelWidth(segment)) + GROUP_GAP
  }
  const tiers = Math.max(0, ...map.routers.map(({ tier }) => tier), ...map.segments.map(({ tier }) => tier))
  for (let tier = 0; tier <= tiers; tier += 1) {
    for (const segment of map.segments.filter((one) => one.tier === tier && tier > 0)) {
      const below = map.routers.filter((router) => router.tier < tier && router.segments.includes(segment.name)).map(({ card }) => centers.get(card.name) ?? 0)
      middles.set(segment.name, mean(below))
    }
    const wanted = [
      ...map.segments.filter((one) => one.tier === tier && tier > 0).flatMap(({ name, on }) => on.map((card) => ({ card, want: middles.get(name) ?? 0 }))),
      ...map.routers
        .filter((one) => one.tier === tier)
        .map(({ card, segments }) => ({ card, want: mean(segments.flatMap((name) => middles.get(name) ?? [])) })),
    ]
    for (const [name, center] of spread(wanted)) centers.set(name, center)
  }
  return { centers, lefts, middles }
}

const mean = (numbers: readonly number[]): number => (numbers.length === 0 ? 0 : numbers.reduce((sum, one) => sum + one, 0) / numbers.length)
const columnsOf = (count: number): number => Math.ceil(count / Math.max(1, Math.ceil(count / ACROSS_MOST)))

/** Each as near as can be to where it wants to be, in that order and without touching: neighbours that push each other share the way. */
function spread(wanted: readonly { readonly card: Card; readonly want: number }[]): ReadonlyMap<string, number> {
  const sorted = wanted.toSorted((a, b) => a.want - b.want)
  let end = 0
  const offsets = sorted.map(({ card }) => {
    const { width } = sizeOf(card)
    const center = end + width / 2
    end += width + GROUP_GAP
    return center
  })
  const blocks: { sum: number; count: number }[] = []
  sorted.forEach(({ want }, i) => {
    let block = { sum: want - (offsets[i] ?? 0), count: 1 }
    for (let last = blocks.at(-1); last !== undefined && last.sum / last.count > block.sum / block.count; last = blocks.at(-1)) {
      blocks.pop()
      block = { sum: last.sum + block.sum, count: last.count + block.count }
    }
    blocks.push(block)
  })
  const shifts = blocks.flatMap(({ sum, count }) => Array.from({ length: count }, () => sum / count))
  return new Map(sorted.map(({ card }, i) => [card.name, Math.round((offsets[i] ?? 0) + (shifts[i] ?? 0))]))
}

// --- from the top down ---

/** A row of machines and the segments below it; the nodes come after the last. */
function rowsOf(map: LabMap): readonly { readonly tier: number; readonly above: readonly Card[] }[] {
  const tiers = Math.max(0, ...map.routers.map(({ tier }) => tier), ...map.segments.map(({ tier }) => tier))
  return Array.from({ length: tiers + 1 }, (_, i) => tiers - i).map((tier) => ({
    tier,
    above: [
      ...map.segments.filter((one) => one.tier === tier && tier > 0).flatMap(({ on }) => on),
      ...map.routers.filter((one) => one.tier === tier).map(({ card }) => card),
    ],
  }))
}

/** Two routers on it, one above the other, and nobody else: it needs no line of its own. */
function isWire({ on, joins, tier }: Segment, { routers }: LabMap): boolean {
  const tiers = routers.filter(({ card }) => joins.includes(card.name)).map((router) => router.tier)
  return tier > 0 && on.length === 0 && joins.length === 2 && tiers[0] !== tiers[1]
}

/** Segments of one tier whose lines would touch stand one below the other. */
function lanesOf(map: LabMap, tier: number, across: Across, ports: Ports): ReadonlyMap<string, number> {
  const lanes = new Map<string, number>()
  const ends: number[] = []
  const spans = map.segments.filter((one) => one.tier === tier && !isWire(one, map)).map((segment) => ({ segment, span: spanOf(segment, map, across, ports) }))
  for (const { segment, span } of spans.toSorted((a, b) => a.span[0] - b.span[0])) {
    const free = ends.findIndex((end) => end + GAP < span[0])
    const lane = free < 0 ? ends.length : free
    ends[lane] = span[1]
    lanes.set(segment.name, lane)
  }
  return lanes
}

/** Where a segment's wires reach it, machines above and below. */
function tapsAt({ name, on, joins }: Segment, map: LabMap, across: Across, ports: Ports): readonly number[] {
  return [
    ...on.map((card) => across.centers.get(card.name) ?? 0),
    ...map.routers.filter(({ card }) => joins.includes(card.name)).map(({ card }) => ports.at(card.name, name)),
  ]
}

function spanOf(segment: Segment, map: LabMap, across: Across, ports: Ports): readonly [from: number, to: number] {
  const taps = tapsAt(segment, map, across, ports)
  const first = Math.min(...taps)
  const left = across.lefts.get(segment.name) ?? (taps.length === 0 ? 0 : first - labelWidth(segment))
  return [Math.min(left, ...taps), Math.max(left + labelWidth(segment), ...taps.map((tap) => tap + 20))]
}

// --- wires ---

/** Where on a router's edge the wire of a segment ends. */
type Ports = { readonly at: (router: string, segment: string) => number }

function portsOf(map: LabMap, { centers, middles }: Across): Ports {
  const ports = new Map<string, number>()
  for (const { card, segments, tier } of map.routers) {
    const center = centers.get(card.name) ?? 0
    const towards = (name: string): number => {
      const others = map.routers
        .filter((other) => other.card.name !== card.name && other.segments.includes(name))
        .map((other) => centers.get(other.card.name) ?? 0)
      return others.length > 0 ? mean(others) : (middles.get(name) ?? 0)
    }
    for (const isAbove of [true, false]) {
      const names = segments.filter((name) => (map.segments.find((one) => one.name === name)?.tier ?? 0) > tier === isAbove)
      const step = Math.min(60, (sizeOf(card).width - 2 * CARD.pad) / Math.max(1, names.length - 1))
      names
        .toSorted((a, b) => towards(a) - towards(b))
        .forEach((name, i) => {
          ports.set(`${card.name} ${name}`, Math.round(center + (i - (names.length - 1) / 2) * step))
        })
    }
  }
  return { at: (router, segment) => ports.get(`${router} ${segment}`) ?? centers.get(router) ?? 0 }
}

type Ends = { readonly map: LabMap; readonly ports: Ports; readonly at: (end: 'top' | 'bottom', name: string) => number }

function busOf(segment: Segment, o: Ends & { readonly across: Across; readonly y: number; readonly grid: Grid | undefined }): Bus {
  const { map, across, ports, at, y, grid } = o
  const [from, to] = spanOf(segment, map, across, ports)
  const down = (x: number, end: number): Line => ({ from: [x, y], to: [x, end] })
  const routers = map.routers.filter(({ card }) => segment.joins.includes(card.name))
  const rail = (across.lefts.get(segment.name) ?? from) - RAIL
  const rails = grid?.rails(rail, y) ?? []
  return {
    name: segment.name,
    says: segment.says,
    at: [across.lefts.get(segment.name) ?? from, y],
    lines: [{ from: [rails.length > 0 ? Math.min(from, rail) : from, y], to: [to, y] }, ...rails],
    taps: [
      ...routers.map(({ card, tier }) => down(ports.at(card.name, segment.name), tier < segment.tier ? at('top', card.name) : at('bottom', card.name))),
      ...(grid === undefined ? segment.on.map(({ name }) => down(across.centers.get(name) ?? 0, at('bottom', name))) : grid.taps(y)),
    ],
  }
}

function wireOf({ name, says, joins }: Segment, { map, ports, at }: Ends): Omit<Wire, 'at'> {
  const [upper = '', lower = ''] = map.routers
    .filter(({ card }) => joins.includes(card.name))
    .toSorted((a, b) => b.tier - a.tier)
    .map(({ card }) => card.name)
  return { name, says, from: [ports.at(upper, name), at('bottom', upper)], to: [ports.at(lower, name), at('top', lower)] }
}

/** Where on its wire a label may stand, the best place first: not where wires cross. */
const LABEL_PLACES = [0.24, 0.76, 0.36, 0.64, 0.14, 0.86]
const LABEL = { height: 16, gap: 6 } as const

/** Each label takes the first place where it covers none of those before it. */
function labelled(wires: readonly Omit<Wire, 'at'>[]): readonly Wire[] {
  const placed: Wire[] = []
  for (const wire of wires) {
    const places = LABEL_PLACES.map(
      (part) => [0, 1].map((axis) => Math.round((wire.from[axis] ?? 0) * (1 - part) + (wire.to[axis] ?? 0) * part)) as [number, number],
    )
    const isFree = ([x, y]: readonly [number, number]): boolean =>
      placed.every(({ says, at }) => {
        const apart = (textWidth(says, FONT.small) + textWidth(wire.says, FONT.small)) / 2 + LABEL.gap
        return Math.abs(at[0] - x) >= apart || Math.abs(at[1] - y) >= LABEL.height
      })
    placed.push({ ...wire, at: places.find(isFree) ?? places[0] ?? wire.from })
  }
  return placed
}

// --- the machines of a lowest segment ---

type Grid = {
  readonly name: string
  readonly cards: readonly Placed[]
  readonly taps: (y: number) => readonly Line[]
  /** The segment's line again for each further row, and what joins them. */
  readonly rails: (x: number, y: number) => readonly Line[]
}

function gridOf({ name, on }: Segment, { centers }: Across, top: number): Grid {
  const columns = Math.max(1, columnsOf(on.length))
  const rows = Array.from({ length: Math.ceil(on.length / columns) }, (_, i) => on.slice(i * columns, (i + 1) * columns))
  const width = Math.max(0, ...on.map((card) => sizeOf(card).width))
  let y = top
  const placed = rows.map((row) => {
    const cards = row.map(
      (card): Placed => ({ ...card, x: (centers.get(card.name) ?? 0) - width / 2, y, width, height: sizeOf(card).height, chipsAt: chipsAt(card) }),
    )
    const its = { cards, line: y - DROP }
    y += Math.max(0, ...cards.map(({ height }) => height)) + 2 * DROP
    return its
  })
  const middle = (card: Placed): number => card.x + card.width / 2
  return {
    name,
    cards: placed.flatMap(({ cards }) => cards),
    taps: (line) =>
      placed.flatMap((row, i) => row.cards.map((card) => ({ from: [middle(card), i === 0 ? line : row.line], to: [middle(card), card.y] }) as const)),
    rails: (x, line) =>
      placed.length < 2
        ? []
        : [
            { from: [x, line], to: [x, placed.at(-1)?.line ?? line] },
            ...placed.slice(1).map((row) => ({ from: [x, row.line], to: [Math.max(...row.cards.map(middle)) + 20, row.line] }) as const),
          ],
  }
}

// --- the frame ---

const MARGIN = 24

/** Moved so that nothing is left of or above the margin. */
function framed({ cards, buses, wires }: Pick<Layout, 'cards' | 'buses' | 'wires'>): Layout {
  const lines = [...buses.flatMap((bus) => [...bus.lines, ...bus.taps]), ...wires]
  const labels = wires.map(({ says, at }) => textWidth(says, FONT.small) / 2 + at[0])
  const left = Math.min(...cards.map(({ x }) => x), ...lines.flatMap(({ from, to }) => [from[0], to[0]]))
  const right = Math.max(...cards.map(({ x, width }) => x + width), ...lines.flatMap(({ from, to }) => [from[0], to[0]]), ...labels)
  const low = Math.max(...cards.map(({ y, height }) => y + height), ...lines.flatMap(({ from, to }) => [from[1], to[1]]))
  const [dx, dy] = [Math.round(MARGIN - left), MARGIN]
  const point = ([x, y]: readonly [number, number]) => [Math.round(x + dx), Math.round(y + dy)] as const
  const line = ({ from, to }: Line): Line => ({ from: point(from), to: point(to) })
  return {
    width: Math.ceil(right - left) + 2 * MARGIN,
    height: Math.ceil(low) + 2 * MARGIN,
    cards: cards.map((card) => ({ ...card, x: Math.round(card.x + dx), y: Math.round(card.y + dy) })),
    buses: buses.map((bus) => ({ ...bus, at: point(bus.at), lines: bus.lines.map(line), taps: bus.taps.map(line) })),
    wires: wires.map((wire) => ({ ...wire, ...line(wire), at: point(wire.at) })),
  }
}
