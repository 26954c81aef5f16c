/**
 * Endpoints, the older form of a Service's endpoints, in both directions. A Service with a selector gets an Endpoints object written from its
 * Pods. Endpoints that people wrote for a Service without one are mirrored into EndpointSlices, which are what proxies and DNS read.
 * What one direction writes carries a label by which the other leaves it alone.
 */
import type { EndpointSlice, Endpoints, Metadata, PodObject, ServiceObject } from '#api/kinds.ts'
import { familyOf, parseIp } from '#net/net.ts'
import { deleted, newMetadata, ownedReference, quiet, updated } from './change.ts'
import type { Change, Controller, Objects, World } from './controller.ts'
import { endpointOf, HEADLESS, MANAGED_BY, portsOf, SERVICE_NAME } from './endpointslice.ts'
import { canonical, suffix } from './hash.ts'
import { named, podsWith } from './lookup.ts'
import { isFinished, sameJson } from './objects.ts'

const MANAGED_LABEL = 'endpoints.kubernetes.io/managed-by'
const WRITER = 'endpoint-controller'
const MIRROR = 'endpointslicemirroring-controller.k8s.io'
const SKIP_MIRROR = 'endpointslice.kubernetes.io/skip-mirror'
const LEADER = 'control-plane.alpha.kubernetes.io/leader'
const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time'
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity'
const ADDRESSES_MAX = 1000

type Subset = Endpoints['subsets'][number]
type Address = NonNullable<Subset['addresses']>[number]

const selects = ({ spec }: ServiceObject): boolean => spec.selector !== undefined && Object.keys(spec.selector).length > 0 && spec.type !== 'ExternalName'

// --- Pods → Endpoints ---------------------------------------------------------------------------------------------------------------

export const endpoints: Controller = {
  name: 'endpoints',
  changes: (world) => {
    const { Service, Pod, Endpoints: all } = world.objects
    return unlessAllQuiet(Service, [Pod, all, world.objects.EndpointSlice], () => [
      ...Service.filter(selects).flatMap((service) => {
        const { namespace, name } = service.metadata
        const pods = podsWith(Pod, namespace, service.spec.selector ?? {})
        const there = named(all, namespace, name)
        return unlessQuiet(service, there === undefined ? pods : [there, ...pods], () => written(world, { service, pods, there }))
      }),
      ...all.filter((one) => !isWanted(world, one) && (isOurs(one) || hasMirror(world, one))).map((one) => deleted(one)),
    ])
  },
}

const unlessQuiet = quiet<ServiceObject>()
const unlessAllQuiet = quiet<readonly ServiceObject[]>()
type Behind = { readonly service: ServiceObject; readonly pods: readonly PodObject[]; readonly there: Endpoints | undefined }

const isOurs = ({ metadata }: Endpoints): boolean => metadata.labels[MANAGED_LABEL] === WRITER

/** Endpoints that people wrote go with their Service, as all others do; but written before it they wait for it. That it was there is seen by their mirror. */
const hasMirror = ({ objects }: World, { metadata }: Endpoints): boolean =>
  objects.EndpointSlice.some(
    ({ metadata: { labels, namespace } }) => labels[MANAGED_BY] === MIRROR && labels[SERVICE_NAME] === metadata.name && namespace === metadata.namespace,
  )

/** Who loses its selector keeps its Endpoints: from then on they are for people to write. */
const isWanted = ({ objects }: World, { metadata }: Endpoints): boolean => named(objects.Service, metadata.namespace, metadata.name) !== undefined

function written(world: World, { service, pods, there }: Behind): readonly Change[] {
  const { namespace, name, labels } = service.metadata
  const all = subsetsOf(world, service, pods)
  const { subsets, cut } = truncated(all)
  const own = { ...labels, ...(service.spec.clusterIP === 'None' ? { [HEADLESS]: '' } : {}), [MANAGED_LABEL]: WRITER }
  const { [OVER_CAPACITY]: _, ...kept } = there?.metadata.annotations ?? {}
  const annotations: Metadata['annotations'] = { ...kept, ...(cut ? { [OVER_CAPACITY]: 'truncated' } : {}) }
  if (there === undefined) {
    const metadata = newMetadata({ name, labels: own, annotations, ...(namespace === undefined ? {} : { namespace }) })
    return [{ verb: 'create', object: { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets: [...subsets] } }]
  }
  if (sameJson(there.subsets, subsets) && sameJson(there.metadata.labels, own) && sameJson(there.metadata.annotations, annotations)) return []
  const change = updated(there, { metadata: { labels: own, annotations } })
  return change.verb === 'update' ? [{ ...change, object: { ...change.object, subsets } as Endpoints }] : []
}

