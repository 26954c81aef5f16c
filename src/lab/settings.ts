/** What lab.yaml means: its words parsed and judged against one another. */
import { labels, named } from '#api/judge.ts'
import { dnsLabel } from '#api/names.ts'
import type { Path } from '#api/validate.ts'
import { type Cidr, cidr, type Ip, parseCidr } from '#net/net.ts'
import { blocksOf } from './blocks.ts'
import { cniOf, isCalico } from './cni.ts'
import type { Cni, KubeProxy, Lab, LabHost, LabNode, PolicyEngine } from './lab.ts'
import { defaultSegments, hostsOf, type Machine, nodesOf, oneName, onOneSegment, placed, segmentsOf } from './machines.ts'
import { poolsApart, poolsOf } from './pools.ts'
import { addressOf, apart, type Judging, type Range, rangeOf, roomForNodes, roomForServices, withoutHostBits } from './ranges.ts'
import { atHome, hasWayOut, inARack, portsOf, routersOf } from './routers.ts'
import { type LabFile, RESYNC } from './schema.ts'

/** What the file says as far as it can be understood; `settings` is there when it was understood whole. */
export type Judged = {
  readonly settings?: Omit<Lab, 'objects'>
  readonly nodes: readonly Pick<LabNode, 'name' | 'labels' | 'zone'>[]
  readonly serviceCIDR?: Cidr
}

type Spec = LabFile['spec']
type ProxyOptions = Exclude<Spec['proxy'], string>

/** IPVS takes the connections, ipset's rules the rest, and the addresses stand on a dummy device. */
const IPVS_NEEDS = ['ip_vs', 'dummy', 'ipset']
const NODE_PREFIX = 24

/** `written` tells whether the author wrote a field: of two that do not agree, a written one is to be pointed at. */
export function* judge({ metadata, spec }: LabFile, written: (path: Path) => boolean): Judging<Judged> {
  if (metadata.name === undefined) yield { path: ['metadata', 'name'], says: "required: the lab's name" }
  else yield* named(dnsLabel, metadata.name, ['metadata', 'name'])
  yield* labels(metadata.labels, ['metadata', 'labels'])
  const podCIDR = yield* rangeOf(spec.podCIDR, ['spec', 'podCIDR'])
  const serviceCIDR = yield* rangeOf(spec.serviceCIDR, ['spec', 'serviceCIDR'])
  const given = yield* segmentsOf(spec.underlay.segments)
  const nodes = yield* nodesOf(spec.nodes, given?.[0]?.segment.cidr)
  const hosts = yield* hostsOf(spec.hosts)
  const wires = given ?? defaultSegments(nodes, hosts)
  const segments = wires.map((wire) => wire.segment)
  const routers = yield* routersOf(spec.underlay.routers)
  const machines = [...nodes, ...hosts, ...portsOf(routers)]
  yield* oneName([...nodes, ...hosts, ...routers.map(({ path, router: { name } }) => ({ path, name, labels: {} }))])
  yield* placed(machines, segments)
  yield* atHome(routers, segments)
  const pools = yield* poolsOf(spec.loadBalancer.pools, { machines, segments })
  yield* apart([...clusterRanges(podCIDR, serviceCIDR), ...wires.map((wire) => ({ ...wire, range: wire.segment.cidr }))], written)
  yield* poolsApart(pools, clusterRanges(podCIDR, serviceCIDR))
  const underlay = { segments, routers: routers.map(({ router }) => router) }
  yield* hasWayOut(underlay)
  const cni = yield* cniOf(spec.cni, { nodes, routers: underlay.routers })
  if (isCalico(cni) && spec.nodeCIDRMaskSize !== undefined)
    yield { path: ['spec', 'nodeCIDRMaskSize'], says: `cni ${cni.name} gives nodes blocks of addresses; say how large they are with spec.cni.blockSize` }
  const blocks = podCIDR === undefined ? [] : yield* blocksOf(nodes, cni, podCIDR)
  const nodePrefix = isCalico(cni) ? cni.blockSize : (spec.nodeCIDRMaskSize ?? NODE_PREFIX)
  const prefixPath = ['spec', spec.nodeCIDRMaskSize === undefined || isCalico(cni) ? 'podCIDR' : 'nodeCIDRMaskSize']
  const setting = isCalico(cni) ? 'cni.blockSize' : 'nodeCIDRMaskSize'
  if (podCIDR !== undefined) yield* roomForNodes(podCIDR, { nodePrefix, nodes: nodes.length, setting, path: prefixPath })
  if (serviceCIDR !== undefined) yield* roomForServices(serviceCIDR)
  const nameservers = yield* nameserversOf(spec.nameservers)
  const proxy = yield* proxyOf(spec.proxy)
  const policy = yield* policyOf(spec.policy, cni, proxy)
  if (cni.name === 'calico-bgp' && cni.peers.length > 0) yield* inARack(cni.peers, nodes, underlay)
  else if (cni.name === 'host-gw' || cni.name === 'calico-bgp') yield* onOneSegment(cni.name, nodes, segments)
  const known = { nodes, ...(serviceCIDR === undefined ? {} : { serviceCIDR }) }
  if (metadata.name === undefined || podCIDR === undefined || serviceCIDR === undefined) return known
  const { dns, driver, kernel } = spec
  const needs = [
    ...new Set([...spec.needs, ...(proxy.mode === 'ipvs' ? IPVS_NEEDS : []), ...(cni.name === 'calico-bgp' || routers.length > 0 ? ['bird'] : [])]),
  ]
  const { name, labels: own } = { ...metadata, name: metadata.name }
  const places = { nodes: nodes.flatMap((node, at) => machine(node, blocks[at] ?? [])), hosts: hosts.flatMap(host), underlay }
  const names = { dns, nameservers, balancerPools: pools.map((pool) => pool.pool) }
  return { ...known, settings: { name, labels: own, ...places, podCIDR, nodePrefix, serviceCIDR, cni, proxy, policy, ...names, needs, driver, kernel } }
}

