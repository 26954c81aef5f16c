import type { Client } from './client.ts'
import { INTERRUPTED, type Io, stop, USAGE } from './io.ts'
import { type Named, nameOf, pathOf, query, readKinds } from './kinds.ts'
import { givenFiles } from './labs.ts'
import { clientFor } from './running.ts'
import { type Args, list, on, type Run, text } from './verb.ts'

type Target = { readonly resource: Named['resource']; readonly namespace: string | undefined; readonly name: string }

export const run: Run = async (args, io) => {
  const client = clientFor(args, io)
  const targets = await targetsOf(args, io, client)
  const refusals: string[] = []
  const going: { target: Target; uid: string }[] = []
  for (const target of targets) {
    const reply = await client.send({ method: 'DELETE', path: pathOf(target.resource, target.namespace, target.name), body: options(args) })
    if (reply.status === 404 && on(args, 'ignore-not-found')) continue
    if (reply.status >= 400) {
      refusals.push((JSON.parse(reply.text) as { message?: string }).message ?? reply.text)
      continue
    }
    io.out(text(args, 'output') === 'name' ? `${nameOf(target.resource, target.name)}\n` : `${told(target)} ${on(args, 'force') ? 'force ' : ''}deleted\n`)
    going.push({ target, uid: uidOf(reply.text) })
  }
  if (targets.length === 0) io.err('nothing to delete\n')
  if (args.flags['wait'] !== false) await Promise.all(going.map(({ target, uid }) => gone(client, target, uid, io)))
  if (refusals.length > 0) throw stop(1, refusals.join('\n'))
  return 0
}

const told = ({ resource, name }: Target): string => nameOf(resource, name).replace('/', ' "').concat('"')

function options(args: Args): object {
  const grace = on(args, 'force') ? '0' : text(args, 'grace-period')
  return { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', ...(grace !== undefined && { gracePeriodSeconds: Number(grace) }) }
}

async function targetsOf(args: Args, io: Io, client: Client): Promise<readonly Target[]> {
  const namespace = text(args, 'namespace') ?? 'default'
  const files = list(args, 'file')
  if (files.length > 0) {
    const { readGiven } = await import('./manifests.ts')
    return readGiven(await givenFiles(files, io.cwd, io.stdin), text(args, 'namespace'))
  }
  const kinds = args.words.length === 0 ? [] : readKinds(args.words)
  if (kinds.length === 0) throw stop(USAGE, 'say what to delete: netlab delete pod client, or -f FILE')
  const selector = text(args, 'selector')
  const targets = await Promise.all(
    kinds.map(async ({ resource, names }) => {
      if (names.length > 0) return names.map((name) => ({ resource, namespace, name }))
      if (selector === undefined && !on(args, 'all')) throw stop(USAGE, `say which ${resource.plural}: a name, -l LABELS, or --all`)
      const { items } = await client.json<{ items: { metadata: { name: string } }[] }>({
        path: `${pathOf(resource, namespace)}${query({ labelSelector: selector })}`,
      })
      return items.map((each) => ({ resource, namespace, name: each.metadata.name }))
    }),
  )
  return targets.flat()
}

function uidOf(text: string): string {
  const { metadata, details } = JSON.parse(text) as { metadata?: { uid?: string }; details?: { uid?: string } }
  return metadata?.uid ?? details?.uid ?? ''
}

/** Watches until the object is gone; one of the same name that came after it does not count. */
async function gone(client: Client, { resource, namespace, name }: Target, uid: string, io: Io): Promise<void> {
  const reply = await client.send({ path: pathOf(resource, namespace, name) })
  if (reply.status === 404) return
  const { metadata } = JSON.parse(reply.text) as { metadata: { uid: string; resourceVersion: string } }
  if (uid !== '' && metadata.uid !== uid) return
  const ending = new AbortController()
  const watch = query({ watch: 'true', fieldSelector: `metadata.name=${name}`, resourceVersion: metadata.resourceVersion })
  const signal = AbortSignal.any([io.signal, ending.signal])
  try {
    for await (const event of client.lines<{ type: string }>({ path: `${pathOf(resource, namespace)}${watch}`, signal })) {
      if (event.type === 'DELETED') break
    }
  } finally {
    ending.abort()
  }
  if (io.signal.aborted) throw stop(INTERRUPTED, `${name} may still be there`)
}
