/** Bringing a lab up, for `up` and for a `check` of a lab that does not run. */
import { type LabState, listLabs, startLab, stateRoot, stopLab } from '#daemon/state.ts'
import { issueText } from '#lab/issue.ts'
import { readLab } from '#lab/read.ts'
import type { Event } from '#report/event.ts'
import { clientOf } from './client.ts'
import { daemonCommand, version } from './home.ts'
import { ensurePrograms } from './install.ts'
import { INTERRUPTED, type Io, isStop, NOT_STARTED, stop, USAGE } from './io.ts'
import { checkFile, type LabPlace, labFiles } from './labs.ts'
import type { Progress } from './progress.ts'

export type Session = { readonly state: LabState; readonly fresh: boolean; readonly end: End }
export type End = Extract<Event, { kind: 'end' }>
export type Wish = { readonly place: LabPlace; readonly wait: boolean; readonly install: boolean }

/** Reads the lab; a mistake in it ends the command before anything starts. */
export async function bringUp({ place, wait, install }: Wish, io: Io, progress: Progress): Promise<Session> {
  const files = labFiles(place, io.cwd)
  const read = readLab(files, place.shown)
  if (!read.ok) throw stop(USAGE, read.errors.map(issueText).join('\n'))
  for (const warning of read.value.warnings) io.err(`${issueText(warning)}\n`)
  const { name } = read.value.lab
  const root = stateRoot(io.env)
  const running = listLabs(root).find((lab) => lab.name === name)
  if (running !== undefined && running.dir !== place.dir)
    throw stop(USAGE, `a lab named ${name} runs already, from ${running.dir}; netlab down ${name} stops it`)
  if (running === undefined) await ensurePrograms(io, install)
  const state = running ?? (await started({ root, name, dir: place.dir, version: version(), daemon: daemonCommand(), signal: io.signal }))
  const fresh = running === undefined
  try {
    const body = { files: Object.fromEntries(files), lab: place.shown, wait }
    const events = clientOf(state.socket).lines<Event>({ method: 'POST', path: '/netlab/v1/up', body, signal: io.signal })
    const there = { name, alone: listLabs(root).length === 1, checks: checkFile(place.dir, io.cwd) !== undefined }
    const end = await follow(hinting(events, there), progress)
    if (fresh && end.exit === NOT_STARTED) await stopLab(state)
    return { state, fresh, end }
  } catch (thrown) {
    if (!fresh) throw thrown
    await stopLab(state)
    throw isStop(thrown) && thrown.exit === INTERRUPTED ? stop(INTERRUPTED, `interrupted; nothing of lab ${name} stays`) : thrown
  }
}

/** Which commands come next, as they must be typed here: a lab without probes is not checked, one of several is named. */
async function* hinting(events: AsyncIterable<Event>, there: Parameters<typeof hints>[1]): AsyncIterable<Event> {
  for await (const event of events) yield event.kind === 'end' ? { ...event, next: hints(event.next, there) } : event
}

export const hints = (next: readonly string[], { name, alone, checks }: { name: string; alone: boolean; checks: boolean }): readonly string[] =>
  next
    .filter((command) => checks || !command.startsWith('netlab check'))
    .map((command) => (alone || command.split(' ').includes(name) ? command : `${command} --lab ${name}`))

async function started(options: Parameters<typeof startLab>[0]): Promise<LabState> {
  try {
    return await startLab(options)
  } catch (error) {
    throw options.signal?.aborted
      ? stop(INTERRUPTED, 'interrupted')
      : stop(NOT_STARTED, `${(error as Error).message}\nnetlab doctor tells what this machine lacks`)
  }
}

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
