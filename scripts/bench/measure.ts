/** What the figures are made of: programs run to their end, medians of turns taken in one run, tables. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
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

/** A lab's own kind of keeper around another program. */
export const kept = (argv: readonly string[]): readonly string[] => keeperArgv(argv, { root: process.getuid?.() === 0, range: true })

/** Called by programs that make links and settings: outside of a keeper they would make them on this machine. */
export function onlyInKeeper(): void {
  if (readFileSync('/proc/1/comm', 'utf8').trim() !== 'tini') throw new Error('this runs in a keeper; npm run bench starts it')
}

/** What a program in a keeper says of itself in its last line of JSON. */
export function toldInKeeper<T>(argv: readonly string[]): T {
  return JSON.parse(timed(kept(argv), { limit: KEEPER_LIMIT_MS }).out.trim().split('\n').at(-1) ?? '') as T
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

const SPACES_SPARE = 40
const SETTLE_MS = 60_000
const atFirst = namespaces()

/**
 * The kernel takes namespaces down for seconds after their last process has gone, and holds the lock that every change of a link needs.
 * Root can see how many are left; anyone else waits a while.
 */
export async function kernelSettled(): Promise<void> {
  if (atFirst === undefined) return pause(10_000)
  const deadline = Date.now() + SETTLE_MS
  while ((namespaces() ?? 0) > atFirst + SPACES_SPARE && Date.now() < deadline) await pause(100)
  await pause(100)
}

function namespaces(): number | undefined {
  try {
    return Number(/^net_namespace +(\d+)/m.exec(readFileSync('/proc/slabinfo', 'utf8'))?.[1])
  } catch {
    return undefined
  }
}

/** The contenders take turns, so that a machine's moods meet all of them alike; who waits is told of each. */
export async function turns<K extends string>(rounds: number, contenders: Readonly<Record<K, () => Promise<number> | number>>): Promise<Record<K, number[]>> {
  const names = Object.keys(contenders) as K[]
  const taken = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<K, number[]>
  for (let round = 0; round < rounds; round += 1)
    for (const name of names) {
      const value = await contenders[name]()
      taken[name].push(value)
      process.stderr.write(`${round + 1}/${rounds} ${name} ${ms(value)}\n`)
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
