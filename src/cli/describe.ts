/** kubectl's `describe`: the object and what belongs to it. */
import { describe } from '#api/describe.ts'
import { type Kind, type KubeObject, type ObjectOf, schemas } from '#api/kinds.ts'
import { resourceOf } from '#api/resources.ts'
import { type Client, refused } from './client.ts'
import { namesIn, notThere } from './get.ts'
import { stop, USAGE } from './io.ts'
import { type Named, pathOf, query, readKinds } from './kinds.ts'
import { clientFor } from './running.ts'
import { type Args, on, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const client = clientFor(args, io)
  const asked = readKinds(args.words)
  const found = await Promise.all(asked.map((each) => objectsOf(client, each, args)))
  const objects = found.flatMap((each) => each.objects)
  const mistakes = found.flatMap((each) => each.mistakes)
  const texts = await Promise.all(objects.map(async (object) => describe(object, await related(client, object))))
  io.out(texts.join('\n\n'))
  if (mistakes.length > 0) throw stop(1, mistakes.join('\n'))
  if (objects.length === 0) io.err('No resources found\n')
  return 0
}

type Found = { readonly objects: readonly KubeObject[]; readonly mistakes: readonly string[] }

async function objectsOf(client: Client, { resource, names }: Named, args: Args): Promise<Found> {
  const all = on(args, 'all-namespaces')
  if (all && names.length > 0 && resource.namespaced) throw stop(USAGE, 'a name stands in one namespace: use -n instead of -A')
  const namespace = resource.namespaced && !all ? (text(args, 'namespace') ?? 'default') : undefined
  if (names.length === 0) return { objects: await listOf(client, resource.kind, namespace, text(args, 'selector')), mistakes: [] }
  const replies = await Promise.all(names.map((name) => client.send({ path: pathOf(resource, namespace, name) })))
  const other = replies.find((reply) => reply.status >= 400 && reply.status !== 404)
  if (other) throw refused(other)
  const known = replies.some((reply) => reply.status === 404) ? await namesIn(client, pathOf(resource, namespace)) : []
  return {
    objects: replies.filter((reply) => reply.status < 400).map((reply) => whole(resource.kind, JSON.parse(reply.text))),
    mistakes: names.flatMap((name, i) => (replies[i]?.status === 404 ? [notThere(resource, name, known)] : [])),
  }
}

/** The server leaves out what holds nothing; reading the object again puts it back. */
const whole = <K extends Kind>(kind: K, sent: object): ObjectOf<K> => {
  const { group, version } = resourceOf(kind)
  return schemas[kind].parse({ apiVersion: group === '' ? version : `${group}/${version}`, kind, ...sent }) as ObjectOf<K>
}

async function listOf<K extends Kind>(client: Client, kind: K, namespace: string | undefined, selector?: string): Promise<readonly ObjectOf<K>[]> {
  const path = `${pathOf(resourceOf(kind), namespace)}${query({ labelSelector: selector })}`
  const { items } = await client.json<{ items: readonly object[] }>({ path })
  return items.map((item) => whole(kind, item))
}

async function related(client: Client, { metadata: { namespace } }: KubeObject) {
  const [events, pods, slices, services, replicaSets] = await Promise.all([
    listOf(client, 'Event', namespace),
    listOf(client, 'Pod', namespace),
    listOf(client, 'EndpointSlice', namespace),
    listOf(client, 'Service', namespace),
    listOf(client, 'ReplicaSet', namespace),
  ])
  return { now: new Date().toISOString(), events, pods, slices, services, replicaSets }
}
