/** One submission graded: a fresh lab, what the teacher and then the student bring into it, every probe once, and nothing of it stays. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { makeCgroup } from '#daemon/cgroup.ts'
import { gradingFolder, type LabState, stateRoot, stopLab } from '#daemon/state.ts'
import { FORBID } from '#exercise/exercise.ts'
import { type Submission, submissionOf } from '#exercise/submission.ts'
import { type Grade, type GradedProbe, type GradedTask, type Note, outcomeOf, verdictLine } from '#grade/grade.ts'
import { manifestsOf } from '#lab/manifests.ts'
import type { Topology } from '#model/topology.ts'
import type { ProbeResult } from '#probe/probe.ts'
import type { Group, Probe } from '#probe/schema.ts'
import type { Event } from '#report/event.ts'
import { fold, initial } from '#report/state.ts'
import { applyAll } from '../apply.ts'
import { bringInStart } from '../bring.ts'
import { clientOf } from '../client.ts'
import { version } from '../home.ts'
import { INTERRUPTED, type Io, isStop, NOT_STARTED } from '../io.ts'
import { topologyPlanned } from '../lab-given.ts'
import { readGiven } from '../manifests.ts'
import type { Progress } from '../progress.ts'
import { bringUp } from '../session.ts'
import type { Assignment } from './assignment.ts'
import { type Scripts, scriptsIn } from './scripts.ts'
import type { Given } from './submission.ts'
import { type Watch, watchMemory } from './watch.ts'

export type Limits = {
  /** For each script, in seconds. */
  readonly seconds: number
  /** Of the whole lab, in MiB. */
  readonly memory: number
}

export type Grading = {
  readonly assignment: Assignment
  readonly given: Given
  readonly limits: Limits
  /** Points to be reached; all there are when not told. */
  readonly passMark: number | undefined
  /** grade.json. */
  readonly file: string
  /** Digest of all that the grade follows from. */
  readonly inputs: string
}

/** Of each folder of a machine that can be written to, in MiB; and of processes in the lab when a container wants one more. */
const CONFINED = { disk: 64, processes: 1_500 } as const
/** A script that leaves more than this behind is no daemon. */
const LEFT = 64

