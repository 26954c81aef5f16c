/** kube-proxy in IPVS mode: Services as the kernel's own load balancer, on addresses that the node itself holds. */
import type { Component, RealServer, Step, VirtualServer } from '#kernel/step.ts'
import type { Cluster, Node, ServicePort } from '#model/cluster.ts'
import { type Family, hostCidr, hostPort, type Ip, ifName } from '#net/net.ts'
import { answering, type Chosen, isLoopback, nodeAddresses } from '../addresses.ts'
import { connectionSettings, staleEntries } from '../conntrack.ts'
import { healthSteps } from '../health.ts'
import { portNameOf } from '../names.ts'
import { familiesOf, podRangeOf, remembering, type Settings, type View } from '../view.ts'
import { chainSteps } from './chains.ts'
import { by, membersOf, setSteps } from './sets.ts'

/** kube-proxy's flags, as far as they change what it writes. */
export type Flags = {
  readonly masqueradeAll: boolean
  /** --ipvs-scheduler, for Services that do not name their own. */
  readonly scheduler: string
  /** --ipvs-strict-arp: only the device that has an address answers for it. */
  readonly strictARP: boolean
  readonly nodePortAddresses?: Chosen
}

export const kubeProxyIpvs: Component = {
  name: by,
  wanted: ({ proxy }) => proxy.mode === 'ipvs',
  forgets: staleEntries,
  steps: (cluster, node, there = []) => (cluster.proxy.mode === 'ipvs' ? proxySteps(cluster, { node, there, flags: cluster.proxy }) : []),
}

type On = { readonly node: Node; readonly there: readonly Step[]; readonly flags: Flags }

export function proxySteps(cluster: Cluster, on: On): readonly Step[] {
  return [
    ...sysctls(on.flags),
    DEVICE,
    ...familiesOf(cluster).flatMap((family) => familySteps(cluster, family, on)),
    ...connectionSettings(by),
    ...healthSteps(by, cluster, on.node),
  ]
}

const sysctls = ({ strictARP }: Flags): readonly Step[] =>
  [
    ['net.ipv4.vs.conntrack', '1', 'connections of IPVS are known to conntrack, so that rules can masquerade them'],
    ['net.ipv4.vs.expire_nodest_conn', '1', 'a connection whose real server is gone ends with its next packet'],
    ['net.ipv4.vs.expire_quiescent_template', '1', 'a real server of weight 0 loses its sticky senders'],
    ['net.ipv4.ip_forward', '1', 'the kernel passes packets on'],
    ...(strictARP
      ? [
          ['net.ipv4.conf.all.arp_ignore', '1', 'strictARP: nobody answers ARP for the addresses on kube-ipvs0'],
          ['net.ipv4.conf.all.arp_announce', '2', 'strictARP: nor names them as its own when it asks'],
        ]
      : []),
  ].map(([key = '', value = '', why = '']): Step => ({ by, why, kind: 'sysctl', key, value }))

const DEV = ifName('kube-ipvs0')
/** It stays down: its addresses are local all the same. */
const DEVICE: Step = { by, why: 'carries the addresses of all Services, for IPVS sees only what is for the node itself', kind: 'dummy', dev: DEV }

function familySteps(cluster: Cluster, family: Family, { node, there, flags }: On): readonly Step[] {
  const services = cluster.services.filter((service) => service.family === family)
  const addresses = nodeAddresses(node, there, family)
  const bound = new Set(services.flatMap(vipsOf).filter((ip) => !addresses.includes(ip)))
  const nodePortIps = answering(flags.nodePortAddresses, { node, there, family }).filter((one) => !isLoopback(one))
  const members = membersOf(services, { node, addresses: nodePortIps, vips: bound })
  const settings = { family, masqueradeAll: flags.masqueradeAll, podRange: podRangeOf(cluster, family) }
  return [
    ...[...bound].map((ip): Step => ({ by, why: 'an address of a Service, which is now for the node itself', kind: 'addr', dev: DEV, cidr: hostCidr(ip) })),
    ...setSteps(members, family),
    ...chainSteps({ services, node, members, settings }),
    ...serverSteps(services, node, { ...settings, scheduler: flags.scheduler, nodePortIps }),
  ]
}

const vipsOf = ({ clusterIP, externalIPs, loadBalancerIPs }: ServicePort): readonly Ip[] => [clusterIP, ...externalIPs, ...loadBalancerIPs]

/** What the virtual servers of one family depend on, besides their Service. */
type Servers = Settings & { readonly scheduler: string; readonly nodePortIps: readonly Ip[] }

/** Of two Services that claim one address and port the first has it. */
function serverSteps(services: readonly ServicePort[], node: Node, settings: Servers): readonly Step[] {
  const servers = new Map<string, Step>()
  for (const service of services) {
    for (const server of serversOf(service, node, settings)) {
      const key = `${server.proto} ${hostPort(server.vip, server.port)}`
      if (!servers.has(key)) servers.set(key, server)
    }
  }
  return [...servers.values()]
}

const serversOf = remembering(({ service, settings, usable: { cluster, local } }: View<Servers>): readonly (VirtualServer & Step)[] => {
  /** With policy Local and no endpoint here IPVS goes to the others: for an external address there always are some, iptables mode would drop. */
  const behind = (isLocal: boolean): readonly RealServer[] => (isLocal && local.length > 0 ? local : cluster).map(({ ip, port }) => ({ ip, port, weight: 1 }))
  const [inside, outside] = [behind(service.internalLocal), behind(service.externalLocal)]
  const { scheduler = settings.scheduler } = service
  const server = (what: string, vip: Ip, port: number, reals: readonly RealServer[]): VirtualServer & Step => ({
    by,
    why: `${portNameOf(service)} at its ${what}`,
    kind: 'virtual-server',
    proto: PROTO[service.protocol],
    vip,
    port,
    scheduler,
    ...(scheduler === 'mh' ? { flags: 'mh-port' } : {}),
    ...(service.affinitySeconds === undefined ? {} : { persistence: service.affinitySeconds }),
    reals,
  })
  const { nodePort } = service
  return [
    server('cluster IP', service.clusterIP, service.port, inside),
    ...service.externalIPs.map((ip) => server('external IP', ip, service.port, outside)),
    ...service.loadBalancerIPs.map((ip) => server('loadbalancer IP', ip, service.port, outside)),
    ...(nodePort === undefined ? [] : settings.nodePortIps.map((ip) => server('NodePort', ip, nodePort, outside))),
  ]
})

const PROTO = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const
