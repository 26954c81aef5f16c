/** Bringing a lab up, for `up` and for a `check` of a lab that does not run. */
import type { Birth, Confinement } from '#daemon/begin.ts'
import { crashOf, kernelText, type LabState, stopLab } from '#daemon/state.ts'
import { issueText } from '#lab/issue.ts'
import type { Lab } from '#lab/lab.ts'
import { type LabRead, type Places, readLab } from '#lab/read.ts'
import type { Event } from '#report/event.ts'
import { birthOf } from './ahead.ts'
import { runningLabs } from './alive.ts'
import { clientOf } from './client.ts'
import { ASKED, type DriverKind, driverFor, driverText } from './driver.ts'
import { version } from './home.ts'
import { hostSays } from './host.ts'
import { ensurePrograms } from './install.ts'
import { INTERRUPTED, type Io, isStop, NOT_STARTED, stop, USAGE } from './io.ts'
import { holding, kernelFor } from './kernel.ts'
import { checkFile, type LabPlace, labFiles } from './labs.ts'
import type { Progress } from './progress.ts'
import { labParams } from './variant.ts'

export type Session = { readonly state: LabState; readonly fresh: boolean; readonly end: End }
export type End = Extract<Event, { kind: 'end' }>
export type Wish = {
  readonly place: LabPlace
  /** In the place of what the files of the place say. */
  readonly lab?: Lab
  readonly wait: boolean
  readonly install: boolean
  /** Asked for; the lab's own preference otherwise. */
  readonly kernel?: Lab['kernel'] | undefined
  /** Begun while the lab was still to be read. */
  readonly ahead?: Birth | undefined
  readonly driver?: DriverKind | undefined
  readonly confined?: Confinement | undefined
  /** The lab's params are drawn from it; that of the running lab, or none, when not told. */
  readonly seed?: string | undefined
}

/** Reads the lab; a mistake in it ends the command before anything can be seen of it. */
export async function bringUp(
  { place, lab: given, wait, install, ahead, driver, kernel, confined, seed: asked }: Wish,
  io: Io,
  progress: Progress,
): Promise<Session> {
  try {
    const seed = seedFor(place, asked, io)
    const { lab, warnings, unless, places } = given === undefined ? reading(place, seed, io) : { lab: given, warnings: [], unless: [], places: new Map() }
    for (const warning of warnings) io.err(`${issueText(warning)}\n`)
    const running = runningAt(place, lab.name, { driver, kernel }, io)
    const state = running ?? (await started(lab, { place, install, ahead, driver, kernel, confined, seed }, io))
    for (const warning of await holding(unless, state.kernel)) io.err(`${issueText(warning)}\n`)
    return await raised({ state, lab, places, wait, fresh: running === undefined }, io, progress)
  } finally {
    await ahead?.abandon()
  }
}

/** A lab that runs stays the variant that it is. */
function seedFor(place: LabPlace, asked: string | undefined, io: Io): string {
  const running = runningLabs(io).find(({ dir }) => dir === place.dir)
  if (running === undefined) return asked ?? ''
  const { seed = '', name } = running
  if (asked !== undefined && asked !== seed && Object.keys(labParams(place, asked)).length > 0)
    throw stop(USAGE, `lab ${name} runs already, as the variant of ${seed === '' ? 'no seed' : `seed "${seed}"`}: netlab down ${name}, then up --seed ${asked}`)
  return seed
}

function reading(place: LabPlace, seed: string, io: Io): LabRead {
  const read = readLab(labFiles(place, io.cwd), place.shown, { seed })
  if (!read.ok) throw stop(USAGE, read.errors.map(issueText).join('\n'))
  return read.value
}

/** The lab of this name, when it runs. @throws when it is another one, or one that another netlab started. */
function runningAt(place: LabPlace, name: string, { driver, kernel }: Pick<Wish, 'driver' | 'kernel'>, io: Io): LabState | undefined {
  const running = runningLabs(io).find((lab) => lab.name === name)
  if (running !== undefined && running.dir !== place.dir)
    throw stop(USAGE, `a lab named ${name} runs already, from ${running.dir}; netlab down ${name} stops it`)
  if (running !== undefined && running.version !== version())
    throw stop(USAGE, `lab ${name} was started by netlab ${running.version}, this is ${version()}: netlab down ${name}, then up again`)
  if (running !== undefined && driver !== undefined && driver !== 'auto' && driver !== running.driver.kind)
    throw stop(USAGE, `lab ${name} runs already, with driver ${running.driver.kind}: netlab down ${name}, then up again`)
  if (running !== undefined) mustRunOn(running, kernel)
  return running
}

/** @throws when the lab runs on another kernel than is asked for. */
export function mustRunOn({ name, kernel }: LabState, asked: Wish['kernel']): void {
  if (asked !== undefined && asked !== 'auto' && asked !== kernel.kind)
    throw stop(USAGE, `lab ${name} runs already, on ${kernelText(kernel)}; netlab down ${name} stops it`)
}

type Starting = Omit<Wish, 'wait' | 'lab'>

