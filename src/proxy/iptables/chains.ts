/**
 * What one port of a Service puts into a node's rules: lines in the chains that all Services share, and chains of its own.
 *
 *     nat KUBE-SERVICES ── ClusterIP ───────────────────────────────► SVC (SVL with internalTrafficPolicy Local)
 *          │           ├── external IP ────────────────► EXT ───────► SVC (SVL with externalTrafficPolicy Local)
 *          │           └── load balancer IP ──► FW ────► EXT             │ draws an endpoint
 *          └─ own address ─► KUBE-NODEPORTS ───────────► EXT             ▼
 *                                                                       SEP  rewrites the destination
 *
 * The words are kube-proxy 1.30's to the byte, so that what is learnt here holds there.
 */
import type { Step } from '#kernel/step.ts'
import type { ServiceEndpoint, ServicePort } from '#model/cluster.ts'
import { hostPort, type Ip } from '#net/net.ts'
import { isExternal } from '../endpoints.ts'
import { protocolOf } from '../names.ts'
import { remembering, type Settings, sourcesOf, type View } from '../view.ts'
import { endpointChain, serviceChains } from './names.ts'

export const by = 'kube-proxy/iptables'

/** `large`: there are many endpoints, so the comments on endpoint rules are left out, which makes the rules 40 % shorter. */
type Known = Settings & { readonly large: boolean }

/** The chains that all Services share, table and name. */
export type Shared =
  | 'filter KUBE-SERVICES'
  | 'filter KUBE-EXTERNAL-SERVICES'
  | 'filter KUBE-NODEPORTS'
  | 'filter KUBE-PROXY-FIREWALL'
  | 'nat KUBE-SERVICES'
  | 'nat KUBE-NODEPORTS'

export type ServiceRules = {
  readonly shared: readonly (readonly [chain: Shared, rule: string])[]
  readonly own: readonly Step[]
}

export const serviceRules = remembering((seen: View<Known>): ServiceRules => {
  const { service, usable } = seen
  const firewalled = usable.any && service.loadBalancerIPs.length > 0 && service.sourceRanges.length > 0
  const view = { ...seen, chains: serviceChains(service), firewalled }
  return { shared: sharedRules(view), own: ownChains(view) }
})

type Chained = View<Known> & { readonly chains: ReturnType<typeof serviceChains>; readonly firewalled: boolean }

function sharedRules({ service, usable, name, chains, inside, outside, firewalled }: Chained): ServiceRules['shared'] {
  const why = (what: string): string => comment(`"${name} ${what}"`)
  const to = (ip: Ip): string => destination(service, ip)
  /** An endpoint that only others may use is no refusal but silence: the balancer shall look elsewhere. */
  const refused = usable.any ? why('has no local endpoints') : why('has no endpoints')
  const refusal = usable.any ? 'DROP' : 'REJECT'
  const port = `-m ${protocolOf(service)} -p ${protocolOf(service)} --dport ${service.nodePort}`
  const rules: [Shared, string][] = []
  if (inside) rules.push(['nat KUBE-SERVICES', `${why('cluster IP')} ${to(service.clusterIP)} -j ${service.internalLocal ? chains.local : chains.cluster}`])
  else rules.push(['filter KUBE-SERVICES', `${refused} ${to(service.clusterIP)} -j ${refusal}`])
  for (const ip of service.externalIPs) {
    if (usable.any) rules.push(['nat KUBE-SERVICES', `${why('external IP')} ${to(ip)} -j ${chains.external}`])
    if (!outside) rules.push(['filter KUBE-EXTERNAL-SERVICES', `${refused} ${to(ip)} -j ${refusal}`])
  }
  for (const ip of service.loadBalancerIPs) {
    if (usable.any) rules.push(['nat KUBE-SERVICES', `${why('loadbalancer IP')} ${to(ip)} -j ${firewalled ? chains.firewall : chains.external}`])
    if (firewalled) rules.push(['filter KUBE-PROXY-FIREWALL', `${why(`traffic not accepted by ${chains.firewall}`)} ${to(ip)} -j DROP`])
    if (!outside) rules.push(['filter KUBE-EXTERNAL-SERVICES', `${refused} ${to(ip)} -j ${refusal}`])
  }
  if (service.nodePort !== undefined) {
    if (usable.any) rules.push(['nat KUBE-NODEPORTS', `${comment(name)} ${port} -j ${chains.external}`])
    if (!outside) rules.push(['filter KUBE-EXTERNAL-SERVICES', `${refused} -m addrtype --dst-type LOCAL ${port} -j ${refusal}`])
  }
  if (service.healthCheckNodePort !== undefined)
    rules.push(['filter KUBE-NODEPORTS', `${why('health check node port')} -m tcp -p tcp --dport ${service.healthCheckNodePort} -j ACCEPT`])
  return rules
}

