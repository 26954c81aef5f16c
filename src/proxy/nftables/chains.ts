/**
 * What one port of a Service puts into kube-proxy's table: elements of the maps that all Services share, and chains of its own.
 *
 *     services ── @service-ips ──────── ClusterIP ──────────────────────► service- (local- with internalTrafficPolicy Local)
 *        │              └── external or load balancer IP ──► external- ───► service- (local- with externalTrafficPolicy Local)
 *        └─ @service-nodeports ────────────────────────────► external-         │ draws an endpoint
 *                                                                              ▼
 *     firewall-check ── @firewall-ips ──► firewall-  drops strangers        endpoint-  rewrites the destination
 *
 * A map is asked once, however many Services there are. The words are kube-proxy 1.30's.
 */
import type { Step } from '#kernel/step.ts'
import type { ServiceEndpoint } from '#model/cluster.ts'
import { type Family, hostPort, type Ip } from '#net/net.ts'
import { isExternal } from '../endpoints.ts'
import { protocolOf } from '../names.ts'
import { remembering, sourcesOf, type View } from '../view.ts'
import { endpointNames, serviceChains } from './names.ts'

export const by = 'kube-proxy/nftables'
export const TABLE = 'kube-proxy'

/** The sets and maps that all Services share. */
export type Shared = 'cluster-ips' | 'service-ips' | 'service-nodeports' | 'no-endpoint-services' | 'no-endpoint-nodeports' | 'firewall-ips'

export type ServiceRules = {
  readonly elements: readonly (readonly [to: Shared, element: string])[]
  readonly own: readonly Step[]
}

/** The word for the IP header in rules. */
export const ipWord = (family: Family): 'ip' | 'ip6' => (family === 6 ? 'ip6' : 'ip')
export const addressType = (family: Family): string => `type ipv${family}_addr`
export const MARK_MASQ = 'mark-for-masquerade'
export const REJECT = 'reject-chain'

export const serviceRules = remembering((seen: View): ServiceRules => {
  const view = { ...seen, chains: serviceChains(seen.service), ip: ipWord(seen.service.family) }
  return { elements: elements(view), own: own(view) }
})

type Named = View & { readonly chains: ReturnType<typeof serviceChains>; readonly ip: 'ip' | 'ip6' }

const isFirewalled = ({ service }: View): boolean => service.loadBalancerIPs.length > 0 && service.sourceRanges.length > 0

function elements(view: Named): ServiceRules['elements'] {
  const { service, usable, name, chains, inside, outside } = view
  const at = (ip: Ip): string => `${ip} . ${protocolOf(service)} . ${service.port}`
  const port = `${protocolOf(service)} . ${service.nodePort}`
  /** An endpoint that only others may use is no refusal but silence: the balancer shall look elsewhere. */
  const refused = (key: string): string => `${key} comment "${name}" : ${usable.any ? 'drop' : `goto ${REJECT}`}`
  const made: [Shared, string][] = [['cluster-ips', service.clusterIP]]
  if (inside) made.push(['service-ips', `${at(service.clusterIP)} : goto ${service.internalLocal ? chains.local : chains.cluster}`])
  else made.push(['no-endpoint-services', refused(at(service.clusterIP))])
  for (const ip of [...service.externalIPs, ...service.loadBalancerIPs]) {
    if (usable.any) made.push(['service-ips', `${at(ip)} : goto ${chains.external}`])
    if (!outside) made.push(['no-endpoint-services', refused(at(ip))])
  }
  if (isFirewalled(view)) for (const ip of service.loadBalancerIPs) made.push(['firewall-ips', `${at(ip)} comment "${name}" : goto ${chains.firewall}`])
  if (service.nodePort !== undefined) {
    if (usable.any) made.push(['service-nodeports', `${port} : goto ${chains.external}`])
    if (!outside) made.push(['no-endpoint-nodeports', refused(port)])
  }
  return made
}

