/**
 * The EndpointSlice controller: behind each Service with a selector, the Pods it selects, cut into slices of at most a hundred. Pods whose
 * named target port stands for different numbers are in different slices. Slices are changed as little as possible, since every node reads them.
 */
import type { EndpointSlice, Metadata, PodObject, ServiceObject } from '#api/kinds.ts'
import { remembered } from '#model/remember.ts'
import { type Family, familyOf, parseIp } from '#net/net.ts'
import { deleted, newMetadata, ownedReference, quiet, updated } from './change.ts'
import type { Change, Controller, World } from './controller.ts'
import { canonical, suffix } from './hash.ts'
import { named, podsWith } from './lookup.ts'
import { isFinished, isReady, isTerminating, sameJson } from './objects.ts'

const ENDPOINTS_MAX = 100
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by'
const ME = 'endpointslice-controller.k8s.io'
export const SERVICE_NAME = 'kubernetes.io/service-name'
export const HEADLESS = 'service.kubernetes.io/headless'
const ZONE = 'topology.kubernetes.io/zone'

const unlessQuiet = quiet<ServiceObject>()
const unlessAllQuiet = quiet<readonly ServiceObject[]>()

export const endpointslice: Controller = {
  name: 'endpointslice',
  changes: (world) => {
    const { Service, Pod, EndpointSlice, Node } = world.objects
    return unlessAllQuiet(Service, [Pod, EndpointSlice, Node], () => ofAll(world))
  },
}

function ofAll(world: World): readonly Change[] {
  const slices = mineByService(world.objects.EndpointSlice)
  return world.objects.Service.flatMap((service) => {
    const { selector, type } = service.spec
    if (selector === undefined || Object.keys(selector).length === 0 || type === 'ExternalName') return []
    const pods = podsWith(world.objects.Pod, service.metadata.namespace, selector)
    const there = slices.get(`${service.metadata.namespace}/${service.metadata.name}`) ?? []
    return unlessQuiet(service, [world.objects.Node, ...pods, ...there], () => reconciled(world, { service, pods, there }))
  })
}

/** Slices that people wrote by hand are theirs. */
const mineByService = remembered((slices: readonly EndpointSlice[]) =>
  Map.groupBy(
    slices.filter(({ metadata }) => metadata.labels[MANAGED_BY] === ME),
    ({ metadata }) => `${metadata.namespace}/${metadata.labels[SERVICE_NAME]}`,
  ),
)

type Behind = { readonly service: ServiceObject; readonly pods: readonly PodObject[]; readonly there: readonly EndpointSlice[] }

function reconciled(world: World, { service, pods, there }: Behind): readonly Change[] {
  const families = familiesOf(service)
  const wanted = families.flatMap((family) => {
    const groups = groupsOf(world, { service, pods, family })
    const old = there.filter(({ addressType }) => addressType === `IPv${family}`)
    return placed(groups, old).map((slice) => ({ ...slice, addressType: `IPv${family}` as const }))
  })
  const kept = new Set(wanted.map(({ old }) => old))
  const names = new Set(there.map(({ metadata }) => metadata.name))
  return [
    ...there.filter((slice) => !kept.has(slice)).map((slice) => deleted(slice)),
    ...wanted.flatMap(({ old, ...content }): readonly Change[] => {
      if (old === undefined) return [{ verb: 'create', object: newSlice(service, { ...content, name: freeName(service, names) }) }]
      const labels = labelsOf(service)
      if (sameJson(old.endpoints, content.endpoints) && sameJson(old.ports, content.ports) && sameJson(old.metadata.labels, labels)) return []
      const change = updated(old, { metadata: { labels } })
      return change.verb === 'update' ? [{ ...change, object: { ...change.object, ...content } as EndpointSlice }] : []
    }),
  ]
}

function familiesOf({ spec }: ServiceObject): readonly Family[] {
  const said = (spec.ipFamilies ?? []).map((name): Family => (name === 'IPv6' ? 6 : 4))
  const clusterIP = parseIp(spec.clusterIP ?? '')
  return said.length > 0 ? said : [clusterIP === undefined ? 4 : familyOf(clusterIP)]
}

type Endpoint = EndpointSlice['endpoints'][number]
type Ports = EndpointSlice['ports']
/** Endpoints that listen on the same port numbers. */
type Group = { readonly ports: Ports; readonly endpoints: readonly Endpoint[] }
type Content = { readonly old: EndpointSlice | undefined; readonly ports: Ports; readonly endpoints: Endpoint[] }

function groupsOf(world: World, { service, pods, family }: Omit<Behind, 'there'> & { readonly family: Family }): readonly Group[] {
  const groups = new Map<string, { ports: Ports; endpoints: Endpoint[] }>()
  for (const pod of pods) {
    const address = addressOf(pod, family)
    if (address === undefined || isFinished(pod)) continue
    const ports = portsOf(service, pod)
    const key = canonical(ports)
    const group = groups.get(key) ?? { ports, endpoints: [] }
    group.endpoints.push(endpointOf(world, { service, pod, address }))
    groups.set(key, group)
  }
  return [...groups.values()]
}

function addressOf({ status }: PodObject, family: Family): string | undefined {
  const all = status.podIPs.length > 0 ? status.podIPs.map(({ ip }) => ip) : [status.podIP ?? '']
  return all.find((text) => text !== '' && (text.includes(':') ? 6 : 4) === family)
}

