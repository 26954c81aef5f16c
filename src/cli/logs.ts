import type { Client } from './client.ts'
import { type Io, stop, USAGE } from './io.ts'
import { query } from './kinds.ts'
import { offer } from './nearest.ts'
import { findSpot } from './places.ts'
import { clientFor } from './running.ts'
import type { PodSeen } from './seen.ts'
import { type Args, on, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const client = clientFor(args, io)
  const { pod } = await findSpot(client, args.words[0] ?? '', text(args, 'namespace') ?? 'default')
  if (pod === undefined) throw stop(USAGE, 'only Pods have logs; netlab shell NODE opens a shell on a node')
  const containers = containersOf(pod, args)
  const each = (container: string) => print(client, pod, container, { args, io, prefix: containers.length > 1 ? `${container}: ` : '' })
  if (on(args, 'follow')) await Promise.all(containers.map(each))
  else for (const container of containers) await each(container)
  return 0
}

function containersOf(pod: PodSeen, args: Args): readonly string[] {
  const names = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].map((each) => each.name)
  if (on(args, 'all-containers')) return names
  const named = text(args, 'container')
  if (named !== undefined && !names.includes(named)) throw stop(1, `Pod ${pod.metadata.name} has no container "${named}"${offer(named, names)}`)
  return [named ?? names[0] ?? '']
}

type How = { readonly args: Args; readonly io: Io; readonly prefix: string }

async function print(client: Client, pod: PodSeen, container: string, { args, io, prefix }: How): Promise<void> {
  const path = `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}/log`
  const options = {
    container,
    follow: on(args, 'follow') ? 'true' : undefined,
    tailLines: text(args, 'tail'),
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
