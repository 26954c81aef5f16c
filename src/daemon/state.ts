/**
 * Where running labs are found: one folder per lab under the user's runtime directory, with a state file, the daemon's socket and its log.
 * A lab lives as long as its keeper process (`unshare`); a folder whose keeper is gone is only litter, and is swept by the next command.
 */
import { spawn } from 'node:child_process'
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import type { Socket } from 'node:net'
import { homedir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { type Caller, hasRange, keeperArgv, refusedNamespaces } from './keeper.ts'

export type LabState = {
  readonly name: string
  /** The folder of lab.yaml. */
  readonly dir: string
  /** Host pid of the process that holds the lab's namespaces. */
  readonly keeper: number
  /** Host pid of the lab's pid 1, through which one enters. */
  readonly init: number
  /** The keeper's start time in clock ticks since boot: tells it from a later process with the same pid. */
  readonly startTime: string
  readonly socket: string
  readonly started: string
  readonly version: string
  /** A lab of an ordinary user has a user namespace that one enters first. */
  readonly userNamespace: boolean
}

type Saved = Omit<LabState, 'init' | 'socket'>

/** `$NETLAB_STATE`, else `$XDG_RUNTIME_DIR/netlab` when it can be written to (after `su` it is somebody else's), else `$XDG_STATE_HOME/netlab`, else `~/.local/state/netlab`. */
export function stateRoot(env: Readonly<Record<string, string | undefined>>): string {
  if (env['NETLAB_STATE']) return env['NETLAB_STATE']
  if (env['XDG_RUNTIME_DIR'] && writable(env['XDG_RUNTIME_DIR'])) return join(env['XDG_RUNTIME_DIR'], 'netlab')
  return join(env['XDG_STATE_HOME'] ?? join(env['HOME'] ?? homedir(), '.local/state'), 'netlab')
}

const labFolder = (root: string, name: string): string => join(root, name)
const socketOf = (root: string, name: string): string => join(labFolder(root, name), 'api.sock')

/** The labs whose keeper lives, by name. Folders of dead ones are removed on the way. */
export function listLabs(root: string): LabState[] {
  if (!existsSync(root)) return []
  const entries = readdirSync(root, { withFileTypes: true })
  for (const { name } of entries) if (/\.lock(\.\d+)*(\.stale)?$/.test(name) && isStaleLock(join(root, name))) rmSync(join(root, name), { force: true })
  return entries
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => readLabState(root, entry.name) ?? [])
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function readLabState(root: string, name: string): LabState | undefined {
  const folder = labFolder(root, name)
  const saved = readSaved(join(folder, 'lab.json'))
  const init = saved !== undefined && alive(saved.keeper, saved.startTime) ? childOf(saved.keeper) : undefined
  if (saved !== undefined && init !== undefined) return { ...saved, init, socket: socketOf(root, name) }
  if ((saved !== undefined || !lockHeld(folder)) && isLitter(folder)) rmSync(folder, { recursive: true, force: true })
  return undefined
}

/** What a lab leaves in its folder. */
const LEFT = /^(lab\.json|api\.sock|daemon\.log|snapshot\.json|machine\.fstab|root)(\.tmp)?$/

/** A folder with anything else in it is somebody's own: the state folder may be one that was in use before. */
function isLitter(folder: string): boolean {
  try {
    return readdirSync(folder).every((name) => LEFT.test(name)) && (!existsSync(join(folder, 'root')) || readdirSync(join(folder, 'root')).length === 0)
  } catch {
    return false
  }
}

/** Written by the daemon once its socket answers. */
export function saveLabState(folder: string, state: Saved): void {
  const file = join(folder, 'lab.json')
  writeFileSync(`${file}.tmp`, JSON.stringify(state, null, 2), { mode: 0o600 })
  renameSync(`${file}.tmp`, file)
}

export type StartOptions = {
  readonly root: string
  readonly name: string
  readonly dir: string
  readonly version: string
  /** Command that runs the daemon: the node binary and dist/daemon.js. */
  readonly daemon: readonly string[]
  readonly signal?: AbortSignal
}

/**
 * Starts a keeper and waits until its daemon answers on the socket. The daemon then expects a `POST up`. It holds the other end of a pipe to this
 * process and stops by itself when that closes before the lab is up: whoever starts a lab and dies leaves nothing behind.
 * @throws with the daemon's own last words when it does not start.
 */
export async function startLab(o: StartOptions): Promise<LabState> {
  const folder = labFolder(o.root, o.name)
  const release = await lock(folder, o.signal)
  try {
    const running = readLabState(o.root, o.name)
    if (running !== undefined) return running
    return await launch(o, folder)
  } finally {
    release()
  }
}

async function launch(o: StartOptions, folder: string): Promise<LabState> {
  if (existsSync(folder) && !isLitter(folder)) throw new Error(`${folder} holds files that are not a lab's: set NETLAB_STATE to a folder of netlab's own`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const log = openSync(join(folder, 'daemon.log'), 'a', 0o600)
  const caller = callerOf()
  const argv = keeperArgv(o.daemon, caller)
  const env = {
    ...process.env,
    NETLAB_FOLDER: folder,
    NETLAB_NAME: o.name,
    NETLAB_DIR: o.dir,
    NETLAB_VERSION: o.version,
    NETLAB_STARTED: new Date().toISOString(),
    NETLAB_USERNS: caller.root ? '0' : '1',
  }
  const [program = 'sh', ...rest] = argv
  const keeper = spawn(program, rest, { detached: true, stdio: ['pipe', log, log], env, cwd: '/' })
  closeSync(log)
  let ended: string | undefined
  keeper.on('exit', (code, signal) => {
    ended = `the lab's keeper ended with ${signal ?? code}`
  })
  keeper.on('error', (error) => {
    ended = `the lab's keeper did not start: ${error.message}`
  })
  const deadline = Date.now() + 15_000
  for (;;) {
    const state = existsSync(join(folder, 'lab.json')) ? readLabState(o.root, o.name) : undefined
    if (state !== undefined) {
      keeper.unref()
      // The leash stays in this process's hand until it ends: before the lab is up, its end is the lab's.
      if (keeper.stdin !== null && 'unref' in keeper.stdin) (keeper.stdin as Socket).unref()
      return state
    }
    if (ended === undefined && Date.now() > deadline) ended = 'the lab daemon did not answer within 15 s'
    if (ended !== undefined || o.signal?.aborted) {
      if (keeper.pid !== undefined) killQuietly(keeper.pid)
      const words = readQuietly(join(folder, 'daemon.log')).trim().split('\n').slice(-15).join('\n')
      rmSync(folder, { recursive: true, force: true })
      throw new Error(
        ended === undefined
          ? 'interrupted'
          : [ended, words, ...(caller.root ? [] : refusedNamespaces(words, readQuietly))].filter((line) => line !== '').join('\n'),
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 4))
  }
}

function callerOf(): Caller {
  const { uid, username } = userInfo()
  const user = { uid, name: username }
  const mapper = (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, 'newuidmap')))
  return { root: uid === 0, range: mapper && ['/etc/subuid', '/etc/subgid'].every((file) => hasRange(readQuietly(file), user)) }
}

