/** Places of the command line: what a word means, and the one name the daemon knows it by. */
import type { Ip } from '#net/net.ts'
import type { Client } from './client.ts'
import { stop, USAGE } from './io.ts'
import { offer } from './nearest.ts'
import { isReady, type PodSeen } from './seen.ts'

export type Place =
  | { readonly kind: 'node' | 'router' | 'ext' | 'any'; readonly name: string }
  | { readonly kind: 'pod' | 'deploy' | 'svc'; readonly namespace: string; readonly name: string }

/** Where a program can run, as `enter` takes it: `node/x`, `pod/ns/x`, `ext/x`. */
export type Spot = { readonly place: string; readonly pod?: PodSeen }

const SPELLINGS: Readonly<Record<string, Exclude<Place['kind'], 'any'>>> = {
  ...{ node: 'node', nodes: 'node', no: 'node', router: 'router', ext: 'ext', host: 'ext' },
  ...{ pod: 'pod', pods: 'pod', po: 'pod', deploy: 'deploy', deployment: 'deploy', deployments: 'deploy' },
  ...{ svc: 'svc', service: 'svc', services: 'svc' },
}

export function parsePlace(text: string, namespace: string): Place {
  const words = text.split('/')
  const [first = '', second, third] = words
  if (words.length === 1) return { kind: 'any', name: first }
  const kind = SPELLINGS[first]
  if (kind === undefined || words.length > 3 || words.includes(''))
    throw stop(USAGE, `"${text}" is no place; write node/NAME, router/NAME, pod/NAME, deploy/NAME, svc/NAME or ext/NAME`)
  if (kind === 'node' || kind === 'router' || kind === 'ext') {
    if (third !== undefined) throw stop(USAGE, `"${text}" is no place: a ${kind === 'ext' ? 'machine outside' : kind} has no namespace`)
    return { kind, name: second ?? '' }
  }
  return third === undefined ? { kind, namespace, name: second ?? '' } : { kind, namespace: second ?? '', name: third }
}

/** Asks the lab for the place; a name that does not exist is refused with the nearest that do. */
export async function findSpot(client: Client, text: string, namespace: string): Promise<Spot> {
  const place = parsePlace(text, namespace)
  switch (place.kind) {
    case 'router':
    case 'ext':
      return { place: `${place.kind}/${place.name}` }
    case 'node':
      if (!(await exists(client, `/api/v1/nodes/${enc(place.name)}`))) throw await unknownName(client, 'node', place.name, namespace)
      return { place: `node/${place.name}` }
    case 'pod':
      return podSpot((await onePod(client, place.namespace, place.name)) ?? (await unknownPod(client, place.name, place.namespace)))
    case 'deploy':
    case 'svc':
      return podSpot(await podBehind(client, place.kind, place.namespace, place.name))
    case 'any':
      return anySpot(client, place.name, namespace)
    default:
      return place satisfies never
  }
}

/** Of a node, a router or a machine outside, as a spot names it. */
export async function addressOfMachine(client: Client, place: string): Promise<Ip> {
  const name = place.slice(place.indexOf('/') + 1)
  type Machines = readonly { readonly name: string; readonly ip: Ip }[]
  const { nodes, routers, hosts } = await client.json<{ nodes: Machines; routers: Machines; hosts: Machines }>({ path: '/netlab/v1/status' })
  const machines = [...nodes, ...routers, ...hosts]
  const found = machines.find((one) => one.name === name)
  if (found === undefined) {
    throw stop(
      1,
      `no machine named "${name}"${offer(
        name,
        machines.map((one) => one.name),
      )}`,
    )
  }
  return found.ip
}

async function anySpot(client: Client, name: string, namespace: string): Promise<Spot> {
  const [pod, node] = await Promise.all([onePod(client, namespace, name), exists(client, `/api/v1/nodes/${enc(name)}`)])
  if (node) return { place: `node/${name}` }
  if (pod) return podSpot(pod)
  const reply = await client.send({ path: `/netlab/v1/enter?place=${enc(`ext/${name}`)}` })
  if (reply.status < 400) return { place: `ext/${name}` }
  throw await unknownName(client, 'place', name, namespace)
}

