/** Curves over powers of ten, both axes by logarithm: as text for a terminal, as SVG for the page. */

export type Curve = { readonly name: string; readonly points: readonly (readonly [x: number, y: number])[] }
export type Chart = { readonly title: string; readonly x: string; readonly y: string; readonly curves: readonly Curve[] }

const [COLUMNS, ROWS] = [61, 16]
const MARKS = ['●', '○', '▲', '△', '■', '□']

/** From 0 to 1, left to right and bottom to top. */
function scales({ curves }: Chart) {
  const all = curves.flatMap(({ points }) => points)
  const bounds = (values: readonly number[]): readonly [number, number] => [Math.min(...values), Math.max(...values)]
  const [x0, x1] = bounds(all.map(([x]) => x))
  const [, top] = bounds(all.map(([, y]) => y))
  const y0 = Math.min(1, ...all.map(([, y]) => y))
  const y1 = Math.max(2, top)
  const part = (value: number, from: number, to: number): number => Math.log(value / from) / Math.log(to / from)
  const ticks = [1, 2, 5, 10, 20, 50, 100, 200, 500].filter((tick) => tick >= y0 && tick <= y1)
  return {
    x: (value: number) => part(value, x0, x1),
    y: (value: number) => part(value, y0, y1),
    ticks,
    xs: [...new Set(all.map(([x]) => x))].sort((a, b) => a - b),
  }
}

export function textChart(chart: Chart): string {
  const { x, y, ticks, xs } = scales(chart)
  const column = (value: number): number => Math.round(x(value) * (COLUMNS - 1))
  const line = (value: number): number => ROWS - 1 - Math.round(y(value) * (ROWS - 1))
  const grid = Array.from({ length: ROWS }, () => Array.from({ length: COLUMNS }, () => ' '))
  for (const [at, { points }] of chart.curves.entries()) for (const [px, py] of points) (grid[line(py)] ?? [])[column(px)] = MARKS[at % MARKS.length] ?? '*'
  const labels = new Map(ticks.map((tick) => [line(tick), `${tick}×`]))
  const foot = Array.from({ length: COLUMNS + 8 }, () => ' ')
  for (const one of xs) for (const [at, letter] of [...one.toLocaleString('en')].entries()) foot[column(one) + at] = letter
  return [
    chart.y,
    ...grid.map((cells, at) => `${(labels.get(at) ?? '').padStart(5)} │${cells.join('').trimEnd()}`),
    `      └${'─'.repeat(COLUMNS)}`,
    `       ${foot.join('').trimEnd()}  ${chart.x}`,
    '',
    ...chart.curves.map(({ name }, at) => `       ${MARKS[at % MARKS.length]} ${name}`),
  ].join('\n')
}

const COLOURS = ['#c0392b', '#e08e0b', '#2471a3', '#1e8449', '#7d3c98', '#566573']
const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [720, 400, 60, 40, 200, 50]

export function svgChart(chart: Chart): string {
  const { x, y, ticks, xs } = scales(chart)
  const px = (value: number): string => (LEFT + x(value) * (WIDTH - LEFT - RIGHT)).toFixed(1)
  const py = (value: number): string => (HEIGHT - BOTTOM - y(value) * (HEIGHT - TOP - BOTTOM)).toFixed(1)
  const text = (at: readonly [string | number, string | number], says: string, more = ''): string => `<text x="${at[0]}" y="${at[1]}"${more}>${says}</text>`
  const rule = (a: readonly [string | number, string | number], b: readonly [string | number, string | number]): string =>
    `<line x1="${a[0]}" y1="${a[1]}" x2="${b[0]}" y2="${b[1]}" stroke="#ddd"/>`
  const [right, bottom] = [WIDTH - RIGHT, HEIGHT - BOTTOM]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#333">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text([LEFT, 20], chart.title, ' font-size="14" font-weight="bold"'),
    ...ticks.flatMap((tick) => [rule([LEFT, py(tick)], [right, py(tick)]), text([LEFT - 8, Number(py(tick)) + 4], `${tick}×`, ' text-anchor="end"')]),
    ...xs.flatMap((one) => [rule([px(one), TOP], [px(one), bottom]), text([px(one), bottom + 18], one.toLocaleString('en'), ' text-anchor="middle"')]),
    text([(LEFT + right) / 2, HEIGHT - 10], chart.x, ' text-anchor="middle"'),
    ...chart.curves.flatMap(({ name, points }, at) => {
      const colour = COLOURS[at % COLOURS.length]
      const legend = TOP + 10 + at * 20
      return [
        `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.map(([a, b]) => `${px(a)},${py(b)}`).join(' ')}"/>`,
        ...points.map(
          ([a, b]) => `<circle cx="${px(a)}" cy="${py(b)}" r="3.5" fill="${colour}"><title>${name}: ${a} ${chart.x}, ${b.toFixed(2)}×</title></circle>`,
        ),
        `<circle cx="${right + 16}" cy="${legend}" r="4" fill="${colour}"/>`,
        text([right + 26, legend + 4], name),
      ]
    }),
    '</svg>',
    '',
  ].join('\n')
}
