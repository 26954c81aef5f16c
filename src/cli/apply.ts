import { unlessKernelHas } from '#lab/features.ts'
import { issueText } from '#lab/issue.ts'
import { slowToLoad } from '#lab/load.ts'
import type { Client } from './client.ts'
import { statusOf } from './client.ts'
import { listOf, printed } from './get.ts'
import { stop, USAGE } from './io.ts'
import { nameOf, pathOf } from './kinds.ts'
import { givenFiles } from './labs.ts'
import { type Given, readGiven, wordsOf } from './manifests.ts'
import { clientFor, labOf } from './running.ts'
import { LAST_APPLIED, patchOf, sameBut } from './threeway.ts'
import { list, on, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const words = list(args, 'file')
  if (words.length === 0) throw stop(USAGE, 'say what to apply: netlab apply -f FILE')
  const given = readGiven(await givenFiles(words, io.cwd, io.stdin), text(args, 'namespace')).toSorted(namespacesFirst)
  const client = clientFor(args, io)
  const { tried, wrong } = await tryAll(client, given)
  if (wrong.length > 0) throw stop(1, wrong.join('\n'))
  const unless = unlessKernelHas(given)
  if (unless.length > 0) for (const warning of await (await import('./kernel.ts')).holding(unless, labOf(args, io).kernel)) io.err(`${issueText(warning)}\n`)
  const slow = slowToLoad(
    'nftables',
    given.map(({ object }) => object),
  )
  if (slow !== undefined && (await client.json<{ proxy: string }>({ path: '/netlab/v1/status' })).proxy === 'nftables') io.err(`warning: ${slow}\n`)
  const form = text(args, 'output')
  const refused: string[] = []
  const made: object[] = []
  for (const each of given) {
    const sent = on(args, 'dry-run') ? tried[given.indexOf(each)] : await send(client, each, false)
    if (sent === undefined || sent.refused) refused.push(refusalText(each, sent))
    else if (form === 'name') io.out(`${nameOf(each.resource, each.name)}\n`)
    else if (form !== undefined) made.push(JSON.parse(sent.text))
    else io.out(`${nameOf(each.resource, each.name)} ${sent.did}${on(args, 'dry-run') ? ' (dry run)' : ''}\n`)
  }
  if (made.length > 0) io.out(await printed(made.length === 1 ? made[0] : listOf(made), form === 'yaml'))
  if (given.length === 0) io.err('the files hold no objects\n')
  if (refused.length > 0) throw stop(1, refused.join('\n'))
  return 0
}

/** The objects of files made those of the lab, whole or not at all. @returns what was refused, each at its place. */
export async function applyAll(client: Client, given: readonly Given[]): Promise<readonly string[]> {
  const sorted = given.toSorted(namespacesFirst)
  const { wrong } = await tryAll(client, sorted)
  if (wrong.length > 0) return wrong
  const refused: string[] = []
  for (const each of sorted) {
    const sent = await send(client, each, false)
    if (sent.refused) refused.push(refusalText(each, sent))
  }
  return refused
}

async function tryAll(client: Client, given: readonly Given[]): Promise<{ readonly tried: readonly Sent[]; readonly wrong: readonly string[] }> {
  const tried = await Promise.all(given.map((each) => send(client, each, true)))
  return { tried, wrong: tried.flatMap((each, i) => (each.refused && !awaitsNamespace(each, given) ? [refusalText(given[i], each)] : [])) }
}

export const namespacesFirst = (a: Given, b: Given): number => Number(b.object.kind === 'Namespace') - Number(a.object.kind === 'Namespace')

type Sent = { readonly text: string; readonly refused: boolean; readonly did?: 'created' | 'configured' | 'unchanged' }

export async function send(client: Client, given: Given, dryRun: boolean): Promise<Sent> {
  const query = dryRun ? '?dryRun=All' : ''
  const path = pathOf(given.resource, given.namespace, given.name)
  const words = wordsOf(given)
  const before = await client.send({ path })
  if (before.status === 404) {
    const collection = pathOf(given.resource, given.namespace)
    const body = { ...words, metadata: { ...words.metadata, annotations: { ...words.metadata.annotations, [LAST_APPLIED]: JSON.stringify(words) } } }
    const reply = await client.send({ method: 'POST', path: `${collection}${query}`, body })
    return { text: reply.text, refused: reply.status >= 400, did: 'created' }
  }
  if (before.status >= 400) return { text: before.text, refused: true }
  const live = JSON.parse(before.text) as { metadata: { annotations?: Record<string, string> } }
  const body = patchOf(live.metadata.annotations?.[LAST_APPLIED], words)
  const reply = await client.send({ method: 'PATCH', path: `${path}${query}`, type: 'application/strategic-merge-patch+json', body })
  if (reply.status >= 400) return { text: reply.text, refused: true }
  return { text: reply.text, refused: false, did: sameBut(live, JSON.parse(reply.text)) ? 'unchanged' : 'configured' }
}

/** A dry run cannot know the namespaces that the same files are about to make. */
function awaitsNamespace(sent: Sent, given: readonly Given[]): boolean {
  const { details, reason } = statusOf({ status: 0, text: sent.text })
  return reason === 'NotFound' && details?.kind === 'namespaces' && given.some((each) => each.object.kind === 'Namespace' && each.name === details.name)
}

/** The server's complaint at the place in the file it is about. */
export function refusalText(given: Given | undefined, sent: Sent | undefined): string {
  const { message, details } = statusOf({ status: 0, text: sent?.text ?? '' })
  const causes = details?.causes ?? []
  if (given === undefined || causes.length === 0) return `${given ? `${given.at} ` : ''}${message ?? sent?.text ?? 'the daemon said nothing'}`
  return causes.map((cause) => `${given.place(pathIn(cause.field))} ${cause.field}: ${cause.message}`).join('\n')
}

/** `spec.ports[0].port` as steps. */
export const pathIn = (field: string): readonly (string | number)[] =>
  [...field.matchAll(/\[(\d+)\]|\["?([^\]"]+)"?\]|([^.[\]]+)/g)].map(([, index, key, name]) => (index === undefined ? (key ?? name ?? '') : Number(index)))