/** A named target port is looked up in the Pod; a Pod that does not have it is an endpoint without that port. */
export const portsOf = (service: ServiceObject, pod: PodObject): Ports =>
  service.spec.ports.flatMap(({ name = '', protocol, port, targetPort = port, appProtocol }) => {
    const number = typeof targetPort === 'number' ? targetPort : portNamed(pod, { name: targetPort, protocol })
    return number === undefined ? [] : [{ name, protocol, port: number, ...(appProtocol === undefined ? {} : { appProtocol }) }]
  })

const portNamed = ({ spec }: PodObject, { name, protocol }: { readonly name: string; readonly protocol: string }): number | undefined =>
  spec.containers.flatMap(({ ports }) => ports).find((one) => one.name === name && one.protocol === protocol)?.containerPort

export function endpointOf(
  world: World,
  { service, pod, address }: { readonly service: ServiceObject; readonly pod: PodObject; readonly address: string },
): Endpoint {
  const { nodeName, hostname, subdomain } = pod.spec
  const { name, namespace, uid } = pod.metadata
  const serving = isReady(pod)
  const terminating = isTerminating(pod)
  const ready = service.spec.publishNotReadyAddresses || (serving && !terminating)
  const zone = nodeName === undefined ? undefined : named(world.objects.Node, undefined, nodeName)?.metadata.labels[ZONE]
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname && subdomain === service.metadata.name ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
    ...hintsOf(service, { ready, zone, nodeName }),
    targetRef: { kind: 'Pod', name, uid, ...(namespace === undefined ? {} : { namespace }) },
  }
}

/** Where traffic that prefers to stay near should go: to ready endpoints from their own zone, or with PreferSameNode from their own node. */
function hintsOf(
  { spec: { trafficDistribution } }: ServiceObject,
  { ready, zone, nodeName }: { readonly ready: boolean; readonly zone: string | undefined; readonly nodeName: string | undefined },
): Pick<Endpoint, 'hints'> {
  if (trafficDistribution === undefined || !ready) return {}
  const forZones = zone === undefined ? {} : { forZones: [{ name: zone }] }
  const forNodes = trafficDistribution === 'PreferSameNode' && nodeName !== undefined ? { forNodes: [{ name: nodeName }] } : {}
  const hints = { ...forZones, ...forNodes }
  return Object.keys(hints).length === 0 ? {} : { hints }
}

/**
 * Puts endpoints into slices: each stays in the slice it is in, new ones fill the rooms left, the rest opens new slices. The last slice
 * stays when all endpoints go, so that the Service is seen to have none.
 */
function placed(groups: readonly Group[], old: readonly EndpointSlice[]): readonly Content[] {
  if (groups.length === 0) return [{ old: old[0], ports: [], endpoints: [] }]
  const unused = new Set(old)
  const filled = groups.flatMap(({ ports, endpoints }) => {
    const mine = old.filter((slice) => unused.has(slice) && sameJson(slice.ports, ports))
    for (const slice of mine) unused.delete(slice)
    return filledOf(mine, { ports, endpoints })
  })
  const spare = [...unused]
  return filled.map((slice) => (slice.old === undefined ? { ...slice, old: spare.shift() } : slice))
}

function filledOf(mine: readonly EndpointSlice[], { ports, endpoints }: Group): readonly Content[] {
  const left = new Map(endpoints.map((endpoint) => [placeOf(endpoint), endpoint]))
  const contents: Content[] = mine.map((old) => {
    const stay = old.endpoints.flatMap((endpoint) => left.get(placeOf(endpoint)) ?? [])
    for (const endpoint of stay) left.delete(placeOf(endpoint))
    return { old, ports, endpoints: stay }
  })
  const waiting = [...left.values()]
  for (const { endpoints: room } of [...contents].sort(fillOrder)) room.push(...waiting.splice(0, ENDPOINTS_MAX - room.length))
  while (waiting.length > 0) contents.push({ old: undefined, ports, endpoints: waiting.splice(0, ENDPOINTS_MAX) })
  return contents.filter(({ endpoints: room }) => room.length > 0)
}

/** A slice that must be written anyway first, then the fullest. */
function fillOrder(a: Content, b: Content): number {
  const written = ({ old, endpoints }: Content) => Number(old !== undefined && !sameJson(old.endpoints, endpoints))
  return written(b) - written(a) || b.endpoints.length - a.endpoints.length
}

/** An endpoint is the same one while its Pod has the same address. */
const placeOf = ({ addresses, targetRef }: Endpoint): string => `${addresses[0]} ${targetRef?.uid}`

function labelsOf({ metadata, spec }: ServiceObject): Metadata['labels'] {
  const { [HEADLESS]: _, ...inherited } = metadata.labels
  return { ...inherited, [SERVICE_NAME]: metadata.name, [MANAGED_BY]: ME, ...(spec.clusterIP === 'None' ? { [HEADLESS]: '' } : {}) }
}

function freeName({ metadata: { namespace, name } }: ServiceObject, taken: Set<string>): string {
  for (let at = 0; ; at += 1) {
    const made = `${name}-${suffix(`${namespace}/${name}/slice/${at}`)}`
    if (taken.has(made)) continue
    taken.add(made)
    return made
  }
}

function newSlice(
  service: ServiceObject,
  { name, ...content }: Omit<Content, 'old'> & { readonly addressType: 'IPv4' | 'IPv6'; readonly name: string },
): EndpointSlice {
  const { namespace } = service.metadata
  const metadata = newMetadata({
    name,
    generateName: `${service.metadata.name}-`,
    labels: labelsOf(service),
    ownerReferences: [ownedReference(service)],
    ...(namespace === undefined ? {} : { namespace }),
  })
  return { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata, ...content }
}
