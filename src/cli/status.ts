import { kernelText } from '#daemon/state.ts'
import { type Client, clientOf } from './client.ts'
import { plural, since } from './print.ts'
import { runningLab } from './running.ts'
import { isReady, type PodSeen, type Seen } from './seen.ts'
import { type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const lab = runningLab(io, args.words[0] ?? text(args, 'lab'))
  const client = clientOf(lab.socket)
  const [daemon, nodes, pods, services] = await Promise.all([
    client.json<DaemonStatus>({ path: '/netlab/v1/status' }),
    items<Seen>(client, '/api/v1/nodes'),
    items<PodSeen>(client, '/api/v1/pods'),
    items<Seen>(client, '/api/v1/services'),
  ])
  // That nobody hears from its kubelet is noticed after a grace; what its machine does is known at once.
  const still = new Set((daemon.nodes ?? []).flatMap(({ name, runs }) => (runs === false ? [name] : [])))
  const onStill = ({ spec }: PodSeen): boolean => still.has(spec.nodeName ?? '')
  const waiting = pods
    .filter((pod) => (!isReady(pod) || onStill(pod)) && pod.status?.phase !== 'Succeeded')
    .map((pod) => ({ pod: nameOf(pod), why: onStill(pod) ? 'its node does not run' : whyNot(pod) }))
  const tired = nodes.filter((node) => still.has(node.metadata.name) || !isReady(node)).map((node) => node.metadata.name)
  if (text(args, 'output') === 'json') {
    io.out(
      `${JSON.stringify({ name: lab.name, dir: lab.dir, started: lab.started, version: lab.version, kernel: lab.kernel, ...daemon, driver: { kind: lab.driver.kind, why: lab.driver.why }, nodesNotReady: tired, podsNotReady: waiting }, null, 2)}\n`,
    )
    return 0
  }
  const { routers = [] } = daemon
  const lines = [
    `lab ${lab.name}, up for ${since(lab.started)}, from ${lab.dir}`,
    ...(lab.kernel.kind === 'uml' ? [`  on ${kernelText(lab.kernel)}`] : []),
    `  ${nodes.length - tired.length} of ${plural(nodes.length, 'node')} ready, ${pods.length - waiting.length} of ${plural(pods.length, 'Pod')} ready, ${plural(services.length, 'Service')}`,
    ...(routers.length > 0 ? [`  routers: ${routers.map(({ name, ip, asn }) => `${name} ${ip} AS ${asn}`).join(', ')}`] : []),
    ...(lab.driver.kind === 'docker' ? [`  nodes are Docker containers: ${lab.driver.why}`] : []),
    ...tired.map((name) => `  node ${name} ${still.has(name) ? `does not run; netlab node start ${name}` : 'is not ready'}`),
    ...waiting.map(({ pod, why }) => `  Pod ${pod} is not ready: ${why}`),
  ]
  io.out(`${lines.join('\n')}\n`)
  return 0
}

/** As far as the daemon has come; one of another version tells less. */
type DaemonStatus = {
  readonly nodes?: readonly { readonly name: string; readonly runs?: boolean }[]
  readonly routers?: readonly { readonly name: string; readonly ip: string; readonly asn: number }[]
}

const items = async <T>(client: Client, path: string): Promise<readonly T[]> => (await client.json<{ items: T[] }>({ path })).items

const nameOf = (pod: PodSeen): string => `${pod.metadata.namespace}/${pod.metadata.name}`

function whyNot(pod: PodSeen): string {
  if (pod.metadata.deletionTimestamp !== undefined) return 'it is ending'
  const { containerStatuses = [], conditions = [], message, reason, phase = 'Pending' } = pod.status ?? {}
  const waiting = containerStatuses.flatMap((each) => each.state?.waiting ?? [])[0]
  const condition = conditions.find((each) => each.status === 'False' && each.message)
  return waiting?.message ?? waiting?.reason ?? condition?.message ?? message ?? reason ?? phase
}
