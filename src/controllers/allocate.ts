/**
 * Addresses and ports for Services, given when a Service is written: a ClusterIP from the Service range, node ports from 30000 to 32767.
 * The lower part of either range is left to those who ask for a number by name; within the rest, the pick follows from the Service's name.
 */
import { foreignTo } from '#api/families.ts'
import type { KubeObject, ServiceObject } from '#api/kinds.ts'
import { invalid } from '#api/status.ts'
import type { Admit } from '#api/store.ts'
import type { FieldError } from '#api/validate.ts'
import type { Lab } from '#lab/lab.ts'
import { type Cidr, contains, familyOf, type Ip, ip, nthIp, parseIp, sizeOf } from '#net/net.ts'
import { fnv } from './hash.ts'
import { keyOf } from './objects.ts'

type Spec = ServiceObject['spec']
type Asked = {
  readonly lab: Lab
  readonly service: ServiceObject
  readonly old: ServiceObject | undefined
  /** The first other Service that is so: asked for each of ten thousand, a list of them all would be made ten thousand times. */
  readonly other: (is: (one: ServiceObject) => boolean) => ServiceObject | undefined
  /** All Services but this one. */
  readonly others: () => readonly ServiceObject[]
}
/** What one part of the allocation adds to the spec, or what is wrong with the demand. */
type Part = { readonly spec: Partial<Spec>; readonly mistakes: readonly FieldError[] }

export const admitService =
  (lab: Lab): Admit =>
  (_verb, candidate, old, objects) => {
    if (candidate.kind !== 'Service') return { ok: true, value: candidate }
    const { uid } = candidate.metadata
    const services = objects('Service')
    const isOther = (one: ServiceObject): boolean => one.metadata.uid !== uid
    return allocated({
      lab,
      service: candidate,
      old: old as ServiceObject | undefined,
      other: (is) => services.find((one) => is(one) && isOther(one)),
      others: () => services.filter(isOther),
    })
  }

function allocated(asked: Asked): ReturnType<Admit> {
  const { service } = asked
  const bare = withoutAllocations(service.spec)
  const parts = service.spec.type === 'ExternalName' ? [] : [address(asked), nodePorts(asked), healthPort(asked)]
  const mistakes = parts.flatMap((part) => part.mistakes)
  if (mistakes.length > 0) return invalid('Service', service.metadata.name, mistakes)
  const value: KubeObject = { ...service, spec: Object.assign({}, bare, ...parts.map((part) => part.spec)) as Spec }
  return { ok: true, value }
}

/** What a Service has from here on is what the parts say; a change of type gives back what the new type has not. */
function withoutAllocations({
  clusterIP: _ip,
  clusterIPs: _ips,
  ipFamilies: _families,
  ipFamilyPolicy: _policy,
  healthCheckNodePort: _health,
  ...spec
}: Spec): Spec {
  return { ...spec, ports: spec.ports.map(({ nodePort: _, ...port }) => port) }
}

const fine = (spec: Partial<Spec>): Part => ({ spec, mistakes: [] })
const wrong = (path: FieldError['path'], says: string): Part => ({ spec: {}, mistakes: [{ path, says }] })

// --- ClusterIP ---------------------------------------------------------------------------------------------------------------------

function address(asked: Asked): Part {
  const { lab, service, old, other, others } = asked
  const { clusterIP, clusterIPs = [], ipFamilyPolicy = 'SingleStack' } = service.spec
  const family = `IPv${familyOf(lab.serviceCIDR)}` as const
  const foreign = [...foreignTo(familyOf(lab.serviceCIDR), service.spec)]
  if (foreign.length > 0) return { spec: {}, mistakes: foreign }
  const filled = (text: string): Part => fine({ clusterIP: text, clusterIPs: [text], ipFamilies: [family], ipFamilyPolicy })
  const asks = clusterIP || clusterIPs[0] || ''
  if (asks === 'None') return filled('None')
  if (asks !== '' && asks === old?.spec.clusterIP) return filled(asks)
  const path = ['spec', 'clusterIPs']
  const wanted = parseIp(asks)
  if (wanted === undefined) {
    const free = freeAddress(lab.serviceCIDR, { seed: keyOf(service), others: others() })
    return free === undefined ? wrong(path, `failed to allocate a serviceIP: range ${lab.serviceCIDR} is full`) : filled(free)
  }
  if (!isUsable(lab.serviceCIDR, wanted))
    return wrong(path, `failed to allocate IP ${wanted}: the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${lab.serviceCIDR}`)
  const holder = other((one) => one.spec.clusterIP === wanted)
  return holder === undefined ? filled(wanted) : wrong(path, `failed to allocate IP ${wanted}: provided IP is already allocated, to ${keyOf(holder)}`)
}

/** Neither the range's own address nor its broadcast one. */
const isUsable = (range: Cidr, wanted: Ip): boolean =>
  contains(range, wanted) && wanted !== nthIp(range, 0) && (familyOf(range) === 6 || wanted !== nthIp(range, sizeOf(range) - 1n))

const LARGEST = 2n ** 31n

