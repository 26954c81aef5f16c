/** The main job: `up flannel-vxlan` to ready with DNS answering, and what one does with the running lab. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { listLabs } from '#daemon/state.ts'
import type { Report } from '#report/json.ts'
import { type Chapter, home, inFolder, median, ms, percent, span, table, timed, times, turns } from './measure.ts'

const LAB = 'flannel-vxlan'
const ROUNDS = 7
const CALLS = 7

export function lab(): Promise<Chapter> {
  return inFolder(async (folder) => {
    const env = { NETLAB_STATE: folder, NO_COLOR: '1' }
    const netlab = (...args: readonly string[]): { ms: number; out: string } => timed([process.execPath, join(home, 'dist/main.js'), ...args], { env })
    const empty = join(folder, 'empty.mjs')
    writeFileSync(empty, '')
    timed([join(home, 'netlab'), 'version'], { env })
    const reports: Report[] = []
    const memory: number[] = []
    try {
      // Cold: programs are read from the disk for the first time.
      netlab('up', LAB)
      netlab('down', LAB)
      const took = { empty: [], up: [], again: [], status: [], bare: [], exec: [], down: [] } as Record<Call, number[]>
      for (let round = 0; round < ROUNDS; round += 1) {
        took.empty.push(timed([process.execPath, empty]).ms)
        const up = netlab('up', LAB, '-o', 'json')
        took.up.push(up.ms)
        reports.push(JSON.parse(up.out) as Report)
        took.again.push(netlab('up', LAB).ms)
        const into = intoClient(folder)
        const calls = await turns(CALLS, {
          empty: () => timed([process.execPath, empty]).ms,
          status: () => netlab('status', LAB).ms,
          bare: () => timed([...into, 'true']).ms,
          exec: () => netlab('exec', 'client', '--', 'true').ms,
        })
        for (const [name, values] of Object.entries(calls)) took[name as Call].push(median(values))
        memory.push((JSON.parse(netlab('status', LAB, '-o', 'json').out) as { memory: number }).memory)
        took.down.push(netlab('down', LAB).ms)
      }
      return { title: 'A lab', text: text(took, reports, median(memory)) }
    } finally {
      netlab('down', '--all')
    }
  })
}

type Call = 'empty' | 'up' | 'again' | 'status' | 'bare' | 'exec' | 'down'

/** What `netlab exec client` becomes, without netlab. */
function intoClient(root: string): readonly string[] {
  const [running] = listLabs(root)
  if (running === undefined) throw new Error(`no lab runs in ${root}`)
  const { out } = timed(['curl', '-s', '--unix-socket', running.socket, 'http://lab/netlab/v1/enter?place=pod/default/client'])
  const user = running.userNamespace ? ['-U', '--preserve-credentials'] : []
  return ['nsenter', '-t', `${running.init}`, ...user, '-m', '-n', '-p', '-i', '-u', '--', ...(JSON.parse(out) as { argv: string[] }).argv]
}

function text(took: Record<Call, number[]>, reports: readonly Report[], memory: number): string {
  const floor = median(took.empty)
  const up = median(took.up)
  const over = median(took.exec) - median(took.bare)
  const row = (name: string, value: number, limit: number, values?: readonly number[]): readonly string[] => [
    name,
    `${ms(value)}${values === undefined ? '' : ` (${span(values)})`}`,
    times(value / floor),
    limit === 0 ? '' : `≤ ${limit} ms ${value <= limit ? 'met' : 'missed'}`,
  ]
  const inside = median(reports.map((report) => report.ms))
  const phases = reports[0]?.phases ?? []
  return [
    table(
      ['', 'median', '÷ empty Node program', 'target'],
      [
        row('an empty Node program', floor, 0),
        row(`\`up ${LAB}\`, warm, to ready with DNS answering`, up, 1000, took.up),
        row('second `up`', median(took.again), 300, took.again),
        row('`status`', median(took.status), 150),
        row('`exec client -- true`', median(took.exec), 0),
        row('of which a bare nsenter', median(took.bare), 0),
        row('of which netlab', over, 100),
        row('`down`', median(took.down), 500, took.down),
      ],
    ),
    '',
    `Memory of the daemon, with the lab up: ${Math.round(memory / 2 ** 20)} MiB.`,
    '',
    `Where the time of \`up\` goes:`,
    '',
    table(
      ['phase', 'median', 'share'],
      [
        ['command line, keeper, daemon: until the first phase, and after the last', ms(up - inside), percent((up - inside) / up)],
        ...phases.map(({ title }, at) => {
          const took = median(reports.map((report) => report.phases[at]?.ms ?? Number.NaN))
          return [title, ms(took), percent(took / up)]
        }),
      ],
    ),
  ].join('\n')
}
