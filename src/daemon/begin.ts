/** How a lab comes to be: a keeper, a daemon in it that answers, and only then a lab that others can find. */
import { type ChildProcess, spawn } from 'node:child_process'
import { chownSync, closeSync, existsSync, mkdirSync, openSync, readlinkSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { userInfo } from 'node:os'
import { dirname, join, relative } from 'node:path'
import type { Limits } from '#driver/driver.ts'
import { ownCodeFolder } from './codecache.ts'
import { type Caller, CONFINED_IDS, confinedKeeper, dockerKeeperArgv, hasRange, keeperArgv, mayUnshare, refusedNamespaces } from './keeper.ts'
import { lock } from './lock.ts'
import { childOf, killQuietly, readQuietly, startTimeOf } from './processes.ts'
import { homeOf } from './programs.ts'
import {
  GUEST,
  type GuestFacts,
  isLitter,
  type LabDriver,
  type LabKernel,
  type LabState,
  labFolder,
  readLabState,
  saveLabState,
  socketIn,
  sweep,
} from './state.ts'

type StartOptions = {
  readonly root: string
  readonly name: string
  readonly dir: string
  readonly version: string
  /** Command that runs the daemon: the node binary and dist/daemon.js. */
  readonly daemon: readonly string[]
  /** For machines that are Docker containers. */
  readonly docker?: { /** The file that removes what Docker holds, for node. */ readonly sweep: string }
  /** For a kernel of the lab's own; `daemon` is then what boots it. */
  readonly guest?: GuestWish
  /** For programs of others. */
  readonly confined?: Confinement
  /** Which variant it is. */
  readonly seed?: string
  readonly signal?: AbortSignal
}

/** A lab that runs programs of others: it has no more than this, and ends with whoever started it. */
export type Confinement = {
  readonly limits: Limits
  /** A control group it is put in, by its folder; one bounds its memory. */
  readonly cgroup?: string
}

export type GuestWish = {
  readonly megabytes: number
  /** To load besides those of every lab. */
  readonly modules: readonly string[]
  /** Command that runs the daemon in there. */
  readonly inside: readonly string[]
}

/** Why the machines are made of what they are, and run on the kernel they run on. */
export type Reasons = { readonly driver: string; readonly kernel: string }

/** A lab on its way: keeper and daemon start, and nobody else can find it yet. */
export type Birth = {
  readonly name: string
  readonly driver: LabDriver['kind']
  /**
   * `why` the machines are made of what they are. Resolves when the daemon answers on the socket, or at once with the lab of that name that runs already. The daemon then expects a `POST up`.
   * @throws with the daemon's own last words when it does not start.
   */
  readonly born: (why: Reasons) => Promise<LabState>
  /** It shall not be after all; resolves when nothing of it is left. One that is born already stays. */
  readonly abandon: () => Promise<void>
}

/**
 * Starts a keeper. Its daemon holds the other end of a pipe to this process and stops by itself when that closes before the lab is up: whoever starts
 * a lab and dies leaves nothing behind.
 */
export function beginLab(o: StartOptions): Birth {
  const folder = labFolder(o.root, o.name)
  const ending = new AbortController()
  const signal = o.signal === undefined ? ending.signal : AbortSignal.any([o.signal, ending.signal])
  const begun = begin(o, folder, signal)
  // Whether it failed is asked by `born`, perhaps never.
  begun.catch(() => {})
  let settled = false
  const undo = async ({ keeper, release }: Begun): Promise<void> => {
    settled = true
    // Its daemon may not be there yet, and then ends as soon as it is. In Docker nothing has been made before it was asked to.
    keeper.stdin?.destroy()
    await end(keeper, END_MS)
    sweep(folder)
    release()
  }
  return {
    name: o.name,
    driver: o.docker === undefined ? 'netns' : 'docker',
    async born(why) {
      const start = await begun
      if ('running' in start) return start.running
      const failure = await answering(start, folder, { signal, ms: o.guest === undefined ? ANSWER_MS : BOOT_MS })
      if (failure !== undefined) {
        const words = [tail(folder, 'daemon.log'), ...(o.guest === undefined ? [] : [tail(folder, GUEST.log)])].join('\n').trim()
        await undo(start)
        throw new Error(signal.aborted ? 'interrupted' : [failure, words, ...refusals(words)].filter((line) => line !== '').join('\n'))
      }
      try {
        const state = announce(o, folder, start, why)
        settled = true
        start.release()
        return state
      } catch (error) {
        await undo(start)
        throw error
      }
    },
    async abandon() {
      ending.abort()
      const start = await begun.catch(() => undefined)
      if (start !== undefined && !('running' in start) && !settled) await undo(start)
    },
  }
}

type Begun = { readonly keeper: ChildProcess; readonly release: () => void }

async function begin(o: StartOptions, folder: string, signal: AbortSignal): Promise<Begun | { readonly running: LabState }> {
  const release = await lock(folder, signal)
  try {
    const running = readLabState(o.root, o.name)
    if (running === undefined) {
      const keeper = launch(o, folder)
      if (o.confined !== undefined) await confine(keeper, o.confined, signal)
      return { keeper, release }
    }
    release()
    return { running }
  } catch (error) {
    release()
    throw error
  }
}

function launch(o: StartOptions, folder: string): ChildProcess {
  if (existsSync(folder) && !isLitter(folder)) throw new Error(`${folder} holds files that are not a lab's: set NETLAB_STATE to a folder of netlab's own`)
  sweep(folder)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const log = openSync(join(folder, 'daemon.log'), 'a', 0o600)
  const confined = o.confined !== undefined && callerOf().root ? confinedAt(o.daemon, folder) : undefined
  const [program = 'unshare', ...rest] =
    confined?.argv ?? (o.docker === undefined ? keeperArgv(o.daemon, callerOf()) : dockerKeeperArgv(o.daemon, o.docker.sweep))
  // Asked here and not by the daemon: in a user namespace of its own it could not tell root from anybody else.
  const code = ownCodeFolder()
  const env = {
    ...process.env,
    NETLAB_FOLDER: confined?.folder ?? folder,
    NETLAB_LIMITS: o.confined && JSON.stringify(o.confined.limits),
    NETLAB_NAME: o.name,
    NETLAB_DRIVER: o.docker && 'docker',
    NETLAB_GUEST: o.guest && JSON.stringify(o.guest),
    ...(code === undefined ? {} : { NODE_COMPILE_CACHE: code }),
  }
  const keeper = spawn(program, rest, { detached: true, stdio: ['pipe', log, log], env, cwd: '/' })
  closeSync(log)
  keeper.on('error', () => {})
  return keeper
}

/** Its root inside owns the folder, for the socket; nothing else of this host. */
function confinedAt([node = '', file = '']: readonly string[], folder: string): ReturnType<typeof confinedKeeper> {
  chownSync(folder, CONFINED_IDS.first, CONFINED_IDS.first)
  const home = homeOf(dirname(file))
  return confinedKeeper({ folder, home, node, main: relative(home, file) })
}

/** Before anything of the lab runs: into its control group, and, when root asks, among ids of its own. */
async function confine(keeper: ChildProcess, { cgroup }: Confinement, signal: AbortSignal): Promise<void> {
  try {
    const { pid } = keeper
    if (pid === undefined) return
    if (cgroup !== undefined) writeFileSync(join(cgroup, 'cgroup.procs'), `${pid}`)
    if (!callerOf().root) return
    const own = readlinkSync('/proc/self/ns/user')
    while (!signal.aborted && !hasEnded(keeper) && readlinkSync(`/proc/${pid}/ns/user`) === own) await new Promise((resolve) => setTimeout(resolve, 2))
    for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${pid}/${map}`, `0 ${CONFINED_IDS.first} ${CONFINED_IDS.count}\n`)
    keeper.stdin?.write('go\n')
  } catch {
    // One that has ended tells why in its log.
    keeper.kill('SIGKILL')
  }
}

/** How long a daemon may take to answer. */
const ANSWER_MS = 15_000
/** With a kernel that boots first. */
const BOOT_MS = 60_000

/** @returns why the daemon does not answer and will not. */
async function answering(
  { keeper }: Begun,
  folder: string,
  { signal, ms }: { readonly signal: AbortSignal; readonly ms: number },
): Promise<string | undefined> {
  const deadline = Date.now() + ms
  while (!existsSync(socketIn(folder))) {
    if (keeper.pid === undefined) return `the lab's keeper did not start: ${keeper.spawnfile} cannot be run`
    if (hasEnded(keeper)) return `the lab's keeper ended with ${keeper.signalCode ?? keeper.exitCode}`
    if (Date.now() > deadline) return `the lab daemon did not answer within ${ms / 1000} s`
    if (signal.aborted) return 'interrupted'
    await new Promise((resolve) => setTimeout(resolve, 3))
  }
  return undefined
}

function announce(o: StartOptions, folder: string, { keeper }: Begun, why: Reasons): LabState {
  const { root, name, dir, version } = o
  const pid = keeper.pid ?? 0
  const startTime = startTimeOf(pid) ?? ''
  const kernel: LabKernel =
    o.guest === undefined
      ? { kind: 'host', why: why.kernel }
      : { kind: 'uml', why: why.kernel, ...(JSON.parse(readQuietly(join(folder, GUEST.facts))) as GuestFacts) }
  const driver: LabDriver =
    o.docker === undefined ? { kind: 'netns', why: why.driver } : { kind: 'docker', why: why.driver, sweep: sweepOf(o, folder, [`${pid}`, startTime]) }
  const userNamespace = o.docker === undefined && (o.confined !== undefined || !callerOf().root)
  saveLabState(folder, {
    name,
    dir,
    keeper: pid,
    startTime,
    started: new Date().toISOString(),
    version,
    userNamespace,
    driver,
    kernel,
    ...(o.seed === undefined ? {} : { seed: o.seed }),
  })
  keeper.unref()
  // The leash stays in this process's hand until it ends: before the lab is up, its end is the lab's.
  if (keeper.stdin !== null && 'unref' in keeper.stdin) (keeper.stdin as Socket).unref()
  const state = readLabState(root, name)
  if (state === undefined) throw new Error('the lab ended as soon as it had begun')
  return state
}

/** What finds Docker again, and the lab's mark in it. */
function sweepOf({ daemon: [node = 'node'], docker, name }: StartOptions, folder: string, [pid, start]: readonly [string, string]): Sweep {
  const known = Object.entries(process.env).flatMap(([key, value]) => (DOCKER_ENV.test(key) && value !== undefined ? [[key, value]] : []))
  const own = { NETLAB_NAME: name, NETLAB_FOLDER: folder, NETLAB_KEEPER: pid, NETLAB_KEEPER_START: start }
  return { argv: [node, docker?.sweep ?? ''], env: { ...Object.fromEntries(known), ...own } }
}

type Sweep = Extract<LabDriver, { kind: 'docker' }>['sweep']
const DOCKER_ENV = /^(PATH|HOME|USER|SSH_AUTH_SOCK|DOCKER_\w+)$/

/** How long to wait for a keeper whose lab was killed. */
const END_MS = 2_000

/** The last of what it says. */
const tail = (folder: string, log: string): string => readQuietly(join(folder, log)).trim().split('\n').slice(-15).join('\n')

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null

/** The lab's pid 1 first: the kernel has taken everything in there away when its keeper hears of it. */
async function end(keeper: ChildProcess, ms: number): Promise<void> {
  if (keeper.pid === undefined || hasEnded(keeper)) return
  const gone = new Promise((resolve) => keeper.once('exit', resolve))
  killQuietly(childOf(keeper.pid) ?? keeper.pid)
  await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, ms).unref())])
  if (hasEnded(keeper)) return
  killQuietly(keeper.pid)
  await gone
}

const refusals = (words: string): readonly string[] => (callerOf().root ? [] : refusedNamespaces(words, readQuietly))

/** Whether this user can have a lab of namespaces, as far as one can know before trying. */
export const canUnshare = (): boolean => callerOf().root || mayUnshare(readQuietly)

function callerOf(): Caller {
  const { uid, username } = userInfo()
  const user = { uid, name: username }
  const mapper = (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, 'newuidmap')))
  return { root: uid === 0, range: mapper && ['/etc/subuid', '/etc/subgid'].every((file) => hasRange(readQuietly(file), user)) }
}
