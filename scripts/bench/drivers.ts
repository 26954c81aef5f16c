/** The same lab on each kind of node: on Docker against as many bare containers, on a kernel of its own by its parts. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { listLabs } from '#daemon/state.ts'
import type { Report } from '#report/json.ts'
import { against, type Chapter, home, inFolder, median, ms, span, table, timed, times, turns } from './measure.ts'

const LAB = 'flannel-vxlan'
/** Three nodes, a host outside, the router. */
const CONTAINERS = 5
const ROUNDS = 5
const BARE = 'netlab-bench'
/** By then, in seconds, the daemon has kept its compiled code for the next one (src/daemon/main.ts). */
const CODE_KEPT = '5'

export function drivers(): Promise<Chapter> {
  return inFolder(async (folder) => {
    const env = { NETLAB_STATE: folder, NO_COLOR: '1' }
    const netlab = (...args: readonly string[]): { ms: number; out: string } => timed([process.execPath, join(home, 'dist/main.js'), ...args], { env })
    const memory = new Map<string, number>()
    const phases: Report[] = []
    const up = (name: string, ...flags: readonly string[]): number => {
      const { ms: took, out } = netlab('up', LAB, '-o', 'json', ...flags)
      memory.set(name, residentOf(folder) + (name === 'docker' ? heldInContainers() : 0))
      if (name === 'uml') phases.push(JSON.parse(out) as Report)
      netlab('down', LAB)
      return took
    }
    timed([join(home, 'netlab'), 'version'], { env })
    try {
      process.stderr.write('one lab in Docker first, whose image may have to be made\n')
      netlab('up', LAB, '--driver', 'docker')
      timed(['sleep', CODE_KEPT])
      netlab('down', LAB)
      const image = timed(['docker', 'images', '-q', 'netlab-node']).out.split('\n')[0] ?? ''
      const took = await turns(ROUNDS, {
        netns: () => up('netns', '--driver', 'netns'),
        bare: () => bareContainers(image),
        wired: () => wiredContainers(image),
        docker: () => up('docker', '--driver', 'docker'),
      })
      const uml = await turns(2, { uml: () => up('uml', '--kernel', 'uml') })
      return { title: 'Kinds of node', text: text({ ...took, ...uml }, memory, phases) }
    } finally {
      netlab('down', '--all')
    }
  })
}

const NAMES = Array.from({ length: CONTAINERS }, (_, at) => `${BARE}-${at}`)
const OUTSIDE = `${BARE}-outside`
const bare = (verb: string, image: string, name = '', network = BARE): string =>
  `docker ${verb} --rm --name ${name} --network ${network} --entrypoint sleep ${image} 600 >/dev/null`

/** Started in parallel on a network of their own, which is made first. */
const bareContainers = (image: string): number =>
  containers([`docker network create ${BARE} >/dev/null`, ...NAMES.map((name) => `${bare('run --detach', image, name)} &`), 'wait'])

/** On networks as the lab has them: the last but one is outside, the last on both. */
const wiredContainers = (image: string): number =>
  containers([
    ...[BARE, OUTSIDE].map((network) => `docker network create ${network} >/dev/null &`),
    'wait',
    ...NAMES.slice(0, -1).map((name, at) => `${bare('run --detach', image, name, at === CONTAINERS - 2 ? OUTSIDE : BARE)} &`),
    `{ ${bare('create', image, NAMES.at(-1))}; docker network connect ${OUTSIDE} ${NAMES.at(-1)}; docker start ${NAMES.at(-1)} >/dev/null; } &`,
    'wait',
  ])

function containers(lines: readonly string[]): number {
  try {
    return timed(['sh', '-ec', lines.join('\n')]).ms
  } finally {
    timed(['sh', '-c', `docker kill ${NAMES.join(' ')} >/dev/null; sleep 1; docker network rm ${BARE} ${OUTSIDE} >/dev/null 2>&1`], { codes: [0, 1] })
  }
}

/** Bytes that Docker counts for the containers of labs. */
function heldInContainers(): number {
  const containers = timed(['docker', 'ps', '--quiet', '--filter', 'label=dev.netlab.lab']).out.trim().split('\n')
  const { out } = timed(['docker', 'stats', '--no-stream', '--format', '{{.MemUsage}}', ...containers])
  return [...out.matchAll(/^([\d.]+)([KMG]?)i?B \/ /gm)].reduce(
    (sum, [, number, unit]) => sum + Number(number) * 1024 ** ['', 'K', 'M', 'G'].indexOf(unit ?? ''),
    0,
  )
}

/** Bytes of this host's memory that the keeper's processes hold, each shared page counted with its share. */
function residentOf(root: string): number {
  const [lab] = listLabs(root)
  return lab === undefined ? Number.NaN : treeOf(lab.keeper).reduce((sum, pid) => sum + shareOf(pid), 0)
}

const treeOf = (pid: number): readonly number[] => {
  const children = quietly(`/proc/${pid}/task/${pid}/children`).trim()
  return [pid, ...(children === '' ? [] : children.split(' ').flatMap((child) => treeOf(Number(child))))]
}

const shareOf = (pid: number): number => Number(/^Pss:\s+(\d+) kB/m.exec(quietly(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024

function quietly(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

type Kind = 'netns' | 'bare' | 'wired' | 'docker' | 'uml'

function text(took: Readonly<Record<Kind, readonly number[]>>, memory: ReadonlyMap<string, number>, reports: readonly Report[]): string {
  const mib = (kind: Kind): string => (memory.has(kind) ? `${Math.round((memory.get(kind) ?? 0) / 2 ** 20)} MiB` : '')
  const row = (name: string, kind: Kind, beside: string): readonly string[] => [name, ms(median(took[kind])), span(took[kind]), mib(kind), beside]
  const ratio = median(took.docker) / median(took.bare)
  const inside = median(reports.map((report) => report.ms))
  return [
    `\`up ${LAB}\`, to ready with DNS answering:`,
    '',
    table(
      ['', 'median', 'span', 'memory of the keeper and all of the lab', ''],
      [
        row('namespaces', 'netns', ''),
        row(`${CONTAINERS} bare \`docker run\` in parallel on a network of their own`, 'bare', ''),
        row('the same on two networks, one of them on both, as the lab’s are', 'wired', ''),
        row(
          'Docker',
          'docker',
          `${times(ratio)} of the bare ones, ${against(ratio, 1.5, 'at most')}; ${times(median(took.docker) / median(took.wired))} of those that are wired alike`,
        ),
        row('user-mode Linux', 'uml', `boot ${ms(median(took.uml) - inside)}, build ${ms(inside)}`),
      ],
    ),
  ].join('\n')
}
