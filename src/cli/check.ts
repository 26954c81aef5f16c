import { basename } from 'node:path'
import { type LabState, stopLab } from '#daemon/state.ts'
import { issueText } from '#lab/issue.ts'
import { readChecks } from '#probe/checks.ts'
import type { Event } from '#report/event.ts'
import { json } from '#report/json.ts'
import { junit } from '#report/junit.ts'
import { plain } from '#report/text.ts'
import { runningLabs } from './alive.ts'
import { clientOf } from './client.ts'
import { type Io, NOT_STARTED, stop, USAGE } from './io.ts'
import { kernelKind } from './kernel.ts'
import { findLab } from './labs.ts'
import { offer } from './nearest.ts'
import { openProgress } from './progress.ts'
import { runningLab, warningTo } from './running.ts'
import { bringUp, follow, mustRunOn } from './session.ts'
import { checksIn } from './variant.ts'
import { type Args, list, on, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const named = args.words[0] ?? text(args, 'lab')
  const running = named === undefined ? runningLab(io, undefined) : runningLabs(io).find((lab) => lab.name === named || lab.dir === dirOf(named, io))
  if (running === undefined) return await briefly(named ?? '', args, io)
  mustRunOn(running, kernelKind(args))
  return await checked(running, args, io)
}

/** A lab that does not run is up only for the check. */
async function briefly(named: string, args: Args, io: Io): Promise<number> {
  const place = findLab(named, io.cwd)
  readCheck(place.dir, args, io)
  io.err(`lab ${basename(place.dir)} does not run: it is brought up for the check and taken down again\n`)
  const { state, end } = await bringUp({ place, wait: true, install: !on(args, 'no-install'), kernel: kernelKind(args) }, io, openProgress(io))
  if (end.exit === NOT_STARTED) return NOT_STARTED
  try {
    return await checked(state, args, io)
  } finally {
    await stopLab(state)
    io.err(`lab ${state.name} is down again\n`)
  }
}

async function checked(lab: LabState, args: Args, io: Io): Promise<number> {
  const check = readCheck(lab.dir, args, io)
  const form = text(args, 'output')
  const progress = openProgress(io, form === undefined ? io.out : io.err)
  const only = list(args, 'only')
  const body = { ...check, ...(only.length > 0 && { only }) }
  const end = await follow(clientOf(lab.socket, warningTo(io)).lines<Event>({ method: 'POST', path: '/netlab/v1/check', body, signal: io.signal }), progress)
  if (form === 'json') io.out(json(progress.state()))
  else if (form === 'junit') io.out(junit(progress.state()))
  else if (form === 'text' || (progress.drawn() && !io.outIsTty)) io.out(`${progress.state().over.flatMap(plain).join('\n')}\n`)
  return end.exit
}

/** The lab's probes; mistakes in them, or in which of them are asked for, are told before anything is brought up. */
function readCheck(dir: string, args: Args, io: Io): { readonly file: string; readonly text: string } {
  const check = checksIn(dir, io.cwd, runningLabs(io).find((lab) => lab.dir === dir)?.seed)
  if (check === undefined) throw stop(USAGE, `${dir} has no check.yaml`)
  const read = readChecks(check.text, check.file)
  if (!read.ok) throw stop(USAGE, read.errors.map(issueText).join('\n'))
  const known = read.value.groups.flatMap((group) => [group.id, ...group.probes.map((probe) => probe.id)])
  const unknown = list(args, 'only').filter((id) => !known.includes(id))
  if (unknown.length > 0) throw stop(USAGE, unknown.map((id) => `${check.file} has no probe or group "${id}"${offer(id, known)}`).join('\n'))
  return check
}

function dirOf(named: string, io: Io): string | undefined {
  try {
    return findLab(named, io.cwd).dir
  } catch {
    return undefined
  }
}
