/** Demands on Services and the slices that hold their endpoints. */
import { type Family, familyOf, type Ip, parseCidr, parseIp } from '#net/net.ts'
import { families } from './families.ts'
import { type Loose, labels, type Mistakes, named, unique } from './judge.ts'
import type { EndpointSlice, Endpoints, ServiceObject } from './kinds.ts'
import { dnsLabel, dnsSubdomain, portName, qualifiedName } from './names.ts'
import { isScheduler, SCHEDULER_ANNOTATION, SCHEDULERS } from './schedulers.ts'
import type { Path } from './validate.ts'

const ENDPOINTS_MAX = 1000
const ADDRESSES_MAX = 100
const PORTS_MAX = 20_000
const HINTS_MAX = 8

type Spec = Loose<ServiceObject['spec']>

export function* service(object: Loose<ServiceObject>): Mistakes {
  const spec = object.spec
  yield* scheduler(object)
  yield* ingress(object.status?.loadBalancer?.ingress)
  if (spec === undefined) return
  yield* labels(spec.selector, ['spec', 'selector'])
  yield* ports(spec)
  yield* clusterIP(spec)
  yield* onlyWith(spec)
  for (const [i, address] of (spec.externalIPs ?? []).entries()) if (address !== undefined) yield* usable(address, ['spec', 'externalIPs', i])
  for (const [i, range] of (spec.loadBalancerSourceRanges ?? []).entries())
    if (range !== undefined && parseCidr(range.trim()) === undefined)
      yield { path: ['spec', 'loadBalancerSourceRanges', i], says: `"${range}" is not a range such as 203.0.113.0/24` }
  if (spec.loadBalancerClass !== undefined) yield* named(qualifiedName, spec.loadBalancerClass, ['spec', 'loadBalancerClass'])
  if (spec.loadBalancerIP) yield* address(spec.loadBalancerIP, ['spec', 'loadBalancerIP'])
}

function* scheduler({ metadata }: Loose<ServiceObject>): Mistakes {
  const given = metadata?.annotations?.[SCHEDULER_ANNOTATION]
  if (given !== undefined && !isScheduler(given))
    yield { path: ['metadata', 'annotations', SCHEDULER_ANNOTATION], says: `no scheduler "${given}"; IPVS has ${SCHEDULERS.join(', ')}` }
}

/** What a load balancer, or who stands in for one, wrote down. */
function* ingress(list: Loose<NonNullable<ServiceObject['status']['loadBalancer']['ingress']>> = []): Mistakes {
  for (const [i, one] of list.entries()) {
    const at = ['status', 'loadBalancer', 'ingress', i]
    if (one?.ip) yield* address(one.ip, [...at, 'ip'])
    else if (one?.ipMode !== undefined) yield { path: [...at, 'ipMode'], says: 'only beside an ip' }
    if (one?.hostname && parseIp(one.hostname) !== undefined)
      yield { path: [...at, 'hostname'], says: `a DNS name, not an address: "${one.hostname}" belongs into ip` }
  }
}

function* ports(spec: Spec): Mistakes {
  const at = ['spec', 'ports']
  const list = spec.ports
  if ((list ?? []).length === 0 && spec.clusterIP !== 'None' && spec.type !== 'ExternalName')
    yield { path: at, says: 'required: at least one port (only headless and ExternalName Services go without)' }
  yield* unique(list, (port) => port.name, at, 'name', 'port name')
  yield* unique(list, (port) => (port.port === undefined ? undefined : `${port.port}/${port.protocol ?? 'TCP'}`), at, 'port', 'port')
  yield* unique(list, (port) => (port.nodePort === undefined ? undefined : `${port.nodePort}/${port.protocol ?? 'TCP'}`), at, 'nodePort', 'node port')
  for (const [i, port] of (list ?? []).entries()) {
    if (port === undefined) continue
    if ((list ?? []).length > 1 && !port.name) yield { path: [...at, i, 'name'], says: 'required: with more than one port each needs a name' }
    if (port.name) yield* named(dnsLabel, port.name, [...at, i, 'name'])
    if (typeof port.targetPort === 'string') yield* named(portName, port.targetPort, [...at, i, 'targetPort'])
    if (port.nodePort !== undefined && !['NodePort', 'LoadBalancer'].includes(spec.type ?? 'ClusterIP'))
      yield { path: [...at, i, 'nodePort'], says: `not allowed with type ${spec.type ?? 'ClusterIP'}; NodePort and LoadBalancer have it` }
    if (port.appProtocol) yield* named(qualifiedName, port.appProtocol, [...at, i, 'appProtocol'])
  }
}

