/** Demands on a Pod, wherever it stands: by itself or as a template. */
import { parseIp } from '#net/net.ts'
import { exactlyOne, type Loose, labels, type Mistakes, named, unique } from './judge.ts'
import type { Container, ContainerProbe, PodSpec } from './kinds.ts'
import { dnsLabel, dnsSubdomain, envName, portName } from './names.ts'
import type { Path } from './validate.ts'

const NAMESERVERS_MAX = 3
const SEARCHES_MAX = 32
const FIELD_PATHS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]

export function* podSpec(spec: Loose<PodSpec> | undefined, at: Path): Mistakes {
  if (spec === undefined) return
  const { containers = [], initContainers = [], volumes = [] } = spec
  yield* unique(volumes, (volume) => volume.name, [...at, 'volumes'], 'name', 'volume')
  for (const [i, volume] of volumes.entries()) {
    if (volume?.name !== undefined) yield* named(dnsLabel, volume.name, [...at, 'volumes', i, 'name'])
    if (volume?.configMap !== undefined && volume.emptyDir !== undefined)
      yield { path: [...at, 'volumes', i, 'emptyDir'], says: 'a volume has one source; found configMap and emptyDir' }
  }
  const all = [...initContainers.map((one, i) => [one, 'initContainers', i] as const), ...containers.map((one, i) => [one, 'containers', i] as const)]
  const seen = new Set<string>()
  for (const [one, list, i] of all) {
    if (one === undefined) continue
    if (one.name !== undefined && seen.has(one.name)) yield { path: [...at, list, i, 'name'], says: `container "${one.name}" is there twice` }
    seen.add(one.name ?? '')
    yield* container(one, [...at, list, i], spec)
    if (list === 'initContainers')
      for (const field of ['readinessProbe', 'livenessProbe', 'startupProbe', 'lifecycle'] as const)
        if (one[field] !== undefined) yield { path: [...at, list, i, field], says: 'an init container runs to its end and may not have this' }
  }
  yield* hostPorts(containers, [...at, 'containers'])
  yield* names(spec, at)
  yield* dns(spec, at)
}

function* container(one: Loose<Container>, at: Path, spec: Loose<PodSpec>): Mistakes {
  if (one.name !== undefined) yield* named(dnsLabel, one.name, [...at, 'name'])
  if (one.image !== undefined && one.image.trim() !== one.image) yield { path: [...at, 'image'], says: `${JSON.stringify(one.image)} has space around it` }
  const ports = one.ports ?? []
  yield* unique(ports, (port) => port.name, [...at, 'ports'], 'name', 'port name')
  for (const [i, port] of ports.entries()) {
    if (port?.name !== undefined) yield* named(portName, port.name, [...at, 'ports', i, 'name'])
    if (spec.hostNetwork === true && port?.hostPort !== undefined && port.hostPort !== port.containerPort)
      yield { path: [...at, 'ports', i, 'hostPort'], says: `with hostNetwork it must equal containerPort ${port.containerPort}, found ${port.hostPort}` }
    if (port?.hostIP && parseIp(port.hostIP) === undefined) yield { path: [...at, 'ports', i, 'hostIP'], says: `"${port.hostIP}" is not an IP address` }
  }
  yield* environment(one, at)
  yield* mounts(one, at, spec)
  yield* probe(one.readinessProbe, [...at, 'readinessProbe'], false)
  yield* probe(one.livenessProbe, [...at, 'livenessProbe'], true)
  yield* probe(one.startupProbe, [...at, 'startupProbe'], true)
  for (const hook of ['postStart', 'preStop'] as const)
    if (one.lifecycle?.[hook] !== undefined) yield* exactlyOne(one.lifecycle[hook], ['exec', 'httpGet', 'sleep'], [...at, 'lifecycle', hook], 'a handler')
}

