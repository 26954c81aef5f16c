/** What many Services cost: to plan, to load, and when one endpoint changes, against bare programs that are given the same text. */
import { join } from 'node:path'
import { slowToLoad } from '#lab/load.ts'
import { crowd, type Mode } from './crowd.ts'
import { against, type Chapter, hasGuest, inFolder, median, ms, span, table, times, toldInGuest, toldInKeeper } from './measure.ts'

type Case = {
  readonly mode: Mode
  readonly nodes: number
  readonly services: number
  readonly endpoints: number
  readonly loads: number
  readonly changes: number
}
const GUEST_MB = 1536
/** Seconds that one bare program may take. */
const LIMIT = 60

const MANY: readonly Case[] = [
  ...(['iptables', 'nftables'] as const).map((mode) => ({ mode, nodes: 3, services: 1000, endpoints: 5, loads: 3, changes: 9 })),
  // This kernel has no IPVS, and to start a program costs the guest's twenty times as much.
  { mode: 'ipvs', nodes: 1, services: 1000, endpoints: 5, loads: 1, changes: 5 },
]
const HUGE: readonly Case[] = [
  { mode: 'iptables', nodes: 1, services: 10_000, endpoints: 10, loads: 1, changes: 5 },
  // The load of 10,000 is waited for by nobody: see the warning.
  { mode: 'nftables', nodes: 1, services: 2500, endpoints: 10, loads: 1, changes: 5 },
]

type Change = {
  readonly turn: number
  readonly apply: number
  readonly bare: number
  readonly plan: number
  readonly lines: number
  readonly processes: number
}
type Told = {
  readonly plan: readonly number[]
  readonly load: { readonly ours: readonly number[]; readonly same: readonly (number | null)[]; readonly whole: readonly (number | null)[] }
  readonly lines: number
  readonly declare: number
  readonly first: number
  readonly changes: readonly Change[]
  readonly rss: number
}

export const services = (): Promise<Chapter> => chapter('Many Services', MANY)

export const servicesHuge = async (): Promise<Chapter> => {
  const { title, text } = await chapter('Very many Services', HUGE)
  const { proxy, objects } = crowd('nftables', { nodes: 1, services: 10_000, endpoints: 1 })
  return { title, text: `${text}\n\n10,000 Services in mode nftables are not loaded here. What netlab says of them: ${slowToLoad(proxy.mode, objects)}.` }
}

async function chapter(title: string, cases: readonly Case[]): Promise<Chapter> {
  const told: Told[] = []
  const possible = cases.filter(({ mode }) => mode !== 'ipvs' || hasGuest)
  for (const one of possible) {
    process.stderr.write(`${one.mode}, ${one.services} × ${one.endpoints} …\n`)
    told.push(await inFolder((folder) => measure(one, folder)))
  }
  const row = (name: string, of: (one: Told) => string, target = ''): string[] => [name, ...told.map(of), target]
  const change = (of: (one: Change) => number) => (one: Told) => median(one.changes.map(of))
  const rows = [
    row('plan: clusterOf and programsOf, nothing remembered', ({ plan }) => ms(median(plan))),
    row('lines for one node', ({ lines }) => `${lines}`),
    row('load into an empty machine: netlab', ({ load }) => ms(median(load.ours))),
    row('the same text, bare', ({ load }) => bareLoad(load.same)),
    judged('netlab ÷ bare', told, { of: loadRatio, target: 1.3 }),
    row('kube-proxy’s own text, bare', ({ load }) => bareLoad(load.whole)),
    row('objects into the store', ({ declare }) => ms(declare)),
    row('the engine’s first turn, all nodes', ({ first }) => ms(first)),
    row(
      'one endpoint changed: netlab, from the object to the kernels',
      (one) => `${ms(change(({ turn }) => turn)(one))} (${span(one.changes.map(({ turn }) => turn))})`,
    ),
    row('of which applying', (one) => ms(change(({ apply }) => apply)(one))),
    row('the same lines, bare, on all nodes at once', (one) => ms(change(({ bare }) => bare)(one))),
    judged('netlab ÷ bare', told, { of: (one) => change(({ turn }) => turn)(one) / change(({ bare }) => bare)(one), target: 2 }),
    row('clusterOf, programsOf and change by themselves', (one) => ms(change(({ plan }) => plan)(one))),
    row('lines and programs on each node', (one) => `${change(({ lines }) => lines)(one)} and ${change(({ processes }) => processes)(one)}`),
    row('memory of the engine’s process', ({ rss }) => `${Math.round(rss / 2 ** 20)} MiB`),
  ]
  const place = ({ mode, nodes }: Case): string => `${nodes} node${nodes === 1 ? '' : 's'}${mode === 'ipvs' ? ' of user-mode Linux' : ''}`
  const heads = possible.map((one) => `${one.mode}, ${one.services} × ${one.endpoints} on ${place(one)}`)
  const notes = [
    'Services × endpoints. netlab and kube-proxy give iptables-restore all rules of a table in one COMMIT. With --noflush the program of nf_tables walks over the names of all chains',
    'at every line; netlab’s text tells it first to read the whole table, and then it does not (docs/decisions/0018). In mode ipvs the text is that of ip -batch (the Services’',
    'addresses on kube-ipvs0), ipset restore, iptables-restore and ipvsadm --restore.',
    ...(possible.length < cases.length ? ['Mode ipvs is not measured: user-mode-linux is not installed.'] : []),
  ]
  return { title, text: [table(['', ...heads, 'target'], rows), '', ...notes].join('\n') }
}

const bareLoad = (values: readonly (number | null)[]): string => {
  const done = values.filter((value) => value !== null)
  return values.length === 0 ? '' : done.length < values.length ? `stopped after ${LIMIT} s` : ms(median(done))
}

const loadRatio = ({ load }: Told): number => median(load.ours) / median(load.same.map((value) => value ?? Number.NaN))

function judged(name: string, told: readonly Told[], { of, target }: { readonly of: (one: Told) => number; readonly target: number }): string[] {
  const values = told.map(of)
  return [
    name,
    ...values.map((value) => (Number.isNaN(value) ? '' : times(value))),
    values.map((value) => (Number.isNaN(value) ? 'not measured' : against(value, target, 'at most'))).join(', '),
  ]
}

function measure({ mode, nodes, services, endpoints, loads, changes }: Case, folder: string): Told {
  const count = [nodes, services, endpoints, loads, changes, LIMIT].map(String)
  const program = [process.execPath, join(import.meta.dirname, 'inside/services.ts'), mode, ...count]
  return mode === 'ipvs' ? toldInGuest<Told>([...program, '/run/netlab/lab'], { folder, megabytes: GUEST_MB }) : toldInKeeper<Told>([...program, folder])
}