/** Pods that have the same ports stand in one subset; those that are ending are left out, unless the Service publishes what is not ready. */
function subsetsOf(world: World, service: ServiceObject, pods: readonly PodObject[]): readonly Subset[] {
  const { publishNotReadyAddresses, ports } = service.spec
  const family = service.spec.ipFamilies?.[0] === 'IPv6' ? 6 : 4
  const groups = new Map<string, { ports: Subset['ports']; ready: Address[]; other: Address[] }>()
  for (const pod of pods) {
    const ip = [...pod.status.podIPs.map((one) => one.ip), pod.status.podIP ?? ''].find((text) => text !== '' && (text.includes(':') ? 6 : 4) === family)
    if (ip === undefined || isFinished(pod) || (pod.metadata.deletionTimestamp !== undefined && !publishNotReadyAddresses)) continue
    const own = portsOf(service, pod).map(({ name, port, protocol, appProtocol }) => ({
      ...(name === '' ? {} : { name }),
      port: port ?? 0,
      protocol,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    }))
    if (own.length === 0 && ports.length > 0) continue
    const { conditions, hostname, nodeName, targetRef } = endpointOf(world, { service, pod, address: ip })
    const address: Address = {
      ip,
      ...(hostname === undefined ? {} : { hostname }),
      ...(nodeName === undefined ? {} : { nodeName }),
      ...(targetRef === undefined ? {} : { targetRef }),
    }
    const key = canonical(own)
    const group = groups.get(key) ?? { ports: own, ready: [], other: [] }
    ;(conditions.ready ? group.ready : group.other).push(address)
    groups.set(key, group)
  }
  const byIp = (a: Address, b: Address) => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : 0)
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { ports: own = [], ready, other }]) => ({
      ...(ready.length > 0 ? { addresses: ready.sort(byIp) } : {}),
      ...(other.length > 0 ? { notReadyAddresses: other.sort(byIp) } : {}),
      ...(own.length > 0 ? { ports: own } : {}),
    }))
}

/** An Endpoints object holds a thousand addresses at most; slices have no such end. */
function truncated(all: readonly Subset[]): { readonly subsets: readonly Subset[]; readonly cut: boolean } {
  const total = all.reduce((sum, { addresses = [], notReadyAddresses = [] }) => sum + addresses.length + notReadyAddresses.length, 0)
  if (total <= ADDRESSES_MAX) return { subsets: all, cut: false }
  let room = ADDRESSES_MAX
  const take = (list: readonly Address[] | undefined): Address[] => {
    const taken = (list ?? []).slice(0, room)
    room -= taken.length
    return taken
  }
  const ready = all.map(({ addresses }) => take(addresses))
  const subsets = all.map(({ ports, notReadyAddresses }, at): Subset => {
    const other = take(notReadyAddresses)
    const addresses = ready[at] ?? []
    return { ...(addresses.length > 0 ? { addresses } : {}), ...(other.length > 0 ? { notReadyAddresses: other } : {}), ...(ports ? { ports } : {}) }
  })
  return { subsets: subsets.filter(({ addresses, notReadyAddresses }) => addresses ?? notReadyAddresses), cut: true }
}

// --- Endpoints → EndpointSlices -----------------------------------------------------------------------------------------------------

export const mirroring: Controller = {
  name: 'endpointslicemirroring',
  changes: ({ objects }) => unlessMirrorQuiet(objects.EndpointSlice, [objects.Endpoints, objects.Service], () => mirrors(objects)),
}

const unlessMirrorQuiet = quiet<readonly EndpointSlice[]>()

