/**
 * What stands behind each Service, as kube-proxy sees it: one entry per Service, port and family, with the endpoints of all its slices.
 * An entry keeps its identity as long as its Service and slices do, so that proxies may remember by identity what they made of it.
 */
import type { EndpointSlice, ServiceObject } from '#api/kinds.ts'
import { isScheduler, SCHEDULER_ANNOTATION } from '#api/schedulers.ts'
import type { Objects } from '#controllers/controller.ts'
import type { Cidr, Family, Ip } from '#net/net.ts'
import { familyOf, hostPort, parseCidr, parseIp } from '#net/net.ts'
import type { ServiceEndpoint, ServicePort } from './cluster.ts'
import { lastOf } from './remember.ts'

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'
/** Objects with one of these labels belong to another proxy, or to none. */
const NOT_OURS = ['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless']
const DEFAULT_AFFINITY_SECONDS = 10_800

const known = lastOf<ServiceObject, readonly ServicePort[]>()
const none: readonly EndpointSlice[] = []

export function servicePortsOf(objects: Pick<Objects, 'Service' | 'EndpointSlice'>): readonly ServicePort[] {
  const slicesOf = slicesByService(objects.EndpointSlice)
  return objects.Service.flatMap((service) => {
    if (!isProxied(service)) return []
    const slices = slicesOf.get(`${service.metadata.namespace}/${service.metadata.name}`) ?? none
    return known(service, slices, () => portsOf(service, slices))
  })
}

function slicesByService(slices: readonly EndpointSlice[]): ReadonlyMap<string, readonly EndpointSlice[]> {
  const index = new Map<string, EndpointSlice[]>()
  for (const slice of slices) {
    const name = slice.metadata.labels[SERVICE_NAME_LABEL]
    if (name === undefined || NOT_OURS.some((label) => label in slice.metadata.labels)) continue
    const key = `${slice.metadata.namespace}/${name}`
    const there = index.get(key)
    if (there === undefined) index.set(key, [slice])
    else there.push(slice)
  }
  return index
}

/** Headless Services and ExternalNames leave no trace in a proxy. */
const isProxied = ({ spec, metadata }: ServiceObject): boolean =>
  spec.type !== 'ExternalName' && Boolean(spec.clusterIP) && spec.clusterIP !== 'None' && !NOT_OURS.some((label) => label in metadata.labels)

function portsOf(service: ServiceObject, slices: readonly EndpointSlice[]): readonly ServicePort[] {
  const { spec, metadata, status } = service
  const clusterIPs = (spec.clusterIPs?.length ? spec.clusterIPs : [spec.clusterIP ?? '']).flatMap((text) => parseIp(text) ?? [])
  const vips = (status.loadBalancer.ingress ?? []).flatMap(({ ip, ipMode = 'VIP' }) => (ipMode === 'VIP' && ip ? ip : []))
  const scheduler = metadata.annotations[SCHEDULER_ANNOTATION]
  const outside = spec.type === 'NodePort' || spec.type === 'LoadBalancer' || spec.externalIPs.length > 0
  const externalLocal = outside && spec.externalTrafficPolicy === 'Local'
  return clusterIPs.flatMap((clusterIP) => {
    const family = familyOf(clusterIP)
    const shared = {
      namespace: metadata.namespace ?? 'default',
      name: metadata.name,
      family,
      clusterIP,
      externalIPs: ipsOf(spec.externalIPs, family),
      loadBalancerIPs: ipsOf(vips, family),
      sourceRanges: rangesOf(spec.loadBalancerSourceRanges, family),
      internalLocal: spec.internalTrafficPolicy === 'Local',
      externalLocal,
      ...(externalLocal && spec.type === 'LoadBalancer' && spec.healthCheckNodePort ? { healthCheckNodePort: spec.healthCheckNodePort } : {}),
      ...(spec.sessionAffinity === 'ClientIP' ? { affinitySeconds: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS } : {}),
      ...(isScheduler(scheduler) ? { scheduler } : {}),
    }
    return spec.ports.map(
      (port): ServicePort => ({
        ...shared,
        portName: port.name ?? '',
        protocol: port.protocol,
        port: port.port,
        ...(port.nodePort ? { nodePort: port.nodePort } : {}),
        endpoints: endpointsOf(slices, { name: port.name ?? '', protocol: port.protocol, family }),
      }),
    )
  })
}

const ipsOf = (texts: readonly string[], family: Family): readonly Ip[] => texts.flatMap((text) => parseIp(text) ?? []).filter((ip) => familyOf(ip) === family)
const rangesOf = (texts: readonly string[], family: Family): readonly Cidr[] =>
  texts.flatMap((text) => parseCidr(text.trim()) ?? []).filter((range) => familyOf(range) === family)

/** An address that two slices hold is one endpoint; of a terminating Pod's and its successor's claim to it the living one counts, of two living ones that which says its node. */
function endpointsOf(
  slices: readonly EndpointSlice[],
  of: { readonly name: string; readonly protocol: ServicePort['protocol']; readonly family: Family },
): readonly ServiceEndpoint[] {
  const found = new Map<string, ServiceEndpoint>()
  for (const slice of slices) {
    if (slice.addressType !== `IPv${of.family}`) continue
    const port = slice.ports.find(({ name, protocol }) => name === of.name && protocol === of.protocol)?.port
    if (!port) continue
    for (const { addresses, conditions, nodeName, hints } of slice.endpoints) {
      const ip = parseIp(addresses[0] ?? '')
      if (ip === undefined || familyOf(ip) !== of.family) continue
      const terminating = conditions.terminating ?? false
      const key = hostPort(ip, port)
      const known = found.get(key)
      if (known !== undefined && (terminating || (!known.terminating && !nodeName))) continue
      found.set(key, {
        ip,
        port,
        ...(nodeName ? { node: nodeName } : {}),
        ready: conditions.ready ?? true,
        serving: conditions.serving ?? true,
        terminating,
        zones: hints?.forZones?.map(({ name }) => name) ?? [],
        forNodes: hints?.forNodes?.map(({ name }) => name) ?? [],
      })
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, endpoint]) => endpoint)
}
