/** Segments with their machines, machines with their Pods: one tree, for the dashboard and for `netlab graph`. */
import { bold, cutMiddle, dim, fill, fillLeft, plain, type Row, type Span, width as widthOf } from './cells.ts'
import type { Link, MachineSeen, PodSeen, Seen } from './state.ts'

/** A line of the tree; `place` is the machine or Pod on it. */
export type TreeItem = { readonly row: Row; readonly place?: string }
export type Tree = Pick<Seen, 'segments' | 'machines' | 'pods'>
/** Of how many cells; whether how fast links carry is told, and how everything fares. Without rates a tree is no wider than it has to be. */
export type TreeOptions = { readonly width: number; readonly rates: boolean; readonly state: boolean }

const RATE = 5
/** Where the names of devices and Pods begin, behind the lines of the tree. */
const DEPTH = 6
const NAME_LEAST = 16
const IP = 15
/** Beside rates, and where there is room for `✗ CrashLoopBackOff` and the longest name of a device. */
const STATE = { narrow: 12, wide: 19 } as const
const DEV = { narrow: 12, wide: 15 } as const

type Columns = { readonly name: number; readonly ip: boolean; readonly state: number; readonly dev: number; readonly rates: boolean }

/** Which columns there is room for: rates and state before addresses, addresses before devices. */
function columnsFor({ machines, pods }: Tree, { width, rates, state }: TreeOptions): Columns {
  const size = rates ? 'narrow' : 'wide'
  const stateWidth = state ? STATE[size] : 0
  const least = NAME_LEAST + (state ? stateWidth + 1 : 0) + (rates ? 2 * (RATE + 3) : 0)
  const ip = width >= least + IP + 1
  const dev = width >= least + IP + DEV[size] + 2 ? DEV[size] : 0
  const room = width - (least - NAME_LEAST) - (ip ? IP + 1 : 0) - (dev > 0 ? dev + 1 : 0)
  return { name: rates ? room : Math.min(room, longestName(machines, pods)), ip, state: stateWidth, dev, rates }
}

const longestName = (machines: Tree['machines'], pods: Tree['pods']): number =>
  Math.max(NAME_LEAST, ...[...machines.map(({ name }) => name), ...pods.map(podName)].map((name) => DEPTH + widthOf(name)))

export function topologyRows(tree: Tree, options: TreeOptions): { readonly head: Row; readonly items: readonly TreeItem[] } {
  const columns = columnsFor(tree, options)
  const items = tree.segments.flatMap((segment): readonly TreeItem[] => [
    { row: [bold(segment.name), dim(` ${segment.cidr}, router ${segment.gateway}`)] },
    ...tree.machines
      .flatMap((machine) => machine.wires.filter((wire) => wire.segment === segment.name).map((wire) => ({ machine, wire })))
      .flatMap((one, i, all) =>
        machineItems(
          one,
          tree.pods.filter((pod) => pod.node === one.machine.name && one.machine.kind === 'node'),
          { last: i === all.length - 1, columns },
        ),
      ),
  ])
  const titles = line(columns, { tree: '', name: plain('name'), ip: 'address', state: plain('state'), dev: 'device' })
  const rates = columns.rates ? [plain(`${fillLeft('↓ B/s', RATE + 2)} ${fillLeft('↑ B/s', RATE + 2)}`)] : []
  return { head: [...titles, ...rates].map((span) => ({ ...span, color: 'gray' as const })), items }
}

type Wired = { readonly machine: MachineSeen; readonly wire: MachineSeen['wires'][number] }

