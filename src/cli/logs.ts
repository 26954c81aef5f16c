import type { Client } from './client.ts'
import { type Io, stop, USAGE } from './io.ts'
import { query } from './kinds.ts'
import { offer } from './nearest.ts'
import { findSpot } from './places.ts'
import { clientFor } from './running.ts'
import type { PodSeen } from './seen.ts'
import { type Args, on, type Run, text } from './verb.ts'

/** kubectl's: of many Pods only the last lines, unless told. */
const TAIL_OF_MANY = '10'
const ALL_LINES = '-1'

export const run: Run = async (args, io) => {
  const client = clientFor(args, io)
  const pods = await podsOf(args, io, client)
  const sources = pods.flatMap((pod) => containersOf(pod, args).map((container) => ({ pod, container })))
  const [manyPods, manyContainers] = [pods.length > 1, on(args, 'all-containers') && sources.length > pods.length]
  const each = ({ pod, container }: Source) => {
    const whose = [...(manyPods ? [pod.metadata.name] : []), ...(manyContainers ? [container] : [])].join('/')
    return print(client, { pod, container }, { args, io, prefix: whose === '' ? '' : `${whose}: ` })
  }
  if (on(args, 'follow')) await Promise.all(sources.map(each))
  else for (const source of sources) await each(source)
  return 0
}

type Source = { readonly pod: PodSeen; readonly container: string }

async function podsOf(args: Args, io: Io, client: Client): Promise<readonly PodSeen[]> {
  const [word] = args.words
  const [selector, namespace] = [text(args, 'selector'), text(args, 'namespace') ?? 'default']
  if ((word === undefined) === (selector === undefined)) throw stop(USAGE, 'say whose logs: a Pod, or -l LABELS')
  if (word !== undefined) {
    const { pod } = await findSpot(client, word, namespace)
    if (pod === undefined) throw stop(USAGE, 'only Pods have logs; netlab shell NODE opens a shell on a node')
    return [pod]
  }
  const { items } = await client.json<{ items: PodSeen[] }>({
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods${query({ labelSelector: selector })}`,
  })
  if (items.length === 0) io.err(`No resources found in ${namespace} namespace.\n`)
  return items
}

function containersOf(pod: PodSeen, args: Args): readonly string[] {
  const names = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].map((each) => each.name)
  if (on(args, 'all-containers')) return names
  const named = text(args, 'container')
  if (named !== undefined && !names.includes(named)) throw stop(1, `Pod ${pod.metadata.name} has no container "${named}"${offer(named, names)}`)
  return [named ?? names[0] ?? '']
}

type How = { readonly args: Args; readonly io: Io; readonly prefix: string }

async function print(client: Client, { pod, container }: Source, { args, io, prefix }: How): Promise<void> {
  const path = `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}/log`
  const tail = text(args, 'tail') ?? (text(args, 'selector') === undefined ? ALL_LINES : TAIL_OF_MANY)
  const options = {
    container,
    follow: on(args, 'follow') ? 'true' : undefined,
    tailLines: tail === ALL_LINES ? undefined : tail,
    previous: on(args, 'previous') ? 'true' : undefined,
  }
  let rest = ''
  for await (const chunk of client.text({ path: `${path}${query(options)}`, accept: '*/*', signal: io.signal })) {
    if (prefix === '') io.out(chunk)
    else {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      io.out(lines.map((line) => `${prefix}${line}\n`).join(''))
    }
  }
  if (rest !== '') io.out(`${prefix}${rest}\n`)
}
