/** The table of who may talk to whom, as `netlab policy` prints it. */
import type { Cluster } from '#model/cluster.ts'
import type { Ip } from '#net/net.ts'
import { addressOf, type Decision, decide, type End, type Half } from './decide.ts'
import { type Asked, endName, podEnds } from './matrix.ts'
import type { Policy } from './policy.ts'

/** One way: `x/a` to `y/b` on `80/TCP`. */
export type Flow = {
  readonly from: string
  readonly to: string
  readonly port: string
  readonly allowed: boolean
  /** Rules that let it pass, `x/web ingress[0]`; empty when nobody isolates or nobody lets it. */
  readonly by: readonly string[]
  /** Policies that isolate an end in this direction, `x/web egress`. */
  readonly isolatedBy: readonly string[]
  /** It comes in whatever policies say: the Pod's own node sends it. */
  readonly exempt?: 'own node'
  /** As measured; absent when nobody measured, null when it could not be told. */
  readonly measured?: boolean | null
}
export type Table = {
  readonly enforcedBy: Cluster['policy']
  readonly from: readonly string[]
  readonly to: readonly string[]
  readonly ports: readonly string[]
  readonly flows: readonly Flow[]
}

export type Wish = {
  /** One namespace's Pods as sources and destinations; else all. */
  readonly namespace?: string
  readonly ports: readonly Asked[]
  /** Addresses that call, and that are called: of machines and the world outside; a Pod's stands for the Pod. */
  readonly from: readonly Ip[]
  readonly to: readonly Ip[]
}

export const portText = ({ port, protocol }: Asked): string => `${port}/${protocol}`

/** `80`, `80/tcp`, `53/UDP`. */
export function parsePort(text: string): Asked | undefined {
  const { port, protocol = 'TCP' } = /^(?<port>\d+)(\/(?<protocol>tcp|udp|sctp))?$/i.exec(text)?.groups ?? {}
  const number = Number(port)
  return port === undefined || number < 1 || number > 65_535 ? undefined : { port: number, protocol: protocol.toUpperCase() as Asked['protocol'] }
}

/** The ports that the Pods themselves declare; 80/TCP where none declares any. */
export function declaredPorts(cluster: Cluster): readonly Asked[] {
  const all = cluster.pods.flatMap(({ sandbox, object }) =>
    sandbox === undefined
      ? []
      : object.spec.containers.flatMap(({ ports }) => ports.map(({ containerPort, protocol }): Asked => ({ port: containerPort, protocol }))),
  )
  const distinct = [...new Map(all.map((one) => [portText(one), one])).values()].sort((a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : 1))
  return distinct.length === 0 ? [{ port: 80, protocol: 'TCP' }] : distinct
}

export type Way = { readonly from: End; readonly to: End; readonly asked: Asked }

export function endsOf(cluster: Cluster, { namespace, from, to }: Wish): { readonly from: readonly End[]; readonly to: readonly End[] } {
  const all = podEnds(cluster)
  const pods = all.filter((end) => namespace === undefined || ('pod' in end && end.pod.namespace === namespace))
  const at = (ip: Ip): End => all.find((end) => addressOf(end) === ip) ?? { ip }
  const distinct = (ends: readonly End[]): readonly End[] => [...new Map(ends.map((end) => [endName(end), end])).values()]
  return { from: distinct([...pods, ...from.map(at)]), to: distinct([...pods, ...to.map(at)]) }
}

/** What makes a wish one that no table answers. */
export function mistakesIn(cluster: Cluster, { namespace, from, to }: Wish): readonly string[] {
  const virtual = [...new Set([...from, ...to])].flatMap((ip) => {
    const service = cluster.services.find(({ clusterIP }) => clusterIP === ip)
    return service === undefined
      ? []
      : [`${ip} is the ClusterIP of Service ${service.namespace}/${service.name}: policies are about who stands behind it, and those Pods are in the table`]
  })
  const empty = namespace !== undefined && !podEnds(cluster).some((end) => 'pod' in end && end.pod.namespace === namespace)
  return [...virtual, ...(empty ? [`no Pod of namespace ${namespace} has an address that policies could be about`] : [])]
}

