/** `netlab policy explain`: why one way is open or not, by the policies that isolate and the rule that lets. */
import type { PolicyAsked } from '#daemon/policy.ts'
import { parseIp } from '#net/net.ts'
import type { Asked } from '#policy/matrix.ts'
import { type Flow, parsePort, portText, type Table } from '#policy/table.ts'
import type { Client } from './client.ts'
import { type Io, stop, USAGE } from './io.ts'
import { addressOfMachine, findSpot, parsePlace } from './places.ts'
import { clientFor } from './running.ts'
import type { PodSeen } from './seen.ts'
import { type Args, on, text } from './verb.ts'

/** Tables name Pods by namespace and name, all else by address. */
type End = { readonly name: string; readonly pod: boolean; readonly remark?: string }
type Called = { readonly end: End; readonly asked: Asked }

export async function explain(words: readonly string[], args: Args, io: Io): Promise<number> {
  const [from, to, port] = words
  if (from === undefined || to === undefined || words.length > 3) throw stop(USAGE, 'say who calls whom: netlab policy explain client web 80/tcp')
  const client = clientFor(args, io)
  const namespace = text(args, 'namespace') ?? 'default'
  const [source, all] = await Promise.all([endOf(client, from, namespace), calledOf(client, to, port, namespace)])
  const others = all.filter(({ end }) => end.name !== source.name)
  const called = others.length > 0 ? others : all
  const outside = (ends: readonly End[]): readonly string[] => ends.filter(({ pod }) => !pod).map(({ name }) => name)
  const body: PolicyAsked = {
    ports: called.map(({ asked }) => asked),
    from: outside([source]),
    to: outside(called.map(({ end }) => end)),
    probe: on(args, 'probe'),
  }
  for (const { end } of called) {
    if (end.name === source.name) throw stop(USAGE, `${end.name} calls itself there: of a Pod's way to itself policies say nothing`)
    if (!end.pod && !source.pod) throw stop(USAGE, `neither ${source.name} nor ${end.name} is a Pod with a network of its own, and policies are about those`)
  }
  const table = await client.json<Table>({ method: 'POST', path: '/netlab/v1/policy', body, signal: io.signal })
  const flows = called.flatMap(({ end, asked }) =>
    table.flows.filter((one) => one.from === source.name && one.to === end.name && one.port === portText(asked)).slice(0, 1),
  )
  if (text(args, 'output') === 'json') io.out(`${JSON.stringify(flows.length === 1 ? flows[0] : flows, null, 2)}\n`)
  else {
    const remarks = [source, ...called.map(({ end }) => end)].flatMap(({ remark }) => remark ?? [])
    io.out([...flows.map((flow) => told(flow, table.enforcedBy)), ...remarks.map((remark) => `${remark}\n`)].join(''))
  }
  return 0
}

/** One that is called; behind a Service everybody who is ready, each on its own port. */
async function calledOf(client: Client, word: string, port: string | undefined, namespace: string): Promise<readonly Called[]> {
  const service = await serviceOf(client, word, namespace)
  if (service !== undefined) return await behind(client, service, port)
  const asked = parsePort(port ?? '80/tcp')
  if (asked === undefined)
    throw stop(USAGE, `port "${port}": expected one number and perhaps a protocol, such as 80 or 53/udp; only a Service's ports have names`)
  return [{ end: await endOf(client, word, namespace), asked }]
}

type ServiceSeen = {
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly spec: {
    readonly clusterIP?: string
    readonly ports?: readonly { readonly name?: string; readonly port: number; readonly protocol: Asked['protocol'] }[]
  }
}

async function serviceOf(client: Client, word: string, namespace: string): Promise<ServiceSeen | undefined> {
  if (parseIp(word) !== undefined) {
    const { items } = await client.json<{ items: readonly ServiceSeen[] }>({ path: '/api/v1/services' })
    return items.find(({ spec }) => spec.clusterIP === parseIp(word))
  }
  const place = IN_NAMESPACE.test(word) ? undefined : parsePlace(word, namespace)
  if (place?.kind !== 'svc') return undefined
  return await client.json<ServiceSeen>({ path: `/api/v1/namespaces/${encodeURIComponent(place.namespace)}/services/${encodeURIComponent(place.name)}` })
}

type SliceSeen = {
  readonly ports?: readonly { readonly name?: string; readonly port?: number; readonly protocol?: Asked['protocol'] }[]
  readonly endpoints?: readonly { readonly addresses: readonly string[]; readonly conditions?: { readonly ready?: boolean } }[]
}

