/** How fast bare Pods are built: against a script by hand, Mininet, and the kernel's own price. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { bundled } from '../bundle.ts'
import { bareCluster } from './bare.ts'
import { byHand } from './byhand.ts'
import {
  against,
  type Chapter,
  heldInKeeper,
  inFolder,
  kept,
  kernelSettled,
  median,
  ms,
  percent,
  span,
  table,
  timed,
  times,
  toldInKeeper,
  turns,
} from './measure.ts'

/** Debian's Mininet is a module of Debian's python. */
const PYTHON = '/usr/bin/python3'
const inside = join(import.meta.dirname, 'inside')

type Size = { readonly nodes: number; readonly pods: number; readonly rounds: number; readonly mininetRounds: number }
const SIZES: readonly Size[] = [
  { nodes: 3, pods: 30, rounds: 9, mininetRounds: 9 },
  { nodes: 50, pods: 1000, rounds: 3, mininetRounds: 1 },
]

/** Nobody needs so long for a thousand Pods, Mininet on a busy machine included. */
const ROUND_LIMIT_MS = 120_000

type Built = { readonly ms: number; readonly plan: number; readonly machines: number; readonly kernel: number; readonly rss: number }
type Seen = {
  readonly size: Size
  readonly took: Record<'floor' | 'netlab' | 'script' | 'together' | 'mininet', number[]>
  readonly built: Built[]
  readonly downs: number[]
}

export async function scale(): Promise<Chapter> {
  const without = noMininet()
  const seen: Seen[] = []
  for (const size of SIZES) seen.push(await inFolder((folder) => measure(without === undefined ? size : { ...size, mininetRounds: 0 }, folder)))
  const text = [
    table(
      ['', ...SIZES.map(({ nodes, pods }) => `${pods} Pods on ${nodes} nodes`), 'target'],
      [
        ['netlab', ...seen.map(({ took }) => `${ms(median(took.netlab))} (${span(took.netlab)})`), ''],
        ['the kernel’s own price (floor.py)', ...seen.map(({ took }) => ms(median(took.floor))), ''],
        ['script by hand, node after node', ...seen.map(({ took }) => ms(median(took.script))), ''],
        ['script by hand, all nodes at once', ...seen.map(({ took }) => ms(median(took.together))), ''],
        ['Mininet', ...seen.map(({ took }) => without ?? ms(median(took.mininet))), ''],
        compared(seen, 'netlab ÷ script', (one) => ratio(one, 'script'), 0.75, 'at most'),
        ['netlab ÷ script, all at once', ...seen.map((one) => times(ratio(one, 'together'))), ''],
        compared(seen, 'Mininet ÷ netlab', (one) => 1 / ratio(one, 'mininet'), 6, 'at least'),
        ['netlab ÷ floor', ...seen.map((one) => times(ratio(one, 'floor'))), ''],
        ['floor per Pod', ...seen.map(({ took, size }) => ms(median(took.floor) / size.pods)), ''],
        ['shares: machines and wires (the plan within), kernel', ...seen.map(({ built }) => shares(built)), ''],
        ['`down`: pid 1 killed to keeper gone', ...seen.map(({ downs }) => ms(median(downs))), `≤ 200 ms`],
        ['memory of the builder', ...seen.map(({ built }) => `${Math.round(median(built.map(({ rss }) => rss)) / 2 ** 20)} MiB`), ''],
      ],
    ),
    '',
    'netlab: clusterOf, programsOf, driver.up and applyProgram in a process in a keeper, from the first to the last; the plan, and the commands of each machine, are made while machines boot, as the engine does it. It is bundled and has its compiled code from a run before, as the daemon has; the process’s own start is not counted (see `up`).',
    'Script: netlab’s own lines, one `nsenter … ip -batch` per namespace (scripts/bench/byhand.ts). Its nodes have no file system and no pids of their own, its Pods no files.',
    'Floor: one process that sends ready-made netlink messages, with no mount, name, file or rule (scripts/bench/inside/floor.py).',
    'Mininet: hosts on as many bridges as there are nodes, hung on one more, from `Mininet(…)` to the end of `start()`; no controller (scripts/bench/inside/hosts.py).',
  ]
  return { title: 'Scale', text: text.join('\n') }
}

const ratio = ({ took }: Seen, peer: keyof Seen['took']): number => median(took.netlab) / median(took[peer])

function compared(seen: readonly Seen[], name: string, of: (one: Seen) => number, target: number, how: 'at most' | 'at least'): string[] {
  const values = seen.map(of)
  return [
    name,
    ...values.map((value) => (Number.isNaN(value) ? '' : times(value))),
    values.map((value) => (Number.isNaN(value) ? 'not measured' : against(value, target, how))).join(', '),
  ]
}

function shares(built: readonly Built[]): string {
  const part = (of: (one: Built) => number): string => percent(median(built.map((one) => of(one) / one.ms)))
  return `${part(({ machines }) => machines)} (${part(({ plan }) => plan)}), ${part(({ kernel }) => kernel)}`
}

async function measure(size: Size, folder: string): Promise<Seen> {
  const count = [`${size.nodes}`, `${size.pods}`]
  const scripts = join(folder, 'byhand')
  mkdirSync(scripts)
  for (const [name, text] of byHand(bareCluster(size.nodes, size.pods))) writeFileSync(join(scripts, name), text)
  const ours = await shipped(folder, count)
  const built: Built[] = []
  const downs: number[] = []
  const script = (name: string) => async (): Promise<number> => {
    await kernelSettled()
    const begunAndEnded = timed(kept(['sh', '-c', `date +%s%N; sh ${join(scripts, name)}; date +%s%N`]), { limit: ROUND_LIMIT_MS })
      .out.trim()
      .split('\n')
      .map(Number)
    return ((begunAndEnded[1] ?? 0) - (begunAndEnded[0] ?? 0)) / 1e6
  }
  const told = async (program: string): Promise<number> => {
    await kernelSettled()
    return toldInKeeper<{ ms: number }>([PYTHON, join(inside, program), ...count], ROUND_LIMIT_MS).ms
  }
  const took = await turns(
    size.rounds,
    {
      netlab: async () => {
        await kernelSettled()
        const { said, downMs } = await heldInKeeper<Built>([...ours, mkdtempSync(join(folder, 'lab-')), 'hold'])
        built.push(said)
        downs.push(downMs)
        return said.ms
      },
      script: script('build.sh'),
      together: script('together.sh'),
      floor: () => told('floor.py'),
      mininet: (round) => (round < size.mininetRounds ? told('hosts.py') : undefined),
    },
    `${size.pods} Pods on ${size.nodes} nodes: `,
  )
  return { size, took, built, downs }
}

/** As netlab is shipped: bundled, and with the compiled code that a run before has kept. @returns its argv, but for the folder of a lab. */
async function shipped(folder: string, count: readonly string[]): Promise<readonly string[]> {
  const outfile = join(folder, 'ours.js')
  await build({ ...bundled, entryPoints: [join(inside, 'ours.ts')], outfile })
  const argv = ['env', `NODE_COMPILE_CACHE=${join(folder, 'code')}`, process.execPath, outfile, ...count]
  toldInKeeper([...argv, mkdtempSync(join(folder, 'lab-'))], ROUND_LIMIT_MS)
  return argv
}

/** Mininet wants root, and a terminal per host. */
function noMininet(): string | undefined {
  if (process.getuid?.() !== 0) return 'wants root'
  try {
    timed([PYTHON, '-c', 'import mininet'])
    return undefined
  } catch {
    return 'not installed'
  }
}