function* environment(one: Loose<Container>, at: Path): Mistakes {
  for (const [i, env] of (one.env ?? []).entries()) {
    if (env === undefined) continue
    const path = [...at, 'env', i]
    if (env.name !== undefined) yield* named(envName, env.name, [...path, 'name'])
    if (env.valueFrom === undefined) continue
    if (env.value !== undefined && env.value !== '') yield { path: [...path, 'valueFrom'], says: 'a variable has value or valueFrom, not both' }
    yield* exactlyOne(env.valueFrom, ['fieldRef', 'configMapKeyRef'], [...path, 'valueFrom'], 'valueFrom')
    const field = env.valueFrom.fieldRef?.fieldPath
    if (field !== undefined && !FIELD_PATHS.includes(field) && !/^metadata\.(labels|annotations)\['[^']+'\]$/.test(field))
      yield {
        path: [...path, 'valueFrom', 'fieldRef', 'fieldPath'],
        says: `"${field}" is not a field a container may see; known: ${FIELD_PATHS.join(', ')}, metadata.labels['key'], metadata.annotations['key']`,
      }
  }
}

function* mounts(one: Loose<Container>, at: Path, spec: Loose<PodSpec>): Mistakes {
  const known = (spec.volumes ?? []).flatMap((volume) => (volume?.name === undefined ? [] : [volume.name]))
  yield* unique(one.volumeMounts, (mount) => mount.mountPath, [...at, 'volumeMounts'], 'mountPath', 'mount path')
  for (const [i, mount] of (one.volumeMounts ?? []).entries()) {
    if (mount?.name !== undefined && !known.includes(mount.name))
      yield {
        path: [...at, 'volumeMounts', i, 'name'],
        says: `no volume named "${mount.name}"; this Pod has ${known.length === 0 ? 'none' : known.join(', ')}`,
      }
    if (mount?.mountPath === '') yield { path: [...at, 'volumeMounts', i, 'mountPath'], says: 'must not be empty' }
    if (mount?.mountPath?.includes(':')) yield { path: [...at, 'volumeMounts', i, 'mountPath'], says: `"${mount.mountPath}" must not contain ":"` }
  }
}

function* probe(given: Loose<ContainerProbe> | undefined, at: Path, once: boolean): Mistakes {
  if (given === undefined) return
  yield* exactlyOne(given, ['httpGet', 'tcpSocket', 'exec'], at, 'a probe')
  for (const way of ['httpGet', 'tcpSocket'] as const) {
    const port = given[way]?.port
    if (typeof port === 'string') yield* named(portName, port, [...at, way, 'port'])
  }
  if (once && given.successThreshold !== undefined && given.successThreshold !== 1)
    yield { path: [...at, 'successThreshold'], says: `must be 1 for this probe, found ${given.successThreshold}` }
}

function* hostPorts(containers: readonly (Loose<Container> | undefined)[], at: Path): Mistakes {
  const seen = new Set<string>()
  for (const [i, one] of containers.entries())
    for (const [j, port] of (one?.ports ?? []).entries()) {
      if (port?.hostPort === undefined) continue
      const key = `${port.hostIP ?? ''}:${port.hostPort}/${port.protocol ?? 'TCP'}`
      if (seen.has(key)) yield { path: [...at, i, 'ports', j, 'hostPort'], says: `port ${port.hostPort} of the machine is taken by this Pod already` }
      seen.add(key)
    }
}

function* names(spec: Loose<PodSpec>, at: Path): Mistakes {
  if (spec.hostname) yield* named(dnsLabel, spec.hostname, [...at, 'hostname'])
  if (spec.subdomain) yield* named(dnsLabel, spec.subdomain, [...at, 'subdomain'])
  if (spec.nodeName) yield* named(dnsSubdomain, spec.nodeName, [...at, 'nodeName'])
  yield* labels(spec.nodeSelector, [...at, 'nodeSelector'])
  for (const [i, alias] of (spec.hostAliases ?? []).entries()) {
    if (alias?.ip !== undefined && parseIp(alias.ip) === undefined) yield { path: [...at, 'hostAliases', i, 'ip'], says: `"${alias.ip}" is not an IP address` }
    for (const [j, name] of (alias?.hostnames ?? []).entries())
      if (name !== undefined) yield* named(dnsSubdomain, name, [...at, 'hostAliases', i, 'hostnames', j])
  }
}

function* dns(spec: Loose<PodSpec>, at: Path): Mistakes {
  const { nameservers = [], searches = [], options = [] } = spec.dnsConfig ?? {}
  const path = [...at, 'dnsConfig']
  if (spec.dnsPolicy === 'None' && nameservers.length === 0)
    yield { path: [...path, 'nameservers'], says: 'required with dnsPolicy None: at least one address' }
  if (nameservers.length > NAMESERVERS_MAX)
    yield { path: [...path, 'nameservers'], says: `at most ${NAMESERVERS_MAX} name servers, found ${nameservers.length}` }
  if (searches.length > SEARCHES_MAX) yield { path: [...path, 'searches'], says: `at most ${SEARCHES_MAX} search domains, found ${searches.length}` }
  for (const [i, server] of nameservers.entries())
    if (server !== undefined && parseIp(server) === undefined) yield { path: [...path, 'nameservers', i], says: `"${server}" is not an IP address` }
  for (const [i, domain] of searches.entries())
    if (domain !== undefined && domain !== '.') yield* named(dnsSubdomain, domain.replace(/\.$/, '').replaceAll('_', '-'), [...path, 'searches', i])
  for (const [i, option] of options.entries()) if (option?.name === '') yield { path: [...path, 'options', i, 'name'], says: 'must not be empty' }
}