const podSpot = (pod: PodSeen): Spot => ({ place: `pod/${pod.metadata.namespace}/${pod.metadata.name}`, pod })

async function onePod(client: Client, namespace: string, name: string): Promise<PodSeen | undefined> {
  const reply = await client.send({ path: `/api/v1/namespaces/${enc(namespace)}/pods/${enc(name)}` })
  return reply.status < 400 ? (JSON.parse(reply.text) as PodSeen) : undefined
}

/** The first ready Pod of a Deployment or behind a Service, else the first that runs. */
async function podBehind(client: Client, kind: 'deploy' | 'svc', namespace: string, name: string): Promise<PodSeen> {
  const path = kind === 'deploy' ? `/apis/apps/v1/namespaces/${enc(namespace)}/deployments` : `/api/v1/namespaces/${enc(namespace)}/services`
  const reply = await client.send({ path: `${path}/${enc(name)}` })
  const title = kind === 'deploy' ? 'Deployment' : 'Service'
  if (reply.status >= 400) throw stop(1, `no ${title} named "${name}" in namespace ${namespace}${offer(name, await names(client, path))}`)
  const { spec } = JSON.parse(reply.text) as { spec: { selector?: { matchLabels?: Labels } | Labels } }
  const selector = kind === 'deploy' ? (spec.selector as { matchLabels?: Labels } | undefined)?.matchLabels : (spec.selector as Labels | undefined)
  if (selector === undefined) throw stop(1, `${title} ${namespace}/${name} selects no Pods`)
  const query = Object.entries(selector).map(([key, value]) => `${key}=${value}`)
  const pods = await client.json<{ items: PodSeen[] }>({ path: `/api/v1/namespaces/${enc(namespace)}/pods?labelSelector=${enc(query.join(','))}` })
  const live = pods.items.filter((pod) => pod.metadata.deletionTimestamp === undefined)
  const found = live.find(isReady) ?? live.find((pod) => pod.status?.phase === 'Running') ?? live[0]
  if (found === undefined) throw stop(1, `${title} ${namespace}/${name} has no Pods`)
  return found
}

type Labels = Readonly<Record<string, string>>

async function unknownPod(client: Client, name: string, namespace: string): Promise<never> {
  throw await unknownName(client, 'pod', name, namespace)
}

async function unknownName(client: Client, what: 'pod' | 'node' | 'place', name: string, namespace: string) {
  const [pods, nodes] = await Promise.all([
    what === 'node' ? [] : names(client, `/api/v1/namespaces/${enc(namespace)}/pods`),
    what === 'pod' ? [] : names(client, '/api/v1/nodes'),
  ])
  const elsewhere = what === 'node' ? [] : await namespacesOf(client, name)
  const title = {
    pod: `Pod named "${name}" in namespace ${namespace}`,
    node: `node named "${name}"`,
    place: `node, or Pod in namespace ${namespace}, named "${name}"`,
  }[what]
  if (elsewhere.length > 0) return stop(1, `no ${title}; there is one in ${elsewhere.join(', ')}: add -n ${elsewhere[0]}`)
  return stop(1, `no ${title}${offer(name, [...nodes, ...pods])}`)
}

async function namespacesOf(client: Client, pod: string): Promise<readonly string[]> {
  const { items } = await client.json<{ items: PodSeen[] }>({ path: '/api/v1/pods' })
  return items.filter((each) => each.metadata.name === pod).map((each) => each.metadata.namespace ?? '')
}

async function names(client: Client, path: string): Promise<readonly string[]> {
  const { items } = await client.json<{ items: { metadata: { name: string } }[] }>({ path })
  return items.map((each) => each.metadata.name)
}

const exists = async (client: Client, path: string): Promise<boolean> => (await client.send({ path })).status < 400

const enc = encodeURIComponent
