/**
 * Where running labs are found: one folder per lab under the user's runtime directory, with a state file, the daemon's socket and its log.
 * A lab lives as long as its keeper process (`unshare`); a folder whose keeper is gone is only litter, and is swept by the next command.
 */
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { isStaleLock, lockHeld } from './lock.ts'
import { alive, childOf, killQuietly, readQuietly, startTimeOf } from './processes.ts'

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
  readonly driver: LabDriver
  readonly kernel: LabKernel
  /** That its params were drawn from. */
  readonly seed?: string
}

/** The kernel a lab's machines run on, and why that one. */
export type LabKernel = { readonly kind: 'host'; readonly why: string } | ({ readonly kind: 'uml'; readonly why: string } & GuestFacts)

/** What a kernel of the lab's own tells of itself: its version, and the lab's pid 1 as it sees it. */
export type GuestFacts = { readonly release: string; readonly init: number }

export const kernelText = (kernel: LabKernel): string =>
  `${kernel.kind === 'uml' ? `a kernel of its own (user-mode Linux ${kernel.release})` : "this host's kernel"}, because ${kernel.why}`

/** Files of a lab with a kernel of its own: where programs are started in it, what it tells of itself, what it says, how it ended when nobody wanted that. */
export const GUEST = { socket: 'guest.sock', facts: 'guest.json', log: 'kernel.log', crashed: 'crashed' } as const

/** What the lab's machines are made of, and why. */
export type LabDriver =
  | { readonly kind: 'netns'; readonly why: string }
  /** `sweep` is the program that removes what Docker holds of the lab, with its environment. */
  | { readonly kind: 'docker'; readonly why: string; readonly sweep: { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> } }

type Saved = Omit<LabState, 'init' | 'socket'>

/** `$NETLAB_STATE`, else `$XDG_RUNTIME_DIR/netlab` when it can be written to (after `su` it is somebody else's), else `$XDG_STATE_HOME/netlab`, else `~/.local/state/netlab`. */
export function stateRoot(env: Readonly<Record<string, string | undefined>>): string {
  if (env['NETLAB_STATE']) return env['NETLAB_STATE']
  if (env['XDG_RUNTIME_DIR'] && writable(env['XDG_RUNTIME_DIR'])) return join(env['XDG_RUNTIME_DIR'], 'netlab')
  return join(env['XDG_STATE_HOME'] ?? join(env['HOME'] ?? homedir(), '.local/state'), 'netlab')
}

export const labFolder = (root: string, name: string): string => join(root, name)
export const socketIn = (folder: string): string => join(folder, 'api.sock')

