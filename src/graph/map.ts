/**
 * What a map of a lab shows, before anything has a place: boxes with their words, and which of them are joined.
 *
 * Segments and what joins them stand in tiers, from the nodes upwards: the segments that nodes are on, the routers on those, the segments beyond, the routers
 * on those. A wire always leads from one tier to the next.
 */
import type { Topology, TopologyMachine, TopologyPod, TopologySegment } from '#model/topology.ts'

export type Tone = 'good' | 'bad' | 'plain'
/** A Pod. Without a cable nobody has connected it, or it uses the node's own network. */
export type Chip = {
  readonly title: string
  readonly name: string
  readonly detail: string
  readonly cable: boolean
  readonly tone: Tone
  readonly sign: string
}
export type Card = {
  readonly kind: 'node' | 'router' | 'ext'
  readonly name: string
  /** At its upper right. */
  readonly corner: string
  readonly tone: Tone
  readonly lines: readonly string[]
  readonly chips: readonly Chip[]
}
/** `tier` counts from the nodes upwards; `on` are machines that hang on it, `joins` the routers that do more than that, by name. */
export type Segment = {
  readonly name: string
  readonly says: string
  readonly tier: number
  readonly on: readonly Card[]
  readonly joins: readonly string[]
}
/** A router stands between the segments of its tier and those of the next. */
export type Router = { readonly card: Card; readonly tier: number; readonly segments: readonly string[] }
export type LabMap = { readonly segments: readonly Segment[]; readonly routers: readonly Router[] }

/** The lab's own router has no name of its own; no machine's name has a space. */
export const OWN_ROUTER = 'the router'

export function mapOf(topology: Topology): LabMap {
  const own = topology.segments.filter(({ router }) => router === undefined)
  const routers = [
    ...(own.length === 0 ? [] : [{ card: ownCard(own, topology.api), segments: own.map(({ name }) => name) }]),
    ...topology.machines
      .filter(({ kind }) => kind === 'router')
      .map((machine) => ({ card: cardOf(machine, topology), segments: machine.wires.map(({ segment }) => segment) })),
  ]
  const hanging = topology.machines.filter(({ kind }) => kind !== 'router')
  const tiers = tiersOf(topology.segments, routers, new Set(hanging.filter(({ kind }) => kind === 'node').map(({ segment }) => segment)))
  return {
    segments: topology.segments.map(
      (segment): Segment => ({
        name: segment.name,
        says: segment.mtu === USUAL_MTU ? segment.cidr : `${segment.cidr} MTU ${segment.mtu}`,
        tier: tiers.get(segment.name) ?? 0,
        on: hanging.filter((machine) => machine.segment === segment.name).map((machine) => cardOf(machine, topology)),
        joins: routers.filter(({ segments }) => segments.includes(segment.name)).map(({ card }) => card.name),
      }),
    ),
    routers: routers.map((router) => ({ ...router, tier: Math.min(...router.segments.map((name) => tiers.get(name) ?? 0)) })),
  }
}

/** Every wire there is; `above`: the machine stands above the segment. */
export const jointsOf = ({ segments, routers }: LabMap): readonly { readonly segment: string; readonly machine: string; readonly above: boolean }[] =>
  segments.flatMap(({ name: segment, on, tier, joins }) => [
    ...on.map((card) => ({ segment, machine: card.name, above: tier > 0 })),
    ...joins.map((machine) => ({ segment, machine, above: routers.some((router) => router.card.name === machine && router.tier >= tier) })),
  ])

const USUAL_MTU = 1500

/** How many routers lie between a segment and the nearest nodes; what no node reaches begins anew from below. */
function tiersOf(
  segments: readonly TopologySegment[],
  routers: readonly { readonly segments: readonly string[] }[],
  withNodes: ReadonlySet<string>,
): ReadonlyMap<string, number> {
  const tiers = new Map<string, number>([...withNodes].map((name) => [name, 0]))
  let [edge, tier] = [[...withNodes], 0]
  for (;;) {
    if (edge.length === 0) {
      const alone = segments.find(({ name }) => !tiers.has(name))
      if (alone === undefined) return tiers
      tiers.set(alone.name, 0)
      ;[edge, tier] = [[alone.name], 0]
    }
    tier += 1
    const beyond = routers.filter((router) => router.segments.some((name) => edge.includes(name))).flatMap((router) => router.segments)
    edge = [...new Set(beyond)].filter((name) => !tiers.has(name))
    for (const name of edge) tiers.set(name, tier)
  }
}

const ownCard = (segments: readonly TopologySegment[], api: string): Card => ({
  ...{ kind: 'router', name: OWN_ROUTER, corner: '', tone: 'plain', chips: [] },
  lines: [...segments.map(({ gateway }) => gateway), `API ${api}`],
})

function cardOf(machine: TopologyMachine, { pods, cni }: Topology): Card {
  const { kind, name, ip, wires, ranges = [], zone, asn, zones, ready } = machine
  const tone = ready === undefined ? 'plain' : ready ? 'good' : 'bad'
  const state = ready === undefined ? '' : ready ? '✓ ready' : '✗ not ready'
  switch (kind) {
    case 'node':
      return {
        ...{ kind, name, tone, corner: [zone, state].filter(Boolean).join(' ') },
        lines: [ip, ...ranges.map((range) => `Pods ${range}`)],
        chips: pods.filter(({ node }) => node === name).map((pod) => chipOf(pod, cni)),
      }
    case 'router':
      return { kind, name, tone, corner: asn === undefined ? '' : `AS ${asn}`, lines: wires.map((wire) => `${wire.dev} ${wire.ip}`), chips: [] }
    case 'ext':
      return { kind, name, tone, corner: '', lines: [ip, ...(zones === undefined ? [] : [zones.length === 0 ? 'DNS' : `DNS ${zones.join(' ')}`])], chips: [] }
    default:
      return kind satisfies never
  }
}

function chipOf({ namespace, name, ip, dev, sandbox, status, ready }: TopologyPod, cni: string): Chip {
  const where = sandbox === undefined ? "the node's network" : dev === undefined ? `cni ${cni}` : ''
  const [tone, sign] = status === undefined ? (['plain', ''] as const) : ready ? (['good', '✓'] as const) : (['bad', '✗'] as const)
  return {
    title: [`${namespace}/${name}`, ip, where, status].filter(Boolean).join(', '),
    name,
    detail: [ip, namespace === 'default' ? '' : namespace, where, status === undefined || ready ? '' : status].filter(Boolean).join(' · '),
    ...{ cable: dev !== undefined, tone, sign },
  }
}