function freeAddress(range: Cidr, { seed, others }: { readonly seed: string; readonly others: readonly ServiceObject[] }): Ip | undefined {
  const size = sizeOf(range) - (familyOf(range) === 4 ? 2n : 1n)
  const count = Number(size < LARGEST ? size : LARGEST)
  const taken = new Set(others.map(({ spec }) => spec.clusterIP))
  const at = pick({ count, reserved: band(count, { min: 16, max: 256, step: 16 }), seed }, (index) => taken.has(nthIp(range, index + 1)))
  return at === undefined ? undefined : ip(nthIp(range, at + 1))
}

// --- node ports --------------------------------------------------------------------------------------------------------------------

const FIRST_PORT = 30_000
const LAST_PORT = 32_767
const PORT_COUNT = LAST_PORT - FIRST_PORT + 1
const PORT_BAND = { min: 16, max: 128, step: 32 }

const hasNodePorts = ({ type, allocateLoadBalancerNodePorts = true }: Spec): boolean =>
  type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts)

/** Ports of one number (DNS over TCP and UDP) share their node port. */
function nodePorts(asked: Asked): Part {
  const { service, old } = asked
  const { ports, type } = service.spec
  if (type !== 'NodePort' && type !== 'LoadBalancer') return fine({})
  const had = new Set(old?.spec.ports.map(({ nodePort }) => nodePort))
  const mistakes = ports.flatMap(({ nodePort }, at) =>
    nodePort === undefined || had.has(nodePort) ? [] : portMistakes(asked, ['spec', 'ports', at, 'nodePort'], nodePort),
  )
  const mine = new Set(ports.flatMap(({ nodePort }) => nodePort ?? []))
  const byNumber = new Map(ports.flatMap(({ port, nodePort }) => (nodePort === undefined ? [] : [[port, nodePort] as const])))
  const given = ports.map((port) => {
    const nodePort = port.nodePort ?? (hasNodePorts(service.spec) ? (byNumber.get(port.port) ?? freePort(asked, mine, port.port)) : undefined)
    if (nodePort === undefined) return port
    mine.add(nodePort)
    byNumber.set(port.port, nodePort)
    return { ...port, nodePort }
  })
  const full = hasNodePorts(service.spec) ? given.findIndex(({ nodePort }) => nodePort === undefined) : -1
  return {
    spec: { ports: given },
    mistakes: full < 0 ? mistakes : [...mistakes, { path: ['spec', 'ports', full, 'nodePort'], says: `failed to allocate a nodePort: range is full` }],
  }
}

function healthPort(asked: Asked): Part {
  const { service, old } = asked
  const { type, externalTrafficPolicy, healthCheckNodePort: wanted, ports } = service.spec
  if (type !== 'LoadBalancer' || externalTrafficPolicy !== 'Local') return fine({})
  if (wanted !== undefined && wanted === old?.spec.healthCheckNodePort) return fine({ healthCheckNodePort: wanted })
  const path = ['spec', 'healthCheckNodePort']
  const mine = new Set(ports.flatMap(({ nodePort }) => nodePort ?? []))
  if (wanted !== undefined && mine.has(wanted)) return wrong(path, `provided port ${wanted} is already allocated, to a port of this Service`)
  if (wanted !== undefined) return { spec: { healthCheckNodePort: wanted }, mistakes: portMistakes(asked, path, wanted) }
  const free = freePort(asked, mine, 0)
  return free === undefined ? wrong(path, 'failed to allocate a nodePort: range is full') : fine({ healthCheckNodePort: free })
}

function portMistakes({ other }: Asked, path: FieldError['path'], wanted: number): readonly FieldError[] {
  if (wanted < FIRST_PORT || wanted > LAST_PORT)
    return [{ path, says: `provided port ${wanted} is not in the valid range. The range of valid ports is ${FIRST_PORT}-${LAST_PORT}` }]
  const holder = other((one) => portsOf(one).includes(wanted))
  return holder === undefined ? [] : [{ path, says: `provided port ${wanted} is already allocated, to ${keyOf(holder)}` }]
}

const portsOf = ({ spec }: ServiceObject): readonly (number | undefined)[] => [...spec.ports.map(({ nodePort }) => nodePort), spec.healthCheckNodePort]

function freePort({ service, others }: Asked, mine: ReadonlySet<number>, port: number): number | undefined {
  const taken = new Set(others().flatMap(portsOf))
  const seed = `${keyOf(service)}:${port}`
  const at = pick({ count: PORT_COUNT, reserved: band(PORT_COUNT, PORT_BAND), seed }, (index) => taken.has(FIRST_PORT + index) || mine.has(FIRST_PORT + index))
  return at === undefined ? undefined : FIRST_PORT + at
}

// --- the pick ----------------------------------------------------------------------------------------------------------------------

/** How much of a range is left to demands by number: a `step`-th, within limits; nothing of a tiny range. */
const band = (count: number, { min, max, step }: { readonly min: number; readonly max: number; readonly step: number }): number =>
  count < min ? 0 : Math.min(max, Math.max(min, Math.floor(count / step)))

type Range = { readonly count: number; readonly reserved: number; readonly seed: string }

/** An index that is free: from where the seed points, onward and around; the reserved ones last. */
function pick({ count, reserved, seed }: Range, isTaken: (index: number) => boolean): number | undefined {
  const open = count - reserved
  const start = open > 0 ? fnv(seed) % open : 0
  for (let step = 0; step < open; step += 1) {
    const index = reserved + ((start + step) % open)
    if (!isTaken(index)) return index
  }
  for (let index = 0; index < reserved; index += 1) if (!isTaken(index)) return index
  return undefined
}
