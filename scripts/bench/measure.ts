/** What the figures are made of: programs run to their end, medians of turns taken in one run, tables. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { keeperArgv } from '#daemon/keeper.ts'

export const home = join(import.meta.dirname, '../..')

/** A chapter of docs/BENCH.md. */
export type Chapter = { readonly title: string; readonly text: string }

const LIMIT_MS = 180_000
/** Ten thousand Services take a busy machine a while. */
const KEEPER_LIMIT_MS = 900_000

/** Milliseconds from start to end, and what it printed. @throws when it fails. */
export function timed(
  argv: readonly string[],
  o: { readonly env?: NodeJS.ProcessEnv; readonly codes?: readonly number[]; readonly limit?: number } = {},
): { ms: number; out: string } {
  const [program = '', ...args] = argv
  const begin = performance.now()
  const { status, signal, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: o.limit ?? LIMIT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...o.env },
  })
  const ms = performance.now() - begin
  if (!(o.codes ?? [0]).includes(status ?? -1)) throw new Error(`${argv.join(' ')}\nended with ${signal ?? status}: ${stderr.trim()}\n${stdout.trim()}`)
  return { ms, out: stdout }
}

/** A lab's own kind of keeper around another program. It ends with this one, whatever ends this one. */
export const kept = (argv: readonly string[]): readonly string[] => [
  'setpriv',
  '--pdeathsig',
  'KILL',
  ...keeperArgv(argv, { root: process.getuid?.() === 0, range: true }),
]

/** How far it is, on stderr: stdout is for the figures. */
export const progress = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

/** Called by programs that make links and settings: outside of a keeper they would make them on this machine. */
export function onlyInKeeper(): void {
  if (readFileSync('/proc/1/comm', 'utf8').trim() !== 'tini') throw new Error('this runs in a keeper; npm run bench starts it')
}

/** What a program in a keeper says of itself in its last line of JSON. */
export function toldInKeeper<T>(argv: readonly string[], limit = KEEPER_LIMIT_MS): T {
  return JSON.parse(timed(kept(argv), { limit }).out.trim().split('\n').at(-1) ?? '') as T
}

/** Whether there can be a kernel of one's own. */
export const hasGuest = existsSync('/usr/bin/linux.uml')

/** The same on user-mode Linux, where it can write to /run only. */
export const toldInGuest = <T>(argv: readonly string[], { folder, megabytes }: { readonly folder: string; readonly megabytes: number }): T =>
  toldInKeeper<T>([process.execPath, join(import.meta.dirname, 'inside/guest.ts'), `${megabytes}`, folder, ...argv])

/** A program in a keeper that stays, once it has printed its line: what it said, and how long the keeper takes to be gone when its pid 1 is killed. */
export async function heldInKeeper<T>(argv: readonly string[]): Promise<{ said: T; downMs: number }> {
  const [program = '', ...args] = kept(argv)
  // Killed, unshare of util-linux 2.38 complains of a signal mask; a program that fails says so by ending without an answer.
  const keeper = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const limit = setTimeout(() => keeper.kill('SIGKILL'), LIMIT_MS)
  const gone = new Promise<void>((resolve) => keeper.once('exit', () => resolve()))
  const text = await new Promise<string>((resolve, reject) => {
    let seen = ''
    keeper.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
      if (seen.endsWith('\n')) resolve(seen)
    })
    void gone.then(() => reject(new Error(`${argv.join(' ')} ended without an answer`)))
  })
  const [init] = readFileSync(`/proc/${keeper.pid}/task/${keeper.pid}/children`, 'utf8').split(' ')
  const begin = performance.now()
  process.kill(Number(init), 'SIGKILL')
  await gone
  clearTimeout(limit)
  return { said: JSON.parse(text) as T, downMs: performance.now() - begin }
}

/** A folder of its own for `work`, gone afterwards. */
export async function inFolder<T>(work: (folder: string) => Promise<T> | T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'netlab-bench-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const SETTLE_MS = 20_000
const LOOKS = 3
const LOOK_MS = 30

/**
 * The kernel takes namespaces down for seconds after their last process has gone, and holds the lock that every change of a link needs. The thread of
 * its that is at it says so in its name. How many namespaces /proc/slabinfo counts says nothing: it counts those that are free and kept for later too.
 */
export async function kernelSettled(): Promise<void> {
  if (!seesKernel()) return pause(SETTLE_MS / 4)
  const deadline = Date.now() + SETTLE_MS
  for (let quiet = 0; quiet < LOOKS; quiet = takesDown() ? 0 : quiet + 1) {
    if (Date.now() > deadline) return progress(`the kernel still takes namespaces down after ${SETTLE_MS / 1000} s: somebody else's labs?`)
    await pause(LOOK_MS)
  }
}

/** In a pid namespace of one's own the kernel's threads are not to be seen. */
const seesKernel = (): boolean => nameOf('2') === 'kthreadd'
/** A worker's name ends with what it is at, behind a plus, or with what it did last, behind a minus. */
const takesDown = (): boolean => readdirSync('/proc').some((pid) => /^\d+$/.test(pid) && nameOf(pid).endsWith('+netns'))

function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return ''
  }
}

/** One may sit a round out. */
type Contender = (round: number) => Promise<number | undefined> | number | undefined

/** The contenders take turns, so that a machine's moods meet all of them alike; who waits is told of each, `saying` what it is about. */
export async function turns<K extends string>(rounds: number, contenders: Readonly<Record<K, Contender>>, saying = ''): Promise<Record<K, number[]>> {
  const names = Object.keys(contenders) as K[]
  const taken = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<K, number[]>
  for (let round = 0; round < rounds; round += 1)
    for (const name of names) {
      const took = await contenders[name](round)
      if (took === undefined) continue
      taken[name].push(took)
      progress(`${saying}${round + 1}/${rounds} ${name} ${ms(took)}`)
    }
  return taken
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? Number.NaN) : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
}

export const ms = (value: number): string => `${value >= 100 ? Math.round(value) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ms`
export const times = (value: number): string => `${value >= 10 ? value.toFixed(1) : value.toFixed(2)}×`
export const percent = (part: number): string => `${Math.round(part * 100)} %`
export const span = (values: readonly number[]): string => `${ms(Math.min(...values))} – ${ms(Math.max(...values))}`

export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, at) => (at === 0 ? '---' : '---:')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

/** Whether the target was met, said beside the figure. */
export const against = (value: number, target: number, how: 'at most' | 'at least'): string =>
  `${how === 'at most' ? '≤' : '≥'} ${target}× ${(how === 'at most' ? value <= target : value >= target) ? 'met' : 'missed'}`
