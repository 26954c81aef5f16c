/** Programs inside a lab: this process becomes `nsenter`, so that terminal, signals and exit code are the kernel's affair and nothing is passed along. */
import { spawn } from 'node:child_process'
import { accessSync, constants, readlinkSync } from 'node:fs'
import { constants as os } from 'node:os'
import { dirname, join } from 'node:path'
import { GUEST, type LabState } from '#daemon/state.ts'
import type { Client } from './client.ts'
import { home } from './home.ts'
import { type Io, NOT_STARTED, stop } from './io.ts'

/** The daemon's answer: a prefix that, run where the daemon runs, puts a program at the place; and the variables it gets there. */
export type Entry = { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> }

export const entryOf = (client: Client, place: string, container?: string): Promise<Entry> =>
  client.json<Entry>({ path: `/netlab/v1/enter?place=${encodeURIComponent(place)}${container ? `&container=${encodeURIComponent(container)}` : ''}` })

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/netlab/bin'
const OF_THE_TERMINAL = ['TERM', 'COLORTERM', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'COLUMNS', 'LINES']

/** What the program finds in its environment: the terminal's variables of the caller, and those of the place. */
function environment(io: Io, entry: Entry): Record<string, string> {
  const kept = OF_THE_TERMINAL.flatMap((name) => (io.env[name] === undefined ? [] : [[name, io.env[name]]]))
  return { PATH, HOME: '/root', ...Object.fromEntries(kept), ...entry.env }
}

/** How a program is started at a place of the lab, and with which variables. */
export function entering(lab: LabState, io: Io, entry: Entry, argv: readonly string[], more: Readonly<Record<string, string>> = {}): Started {
  const inside = { ...environment(io, entry), ...more }
  if (lab.driver.kind === 'netns') return { argv: enteringNamespaces(lab, entry, argv), env: inside }
  // `docker` itself needs the caller's variables, to find its keys and contexts.
  const pairs = Object.entries(inside).map(([name, value]) => `${name}=${value}`)
  const own = Object.fromEntries(Object.entries(io.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
  return { argv: ['env', '--default-signal', ...entry.argv, 'env', '-i', ...pairs, ...argv], env: own }
}

export type Started = { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> }

const VIEWS = ['-m', '-n', '-p', '-i', '-u', '--']

/** Node ignores SIGPIPE, and what it becomes would too: `env --default-signal` undoes that. */
function enteringNamespaces(lab: LabState, entry: Entry, argv: readonly string[]): readonly string[] {
  const { kernel } = lab
  if (kernel.kind === 'uml')
    return [
      'perl',
      join(home, 'images/guest/netlab-into'),
      join(dirname(lab.socket), GUEST.socket),
      'nsenter',
      '-t',
      `${kernel.init}`,
      ...VIEWS,
      ...entry.argv,
      ...argv,
    ]
  // Root is nobody in a lab that is confined: there nsenter becomes its root.
  const user = sameUserNamespace(lab.init) ? [] : process.getuid?.() === 0 ? ['-U'] : ['-U', '--preserve-credentials']
  return ['env', '--default-signal', 'nsenter', '-t', String(lab.init), ...user, ...VIEWS, ...entry.argv, ...argv]
}

/** Replaces this process; returns only where the system cannot. */
export async function become({ argv, env }: Started): Promise<number> {
  const [program = 'env'] = argv
  const path = find(program)
  if (typeof process.execve === 'function') process.execve(path, [...argv], { ...env })
  return await run(argv, env)
}

/** Runs the program with this process's own input and output. */
function run(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  const [program = 'env', ...rest] = argv
  const child = spawn(find(program), rest, { stdio: 'inherit', env: { ...env } })
  return exitOf(child)
}

/** As a shell says it: 128 and the signal's number when a signal ended it. */
export const exitOf = (child: ReturnType<typeof spawn>): Promise<number> =>
  new Promise((resolve, reject) => {
    child.on('error', (error) => reject(stop(NOT_STARTED, error.message)))
    child.on('close', (code, signal) => resolve(code ?? 128 + (signal ? os.signals[signal] : 0)))
  })

function find(program: string): string {
  const folders = `${process.env['PATH'] ?? ''}:${PATH}`.split(':')
  const path = folders.map((folder) => join(folder, program)).find(executable)
  if (path === undefined) throw stop(NOT_STARTED, `no program named ${program}; netlab doctor tells what is missing`)
  return path
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A lab of an ordinary user has a user namespace of its own, which one enters first. */
function sameUserNamespace(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/user`) === readlinkSync('/proc/self/ns/user')
  } catch {
    return false
  }
}