/** A router is seen on each of its segments; what hangs on a machine is seen at its first. */
function machineItems(
  { machine, wire }: Wired,
  pods: readonly PodSeen[],
  { last, columns }: { readonly last: boolean; readonly columns: Columns },
): readonly TreeItem[] {
  const place = `${machine.kind}/${machine.name}`
  const [branch, stem] = last ? ['└─', '  '] : ['├─', '│ ']
  const wires = new Set(machine.wires.map(({ dev }) => dev))
  const cables = new Set(pods.map(({ dev }) => dev))
  const devices = machine.links.filter(({ dev }) => !wires.has(dev) && dev !== 'lo' && !dev.startsWith('veth') && !cables.has(dev))
  const isFirst = wire === machine.wires[0]
  const below = (isFirst ? [...devices.map((link) => deviceItem(link, place, columns)), ...pods.map((pod) => podItem(pod, machine, columns))] : []).map(
    (item, i, all) => ({ ...item, row: [dim(`${stem} ${i === all.length - 1 ? '└─' : '├─'} `), ...item.row.slice(1)] }),
  )
  const state = machine.ready === undefined ? undefined : machine.ready ? STATES.ready : STATES.notReady
  const link = machine.links.find(({ dev }) => dev === wire.dev)
  const row = line(columns, { tree: `${branch} `, name: bold(machine.name), ip: wire.ip, state, dev: wire.dev, link })
  return [{ place, row: isFirst && machine.more !== undefined ? [...row, dim(` ${machine.more}`)] : row }, ...below]
}

const deviceItem = (link: Link, place: string, columns: Columns): TreeItem => ({
  place,
  row: line(columns, { tree: '', name: dim(link.dev), ip: '', dev: '', link }),
})

function podItem(pod: PodSeen, { links }: MachineSeen, columns: Columns): TreeItem {
  // The cable's other end is what the Pod sends and receives.
  const cable = links.find(({ dev }) => dev === pod.dev)
  const link = cable && { dev: cable.dev, rx: cable.tx, tx: cable.rx }
  const dev = pod.dev ?? (pod.sandbox === undefined ? 'host network' : 'none')
  return {
    place: `pod/${pod.namespace}/${pod.name}`,
    row: line(columns, { tree: '', name: plain(podName(pod)), ip: pod.ip, state: podState(pod), dev, link }),
  }
}

const podName = ({ namespace, name }: PodSeen): string => (namespace === 'default' ? name : `${namespace}/${name}`)

const STATES = {
  ready: { text: '✓ ready', color: 'green' },
  notReady: { text: '✗ not ready', color: 'red' },
} satisfies Record<string, Span>

const podState = ({ ready, status = '' }: PodSeen): Span =>
  ready ? { text: `✓ ${status}`, color: 'green' } : status === 'Completed' ? { text: `- ${status}`, color: 'gray' } : { text: `✗ ${status}`, color: 'red' }

type Parts = {
  readonly tree: string
  readonly name: Span
  readonly ip: string
  readonly state?: Span | undefined
  readonly dev: string
  readonly link?: Link | undefined
}

/** Names begin where the tree of their depth ends, and columns stand below each other all the same. */
function line({ name: room, ip: withIp, state: stateWidth, dev: devWidth, rates }: Columns, { tree, name, ip, state, dev, link }: Parts): Row {
  const depth = tree === '' ? DEPTH : tree.length
  return [
    dim(tree === '' ? ' '.repeat(DEPTH) : tree),
    { ...name, text: fill(cutMiddle(name.text, room - depth), room - depth) },
    ...(withIp ? [plain(` ${fill(ip, IP)}`)] : []),
    ...(stateWidth > 0 ? [plain(' '), state ? { ...state, text: fill(state.text, stateWidth) } : plain(' '.repeat(stateWidth))] : []),
    ...(devWidth > 0 ? [dim(` ${fill(dev, devWidth)}`)] : []),
    ...(rates ? [plain(' '), ...(link ? [rateSpan('↓', link.rx), plain(' '), rateSpan('↑', link.tx)] : [])] : []),
  ]
}

const rateSpan = (glyph: string, rate: number): Span => {
  const text = `${glyph} ${fillLeft(rateText(rate), RATE)}`
  return rate > 0 ? { text, color: 'cyan' } : dim(text)
}

/** `340`, `1.2k`, `12M`. */
export function rateText(rate: number): string {
  const step = rate < 999.5 ? 0 : rate < 999_500 ? 1 : rate < 999_500_000 ? 2 : 3
  const value = rate / 1000 ** step
  return `${value < 9.95 && step > 0 ? value.toFixed(1) : Math.round(value)}${['', 'k', 'M', 'G'][step]}`
}
