/** Routers of the underlay: which segments they join, and with whom they speak. */
import { hint } from '#api/nearest.ts'
import type { Path } from '#api/validate.ts'
import { contains, type Ip } from '#net/net.ts'
import type { LabRouter, Segment, Underlay } from './lab.ts'
import { type Machine, nameOf } from './machines.ts'
import { addressOf, type Judging } from './ranges.ts'
import type { LabFile } from './schema.ts'

/** A router as far as it can be understood, and the fields that say it. */
export type Judged = { readonly path: Path; readonly router: LabRouter; readonly ports: readonly Machine[] }

export function* routersOf(given: LabFile['spec']['underlay']['routers']): Judging<readonly Judged[]> {
  const read: Judged[] = []
  for (const [i, { asn, addresses, peers, ...item }] of given.entries()) {
    const path = ['spec', 'underlay', 'routers', i]
    const name = (yield* nameOf(item.name, path)) ?? ''
    if (asn === undefined) yield { path: [...path, 'asn'], says: 'required: the number of its autonomous system, such as 65001' }
    if (addresses.length === 0) yield { path: [...path, 'addresses'], says: 'required: its address on each segment that it joins' }
    const ports: Machine[] = []
    for (const [at, text] of addresses.entries()) {
      const port = [...path, 'addresses', at]
      const ip = yield* addressOf(text, port)
      if (ip !== undefined) ports.push({ path, port, name, labels: {}, ip })
    }
    read.push({ path, ports, router: { name, asn: asn ?? 0, addresses: ports.flatMap(({ ip }) => ip ?? []), peers } })
  }
  return read
}

export const portsOf = (routers: readonly Judged[]): readonly Machine[] => routers.flatMap(({ ports }) => ports)

/** One wire per segment, and a wire to everybody a router speaks with. */
export function* atHome(judged: readonly Judged[], segments: readonly Segment[]): Judging<void> {
  const routers = judged.map(({ router }) => router)
  const on = (ip: Ip | undefined): Segment | undefined => segments.find(({ cidr }) => ip !== undefined && contains(cidr, ip))
  for (const { path, router, ports } of judged) {
    const wires = ports.map(({ ip }) => on(ip))
    for (const [at, { port = path }] of ports.entries()) {
      const segment = wires[at]
      if (segment !== undefined && wires.indexOf(segment) < at) yield { path: port, says: `${router.name} has an address on segment "${segment.name}" already` }
    }
    for (const [at, peer] of router.peers.entries()) {
      const field = [...path, 'peers', at]
      const found = yield* routerNamed(peer, routers, field)
      if (found === undefined) continue
      if (found === router) yield { path: field, says: `${router.name} does not speak with itself` }
      else if (!found.addresses.some((ip) => wires.includes(on(ip))))
        yield { path: field, says: `${router.name} and ${peer} have no segment in common: a session needs a wire between them` }
    }
  }
}

export function* routerNamed(name: string, routers: readonly LabRouter[], path: Path): Judging<LabRouter | undefined> {
  const names = routers.map((router) => router.name)
  const found = routers.find((router) => router.name === name)
  if (found === undefined) yield { path, says: `no router named "${name}"${hint(name, names) || '; the lab has none under spec.underlay.routers'}` }
  return found
}

/** The control plane and what is outside are behind the lab's own router. */
export function* hasWayOut({ segments, routers }: Underlay): Judging<void> {
  const addresses = routers.flatMap((router) => router.addresses)
  const outside = segments.filter(({ gateway }) => !addresses.includes(gateway))
  if (routers.length === 0 || outside.some(({ cidr }) => addresses.some((ip) => contains(cidr, ip)))) return
  const says =
    outside.length === 0
      ? 'every segment has one of these as its gateway; leave one to the lab’s own router, which leads to the API and the world outside'
      : `none of these is on ${outside.map(({ name }) => `"${name}"`).join(' or ')}, where the lab’s own router leads to the API and the world outside`
  yield { path: ['spec', 'underlay', 'routers'], says }
}

/** Every node has a router on its own segment to speak with, and all of these are in one autonomous system. */
export function* inARack(peers: readonly string[], nodes: readonly Machine[], { segments, routers }: Underlay): Judging<void> {
  const known = routers.filter(({ name }) => peers.includes(name))
  const areKnown = peers.every((peer) => known.some(({ name }) => name === peer))
  for (const { name, ip, path } of nodes) {
    const segment = segments.find(({ cidr }) => ip !== undefined && contains(cidr, ip))
    if (segment === undefined) continue
    const own = known.filter(({ addresses }) => addresses.some((address) => contains(segment.cidr, address)))
    const [first] = own
    if (first === undefined && areKnown)
      yield { path: [...path, 'ip'], says: `none of ${peers.join(', ')} is on segment "${segment.name}": nobody there tells ${name} where Pods are` }
    const other = own.find(({ asn }) => asn !== first?.asn)
    if (other !== undefined)
      yield {
        path: [...path, 'ip'],
        says: `${name} is in one autonomous system, but ${first?.name} is in ${first?.asn} and ${other.name} in ${other.asn}, both on segment "${segment.name}"`,
      }
  }
}