function own(view: Named): readonly Step[] {
  const { service, usable, name, chains, inside } = view
  const { family, affinitySeconds } = service
  const chain = (chain: string, why: string, rules: readonly string[]): Step => ({
    ...{ by, why, kind: 'nft', family, table: TABLE },
    ...{ object: 'chain', name: chain, declared: '', rules },
  })
  const draw = (isInside: boolean, endpoints: readonly ServiceEndpoint[]): readonly string[] => [
    ...(inside && isInside ? clusterIPRules(view) : []),
    ...endpointRules(view, endpoints),
  ]
  const made: Step[] = []
  if (usable.any && isExternal(service)) made.push(chain(chains.external, `${name} takes traffic for its external addresses here`, externalRules(view)))
  if (isFirewalled(view)) made.push(chain(chains.firewall, `${name} lets only loadBalancerSourceRanges use its load balancer address`, [strangers(view)]))
  if (usable.cluster.length > 0)
    made.push(chain(chains.cluster, `${name} gives each new connection to ${oneOf(usable.cluster)}`, draw(!service.internalLocal, usable.cluster)))
  if (usable.local.length > 0)
    made.push(chain(chains.local, `${name} with policy Local: ${oneOf(usable.local)} on this node`, draw(service.internalLocal, usable.local)))
  for (const endpoint of usable.reachable) {
    const names = endpointNames(service, endpoint)
    const at = hostPort(endpoint.ip, endpoint.port)
    if (affinitySeconds !== undefined)
      made.push({
        ...{ by, why: `who was led to ${at} by ${name} is led there again`, kind: 'nft', family, table: TABLE },
        ...{ object: 'set', name: names.affinity, elements: [] },
        declared: `${addressType(family)} ; flags dynamic,timeout ; timeout ${affinitySeconds}s ;`,
      })
    made.push(chain(names.chain, `${name} at ${at}`, rewriteRules(view, endpoint)))
  }
  return made
}

const oneOf = ({ length }: readonly ServiceEndpoint[]): string => (length === 1 ? 'its only endpoint' : `one of ${length} endpoints`)

/** Whoever is no Pod gets the node's address as sender, so that the answer comes back this way. */
function clusterIPRules({ service, settings, ip }: Named): readonly string[] {
  const sender = settings.masqueradeAll ? '' : settings.podRange === undefined ? undefined : `${ip} saddr != ${settings.podRange} `
  return sender === undefined ? [] : [`${ip} daddr ${service.clusterIP} ${protocolOf(service)} dport ${service.port} ${sender}jump ${MARK_MASQ}`]
}

function externalRules({ service, settings, chains, outside, ip }: Named): readonly string[] {
  if (!service.externalLocal) return [`jump ${MARK_MASQ}`, `goto ${chains.cluster}`]
  const fromNode = 'fib saddr type local'
  return [
    ...(settings.podRange === undefined ? [] : [`${ip} saddr ${settings.podRange} goto ${chains.cluster} comment "short-circuit pod traffic"`]),
    `${fromNode} jump ${MARK_MASQ} comment "masquerade local traffic"`,
    `${fromNode} goto ${chains.cluster} comment "short-circuit local traffic"`,
    ...(outside ? [`goto ${chains.local}`] : []),
  ]
}

const strangers = (view: Named): string => `${view.ip} saddr != { ${sourcesOf(view).join(' , ')} } drop`

/** One number is drawn, and a map says whose it is; with affinity those who came before are led where they were. */
function endpointRules({ service, ip }: Named, endpoints: readonly ServiceEndpoint[]): readonly string[] {
  const all = endpoints.map((endpoint) => endpointNames(service, endpoint))
  const sticky = service.affinitySeconds === undefined ? [] : all
  return [
    ...sticky.map(({ chain, affinity }) => `${ip} saddr @${affinity} goto ${chain}`),
    `numgen random mod ${all.length} vmap { ${all.map(({ chain }, at) => `${at} : goto ${chain}`).join(' , ')} }`,
  ]
}

/** A Pod that draws itself must not see its own address as sender, or it would answer itself directly. */
function rewriteRules({ service, ip }: Named, endpoint: ServiceEndpoint): readonly string[] {
  return [
    `${ip} saddr ${endpoint.ip} jump ${MARK_MASQ}`,
    ...(service.affinitySeconds === undefined ? [] : [`update @${endpointNames(service, endpoint).affinity} { ${ip} saddr }`]),
    `meta l4proto ${protocolOf(service)} dnat to ${hostPort(endpoint.ip, endpoint.port)}`,
  ]
}