/** Calico's rules know Pods by their cables. IPVS hands packets from the node's INPUT to its OUTPUT, where these rules take them for the node's own. */
function* policyOf(given: Spec['policy'], cni: Cni, { mode }: KubeProxy): Judging<PolicyEngine> {
  const path = ['spec', 'policy']
  if (given?.startsWith('calico') && !isCalico(cni))
    yield { path, says: `calico enforces policies where it is the network, and cni is ${cni.name}: take kube-router` }
  else if (given?.startsWith('calico') && mode === 'ipvs') yield { path, says: 'calico does not see what IPVS forwards: with proxy ipvs take kube-router' }
  if (given !== undefined || !isCalico(cni)) return given ?? 'none'
  return mode === 'ipvs' ? 'kube-router' : mode === 'nftables' ? 'calico-nftables' : 'calico'
}

/** Resolver libraries read no more of resolv.conf. */
const NAMESERVERS_MAX = 3

function* nameserversOf(given: Spec['nameservers']): Judging<readonly Ip[]> {
  if (given.length > NAMESERVERS_MAX)
    yield { path: ['spec', 'nameservers', NAMESERVERS_MAX], says: `at most ${NAMESERVERS_MAX}: what stands behind them in resolv.conf is not read` }
  const read: Ip[] = []
  for (const [i, text] of given.entries()) {
    const address = yield* addressOf(text, ['spec', 'nameservers', i])
    if (address !== undefined) read.push(address)
  }
  return read
}

const host = ({ name, ip, dns }: Machine): readonly LabHost[] => (ip === undefined ? [] : [{ name, ip, ...(dns === undefined ? {} : { dns }) }])

const machine = ({ name, ip, labels: own, zone }: Machine, blocks: readonly Cidr[]): readonly LabNode[] =>
  ip === undefined ? [] : [{ name, ip, labels: own, ...(zone === undefined ? {} : { zone }), ...(blocks.length === 0 ? {} : { blocks }) }]

const clusterRanges = (podCIDR: Cidr | undefined, serviceCIDR: Cidr | undefined): readonly Range[] =>
  [
    { label: 'podCIDR', path: ['spec', 'podCIDR'], range: podCIDR },
    { label: 'serviceCIDR', path: ['spec', 'serviceCIDR'], range: serviceCIDR },
  ].flatMap(({ range, ...rest }) => (range === undefined ? [] : [{ ...rest, range }]))

function* proxyOf(given: Spec['proxy']): Judging<KubeProxy> {
  const { mode, ...options }: ProxyOptions = typeof given === 'string' ? { mode: given } : given
  const { masqueradeAll = false, scheduler, strictARP, localhostNodePorts } = options
  const flags = { masqueradeAll, ...(yield* addressesOf(options.nodePortAddresses)), ...(yield* resyncOf(options.resync)) }
  if (mode !== 'iptables' && mode !== 'none' && localhostNodePorts !== undefined)
    yield { path: ['spec', 'proxy', 'localhostNodePorts'], says: `only with proxy iptables, found ${mode}` }
  if (mode === 'ipvs') return { mode, ...flags, scheduler: scheduler ?? 'rr', strictARP: strictARP ?? false }
  for (const [name, value] of Object.entries({ scheduler, strictARP }))
    if (mode !== 'none' && value !== undefined) yield { path: ['spec', 'proxy', name], says: `only with proxy ipvs, found ${mode}` }
  if (mode === 'iptables') return { mode, ...flags, ...(localhostNodePorts === undefined ? {} : { localhostNodePorts }) }
  if (mode === 'nftables') return { mode, ...flags }
  const [extra] = Object.keys(options)
  if (extra !== undefined) yield { path: ['spec', 'proxy', extra], says: `proxy ${mode} has no options` }
  return { mode }
}

/** As kube-proxy takes them: ranges, or the one word `primary`. */
function* addressesOf(given: readonly string[] | undefined): Judging<Pick<Flags, 'nodePortAddresses'>> {
  if (given === undefined) return {}
  const path = ['spec', 'proxy', 'nodePortAddresses']
  if (given.length === 1 && given[0] === 'primary') return { nodePortAddresses: 'primary' }
  for (const [i, text] of given.entries()) {
    if (text === 'primary') yield { path: [...path, i], says: '"primary" stands alone or not at all' }
    else if (parseCidr(text) === undefined)
      yield { path: [...path, i], says: `expected a range such as 192.168.0.0/24, or the one word primary, found "${text}"` }
    else yield* withoutHostBits(cidr(text), [...path, i])
  }
  return { nodePortAddresses: given.flatMap((text) => (parseCidr(text) === undefined ? [] : [cidr(text)])) }
}

type Flags = Exclude<KubeProxy, { mode: 'none' }>
const SECONDS = { s: 1, m: 60 } as const

function* resyncOf(given: string | undefined): Judging<Pick<Flags, 'resyncSeconds'>> {
  if (given === undefined) return {}
  const [, count, unit] = RESYNC.exec(given) ?? []
  if (count !== undefined) return { resyncSeconds: Number(count) * SECONDS[unit as keyof typeof SECONDS] }
  yield { path: ['spec', 'proxy', 'resync'], says: `expected a time such as 30s or 1m, found "${given}"` }
  return {}
}