/** The labs whose keeper lives, by name. Folders of dead ones are removed on the way; `crashed` hears of those that ended unasked. */
export function listLabs(root: string, crashed: (says: string) => void = () => {}): LabState[] {
  if (!existsSync(root)) return []
  sweepGradings(root)
  const entries = readdirSync(root, { withFileTypes: true })
  for (const { name } of entries) if (/\.lock(\.\d+)*(\.stale)?$/.test(name) && isStaleLock(join(root, name))) rmSync(join(root, name), { force: true })
  return entries
    .filter((entry) => entry.isDirectory() && entry.name !== GRADING)
    .flatMap((entry) => readLabState(root, entry.name, crashed) ?? [])
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Labs made to grade a submission are in here, each in a state folder of its own: other commands do not see them. */
const GRADING = '.grading'

/** A state folder for one lab that lives no longer than this process, and a note of what else is to be removed should it be killed. */
export function gradingFolder(root: string): { readonly folder: string; readonly alsoRemove: (path: string) => void } {
  sweepGradings(root)
  for (let n = 0; ; n += 1) {
    const folder = join(root, GRADING, `${process.pid}-${n}`)
    mkdirSync(join(root, GRADING), { recursive: true, mode: 0o700 })
    try {
      mkdirSync(folder)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue
      throw error
    }
    writeFileSync(join(folder, OWNER), startTimeOf(process.pid) ?? '')
    return { folder, alsoRemove: (path) => writeFileSync(join(folder, CGROUP), path) }
  }
}

const OWNER = 'owner'
const CGROUP = 'cgroup'

/** What killed gradings left; their labs ended with them. */
function sweepGradings(root: string): void {
  const all = join(root, GRADING)
  if (!existsSync(all)) return
  for (const name of readdirSync(all)) {
    const folder = join(all, name)
    const [owner, cgroup] = [readQuietly(join(folder, OWNER)), readQuietly(join(folder, CGROUP))]
    if (owner === '' ? startTimeOf(Number(name.split('-')[0])) !== undefined : alive(Number(name.split('-')[0]), owner)) continue
    try {
      if (cgroup !== '' && existsSync(cgroup)) rmdirSync(cgroup)
    } catch {
      // Something in it is still on its way out: the next one removes it.
      continue
    }
    sweep(folder)
  }
}

export function readLabState(root: string, name: string, crashed: (says: string) => void = () => {}): LabState | undefined {
  const folder = labFolder(root, name)
  const saved = readSaved(join(folder, 'lab.json'))
  const init = saved !== undefined && alive(saved.keeper, saved.startTime) ? childOf(saved.keeper) : undefined
  if (saved !== undefined && init !== undefined) return { ...saved, init, socket: socketIn(folder) }
  if ((saved !== undefined || !lockHeld(folder)) && isLitter(folder)) {
    if (saved?.driver.kind === 'docker') sweepLater(saved.driver.sweep)
    const how = readQuietly(join(folder, GUEST.crashed))
    if (how !== '') crashed(how)
    sweep(folder)
  }
  return undefined
}

/** A lab whose keeper was killed too: nobody waits for this. */
function sweepLater({ argv: [program = '', ...rest], env }: Extract<LabDriver, { kind: 'docker' }>['sweep']): void {
  // Few labs need it, and loading it takes longer than listing them.
  process
    .getBuiltinModule('node:child_process')
    .spawn(program, rest, { env, detached: true, stdio: 'ignore', cwd: '/' })
    .on('error', () => {})
    .unref()
}

/** Written into the lab's folder when something of it could not be removed. */
export const LEFT_OVER = 'left-over'

/** What a lab leaves in its folder. */
const LEFT = /^(left-over|lab\.json|api\.sock|api|guest\.sock|guest\.json|kernel\.log|crashed|daemon\.log|snapshot\.json|root)(\.tmp)?$/

/** A folder with anything else in it is somebody's own: the state folder may be one that was in use before. */
export function isLitter(folder: string): boolean {
  try {
    return readdirSync(folder).every((name) => LEFT.test(name)) && (!existsSync(join(folder, 'root')) || readdirSync(join(folder, 'root')).length === 0)
  } catch {
    return false
  }
}

/** Written by whoever started the lab, when its daemon answers: from then on others find it. */
export function saveLabState(folder: string, state: Saved): void {
  const file = join(folder, 'lab.json')
  writeFileSync(`${file}.tmp`, JSON.stringify(state, null, 2), { mode: 0o600 })
  renameSync(`${file}.tmp`, file)
}

/** A process that is on its way out may still write into the folder. */
export const sweep = (folder: string): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 10 })

/** How long a lab may take to go: Docker takes its time with many containers. */
export const STOP_MS = { netns: 10_000, docker: 60_000 } as const

/**
 * Kills the lab's first process; the kernel then removes its processes, namespaces, links and mounts, and the keeper what Docker holds. Returns when the
 * keeper is gone. @throws what could not be removed.
 */
export async function stopLab(state: LabState): Promise<void> {
  killQuietly(state.init)
  const deadline = Date.now() + STOP_MS[state.driver.kind]
  while (alive(state.keeper, state.startTime)) {
    if (Date.now() > deadline) throw new Error(`keeper ${state.keeper} of lab ${state.name} does not end`)
    await new Promise((resolve) => setTimeout(resolve, 4))
  }
  const left = readQuietly(join(dirname(state.socket), LEFT_OVER))
  sweep(dirname(state.socket))
  if (left !== '') throw new Error(`of lab ${state.name} something may be left: ${left}\nnetlab clean removes it`)
}

/** How long a gate may take to tell of its kernel's end. */
const LAST_WORDS_MS = 2000

/** How the lab's own kernel ended, when it did, for one who saw only the daemon fall silent. */
export async function crashOf({ kernel, keeper, startTime, socket }: LabState): Promise<string | undefined> {
  const deadline = Date.now() + LAST_WORDS_MS
  while (kernel.kind === 'uml' && alive(keeper, startTime) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 4))
  return readQuietly(join(dirname(socket), GUEST.crashed)) || undefined
}

function readSaved(file: string): Saved | undefined {
  try {
    // An older netlab knew one driver only.
    return { driver: { kind: 'netns', why: '' }, ...(JSON.parse(readFileSync(file, 'utf8')) as Omit<Saved, 'driver'>) } as Saved
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