async function started(lab: Lab, { place, install, ahead, driver, kernel, confined, seed }: Starting, io: Io): Promise<LabState> {
  const both = "Docker's containers run on this host's kernel: leave --driver docker or --kernel uml out"
  // Before an image is made for nothing.
  if ((driver ?? lab.driver) === 'docker' && (kernel ?? lab.kernel) === 'uml') throw stop(USAGE, both)
  const answers = await answeringInDocker(lab, { ahead, kernel }, io)
  if (answers !== undefined) return answers
  const made = await driverFor(lab, driver, io)
  // In Docker the programs are in the image.
  if (made.kind === 'netns') await ensurePrograms(io, install)
  const wish = await kernelFor(lab, kernel ?? lab.kernel, io, { confined: confined !== undefined })
  if (made.kind === 'docker' && wish.kind === 'uml') throw stop(USAGE, both)
  const fits = made.kind === 'netns' && ahead?.driver === 'netns' && wish.kind === 'host' && ahead.name === lab.name
  if (!fits) await ahead?.abandon()
  try {
    const from = performance.now()
    const state = await (fits ? ahead : birthOf(lab.name, place, io, { made, kernel: wish, confined, seed })).born({ driver: made.why, kernel: wish.why })
    if (state.kernel.kind === 'uml') io.err(`kernel: ${kernelText(state.kernel)}; booted in ${((performance.now() - from) / 1000).toFixed(1)} s\n`)
    return state
  } catch (error) {
    throw io.signal.aborted
      ? stop(INTERRUPTED, 'interrupted')
      : stop(NOT_STARTED, hostSays(error, io.env) ?? `${(error as Error).message}\nnetlab doctor tells what this machine lacks`)
  }
}

/** A daemon in Docker answers only where Docker is, and has the image of nodes. Where it does not, `driverFor` tells why or makes the image. */
async function answeringInDocker(lab: Lab, { ahead, kernel }: Pick<Wish, 'ahead' | 'kernel'>, io: Io): Promise<LabState | undefined> {
  if (ahead?.driver !== 'docker' || ahead.name !== lab.name) return undefined
  const wish = await kernelFor(lab, kernel ?? lab.kernel, io, { confined: false })
  if (wish.kind === 'uml') return undefined
  return await ahead.born({ driver: ASKED, kernel: wish.why }).catch(() => {
    if (io.signal.aborted) throw stop(INTERRUPTED, 'interrupted')
    return undefined
  })
}

type Raising = { readonly state: LabState; readonly lab: Lab; readonly places: Places; readonly wait: boolean; readonly fresh: boolean }

async function raised({ state, lab, places, wait, fresh }: Raising, io: Io, progress: Progress): Promise<Session> {
  try {
    const events = clientOf(state.socket).lines<Event>({
      method: 'POST',
      path: '/netlab/v1/up',
      body: { lab, wait, made: driverText(state.driver) },
      signal: io.signal,
    })
    const there = { name: lab.name, alone: runningLabs(io).length === 1, checks: checkFile(state.dir, io.cwd) !== undefined, places }
    const end = await follow(hinting(events, there), progress)
    if (fresh && end.exit === NOT_STARTED) await stopLab(state)
    return { state, fresh, end }
  } catch (thrown) {
    if (!fresh) throw thrown
    const interrupted = isStop(thrown) && thrown.exit === INTERRUPTED
    const crash = interrupted ? undefined : await crashOf(state)
    await stopLab(state)
    if (interrupted) throw stop(INTERRUPTED, `interrupted; nothing of lab ${lab.name} stays`)
    throw crash === undefined ? thrown : stop(NOT_STARTED, `${crash}; nothing of it stays${/SIGKILL|SIGBUS/.test(crash) ? STARVED : ''}`)
  }
}

const STARVED = '\nif nobody killed it, this host has no memory to spare for it: free -m'

/** Which commands come next, as they must be typed here, and where it is written what was refused. */
async function* hinting(events: AsyncIterable<Event>, there: Parameters<typeof hints>[1] & { readonly places: Places }): AsyncIterable<Event> {
  for await (const event of events) {
    if (event.kind === 'phase') yield placed(event, there.places)
    else if (event.kind === 'end') yield { ...placed(event, there.places), next: hints(event.next, there) }
    else yield event
  }
}

function placed<E extends { readonly says?: string; readonly about?: string }>(event: E, places: Places): E {
  const at = places.get(event.about ?? '')
  return at === undefined ? event : { ...event, says: `${at} ${event.says}` }
}

/** A lab without probes is not checked, one of several is named. */
export const hints = (next: readonly string[], { name, alone, checks }: { name: string; alone: boolean; checks: boolean }): readonly string[] =>
  next
    .filter((command) => checks || !command.startsWith('netlab check'))
    .map((command) => (alone || command.split(' ').includes(name) ? command : `${command} --lab ${name}`))

/** Shows events as they come. @throws when they stop before the end. */
export async function follow(events: AsyncIterable<Event>, progress: Progress): Promise<End> {
  let end: End | undefined
  try {
    for await (const event of events) {
      progress.event(event)
      if (event.kind === 'end') end = event
    }
  } finally {
    await progress.close()
  }
  return end ?? Promise.reject(stop(3, "the lab's daemon ended in the middle of its work"))
}
