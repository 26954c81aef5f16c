/** Which machines there are, and how they are wired: what a driver is asked for. */
import type { Wiring } from '#driver/driver.ts'
import type { Lab } from '#lab/lab.ts'
import { segmentOf, WIRE } from '#model/addresses.ts'
import type { Cluster, Node } from '#model/cluster.ts'
import { routersOf } from '#model/routers.ts'
import type { Ip } from '#net/net.ts'

type Underlay = Pick<Cluster, 'lab' | 'segments' | 'routers'> & { readonly nodes: readonly Simple[]; readonly hosts: readonly Simple[] }
/** A machine with one wire. */
type Simple = Pick<Node, 'name' | 'ip' | 'segment'>

/** Every machine of the lab with its wires. The lab's own router, which has each segment's gateway address that no other router has, is the driver's. */
export function wiring({ lab, segments, nodes, routers, hosts }: Underlay): Wiring {
  const routed = new Set(routers.flatMap(({ wires }) => wires).flatMap(({ ip, segment }) => (ip === segment.gateway ? [segment.name] : [])))
  const border = routers.flatMap(({ uplink, wires }) => wires.filter(({ segment }) => segment.gateway === uplink))[0]?.ip
  const simple = ({ name, ip, segment }: Simple) => ({ name, wires: [{ dev: WIRE, ip, segment: segment.name }], gateway: segment.gateway })
  return {
    lab,
    segments: segments.map(({ gateway, ...segment }) => (routed.has(segment.name) ? segment : { ...segment, gateway })),
    machines: [
      ...nodes.map(simple),
      ...routers.map(({ name, wires }) => ({ name, wires: wires.map(({ dev, ip, segment }) => ({ dev, ip, segment: segment.name })) })),
      ...hosts.map(simple),
    ],
    routes: border === undefined ? [] : segments.filter(({ name }) => routed.has(name)).map((segment) => ({ to: segment.cidr, via: border })),
  }
}

/** Of a fresh lab, whose Nodes are all there. */
export function wiringOf(lab: Lab): Wiring {
  const simple = ({ name, ip }: { readonly name: string; readonly ip: Ip }): Simple => ({ name, ip, segment: segmentOf(lab, ip) })
  return wiring({ lab: lab.name, segments: lab.underlay.segments, nodes: lab.nodes.map(simple), routers: routersOf(lab), hosts: lab.hosts.map(simple) })
}
