/** Brings into a running lab what breaks or mends it: manifests first, then the scripts of nodes and Pods. */
import { execa } from 'execa'
import type { Deployment, PodObject } from '#api/kinds.ts'
import type { LabState } from '#daemon/state.ts'
import type { Script, Submission } from '#exercise/submission.ts'
import { namespacesFirst, refusalText, send } from './apply.ts'
import { clientOf } from './client.ts'
import { entering, entryOf } from './enter.ts'
import { INTERRUPTED, type Io, isStop, stop } from './io.ts'
import { readGiven } from './manifests.ts'

/** How long one script may take. */
const SCRIPT_MS = 30_000
/** How long Pods may take to be those that a start wants. */
const START_MS = 10_000
/** How long a Pod may take to be there, after the manifests made it. */
const POD_MS = 20_000

/** @throws a Stop that names the file. */
export async function bringIn(lab: LabState, { manifests, scripts }: Submission, io: Io): Promise<void> {
  const client = clientOf(lab.socket)
  for (const each of readGiven(manifests, undefined).toSorted(namespacesFirst)) {
    const sent = await send(client, each, false)
    if (sent.refused) throw stop(1, refusalText(each, sent))
  }
  for (const script of scripts) await runScript(lab, script, io)
}

/** Brings in what an exercise begins with. Whatever comes next meets the fault, and not a lab that is still on its way there. */
export async function bringInStart(lab: LabState, start: Submission, io: Io): Promise<void> {
  await bringIn(lab, start, io)
  const client = clientOf(lab.socket)
  const objectsOf = async <T>(path: string): Promise<readonly T[]> => (await client.json<{ readonly items: readonly T[] }>({ path, signal: io.signal })).items
  const until = Date.now() + START_MS
  while (Date.now() < until) {
    const [pods, deployments] = await Promise.all([objectsOf<PodObject>('/api/v1/pods'), objectsOf<Deployment>('/apis/apps/v1/deployments')])
    if (!pods.some(isOnItsWay) && deployments.every(isRolledOut)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** One that has no address is not on its way, but waits. */
const isOnItsWay = ({ metadata, status }: PodObject): boolean =>
  metadata.deletionTimestamp !== undefined || (status.phase === 'Pending' && status.podIP !== undefined)
/** Whether its Pods are the new ones, ready or not. */
const isRolledOut = ({ metadata, spec, status }: Deployment): boolean =>
  status.observedGeneration === metadata.generation && (status.updatedReplicas ?? 0) === spec.replicas

async function runScript(lab: LabState, { place, file, text }: Script, io: Io): Promise<void> {
  const entry = await entryWhenThere(lab, place, io)
  const { argv, env } = entering(lab, io, entry, ['sh', '-e', '-c', text])
  const [program = '', ...rest] = argv
  const { exitCode, stderr, timedOut, isCanceled } = await execa(program, rest, {
    env: { ...env },
    extendEnv: false,
    stdin: 'ignore',
    stdout: 'ignore',
    reject: false,
    timeout: SCRIPT_MS,
    cancelSignal: io.signal,
    maxBuffer: { stderr: 100_000 },
  })
  if (isCanceled) throw stop(INTERRUPTED, 'interrupted')
  if (timedOut) throw stop(1, `${file} did not end within ${SCRIPT_MS / 1000} s`)
  if (exitCode !== 0) throw stop(1, `${file} ended with ${exitCode ?? 'a signal'}: ${String(stderr).trim()}`)
}

/** A Pod that was just applied needs a moment. */
export async function entryWhenThere(lab: LabState, place: string, io: Io): ReturnType<typeof entryOf> {
  const until = Date.now() + POD_MS
  for (;;) {
    try {
      return await entryOf(clientOf(lab.socket), place)
    } catch (thrown) {
      if (!place.startsWith('pod/') || !isStop(thrown) || Date.now() > until || io.signal.aborted) throw thrown
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}
