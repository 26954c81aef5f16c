/** How soon a learner's command is seen to have helped, and how many submissions are graded in a minute with how much memory. */
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { familyOf } from '../../test/support/netlab.ts'
import { type Chapter, home, inFolder, median, ms, span, table, timed, turns } from './measure.ts'

const netlab = join(home, 'netlab')
const ROUNDS = 5
const SUBMISSIONS = 20
/** Of so many one is wrong: such a one takes longer, since its probes wait for what does not come. */
const WRONG_EVERY = 4
const REACTION_MOST_MS = 1_000
const LEARNING = 'broken-services/ip-forward-off'
const GRADED = 'broken-services/selector-typo'
const SAMPLE_MS = 250

export function learning(): Promise<Chapter> {
  return inFolder(async (folder) => {
    const env = { ...process.env, NETLAB_STATE: folder, NO_COLOR: '1' }
    const { reaction } = await turns(ROUNDS, { reaction: () => reacted(env) })
    const { graded, peak } = await grading(folder, env)
    const rows = [
      [
        '`learn`: from the end of the command that mends to its tick',
        `${ms(median(reaction))} (${span(reaction)})`,
        `≤ ${REACTION_MOST_MS} ms ${median(reaction) <= REACTION_MOST_MS ? 'met' : 'missed'}`,
      ],
      [`\`grade --batch --jobs 2\`, ${SUBMISSIONS} submissions, every ${WRONG_EVERY}th wrong`, `${(graded / 1_000).toFixed(1)} s`, ''],
      ['submissions a minute', `${Math.round(SUBMISSIONS / (graded / 60_000))}`, ''],
      ['memory at most, all labs and netlab itself (PSS)', `${Math.round(peak / 1_024)} MiB`, ''],
    ]
    return { title: 'Learning and grading', text: table(['', 'seen', 'target'], rows) }
  })
}

/** A lab with its fault in it, mended: how long until `learn` says so. */
async function reacted(env: NodeJS.ProcessEnv): Promise<number> {
  const learner = spawn(netlab, ['learn', LEARNING], { env, stdio: ['ignore', 'pipe', 'ignore'] })
  let told = ''
  let heard = (): void => {}
  learner.stdout.on('data', (chunk: Buffer) => {
    told += chunk
    heard()
  })
  const says = (what: string) =>
    new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`learn did not say "${what}":\n${told}`)), 60_000)
      heard = () => {
        if (!told.includes(what)) return
        clearTimeout(late)
        resolve()
      }
      heard()
    })
  try {
    await says('✗ A Pod on node-2 reaches a Service  not yet')
    timed([netlab, 'exec', 'node-2', '--', 'sysctl', '-qw', 'net.ipv4.ip_forward=1'], { env })
    const begin = performance.now()
    await says('✓ A Pod on node-2 reaches a Service')
    return performance.now() - begin
  } finally {
    learner.kill()
    timed([netlab, 'down', '--all'], { env })
  }
}

async function grading(folder: string, env: NodeJS.ProcessEnv): Promise<{ readonly graded: number; readonly peak: number }> {
  const submissions = join(folder, 'submissions')
  for (let at = 1; at <= SUBMISSIONS; at += 1) {
    const own = join(submissions, `student-${at}`)
    mkdirSync(own, { recursive: true })
    const from = join(home, 'labs', GRADED.replace('/', '/exercises/'), at % WRONG_EVERY === 0 ? 'start' : 'solution')
    cpSync(from, own, { recursive: true })
  }
  const begin = performance.now()
  const grader = spawn(netlab, ['grade', GRADED, '--batch', submissions, '--jobs', '2', '--out', join(folder, 'grades')], { env, stdio: 'ignore' })
  const ended = new Promise<number | null>((resolve) => grader.once('exit', resolve))
  let peak = 0
  let over = false
  const sampling = (async () => {
    while (!over) {
      peak = Math.max(peak, held(grader.pid ?? 0))
      await pause(SAMPLE_MS)
    }
  })()
  const code = await ended
  const graded = performance.now() - begin
  over = true
  await sampling
  if (code !== 0) throw new Error(`grade ended with ${code}`)
  return { graded, peak }
}

/** Kilobytes that a process and all below it hold, what they share counted once. */
const held = (pid: number): number => familyOf(pid).reduce((sum, one) => sum + pss(one.pid), 0)

function pss(pid: number): number {
  try {
    return Number(/^Pss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0)
  } catch {
    // It has ended, or is somebody else's.
    return 0
  }
}
