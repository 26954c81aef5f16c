/** Which rules of its node a packet would meet, read from the plan of the running lab: no packet is sent. */
import type { NodeProgram } from '#kernel/step.ts'
import { type Packet, possible } from '#kernel/trace.ts'
import { addressOf, familyOf, type Ip, ip, parseIp } from '#net/net.ts'
import type { Client } from './client.ts'
import { stop, USAGE } from './io.ts'
import { addressOfMachine, findSpot, parsePlace } from './places.ts'
import { clientFor } from './running.ts'
import { on, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const [from = '', to = ''] = args.words
  const client = clientFor(args, io)
  const namespace = text(args, 'namespace') ?? 'default'
  const proto = on(args, 'udp') ? 'udp' : 'tcp'
  const [source, target] = await Promise.all([sourceOf(client, from, namespace), targetOf(client, to, namespace)])
  const programs = await client.json<Record<string, NodeProgram>>({ path: '/netlab/v1/programs' })
  const program = programs[source.node] ?? []
  const nodeIPs = [
    source.nodeIp,
    ...program.flatMap((step) => (step.kind === 'addr' && step.in === undefined && step.dev !== 'lo' ? [addressOf(step.cidr)] : [])),
  ]
  const packet: Packet = {
    family: familyOf(target.ip),
    proto,
    from: source.ip,
    to: target.ip,
    dport: target.port,
    nodeIPs,
    ...(source.local && { local: true }),
  }
  io.out(`${from} (${source.ip}) to ${to} (${target.ip}) ${proto} port ${target.port}: the rules of ${source.node}\n`)
  for (const outcome of possible(program, packet)) io.out(`\n${told(outcome)}`)
  return 0
}

type Outcome = ReturnType<typeof possible>[number]

function told({ probability, verdict, to, dport, masquerade, path }: Outcome): string {
  const end =
    verdict === 'accept'
      ? `goes on to ${to} port ${dport}${masquerade ? ", with the node's address as sender" : ''}`
      : verdict === 'drop'
        ? 'is dropped without a word'
        : 'is refused'
  const rules = path.filter((hop) => hop.hit).map(({ table, chain, rule }) => `    ${table} ${chain}: ${rule}\n`)
  return `${Math.round(probability * 1000) / 10} %: ${end}\n${rules.join('')}`
}

type Source = { readonly ip: Ip; readonly node: string; readonly nodeIp: Ip; readonly local: boolean }

/** What a Pod sends meets the rules of its node; what a machine sends, a node, a router or one outside, meets its own. */
async function sourceOf(client: Client, word: string, namespace: string): Promise<Source> {
  const { place, pod } = await findSpot(client, word, namespace)
  if (pod !== undefined && pod.status?.podIP === undefined) throw stop(1, `${place} has no address yet`)
  const node = pod === undefined ? place.slice(place.indexOf('/') + 1) : (pod.spec.nodeName ?? '')
  const nodeIp = await addressOfMachine(client, `node/${node}`)
  return { node, nodeIp, ip: pod === undefined ? nodeIp : ip(pod.status?.podIP ?? ''), local: pod === undefined || pod.spec.hostNetwork === true }
}

/** `10.96.0.10:53`, `svc/frontend`, `svc/frontend:80`, `pod/client:8080`, `node-2:30080`. */
async function targetOf(client: Client, word: string, namespace: string): Promise<{ readonly ip: Ip; readonly port: number }> {
  const [, name = '', port] = /^(.*?)(?::(\d+))?$/.exec(word) ?? []
  const address = parseIp(name)
  if (address !== undefined) return { ip: address, port: portOf(port) }
  const place = parsePlace(name, namespace)
  if (place.kind === 'svc') {
    type Service = { spec: { clusterIP?: string; ports?: { port: number }[] } }
    const { spec } = await client.json<Service>({ path: `/api/v1/namespaces/${place.namespace}/services/${place.name}` })
    if (parseIp(spec.clusterIP ?? '') === undefined) throw stop(1, `Service ${place.namespace}/${place.name} has no ClusterIP`)
    return { ip: ip(spec.clusterIP ?? ''), port: port === undefined ? (spec.ports?.[0]?.port ?? 0) : Number(port) }
  }
  return { ip: (await sourceOf(client, name, namespace)).ip, port: portOf(port) }
}

function portOf(port: string | undefined): number {
  if (port === undefined) throw stop(USAGE, 'say which port: svc/frontend:80, 10.244.1.2:8080')
  return Number(port)
}
