/** What it costs to watch a lab: the share of one core that `netlab dash` and its watchers take, and the bytes it writes. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { familyOf, processes } from '../../test/support/netlab.ts'
import { terminal } from '../../test/support/terminal.ts'
import { type Chapter, home, inFolder, percent, table, timed } from './measure.ts'

const LAB = 'flannel-vxlan'
const SECONDS = 10
const BYTES_MOST = 15_000
/** Clock ticks a second, by which the kernel counts a process's time (proc(5)); the same on all of Linux's common processors. */
const TICKS = 100

const SIZES = [
  [80, 24],
  [120, 40],
  [200, 60],
] as const

export function dash(): Promise<Chapter> {
  return inFolder(async (folder) => {
    const env = { NETLAB_STATE: folder, NO_COLOR: '' }
    const netlab = join(home, 'netlab')
    timed([netlab, 'up', LAB], { env })
    try {
      const rows: (readonly string[])[] = []
      for (const traffic of [false, true]) for (const size of SIZES) rows.push(await watched(size, traffic, netlab, env))
      const text = table(['lab flannel-vxlan, ten times a second', 'dash', 'its watchers', 'bytes a second', 'target'], rows)
      return { title: 'Watching a lab', text: `CPU as a share of one core over ${SECONDS} s, one turn each.\n\n${text}` }
    } finally {
      timed([netlab, 'down', LAB], { env })
    }
  })
}

async function watched([columns, rows]: (typeof SIZES)[number], traffic: boolean, netlab: string, env: Readonly<Record<string, string>>) {
  const screen = await terminal(columns, rows, env)
  const ping = traffic
    ? spawn(netlab, ['exec', 'client', '--', 'ping', '-q', '-i', '0.02', '-w', `${SECONDS + 10}`, '192.168.0.11'], {
        stdio: 'ignore',
        env: { ...process.env, ...env },
      })
    : undefined
  try {
    await screen.type('./netlab dash\n')
    await screen.shows(/node-1[^\n]*✓ ready/)
    await pause(3_000)
    const shell = await screen.shell()
    const [own = 0, ...watchers] = familyOf(processes().find(({ parent }) => parent === shell)?.pid ?? 0).map(({ pid }) => pid)
    const before = [ticks(own), ...watchers.map(ticks)]
    const bytes = await screen.bytes(() => pause(SECONDS * 1_000))
    const [spent = 0, ...theirs] = [own, ...watchers].map((pid, i) => (ticks(pid) - (before[i] ?? 0)) / TICKS / SECONDS)
    const rate = Math.round(bytes / SECONDS)
    const name = `${columns} × ${rows}, ${traffic ? '50 pings a second' : 'idle'}`
    return [name, percent(spent), percent(theirs.reduce((sum, each) => sum + each, 0)), `${rate}`, `≤ ${BYTES_MOST}: ${rate <= BYTES_MOST ? 'met' : 'not met'}`]
  } finally {
    await screen.close()
    await new Promise((resolve) => (ping === undefined || ping.exitCode !== null ? resolve(undefined) : ping.once('exit', resolve)))
  }
}

/** utime, stime and those of the children it has waited for. */
function ticks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0)
}