export async function gradeOne(o: Grading, io: Io): Promise<Grade> {
  const record = recorder(o)
  const part = submissionOf(new Map([...o.given.files].map(([file, text]) => [`./${file}`, text])), '.')
  const { issues } = manifestsOf(part.submission.manifests)
  const wrong = [...part.issues, ...issues].filter(({ severity }) => severity !== 'warning')
  for (const { at, says, severity } of [...part.issues, ...issues])
    record.note({ level: severity === 'warning' ? 'warn' : 'error', at: at.replace(/^\.\//, ''), says })
  for (const name of o.given.ignored.slice(0, 10)) record.note({ level: 'info', says: `not read: ${name}` })
  if (o.given.ignored.length > 10) record.note({ level: 'info', says: `nor are ${o.given.ignored.length - 10} more` })
  if (wrong.length > 0) return record.end('invalid', `the submission cannot be read: ${wrong.length} mistake${wrong.length === 1 ? '' : 's'}`)
  const { folder, alsoRemove } = gradingFolder(stateRoot(io.env))
  const cgroup = makeCgroup(`netlab-grade-${folder.split('/').at(-1)}`, o.limits.memory * 2 ** 20)
  if (cgroup !== undefined) alsoRemove(cgroup.folder)
  try {
    return await inLab(o, record, { submission: part.submission, folder, cgroup }, io)
  } finally {
    await cgroup?.remove().catch(() => {})
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 10 })
  }
}

type Place = { readonly submission: Submission; readonly folder: string; readonly cgroup: ReturnType<typeof makeCgroup> }

async function inLab(o: Grading, record: Recorder, { submission, folder, cgroup }: Place, outer: Io): Promise<Grade> {
  const { place, lab, start } = o.assignment
  const io: Io = { ...outer, env: { ...outer.env, NETLAB_STATE: folder }, err: () => {} }
  const progress = quiet()
  let state: LabState | undefined
  let watch: Watch | undefined
  try {
    const confined = { limits: CONFINED, ...(cgroup === undefined ? {} : { cgroup: cgroup.folder }) }
    const session = await bringUp({ place, lab, wait: true, install: false, driver: 'netns', kernel: 'host', confined }, io, progress)
    state = session.state
    if (session.end.exit !== 0) return record.end(session.end.exit === INTERRUPTED ? 'interrupted' : 'not-started', session.end.says)
    record.draw(topologyPlanned(lab))
    const scripts = scriptsIn(state, cgroup?.folder, io)
    watch = watchMemory(state, { bytes: o.limits.memory * 2 ** 20, cgroup, more: scripts.running })
    const fault = await bringInStart(state, start, io).then(
      () => undefined,
      (thrown: unknown) => (isStop(thrown) ? thrown.says : String(thrown)),
    )
    if (fault !== undefined) return record.end(io.signal.aborted ? 'interrupted' : 'inconclusive', `the exercise's start could not be brought in: ${fault}`)
    const said = await handIn(submission, { state, scripts, seconds: o.limits.seconds, io })
    for (const note of said) record.note(note)
    if (said.some(({ refused }) => refused)) return record.end('invalid', 'the lab refuses the submission’s manifests')
    if (io.signal.aborted) return record.end('interrupted', 'interrupted')
    await endFlood(scripts, record)
    const asking = { state, submission, watch, io }
    await stand(o, record, asking)
    await ask(o, record, asking)
    await askAgain(o, record, { ...asking, scripts })
    const spent = watch.says()
    if (spent !== undefined) record.note({ level: 'error', says: spent })
    return record.finish(io.signal.aborted)
  } catch (thrown) {
    if (io.signal.aborted) return record.end('interrupted', 'interrupted')
    const says = isStop(thrown) ? thrown.says : (thrown as Error).message
    if (state === undefined) return record.end(isStop(thrown) && thrown.exit !== NOT_STARTED ? 'inconclusive' : 'not-started', says)
    // What ended the lab while the student's programs ran was the student's doing only when a limit says so.
    const spent = watch?.says()
    if (spent === undefined) return record.end('inconclusive', says)
    record.note({ level: 'error', says: spent })
    record.fill('fail', spent)
    return record.finish(false)
  } finally {
    watch?.stop()
    if (state !== undefined) await stopLab(state).catch((error: Error) => outer.err(`${error.message}\n`))
  }
}

type Handing = { readonly state: LabState; readonly scripts: Scripts; readonly seconds: number; readonly io: Io }
type Told = Note & { readonly refused?: true }

/** What a student brings in: as a teacher's start, but with limits, and told and not thrown. */
async function handIn(one: Submission, { state, scripts, seconds, io }: Handing): Promise<readonly Told[]> {
  const client = clientOf(state.socket)
  const refused = await applyAll(client, readGiven(one.manifests, undefined))
  if (refused.length > 0) return refused.map((says): Told => ({ level: 'error', says: says.replace(/^\.\//, ''), refused: true }))
  const told: Told[] = []
  for (const script of one.scripts) {
    if (io.signal.aborted) break
    const at = `${script.file.replace(/^\.\//, '')}:1:1`
    const says = await scripts.run(script, { seconds, signal: io.signal }).catch((thrown: unknown) => (isStop(thrown) ? thrown.says : String(thrown)))
    if (says !== undefined) told.push({ level: 'warn', at, says })
  }
  return told
}

async function endFlood(scripts: Scripts, record: Recorder): Promise<void> {
  const left = scripts.left()
  if (left <= LEFT) return
  await scripts.end()
  record.note({ level: 'warn', says: `the scripts left ${left} processes running, more than ${LEFT}: they were ended` })
}

type Asking = { readonly state: LabState; readonly submission: Submission; readonly watch: Watch; readonly io: Io }

/** A machine that a submission has killed is made anew, as after a power cut: what was done to it by hand is gone. */
async function stand({ assignment: { lab } }: Grading, record: Recorder, { state, io }: Asking): Promise<void> {
  const client = clientOf(state.socket)
  for (const { name } of lab.nodes) {
    const { status } = await client.send({ path: `/netlab/v1/enter?place=node/${name}` })
    if (status >= 400) record.note({ level: 'warn', says: `${name} was killed by what ran on it; it was made anew, as after a power cut` })
  }
  await client.json({ method: 'POST', path: '/netlab/v1/machines', signal: io.signal })
}

async function ask(o: Grading, record: Recorder, { state, submission, watch, io }: Asking, only?: readonly string[]): Promise<void> {
  const body = { checks: o.assignment.checks, answers: submission.answers, ...(only && { only }) }
  try {
    for await (const event of clientOf(state.socket).lines<Event>({ method: 'POST', path: '/netlab/v1/check', body, signal: io.signal }))
      if (event.kind === 'result') record.result(event.result)
  } catch (thrown) {
    if (io.signal.aborted) return
    const spent = watch.says()
    record.fill(spent === undefined ? 'error' : 'fail', spent ?? (isStop(thrown) ? thrown.says : (thrown as Error).message))
  }
}

/** What could not be decided is asked once more, when nothing of the submission runs any more that could keep it from being so. */
async function askAgain(o: Grading, record: Recorder, asking: Asking & { readonly scripts: Scripts }): Promise<void> {
  const open = record.open()
  if (open.length === 0 || asking.io.signal.aborted || asking.watch.says() !== undefined) return
  const left = asking.scripts.left()
  await asking.scripts.end()
  if (left > 0)
    record.note({
      level: 'warn',
      says: `${open.length} probes could not be decided while ${left} processes of the submission ran: they were ended, and the probes asked again`,
    })
  try {
    await stand(o, record, asking)
    await ask(o, record, asking, open)
  } catch {
    // They stay undecided, with the reasons they had.
  }
}

type Recorder = {
  /** The map of the lab that has come up. */
  readonly draw: (topology: Topology) => void
  readonly note: (note: Note) => void
  readonly result: (result: ProbeResult) => void
  /** Probes that were asked and not decided, and those that wait for them. */
  readonly open: () => readonly string[]
  /** What is still open gets this verdict. */
  readonly fill: (verdict: 'fail' | 'error', says: string) => void
  readonly end: (outcome: Grade['outcome'], says: string) => Grade
  /** After all probes. */
  readonly finish: (interrupted: boolean) => Grade
}

/** Every step is in grade.json as soon as it is known; a reader finds it whole at any moment. */
function recorder({ assignment, given, passMark, file, inputs }: Grading): Recorder {
  const { checks } = assignment
  const results = new Map<string, GradedProbe>()
  const probes = new Map(checks.groups.flatMap((group) => group.probes.map((probe) => [probe.id, { probe, group }] as const)))
  const all = [...probes.values()].reduce((sum, { probe }) => sum + probe.points, 0)
  const tasks = (): readonly GradedTask[] =>
    checks.groups
      .map(({ id, title, probes: own }) => ({ id, title, results: own.flatMap((probe) => results.get(probe.id) ?? []) }))
      .filter(({ results: some }) => some.length > 0)
  const { name, digest, files, bytes } = given
  let grade: Grade = {
    ...{ apiVersion: 'netlab.dev/v1', kind: 'Grade', netlab: version(), lab: assignment.lab.name, exercise: assignment.exercise },
    submission: { name, digest, files: files.size, bytes },
    ...(assignment.seed !== undefined && { seed: assignment.seed }),
    ...{ inputs, started: now(), outcome: 'running', says: 'not over yet', passMark: Math.min(passMark ?? all, all), tasks: [], notes: [] },
  }
  const write = (change: Partial<Grade>): Grade => {
    grade = { ...grade, ...change }
    writeGrade(file, grade)
    return grade
  }
  const put = (result: ProbeResult): void => {
    const { visibility } = probes.get(result.id)?.probe ?? {}
    results.set(result.id, { ...result, visibility: visibility ?? 'visible' })
  }
  write({})
  return {
    draw: (topology) => {
      write({ topology })
    },
    note: (note) => {
      const { level, says, at } = note
      write({ notes: [...grade.notes, { level, says, ...(at === undefined ? {} : { at }) }] })
    },
    result: (result) => {
      put(result)
      write({ tasks: tasks() })
    },
    open: () => {
      const some = [...results.values()]
      return some.some(({ verdict }) => verdict === 'error')
        ? some.flatMap(({ id, verdict }) => (verdict === 'error' || verdict === 'blocked' ? [id] : []))
        : []
    },
    fill(verdict, says) {
      for (const { probe, group } of probes.values()) if (!results.has(probe.id)) put(undecided(probe, group, { verdict, says }))
      write({ tasks: tasks() })
    },
    end: (outcome, says) => write({ outcome, says, ended: now() }),
    finish(interrupted) {
      if (interrupted) return write({ outcome: 'interrupted', says: 'interrupted', ended: now() })
      keepForbidden(results)
      const verdicts = [...probes.keys()].map((id) => results.get(id)?.verdict ?? 'error')
      const outcome = outcomeOf(verdicts)
      const open = verdicts.filter((verdict) => verdict === 'error' || verdict === 'skip').length
      const says = outcome === 'graded' ? '' : `netlab could not decide ${open} of ${verdicts.length} probes`
      const done = write({ tasks: tasks(), outcome, says, ended: now() })
      return outcome === 'graded' ? write({ says: verdictLine(done) }) : done
    },
  }
}

const undecided = (probe: Probe, group: Group, { verdict, says }: { readonly verdict: 'fail' | 'error'; readonly says: string }): ProbeResult => ({
  ...{ id: probe.id, title: probe.title, group: group.title, verdict, expected: probe.title, observed: says },
  ...{ evidence: [], reproduce: '', attempts: [], ms: 0, points: probe.points },
})

/** While something forbidden holds, nothing that was reached counts. */
function keepForbidden(results: Map<string, GradedProbe>): void {
  const held = [...results.values()].find(({ id, verdict }) => id.startsWith(`${FORBID}-`) && verdict === 'fail')
  if (held === undefined) return
  for (const [id, result] of results)
    if (result.verdict === 'pass' && result.points > 0) results.set(id, { ...result, verdict: 'fail', observed: `what is forbidden holds: ${held.title}` })
}

export const writeGrade = (file: string, grade: Grade): void => writeWhole(file, `${JSON.stringify(grade, null, 2)}\n`)

/** Whoever reads it finds the old one or the new one. */
export function writeWhole(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.tmp`, text)
  renameSync(`${file}.tmp`, file)
}

const now = (): string => `${new Date().toISOString().slice(0, 19)}Z`

/** What `up` says is told only when it fails. */
function quiet(): Progress {
  let state = initial
  const event = (one: Event): void => {
    state = fold(state, one)
  }
  return { event, close: async () => {}, state: () => state, drawn: () => false }
}
