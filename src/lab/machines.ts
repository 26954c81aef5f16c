/** The machines of a lab and the segments that join them. */
import { labels, named } from '#api/judge.ts'
import { dnsLabel, labelValue } from '#api/names.ts'
import type { Path } from '#api/validate.ts'
import { type Cidr, cidr, contains, type Ip, indexIn, network, nthIp, sizeOf, withPrefix } from '#net/net.ts'
import type { DnsServer, LabNode, Segment } from './lab.ts'
import { addressOf, type Judging, rangeOf, wrong } from './ranges.ts'
import type { LabFile } from './schema.ts'
import { zonesOf } from './zones.ts'

type Spec = LabFile['spec']
type NodeList = Exclude<Spec['nodes'], number | undefined>

/** A node or a host as far as it can be understood. */
export type Machine = {
  readonly path: Path
  readonly name: string
  readonly ip?: Ip
  readonly labels: LabNode['labels']
  readonly zone?: string
  readonly dns?: DnsServer
  /** Of a node, as written. */
  readonly blocks?: readonly string[]
  /** The field of the address, where that is not `ip`; only routers have another. */
  readonly port?: Path
}

/** Nodes without an address of their own are counted from here. */
export const FIRST_NODE = 10
const INSIDE = cidr('192.168.0.0/24')
const OUTSIDE = cidr('203.0.113.0/24')

/** A number of nodes, or a list; a node without an address gets the next one from .10 on. */
export function* nodesOf(given: Spec['nodes'], range: Cidr | undefined): Judging<readonly Machine[]> {
  if (given === undefined) yield { path: ['spec', 'nodes'], says: 'required: a number of nodes, or a list such as [{name: node-1, ip: 192.168.0.10}]' }
  const items: NodeList = typeof given === 'number' ? Array.from({ length: given }, (_, i) => ({ name: `node-${i + 1}`, labels: {} })) : (given ?? [])
  const read: Machine[] = []
  for (const [i, item] of items.entries()) {
    const path = ['spec', 'nodes', i]
    yield* labels(item.labels, [...path, 'labels'])
    if (item.zone !== undefined) yield* named(labelValue, item.zone, [...path, 'zone'])
    const ip = item.ip === undefined ? next(range ?? rangeAround(read[0]?.ip), i) : yield* addressOf(item.ip, [...path, 'ip'])
    const extra = { ...(item.zone === undefined ? {} : { zone: item.zone }), ...(item.blocks === undefined ? {} : { blocks: item.blocks }) }
    read.push({ path, name: (yield* nameOf(item.name, path)) ?? '', labels: item.labels, ...extra, ...(ip === undefined ? {} : { ip }) })
  }
  const first = read.findIndex(({ ip }, i) => ip === undefined && items[i]?.ip === undefined)
  if (first >= 0)
    yield {
      path: ['spec', 'nodes'],
      says: `the segment ${range} has addresses for ${first} nodes, which are counted from .${FIRST_NODE}; the lab has ${items.length}`,
    }
  return read
}

export function* hostsOf(given: Spec['hosts']): Judging<readonly Machine[]> {
  const read: Machine[] = []
  for (const [i, item] of given.entries()) {
    const path = ['spec', 'hosts', i]
    const ip = yield* addressOf(item.ip, [...path, 'ip'])
    const dns = item.dns === undefined ? {} : { dns: { zones: yield* zonesOf(item.dns.zones, [...path, 'dns', 'zones']) } }
    read.push({ path, name: (yield* nameOf(item.name, path)) ?? '', labels: {}, ...dns, ...(ip === undefined ? {} : { ip }) })
  }
  return read
}

/** A segment and the field that says it. */
export type Wire = { readonly segment: Segment; readonly label: string; readonly path: Path }

/** The segments as written; undefined when none are, so that the default ones are to be taken. */
export function* segmentsOf(given: Spec['underlay']['segments']): Judging<readonly Wire[] | undefined> {
  if (given === undefined) return undefined
  const read: Wire[] = []
  for (const [i, { mtu, carries, ...item }] of given.entries()) {
    const path = ['spec', 'underlay', 'segments', i]
    const name = yield* nameOf(item.name, path)
    if (name !== undefined && read.some((other) => other.segment.name === name)) yield { path: [...path, 'name'], says: `there is a segment "${name}" already` }
    const range = yield* rangeOf(item.cidr, [...path, 'cidr'])
    if (range === undefined) continue
    if (sizeOf(range) < SEGMENT_MIN) {
      yield { path: [...path, 'cidr'], says: `${range} has no room for a gateway and a machine` }
      continue
    }
    const gateway = item.gateway === undefined ? nthIp(range, 1) : yield* addressOf(item.gateway, [...path, 'gateway'])
    if (gateway !== undefined) yield* usable(gateway, range, [...path, 'gateway'])
    if (carries !== undefined && carries >= mtu)
      yield { path: [...path, 'carries'], says: `a segment whose mtu is ${mtu} carries that much anyway; expected less` }
    const segment = { name: name ?? '', cidr: range, gateway: gateway ?? nthIp(range, 1), mtu, ...(carries === undefined ? {} : { carries }) }
    read.push({ segment, label: `segment "${segment.name}"`, path: [...path, 'cidr'] })
  }
  return read
}