/** Every way there is to ask for: of a Pod to itself nobody says anything, and between two addresses outside nobody judges. */
export function waysOf(cluster: Cluster, wish: Wish): readonly Way[] {
  const ends = endsOf(cluster, wish)
  return wish.ports.flatMap((asked) =>
    ends.from.flatMap((from) => ends.to.flatMap((to) => (endName(from) === endName(to) || !('pod' in from || 'pod' in to) ? [] : [{ from, to, asked }]))),
  )
}

export function tableOf(cluster: Cluster, wish: Wish, measured?: readonly (boolean | undefined)[]): Table {
  const ends = endsOf(cluster, wish)
  return {
    enforcedBy: cluster.policy,
    from: ends.from.map(endName),
    to: ends.to.map(endName),
    ports: wish.ports.map(portText),
    flows: waysOf(cluster, wish).map(({ from, to, asked }, at) => ({
      ...flowOf(from, to, asked, decide(cluster, { from, to, ...asked })),
      ...(measured === undefined ? {} : { measured: measured[at] ?? null }),
    })),
  }
}

const flowOf = (from: End, to: End, asked: Asked, { allowed, egress, ingress }: Decision): Flow => ({
  from: endName(from),
  to: endName(to),
  port: portText(asked),
  allowed,
  by: [...allowances(egress, 'egress'), ...allowances(ingress, 'ingress')],
  isolatedBy: [...isolations(egress, 'egress'), ...isolations(ingress, 'ingress')],
  ...(ingress.verdict === 'exempt' && ingress.why === 'own node' ? { exempt: ingress.why } : {}),
})

const nameOf = ({ namespace, name }: Policy): string => `${namespace}/${name}`
const allowances = (half: Half, direction: string): readonly string[] =>
  half.verdict === 'allowed' ? half.by.map(({ policy, rule }) => `${nameOf(policy)} ${direction}[${rule}]`) : []
const isolations = (half: Half, direction: string): readonly string[] =>
  half.verdict === 'allowed' || half.verdict === 'denied' ? half.isolatedBy.map((policy) => `${nameOf(policy)} ${direction}`) : []

/** A flow whose measure is not what policies say. */
export const differs = ({ allowed, measured }: Flow): boolean => typeof measured === 'boolean' && measured !== allowed

/**
 * One matrix a port: rows call, columns are called.
 *     . may   X may not   - itself   ! measured otherwise   ? could not be measured
 */
export function tableText(table: Table): string {
  const flows = new Map(table.flows.map((flow) => [`${flow.from} ${flow.to} ${flow.port}`, flow]))
  const number = new Map(table.to.map((name, at) => [name, at + 1]))
  const width = String(table.to.length).length + 1
  const names = [...new Set([...table.from, ...table.to])]
  const longest = Math.max(...names.map((name) => name.length))
  const label = (name: string): string => `${String(number.get(name) ?? '').padStart(width)}  ${name.padEnd(longest)}`
  const cell = (flow: Flow | undefined): string =>
    flow === undefined ? '-' : `${flow.allowed ? '.' : 'X'}${differs(flow) ? '!' : flow.measured === null ? '?' : ''}`
  const only = table.to.filter((name) => !table.from.includes(name))
  const matrices = table.ports.map((port) => {
    const rows = table.from.map((from) => `${label(from)} ${table.to.map((to) => cell(flows.get(`${from} ${to} ${port}`)).padStart(width + 1)).join('')}`)
    return [`${port}`.padEnd(width + longest + 3) + table.to.map((_, at) => String(at + 1).padStart(width + 1)).join(''), ...rows, ...only.map(label)]
      .map((line) => line.trimEnd())
      .join('\n')
  })
  return `${matrices.join('\n\n')}\n`
}