function mirrors(objects: Objects): readonly Change[] {
  const mine = Map.groupBy(
    objects.EndpointSlice.filter(({ metadata }) => metadata.labels[MANAGED_BY] === MIRROR),
    ({ metadata }) => `${metadata.namespace}/${metadata.labels[SERVICE_NAME]}`,
  )
  const mirrored = objects.Endpoints.filter((one) => {
    const service = named(objects.Service, one.metadata.namespace, one.metadata.name)
    return service !== undefined && !selects(service) && service.spec.type !== 'ExternalName' && isMirrored(one)
  })
  const keys = new Set(mirrored.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`))
  return [
    ...[...mine].filter(([key]) => !keys.has(key)).flatMap(([, slices]) => slices.map((slice) => deleted(slice))),
    ...mirrored.flatMap((one) => mirror(one, mine.get(`${one.metadata.namespace}/${one.metadata.name}`) ?? [])),
  ]
}

const isMirrored = (one: Endpoints): boolean => one.metadata.labels[SKIP_MIRROR] !== 'true' && one.metadata.annotations[LEADER] === undefined

type SliceContent = Pick<EndpointSlice, 'addressType' | 'ports' | 'endpoints'>

/** One slice for each set of ports and each family. */
function contentsOf({ subsets }: Endpoints): readonly SliceContent[] {
  const groups = new Map<string, SliceContent>()
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of subsets) {
    const own = ports.map(({ name = '', port, protocol, appProtocol }) => ({ name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }))
    for (const [list, ready] of [[addresses, true] as const, [notReadyAddresses, false] as const])
      for (const { ip, hostname, nodeName, targetRef } of list) {
        const parsed = parseIp(ip)
        if (parsed === undefined) continue
        const addressType = `IPv${familyOf(parsed)}` as const
        const key = `${addressType} ${canonical(own)}`
        const group = groups.get(key) ?? { addressType, ports: own, endpoints: [] }
        group.endpoints.push({
          addresses: [ip],
          conditions: { ready },
          ...(hostname === undefined ? {} : { hostname }),
          ...(nodeName === undefined ? {} : { nodeName }),
          ...(targetRef === undefined ? {} : { targetRef }),
        })
        groups.set(key, group)
      }
  }
  return [...groups.values()]
}

function mirror(of: Endpoints, there: readonly EndpointSlice[]): readonly Change[] {
  const { namespace, name } = of.metadata
  const { [TRIGGER_TIME]: _, [LAST_APPLIED]: __, ...annotations } = of.metadata.annotations
  const labels = { ...of.metadata.labels, [SERVICE_NAME]: name, [MANAGED_BY]: MIRROR }
  const left = new Set(there)
  const taken = new Set(there.map(({ metadata }) => metadata.name))
  const writes = contentsOf(of).flatMap((content): readonly Change[] => {
    const fits = [...left].filter(({ addressType }) => addressType === content.addressType)
    const old = fits.find(({ ports }) => sameJson(ports, content.ports)) ?? fits[0]
    if (old !== undefined) {
      left.delete(old)
      const same = sameJson(old.endpoints, content.endpoints) && sameJson(old.ports, content.ports)
      if (same && sameJson(old.metadata.labels, labels) && sameJson(old.metadata.annotations, annotations)) return []
      const change = updated(old, { metadata: { labels, annotations } })
      return change.verb === 'update' ? [{ ...change, object: { ...change.object, ...content } as EndpointSlice }] : []
    }
    const metadata = newMetadata({
      name: freeName(of, taken),
      generateName: `${name}-`,
      labels,
      annotations,
      ownerReferences: [ownedReference(of)],
      ...(namespace === undefined ? {} : { namespace }),
    })
    return [{ verb: 'create', object: { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata, ...content } }]
  })
  return [...writes, ...[...left].map((slice) => deleted(slice))]
}

function freeName({ metadata: { namespace, name } }: Endpoints, taken: Set<string>): string {
  for (let at = 0; ; at += 1) {
    const made = `${name}-${suffix(`${namespace}/${name}/mirror/${at}`)}`
    if (taken.has(made)) continue
    taken.add(made)
    return made
  }
}