function* clusterIP(spec: Spec): Mistakes {
  const at = ['spec', 'clusterIP']
  const given = spec.clusterIP ?? ''
  if (spec.type === 'ExternalName') {
    if (given !== '') yield { path: at, says: `not allowed with type ExternalName, found "${given}"` }
    const name = spec.externalName ?? ''
    if (name === '') yield { path: ['spec', 'externalName'], says: 'required with type ExternalName: a DNS name' }
    else if (parseIp(name) !== undefined) yield { path: ['spec', 'externalName'], says: `a DNS name, not an address: "${name}" would be looked up as a name` }
    else yield* named(dnsSubdomain, name.replace(/\.$/, ''), ['spec', 'externalName'])
    return
  }
  if (given === 'None' && (spec.type === 'NodePort' || spec.type === 'LoadBalancer'))
    yield { path: at, says: `None makes a headless Service; type ${spec.type} needs an address` }
  else if (given !== '' && given !== 'None') yield* address(given, at)
  yield* families(spec)
}

/** Fields that mean something only beside a certain other one. */
function* onlyWith(spec: Spec): Mistakes {
  const type = spec.type ?? 'ClusterIP'
  const outside = type === 'NodePort' || type === 'LoadBalancer'
  if (spec.sessionAffinityConfig !== undefined && spec.sessionAffinity !== 'ClientIP')
    yield { path: ['spec', 'sessionAffinityConfig'], says: `only with sessionAffinity ClientIP, found ${spec.sessionAffinity ?? 'None'}` }
  if (spec.externalTrafficPolicy !== undefined && !outside && (spec.externalIPs ?? []).length === 0)
    yield { path: ['spec', 'externalTrafficPolicy'], says: `only with type NodePort or LoadBalancer, found ${type}` }
  if (spec.healthCheckNodePort !== undefined && !(type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local'))
    yield { path: ['spec', 'healthCheckNodePort'], says: 'only with type LoadBalancer and externalTrafficPolicy Local' }
  for (const field of ['loadBalancerClass', 'allocateLoadBalancerNodePorts'] as const)
    if (spec[field] !== undefined && type !== 'LoadBalancer') yield { path: ['spec', field], says: `only with type LoadBalancer, found ${type}` }
  if ((spec.loadBalancerSourceRanges ?? []).length > 0 && type !== 'LoadBalancer')
    yield { path: ['spec', 'loadBalancerSourceRanges'], says: `only with type LoadBalancer, found ${type}` }
}

export function* endpointSlice(slice: Loose<EndpointSlice>): Mistakes {
  const { endpoints = [], ports = [], addressType } = slice
  if (endpoints.length > ENDPOINTS_MAX) yield { path: ['endpoints'], says: `a slice holds at most ${ENDPOINTS_MAX} endpoints, found ${endpoints.length}` }
  if (ports.length > PORTS_MAX) yield { path: ['ports'], says: `a slice holds at most ${PORTS_MAX} ports, found ${ports.length}` }
  yield* unique(ports, (port) => port.name ?? '', ['ports'], 'name', 'port name')
  if (ports.filter((port) => port !== undefined && !port.name).length > 1)
    yield { path: ['ports', ports.length - 1, 'name'], says: 'only one port may go without a name' }
  for (const [i, port] of ports.entries()) if (port?.name) yield* named(dnsLabel, port.name, ['ports', i, 'name'])
  for (const [i, endpoint] of endpoints.entries()) {
    const at = ['endpoints', i]
    const addresses = endpoint?.addresses ?? []
    if (addresses.length > ADDRESSES_MAX)
      yield { path: [...at, 'addresses'], says: `an endpoint has at most ${ADDRESSES_MAX} addresses, found ${addresses.length}` }
    for (const [j, one] of addresses.entries()) {
      if (one === undefined || addressType === undefined) continue
      if (addressType === 'FQDN') yield* named(dnsSubdomain, one.replace(/\.$/, ''), [...at, 'addresses', j])
      else yield* usable(one, [...at, 'addresses', j], addressType === 'IPv4' ? 4 : 6)
    }
    for (const field of ['forZones', 'forNodes'] as const) yield* hints(endpoint?.hints?.[field], [...at, 'hints', field])
    if (endpoint?.hostname) yield* named(dnsLabel, endpoint.hostname, [...at, 'hostname'])
    if (endpoint?.nodeName) yield* named(dnsSubdomain, endpoint.nodeName, [...at, 'nodeName'])
  }
}

function* hints(list: readonly (Loose<{ readonly name: string }> | undefined)[] = [], at: Path): Mistakes {
  if (list.length > HINTS_MAX) yield { path: at, says: `an endpoint has at most ${HINTS_MAX} of these hints, found ${list.length}` }
  yield* unique(list, ({ name }) => name, at, 'name', 'the hint')
}

export function* endpoints({ subsets = [] }: Loose<Endpoints>): Mistakes {
  for (const [i, subset] of subsets.entries()) {
    const at = ['subsets', i]
    const { addresses = [], notReadyAddresses = [], ports: list = [] } = subset ?? {}
    if (addresses.length + notReadyAddresses.length === 0) yield { path: at, says: 'required: addresses or notReadyAddresses' }
    for (const [field, all] of [['addresses', addresses] as const, ['notReadyAddresses', notReadyAddresses] as const])
      for (const [j, one] of all.entries()) {
        if (one?.ip !== undefined) yield* usable(one.ip, [...at, field, j, 'ip'])
        if (one?.hostname) yield* named(dnsLabel, one.hostname, [...at, field, j, 'hostname'])
        if (one?.nodeName) yield* named(dnsSubdomain, one.nodeName, [...at, field, j, 'nodeName'])
      }
    yield* unique(list, (port) => port.name, [...at, 'ports'], 'name', 'port name')
    for (const [j, port] of list.entries()) {
      if (list.length > 1 && port !== undefined && !port.name)
        yield { path: [...at, 'ports', j, 'name'], says: 'required: with more than one port each needs a name' }
      if (port?.name) yield* named(dnsLabel, port.name, [...at, 'ports', j, 'name'])
    }
  }
}

function* address(text: string, path: Path, family?: Family): Mistakes {
  const parsed = parseIp(text)
  if (parsed === undefined) yield { path, says: `"${text}" is not an IP address` }
  else if (family !== undefined && familyOf(parsed) !== family) yield { path, says: `"${text}" is not an IPv${family} address` }
}

/** An address that other machines can send to. */
function* usable(text: string, path: Path, family?: Family): Mistakes {
  yield* address(text, path, family)
  const parsed = parseIp(text)
  const why = parsed === undefined ? undefined : special(parsed)
  if (why !== undefined) yield { path, says: `"${text}" is ${why}, which no other machine can reach` }
}

function special(one: Ip): string | undefined {
  if (one === '0.0.0.0' || one === '::') return 'the unspecified address'
  if (one.startsWith('127.') || one === '::1') return 'a loopback address'
  if (one.startsWith('169.254.') || /^fe[89ab]/.test(one)) return 'a link-local address'
  if (/^(22[4-9]|23\d)\./.test(one) || one.startsWith('ff')) return 'a multicast address'
  return undefined
}
