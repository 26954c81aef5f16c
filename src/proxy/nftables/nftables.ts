/**
 * kube-proxy in nftables mode: a table of its own per family, with its own hooks into the kernel, as kube-proxy 1.30 lays it out.
 *
 * A Service is found by a map, so that the way through the rules is as long for ten Services as for ten thousand.
 */
import type { Component, Step } from '#kernel/step.ts'
import type { Cluster, Node } from '#model/cluster.ts'
import type { Family, Ip } from '#net/net.ts'
import { answering, isAll, isLoopback } from '../addresses.ts'
import { connectionSettings, staleEntries } from '../conntrack.ts'
import { healthSteps } from '../health.ts'
import { familiesOf, podRangeOf } from '../view.ts'
import { addressType, by, ipWord, MARK_MASQ, REJECT, type Shared, serviceRules, TABLE } from './chains.ts'

export const kubeProxyNftables: Component = {
  name: by,
  wanted: ({ proxy }) => proxy.mode === 'nftables',
  forgets: staleEntries,
  steps: (cluster, node, there = []) => {
    if (cluster.proxy.mode !== 'nftables') return []
    const { masqueradeAll, nodePortAddresses = 'primary' } = cluster.proxy
    const families = familiesOf(cluster).flatMap((family) => {
      const settings = { family, masqueradeAll, podRange: podRangeOf(cluster, family) }
      const nodePortIps = isAll(nodePortAddresses, family)
        ? ('all' as const)
        : answering(nodePortAddresses, { node, there, family }).filter((one) => !isLoopback(one))
      return familySteps(cluster, node, { ...settings, nodePortIps })
    })
    return [...families, ...connectionSettings(by), ...healthSteps(by, cluster, node)]
  },
}

type NodePortIps = { readonly nodePortIps: readonly Ip[] | 'all' }

function familySteps(cluster: Cluster, node: Node, { nodePortIps, ...settings }: Parameters<typeof serviceRules>[2] & NodePortIps): readonly Step[] {
  const { family } = settings
  const rules = cluster.services.filter((service) => service.family === family).map((service) => serviceRules(service, node, settings))
  const elements = new Map(SHARED.map(({ name }) => [name, new Map<string, string>()]))
  for (const { elements: some } of rules) for (const [name, element] of some) claim(elements.get(name), element)
  const common = { by, kind: 'nft', family, table: TABLE } as const
  const chain = (name: string, why: string, some: readonly string[], declared = ''): Step => ({ ...common, why, object: 'chain', name, declared, rules: some })
  return [
    { ...common, why: 'all of kube-proxy’s rules in one table, which nobody else writes to', object: 'table', declared: 'comment "rules for kube-proxy" ;' },
    ...BASE.map(([name, hook, priority, some]) => {
      const [type] = name.split('-')
      return chain(name, `where the kernel asks kube-proxy: ${hook}, ${WHEN[priority]}`, some, `type ${type} hook ${hook} priority ${priority} ;`)
    }),
    ...helpers(family, nodePortIps === 'all').map(([name, why, some, comment]) =>
      chain(name, why, some, comment === undefined ? '' : `comment "${comment}" ;`),
    ),
    {
      ...{
        ...common,
        why: 'the node’s addresses on which NodePorts answer: its first one, never localhost',
        object: 'set',
        name: 'nodeport-ips',
      },
      declared: `${addressType(family)} ; comment "IPs that accept NodePort traffic" ;`,
      elements: nodePortIps === 'all' ? [] : nodePortIps,
    },
    ...SHARED.map(({ name, type, comment, why }): Step => {
      const declared = `${type.replace('ADDRESS', addressType(family))} ; comment "${comment}" ;`
      return { ...common, why, object: name === 'cluster-ips' ? 'set' : 'map', name, declared, elements: [...(elements.get(name)?.values() ?? [])] }
    }),
    ...rules.flatMap(({ own }) => own),
  ]
}

/** Of two Services that claim one external address and port the first has it, as in the other modes: a map takes a key but once. */
function claim(map: Map<string, string> | undefined, element: string): void {
  const [key = element] = element.split(KEY_END, 1)
  if (!map?.has(key)) map?.set(key, element)
}
const KEY_END = / comment | : /

const NEW = 'ct state new jump'

