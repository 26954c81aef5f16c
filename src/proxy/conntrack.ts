/**
 * UDP has no beginning and no end: a sender that keeps its port keeps its entry in the connection table, and with it the endpoint that was
 * drawn for it, or the way to nobody that it found when there was none. kube-proxy therefore deletes entries once its rules are written.
 *
 * - A Service whose first serving endpoint came: all entries of its addresses and node port, for they lead nowhere.
 * - An endpoint that went, or serves no more: the entries of the Service's addresses and node port that lead to it. One that still serves
 *   while it terminates keeps its senders, as it keeps its TCP connections.
 * - A Service that went: the entries of its ClusterIP.
 */
import type { Run } from '#kernel/command.ts'
import type { Step } from '#kernel/step.ts'
import type { Cluster, ServiceEndpoint, ServicePort } from '#model/cluster.ts'
import type { Ip } from '#net/net.ts'
import { portNameOf } from './names.ts'

/** What to delete on every node, as one run; none when nothing is stale. Nothing found to delete is no failure. */
export function staleEntries(before: Cluster | undefined, now: Cluster): readonly Run[] {
  const [old, present] = [byName(before?.services ?? []), byName(now.services)]
  const lines = new Set<string>()
  for (const [name, service] of old) if (!present.has(name)) lines.add(toAddress(service))
  for (const [name, service] of present) for (const line of stale(old.get(name), service)) lines.add(line)
  if (lines.size === 0) return []
  return [{ kind: 'run', argv: ['conntrack', '--load-file', '-'], stdin: [...lines].map((line) => `${line}\n`).join(''), does: [] }]
}

const byName = (services: readonly ServicePort[]): ReadonlyMap<string, ServicePort> =>
  new Map(services.filter(({ protocol }) => protocol === 'UDP').map((service) => [`${portNameOf(service)} ${service.family}`, service]))

function stale(old: ServicePort | undefined, service: ServicePort): readonly string[] {
  if (old === service) return []
  const [were, are] = [servingIps(old?.endpoints ?? []), servingIps(service.endpoints)]
  if (were.size === 0 && are.size > 0) return toAll(service)
  return [...were].filter((ip) => !are.has(ip)).flatMap((ip) => toAll(service, ip))
}

const servingIps = (endpoints: readonly ServiceEndpoint[]): ReadonlySet<Ip> => new Set(endpoints.filter(({ serving }) => serving).map(({ ip }) => ip))

function toAll(service: ServicePort, endpoint?: Ip): readonly string[] {
  const { clusterIP, externalIPs, loadBalancerIPs, nodePort } = service
  const leading = endpoint === undefined ? '' : ` --dst-nat ${endpoint}`
  return [
    ...[clusterIP, ...externalIPs, ...loadBalancerIPs].map((ip) => `${toAddress(service, ip)}${leading}`),
    ...(nodePort === undefined ? [] : [`${entries(service)} --dport ${nodePort}${leading}`]),
  ]
}

const entries = ({ family }: ServicePort): string => `-D -p udp${family === 6 ? ' -f ipv6' : ''}`
const toAddress = (service: ServicePort, ip = service.clusterIP): string => `${entries(service)} --orig-dst ${ip}`

/** What kube-proxy sets by default (conntrack.tcpEstablishedTimeout, tcpCloseWaitTimeout); the table's size is the whole machine's, and no namespace's to set. */
export const connectionSettings = (by: string): readonly Step[] =>
  [
    ['net.netfilter.nf_conntrack_tcp_timeout_established', '86400', 'a silent connection is remembered for a day; the kernel itself would say five'],
    ['net.netfilter.nf_conntrack_tcp_timeout_close_wait', '3600', 'a connection closed from one end only is remembered for an hour'],
  ].map(([key = '', value = '', why = '']): Step => ({ by, why, kind: 'sysctl', key, value }))