function ownChains(view: Chained): readonly Step[] {
  const { service, usable, name, chains, inside } = view
  const shared = { by, kind: 'chain', family: service.family, table: 'nat', of: name } as const
  const chain = (chain: string, why: string, rules: readonly string[]): Step => ({ ...shared, why, chain, rules })
  const draw = (isInside: boolean, endpoints: readonly ServiceEndpoint[]): readonly string[] => [
    ...(inside && isInside ? clusterIPRules(view) : []),
    ...endpointRules(view, endpoints),
  ]
  const own: Step[] = []
  if (usable.any && isExternal(service)) own.push(chain(chains.external, `${name} takes traffic for its external addresses here`, externalRules(view)))
  if (view.firewalled) own.push(chain(chains.firewall, `${name} lets only loadBalancerSourceRanges use its load balancer address`, firewallRules(view)))
  if (usable.cluster.length > 0)
    own.push(chain(chains.cluster, `${name} gives each new connection to ${oneOf(usable.cluster)}`, draw(!service.internalLocal, usable.cluster)))
  if (usable.local.length > 0)
    own.push(chain(chains.local, `${name} with policy Local: ${oneOf(usable.local)} on this node`, draw(service.internalLocal, usable.local)))
  for (const endpoint of usable.reachable)
    own.push(chain(endpointChain(service, endpoint), `${name} at ${hostPort(endpoint.ip, endpoint.port)}`, rewriteRules(view, endpoint)))
  return own
}

const oneOf = ({ length }: readonly ServiceEndpoint[]): string => (length === 1 ? 'its only endpoint' : `one of ${length} endpoints`)

/** Whoever is no Pod gets the node's address as sender, so that the answer comes back this way. */
function clusterIPRules({ service, settings, name }: Chained): readonly string[] {
  const sender = settings.masqueradeAll ? '' : settings.podRange === undefined ? undefined : ` ! -s ${settings.podRange}`
  return sender === undefined ? [] : [`${comment(`"${name} cluster IP"`)} ${destination(service, service.clusterIP)}${sender} -j ${MARK_MASQ}`]
}

function externalRules({ service, settings, name, chains, outside }: Chained): readonly string[] {
  const all = (what: string): string => comment(`"${what} for ${name} external destinations"`)
  const fromNode = '-m addrtype --src-type LOCAL'
  if (!service.externalLocal) return [`${all('masquerade traffic')} -j ${MARK_MASQ}`, `-j ${chains.cluster}`]
  return [
    ...(settings.podRange === undefined ? [] : [`${all('pod traffic')} -s ${settings.podRange} -j ${chains.cluster}`]),
    `${all('masquerade LOCAL traffic')} ${fromNode} -j ${MARK_MASQ}`,
    `${all('route LOCAL traffic')} ${fromNode} -j ${chains.cluster}`,
    ...(outside ? [`-j ${chains.local}`] : []),
  ]
}

/** What comes to the end here has no new destination and meets KUBE-PROXY-FIREWALL. */
function firewallRules(view: Chained): readonly string[] {
  const { name, chains } = view
  return [
    ...sourcesOf(view).map((source) => `${comment(`"${name} loadbalancer IP"`)} -s ${source} -j ${chains.external}`),
    comment(`"other traffic to ${name} will be dropped by KUBE-PROXY-FIREWALL"`),
  ]
}

/** The rules are asked in turn, so the i-th of n must say yes with odds 1/(n-i); the last one always does. */
function endpointRules({ service, settings, name }: Chained, endpoints: readonly ServiceEndpoint[]): readonly string[] {
  const all = endpoints.map((endpoint, at) => {
    const chain = endpointChain(service, endpoint)
    const left = endpoints.length - at
    const odds = left > 1 ? `-m statistic --mode random --probability ${probability(left)}` : ''
    return { chain, odds, about: settings.large ? '' : comment(`"${name} -> ${hostPort(endpoint.ip, endpoint.port)}"`) }
  })
  const sticky = service.affinitySeconds === undefined ? [] : all
  return [
    ...sticky.map(({ chain, about }) => words(about, `-m recent --name ${chain} --rcheck --seconds ${service.affinitySeconds} --reap -j ${chain}`)),
    ...all.map(({ chain, about, odds }) => words(about, odds, `-j ${chain}`)),
  ]
}

/** Ten digits. kube-proxy's language rounds a half to the even digit; 2048 is the one number whose part has a half there. */
const probability = (left: number): string => (left === 2048 ? '0.0004882812' : (1 / left).toFixed(10))

/** A Pod that draws itself must not see its own address as sender, or it would answer itself directly. */
function rewriteRules({ service, settings, name }: Chained, endpoint: ServiceEndpoint): readonly string[] {
  const about = settings.large ? '' : comment(name)
  const remember = service.affinitySeconds === undefined ? '' : `-m recent --name ${endpointChain(service, endpoint)} --set`
  const protocol = protocolOf(service)
  return [
    words(about, `-s ${endpoint.ip} -j ${MARK_MASQ}`),
    words(about, remember, `-m ${protocol} -p ${protocol} -j DNAT --to-destination ${hostPort(endpoint.ip, endpoint.port)}`),
  ]
}

const MARK_MASQ = 'KUBE-MARK-MASQ'
const comment = (text: string): string => `-m comment --comment ${text}`
const words = (...some: readonly string[]): string => some.filter((word) => word !== '').join(' ')

const destination = (service: ServicePort, ip: Ip): string => `-m ${protocolOf(service)} -p ${protocolOf(service)} -d ${ip} --dport ${service.port}`
