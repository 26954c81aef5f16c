/** Runs the probes of a check file against the running lab. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { withWarnings } from '#api/forms.ts'
import { type Request, type Response, response } from '#api/message.ts'
import type { Engine } from '#engine/engine.ts'
import { podDir } from '#kubelet/volumes.ts'
import { issueText } from '#lab/issue.ts'
import { unenforced } from '#lab/unenforced.ts'
import { ok } from '#net/result.ts'
import { readChecks } from '#probe/checks.ts'
import { expand } from '#probe/names.ts'
import { type Act, runChecks, type World } from '#probe/run.ts'
import type { CheckFile } from '#probe/schema.ts'
import { watchChecks } from '#probe/watch.ts'
import type { Event } from '#report/event.ts'
import { EXIT, exitOf, summary } from '#report/exit.ts'
import { ask } from './ask.ts'
import { failureStatus, lines } from './serve.ts'

/** As `POST check` takes it: the text of a check.yaml, or probes that were read already, by the same netlab. */
type Asked = ({ readonly text: string; readonly file: string } | { readonly checks: CheckFile }) & Pick<World, 'only' | 'answers'>

export async function check(engine: Engine, request: Request): Promise<Response> {
  const { only, answers, ...asked } = (await request.json()) as Asked
  const read = 'checks' in asked ? ok(asked.checks) : readChecks(asked.text, asked.file, engine.cluster())
  if (!read.ok) return response(JSON.stringify(failureStatus(400, read.errors.map(issueText).join('\n'))), { status: 400 })
  const begun = performance.now()
  const warning = engine.cluster().networkPolicies.length > 0 ? unenforced(engine.lab().policy) : undefined
  const answer = lines<Event>(async (send) => {
    send({ kind: 'begin', verb: 'check', lab: engine.cluster().lab, phases: [] })
    const results = await runChecks(read.value, worldOf(engine, { emit: send, signal: request.signal, ...(only && { only }), ...(answers && { answers }) }))
    // A check in which no probe was run has found out nothing.
    const exit = request.signal.aborted ? EXIT.interrupted : results.length === 0 ? EXIT.inconclusive : exitOf(results)
    send({ kind: 'end', exit, says: results.length === 0 ? 'no probe was run' : summary(results), next: [], ms: performance.now() - begun })
  })
  return withWarnings(answer, warning === undefined ? [] : [warning])
}

/** The same without an end: until whoever asked goes away. */
export async function watch(engine: Engine, request: Request): Promise<Response> {
  const { checks, answers } = (await request.json()) as { readonly checks: CheckFile } & Pick<World, 'answers'>
  return lines<Event>((send) => watchChecks(checks, worldOf(engine, { emit: send, signal: request.signal, ...(answers && { answers }) })))
}

/** Texts with the lab's names in double braces replaced by what is so now; a text with an unknown name stays as it is. */
export async function fill(engine: Engine, request: Request): Promise<Response> {
  const { texts } = (await request.json()) as { readonly texts: readonly string[] }
  const scene = { cluster: engine.cluster(), was: {}, nonce: '' }
  const filled = texts.map((text) => expand(text, scene)).map((one, i) => (one.ok ? one.value : texts[i]))
  return response(JSON.stringify({ texts: filled }), { headers: { 'content-type': 'application/json' } })
}

function worldOf(engine: Engine, o: Pick<World, 'emit' | 'signal' | 'only' | 'answers'>): World {
  const run = randomBytes(4).toString('hex')
  let taps = 0
  return {
    ...o,
    cluster: engine.cluster,
    slowness: engine.slowness,
    clock: { now: () => performance.now(), wall: () => Date.now(), sleep: (ms, signal) => sleep(ms, undefined, { signal }) },
    nonce: (n) => `${run}${n}`,
    ask: (question, signal) => ask(engine, question, signal),
    act: (act) => perform(engine, act),
    tap: ({ at, argv }, log) => {
      taps += 1
      const program = { kind: 'process', id: `probe/${run}-${taps}`, argv, env: {}, mounts: [], onChange: 'keep', restart: 'Never' } as const
      return engine.driver.spawn(at.machine, at.netns === undefined ? program : { ...program, in: at.netns }, log)
    },
  }
}

/** @throws what went wrong. */
async function perform(engine: Engine, act: Act): Promise<void> {
  if (act.kind === 'exec') {
    const { at, argv } = act
    const output = await engine.driver.run(at.machine, { kind: 'run', argv, does: [], ...(at.netns === undefined ? {} : { in: at.netns }) })
    if (output.code !== 0) throw new Error(`ended with ${output.signal ?? output.code}: ${output.stderr.trim()}`)
    return
  }
  const { namespace, name } = act.pod
  const pod = engine.store.get('Pod', namespace, name)
  if (pod === undefined) throw new Error(`there is no Pod ${namespace}/${name}`)
  if (act.kind === 'delete') {
    const answer = engine.store.delete('Pod', namespace, name, { gracePeriodSeconds: 1 })
    if (!answer.ok) throw new Error(answer.status.message)
    return
  }
  // The echo server says it is not well while this file is there: the readiness probe itself finds out, as in life.
  const files = pod.spec.containers.map((container) => ({
    path: `${podDir(act.pod)}/${container.name}/unready`,
    ...(act.kind === 'unready' ? { text: '' } : {}),
  }))
  const output = await engine.driver.run(pod.spec.nodeName ?? '', { kind: 'write', files, does: [] })
  if (output.code !== 0) throw new Error(output.stderr)
}