const SEGMENT_MIN = 4n

/** The /24 of the first node, and a range of the outside world when there is somebody in it. */
export function defaultSegments(nodes: readonly Machine[], hosts: readonly Machine[]): readonly Wire[] {
  const range = rangeAround(nodes.find((node) => node.ip !== undefined)?.ip)
  const inside: Wire = { segment: segmentOf('nodes', range), label: "the nodes' segment", path: ['spec', 'nodes'] }
  const outside: Wire = { segment: segmentOf('outside', OUTSIDE), label: "the hosts' segment", path: ['spec', 'hosts'] }
  return hosts.length > 0 ? [inside, outside] : [inside]
}

const segmentOf = (name: string, range: Cidr): Segment => ({ name, cidr: range, gateway: nthIp(range, 1), mtu: 1500 })

/** Nodes and hosts share one set of names: each is a machine. */
export function* oneName(machines: readonly Machine[]): Judging<void> {
  const seen = new Set<string>()
  for (const { name, path } of machines) {
    if (name !== '' && seen.has(name)) yield { path: [...path, 'name'], says: `there is a machine "${name}" already; every machine needs its own name` }
    seen.add(name)
  }
}

/** Every address lies in a segment, is a machine's own there, and is nobody else's. */
export function* placed(machines: readonly Machine[], segments: readonly Segment[]): Judging<void> {
  const owners = new Map<Ip, string>()
  const routers = new Set(machines.flatMap(({ ip, port }) => (port === undefined || ip === undefined ? [] : [ip])))
  for (const { name, ip, path, port } of machines) {
    if (ip === undefined) continue
    const at = port ?? [...path, 'ip']
    const segment = segments.find((one) => contains(one.cidr, ip))
    const owner = owners.get(ip)
    if (segment === undefined) yield* wrong(at, `${ip} lies in no segment; ${segmentsSay(segments)}`)
    else yield* usable(ip, segment.cidr, at)
    if (segment?.gateway === ip && !routers.has(ip)) yield { path: at, says: `${ip} is the gateway of segment "${segment.name}"; the lab's router has it` }
    if (owner !== undefined) yield { path: at, says: `${ip} is the address of "${owner}" already` }
    owners.set(ip, name)
  }
}

/** Plain routes lead to a neighbour on the wire; behind a router nobody knows where Pods are. */
const CROSSES = { 'host-gw': '{name: flannel-vxlan, directRouting: true}', 'calico-bgp': '{name: calico-vxlan, crossSubnet: true}' }

export function* onOneSegment(cni: 'host-gw' | 'calico-bgp', nodes: readonly Machine[], segments: readonly Segment[]): Judging<void> {
  const wires = nodes.map(({ ip }) => segments.find(({ cidr }) => ip !== undefined && contains(cidr, ip)))
  const [first] = wires
  if (first === undefined) return
  for (const [i, { name, ip, path }] of nodes.entries()) {
    const wire = wires[i]
    if (wire === undefined || wire === first) continue
    yield {
      path: [...path, 'ip'],
      says: `cni ${cni} needs all nodes on one segment, but ${name} (${ip}) is on "${wire.name}" and ${nodes[0]?.name} on "${first.name}"; ${CROSSES[cni]} crosses segments`,
    }
  }
}

function* usable(ip: Ip, range: Cidr, path: Path): Judging<void> {
  const index = indexIn(range, ip)
  if (!contains(range, ip)) yield { path, says: `${ip} lies outside its segment ${range}` }
  else if (index === 0n) yield { path, says: `${ip} is the network address of ${range}, which no machine can have` }
  else if (index === sizeOf(range) - 1n) yield { path, says: `${ip} is the broadcast address of ${range}, which no machine can have` }
}

export function* nameOf(text: string | undefined, path: Path): Judging<string | undefined> {
  if (text === undefined) return yield* wrong([...path, 'name'], 'required: a name of lower-case letters, digits and "-"')
  yield* named(dnsLabel, text, [...path, 'name'])
  return text
}

const segmentsSay = (segments: readonly Segment[]): string =>
  segments.length === 0
    ? 'the lab has none that can be read'
    : `the lab has ${segments.map((one) => `${one.name} ${one.cidr}`).join(', ')}; add one under spec.underlay.segments`

const rangeAround = (ip: Ip | undefined): Cidr => (ip === undefined ? INSIDE : network(withPrefix(ip, 24)))
const next = (range: Cidr, index: number): Ip | undefined => (BigInt(FIRST_NODE + index) < sizeOf(range) - 1n ? nthIp(range, FIRST_NODE + index) : undefined)