/** Judged is what stands behind the Service: the Pod and the port that its kube-proxy would choose. */
async function behind(client: Client, { metadata: { name, namespace }, spec }: ServiceSeen, word: string | undefined): Promise<readonly Called[]> {
  const ports = spec.ports ?? []
  const number = word === undefined ? undefined : parsePort(word)
  const wanted = ports.find((one) =>
    word === undefined ? ports.length === 1 : one.name === word || (one.port === number?.port && one.protocol === number.protocol),
  )
  if (wanted === undefined) {
    const known = ports.map((one) => `${portText(one)}${one.name === undefined ? '' : ` (${one.name})`}`).join(', ')
    throw stop(USAGE, `${word === undefined ? 'say which port' : `no port ${word}`}: Service ${namespace}/${name} has ${known}`)
  }
  const selector = encodeURIComponent(`kubernetes.io/service-name=${name}`)
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?labelSelector=${selector}`
  const { items } = await client.json<{ items: readonly SliceSeen[] }>({ path })
  const doors = items.flatMap(({ ports: its = [], endpoints = [] }) =>
    its
      .filter((one) => (one.name ?? '') === (wanted.name ?? '') && one.port !== undefined)
      .flatMap(({ port = 0, protocol = 'TCP' }) =>
        endpoints.filter(({ conditions }) => conditions?.ready !== false).map(({ addresses: [address = ''] }) => ({ address, asked: { port, protocol } })),
      ),
  )
  if (doors.length === 0)
    throw stop(1, `nobody is ready behind port ${portText(wanted)} of Service ${namespace}/${name}: netlab explain svc/${name} -n ${namespace}`)
  return await Promise.all(doors.map(async ({ address, asked }) => ({ end: await endOf(client, address, namespace), asked })))
}

async function endOf(client: Client, word: string, namespace: string): Promise<End> {
  const address = parseIp(word)
  if (address !== undefined) {
    const { items } = await client.json<{ items: readonly PodSeen[] }>({ path: `/api/v1/pods?fieldSelector=status.podIP%3D${address}` })
    const pod = items.find((one) => one.spec.hostNetwork !== true && !hasFinished(one))
    return pod === undefined ? { name: address, pod: false } : { name: nameOf(pod), pod: true }
  }
  const { pod, place } = await findSpot(client, IN_NAMESPACE.test(word) ? `pod/${word}` : word, namespace)
  if (pod === undefined) return { name: await addressOfMachine(client, place), pod: false }
  const ip = pod.status?.podIP
  if (hasFinished(pod)) throw stop(1, `Pod ${nameOf(pod)} has finished (${pod.status?.phase}): it calls nobody, and nobody calls it`)
  if (ip === undefined) throw stop(1, `Pod ${nameOf(pod)} has no address yet: netlab describe pod ${pod.metadata.name} -n ${pod.metadata.namespace}`)
  if (pod.spec.hostNetwork !== true) return { name: nameOf(pod), pod: true }
  return { name: ip, pod: false, remark: `${nameOf(pod)} is on the network of its node: to policies it is ${ip}, which no selector means` }
}

const nameOf = ({ metadata: { namespace = 'default', name } }: PodSeen): string => `${namespace}/${name}`
const hasFinished = ({ status }: PodSeen): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed'

/** `shop/web`, which only a Pod can be. */
const IN_NAMESPACE = /^(?!(nodes?|no|router|ext|host|pods?|po|deploy(ments?)?|svc|services?)\/)[^/]+\/[^/]+$/

function told({ from, to, port, allowed, by, isolatedBy, exempt, measured }: Flow, enforcedBy: string): string {
  const side = (direction: 'egress' | 'ingress'): string => {
    const [whose, verb] = direction === 'egress' ? [from, 'out of'] : [to, 'into']
    const isolating = isolatedBy.filter((one) => one.endsWith(` ${direction}`)).map((one) => one.split(' ')[0])
    const letting = by.filter((one) => one.includes(` ${direction}[`))
    if (parseIp(whose) !== undefined) return `  ${verb} ${whose}: no Pod, so no policy governs it`
    if (direction === 'ingress' && exempt === 'own node') return `  ${verb} ${whose}: always, for its own node sends it (kubelet's probes come that way)`
    if (isolating.length === 0) return `  ${verb} ${whose}: open, no policy governs its ${direction}`
    const isolated = `isolated by ${isolating.join(', ')}`
    return `  ${verb} ${whose}: ${isolated}; ${letting.length === 0 ? `no ${direction} rule lets this through` : `let through by ${letting.join(', ')}`}`
  }
  const seen =
    measured === undefined
      ? []
      : [measured === null ? '  measured: it could not be told' : `  measured: ${measured ? 'it gets through' : 'it does not get through'}`]
  const nobody = enforcedBy === 'none' && !allowed ? ['  but nobody enforces NetworkPolicies in this lab (policy: none in lab.yaml)'] : []
  return `${[`${from} to ${to} ${port}: ${allowed ? 'allowed' : 'refused'}`, side('egress'), side('ingress'), ...seen, ...nobody].join('\n')}\n`
}