/** Kills the lab's pid 1; the kernel then removes its processes, namespaces, links and mounts. Returns when the keeper is gone. */
export async function stopLab(state: LabState): Promise<void> {
  killQuietly(state.init)
  const deadline = Date.now() + 10_000
  while (alive(state.keeper, state.startTime)) {
    if (Date.now() > deadline) throw new Error(`keeper ${state.keeper} of lab ${state.name} does not end`)
    await new Promise((resolve) => setTimeout(resolve, 4))
  }
  rmSync(dirname(state.socket), { recursive: true, force: true })
}

/** Start time of a process in clock ticks since boot (proc(5) stat, field 22). */
function startTimeOf(pid: number): string | undefined {
  const stat = readQuietly(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return stat === '' || fields[0] === 'Z' ? undefined : fields[19]
}

const alive = (pid: number, startTime: string): boolean => startTimeOf(pid) === startTime

function childOf(pid: number): number | undefined {
  const [first] = readQuietly(`/proc/${pid}/task/${pid}/children`).split(' ')
  return first ? Number(first) : undefined
}

const lockFile = (folder: string): string => `${folder}.lock`

const lockHeld = (folder: string): boolean => heldBy(lockFile(folder))

const isStaleLock = (file: string): boolean => /^\d+ \d+$/.test(readQuietly(file)) && !heldBy(file)

function heldBy(lock: string): boolean {
  const [pid = '', startTime = ''] = readQuietly(lock).split(' ')
  return pid !== '' && alive(Number(pid), startTime)
}

/** One `up` of a lab starts it, the others wait and then find it running. */
async function lock(folder: string, signal?: AbortSignal): Promise<() => void> {
  mkdirSync(dirname(folder), { recursive: true, mode: 0o700 })
  // Made whole and then linked: nobody ever reads half a lock.
  const mine = `${lockFile(folder)}.${process.pid}.${++locks}`
  writeFileSync(mine, `${process.pid} ${startTimeOf(process.pid)}`, { mode: 0o600 })
  try {
    while (!taken(mine, lockFile(folder))) {
      if (!lockHeld(folder)) takeAway(lockFile(folder), `${mine}.stale`)
      if (signal?.aborted) throw new Error('interrupted')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  } finally {
    rmSync(mine, { force: true })
  }
  return () => rmSync(lockFile(folder), { force: true })
}

/** How many locks this process has asked for: each has a file of its own. */
let locks = 0

function taken(mine: string, lock: string): boolean {
  try {
    linkSync(mine, lock)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}

/** Of several who find a lock stale one moves it away; if it was a new one by then, it is put back. */
function takeAway(stale: string, aside: string): void {
  try {
    renameSync(stale, aside)
    if (heldBy(aside)) linkSync(aside, stale)
  } catch {
    // another one was first
  }
  rmSync(aside, { force: true })
}

function readSaved(file: string): Saved | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Saved
  } catch {
    return undefined
  }
}

function writable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

function readQuietly(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // already gone
  }
}