/** Destinations are rewritten at -100 (dstnat); what is to see the original one comes before, what is to see what nobody rewrote comes after. */
const WHEN = { '-110': 'before destinations are rewritten', '-100': 'to rewrite destinations', '-90': 'after that', '100': 'to rewrite senders' } as const

type Base = readonly [name: string, hook: string, priority: keyof typeof WHEN, rules: readonly string[]]
const BASE: readonly Base[] = [
  ['filter-prerouting', 'prerouting', '-110', [`${NEW} firewall-check`]],
  ['filter-input', 'input', '-110', [`${NEW} nodeport-endpoints-check`, `${NEW} service-endpoints-check`]],
  ['filter-forward', 'forward', '-110', [`${NEW} service-endpoints-check`, `${NEW} cluster-ips-check`]],
  ['filter-output', 'output', '-110', [`${NEW} service-endpoints-check`, `${NEW} firewall-check`]],
  ['filter-output-post-dnat', 'output', '-90', [`${NEW} cluster-ips-check`]],
  ['nat-prerouting', 'prerouting', '-100', ['jump services']],
  ['nat-output', 'output', '-100', ['jump services']],
  ['nat-postrouting', 'postrouting', '100', ['jump masquerading']],
]

/** Bit 14 (--iptables-masquerade-bit), in the same words as in iptables mode. */
const MARK = '0x00004000'

function helpers(family: Family, everywhere: boolean): readonly (readonly [name: string, why: string, rules: readonly string[], comment?: string])[] {
  const ip = ipWord(family)
  const service = `${ip} daddr . meta l4proto . th dport vmap`
  const local = everywhere ? `fib daddr type local ${ip} daddr != ${family === 6 ? '::1' : '127.0.0.0/8'}` : `${ip} daddr @nodeport-ips`
  const nodePort = `${local} meta l4proto . th dport vmap`
  return [
    ['nodeport-endpoints-check', 'NodePorts without an endpoint for this node', [`${nodePort} @no-endpoint-nodeports`]],
    ['service-endpoints-check', 'Services without an endpoint for this node', [`${service} @no-endpoint-services`]],
    ['firewall-check', 'senders that loadBalancerSourceRanges leaves out', [`${service} @firewall-ips`]],
    ['services', 'where every new connection asks whether its destination is a Service', [`${service} @service-ips`, `${nodePort} @service-nodeports`]],
    [
      'masquerading',
      'what was marked leaves with the node’s own address as sender',
      [`mark and ${MARK} == 0 return`, `mark set mark xor ${MARK}`, 'masquerade fully-random'],
    ],
    [
      'cluster-ips-check',
      'a ClusterIP on a port that no Service has refuses at once',
      [`${ip} daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"`],
    ],
    [MARK_MASQ, 'marks a packet to get the node’s address as sender when it leaves', [`mark set mark or ${MARK}`]],
    [REJECT, 'refuses at once', ['reject'], 'helper for @no-endpoint-services / @no-endpoint-nodeports'],
  ]
}

const BY_SERVICE = 'ADDRESS . inet_proto . inet_service : verdict'
const BY_PORT = 'type inet_proto . inet_service : verdict'

const SHARED: readonly { readonly name: Shared; readonly type: string; readonly comment: string; readonly why: string }[] = [
  { name: 'cluster-ips', type: 'ADDRESS', comment: 'Active ClusterIPs', why: 'every ClusterIP' },
  {
    ...{ name: 'no-endpoint-services', type: BY_SERVICE },
    ...{ comment: 'vmap to drop or reject packets to services with no endpoints', why: 'a Service without endpoints refuses at once' },
  },
  {
    ...{ name: 'no-endpoint-nodeports', type: BY_PORT },
    ...{ comment: 'vmap to drop or reject packets to service nodeports with no endpoints', why: 'a NodePort without endpoints refuses at once' },
  },
  {
    ...{ name: 'firewall-ips', type: BY_SERVICE },
    ...{ comment: 'destinations that are subject to LoadBalancerSourceRanges', why: 'addresses that not everybody may use' },
  },
  {
    ...{ name: 'service-ips', type: BY_SERVICE },
    ...{ comment: 'ClusterIP, ExternalIP and LoadBalancer IP traffic', why: 'every address and port of a Service, and the chain it is led to' },
  },
  { name: 'service-nodeports', type: BY_PORT, comment: 'NodePort traffic', why: 'NodePorts: a port on every node' },
]
