/** How long a connection to a Service takes, by the number of Services, in each mode of kube-proxy: where rules are asked one by one, and where a table is looked into. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Chart, svgChart, textChart } from './chart.ts'
import type { Mode } from './crowd.ts'
import { type Chapter, hasGuest, home, inFolder, table, times, toldInGuest, toldInKeeper } from './measure.ts'

type Kernel = 'host' | 'uml'
type Curve = { readonly mode: Mode; readonly kernel: Kernel; readonly counts: readonly number[]; readonly connections: number }

/** User-mode Linux has IPVS and no nftables; its iptables is the older one. nftables takes 20 s and more to load 10,000. */
const CURVES: readonly Curve[] = [
  { mode: 'iptables', kernel: 'host', counts: [10, 100, 1000, 10_000], connections: 80 },
  { mode: 'nftables', kernel: 'host', counts: [10, 100, 1000, 10_000], connections: 80 },
  { mode: 'iptables', kernel: 'uml', counts: [10, 100, 1000, 10_000], connections: 40 },
  { mode: 'ipvs', kernel: 'uml', counts: [10, 100, 1000, 10_000], connections: 40 },
]
const GUEST_MB = 1536
const SVG = 'docs/bench/connect.svg'

/** `none` in µs, the others as multiples of it; `load` in ms. */
type Seen = { readonly services: number; readonly load: number; readonly none: number; readonly other: number; readonly first: number; readonly last: number }

const nameOf = ({ mode, kernel }: Curve): string => (kernel === 'uml' ? `${mode}${mode === 'iptables' ? '-legacy' : ''} (user-mode Linux)` : mode)

export async function connect(): Promise<Chapter> {
  const all: { curve: Curve; seen: readonly Seen[] }[] = []
  const skipped: string[] = []
  for (const curve of CURVES) {
    if (curve.kernel === 'uml' && !hasGuest) skipped.push(`${nameOf(curve)}: user-mode-linux is not installed`)
    else all.push({ curve, seen: await inFolder((folder) => measure(curve, folder)) })
  }
  const chart: Chart = {
    title: 'connect() to the last Service, as multiples of the same without any rules',
    x: 'Services',
    y: 'connect() to the last Service ÷ connect() without any rules',
    curves: all.map(({ curve, seen }) => ({ name: nameOf(curve), points: seen.map(({ services, last }) => [services, last]) })),
  }
  mkdirSync(dirname(join(home, SVG)), { recursive: true })
  writeFileSync(join(home, SVG), svgChart(chart))
  const rows = all.flatMap(({ curve, seen }) =>
    seen.map(({ services, load, none, other, first, last }) => [
      `${nameOf(curve)}, ${services.toLocaleString('en')}`,
      `${none.toFixed(0)} µs`,
      ...[first, last, other].map(times),
      `${(load / 1000).toFixed(1)} s`,
    ]),
  )
  const text = [
    `![${chart.title}](${SVG.replace('docs/', '')})`,
    '',
    '```',
    textChart(chart),
    '```',
    '',
    table(['mode, Services', 'no rules', 'first Service', 'last Service', 'no Service', 'rules loaded in'], rows),
    '',
    'From a node, one endpoint behind each Service, connections in turns with those of a machine without rules; each kernel is compared with itself. In mode iptables the first packet',
    'asks rule after rule until one names its destination: for the last Service all of them, and for what is no Service all of them too. nftables and IPVS look the destination up in a table.',
    ...skipped,
  ]
  return { title: 'Connections and the number of Services', text: text.join('\n') }
}

function measure({ mode, kernel, counts, connections }: Curve, folder: string): readonly Seen[] {
  const inside = join(import.meta.dirname, 'inside')
  const program = [process.execPath, join(inside, 'connect.ts'), mode, counts.join(','), `${connections}`]
  if (kernel === 'uml') return toldInGuest([...program, '/run/netlab/lab'], { folder, megabytes: GUEST_MB })
  return toldInKeeper([...program, folder])
}
