/** What manifests say about Services: addresses and ports that only one may have, selectors that find somebody. */
import { foreignTo } from '#api/families.ts'
import type { ServiceObject } from '#api/kinds.ts'
import { hint, nearest } from '#api/nearest.ts'
import { matchesMap } from '#api/selectors.ts'
import type { FieldError, Path } from '#api/validate.ts'
import { type Cidr, contains, familyOf, type Ip, nthIp, parseIp, sizeOf } from '#net/net.ts'
import { issue } from './issue.ts'
import type { Issue } from './lab.ts'
import { type Manifest, titleOf } from './manifests.ts'
import type { Template, World } from './references.ts'
import type { Judged } from './settings.ts'
import { list } from './words.ts'

type Mistakes = Generator<FieldError, void>
type Labels = Readonly<Record<string, string>>

/** kube-apiserver's --service-node-port-range. */
const NODE_PORTS = [30_000, 32_767] as const
/** Where in serviceCIDR the cluster's own Services have their addresses. */
const PROVIDED = [
  { index: 1, namespace: 'default', name: 'kubernetes' },
  { index: 10, namespace: 'kube-system', name: 'kube-dns' },
] as const

export function* service(object: ServiceObject, { lab, templates, gaps }: World): Mistakes {
  const given = parseIp(object.spec.clusterIP ?? '')
  if (given !== undefined && lab?.serviceCIDR !== undefined) yield* clusterIP(given, lab.serviceCIDR, object)
  if (lab?.serviceCIDR !== undefined && object.spec.type !== 'ExternalName') yield* foreignTo(familyOf(lab.serviceCIDR), object.spec)
  for (const [i, port] of object.spec.ports.entries()) yield* nodePort(port.nodePort, ['spec', 'ports', i, 'nodePort'])
  yield* nodePort(object.spec.healthCheckNodePort, ['spec', 'healthCheckNodePort'])
  if (!gaps && object.metadata.namespace !== 'kube-system') yield* selected(object, templates)
}

function* clusterIP(ip: Ip, range: Cidr, { metadata }: ServiceObject): Mistakes {
  const path = ['spec', 'clusterIP']
  const owner = PROVIDED.find(({ index }) => nthIp(range, index) === ip)
  if (!contains(range, ip)) yield { path, says: `${ip} lies outside serviceCIDR ${range}` }
  else if (ip === nthIp(range, 0) || ip === nthIp(range, sizeOf(range) - 1n))
    yield { path, says: `${ip} is an end of serviceCIDR ${range}, which no Service can have` }
  else if (owner !== undefined && (owner.name !== metadata.name || owner.namespace !== metadata.namespace))
    yield { path, says: `${ip} is the address of Service ${owner.namespace}/${owner.name}` }
}

function* nodePort(port: number | undefined, path: Path): Mistakes {
  const [least, most] = NODE_PORTS
  if (port !== undefined && (port < least || port > most)) yield { path, says: `expected a port from ${least} to ${most}, found ${port}` }
}

/** A Service that finds nobody is allowed, and is what most people look for last. */
function* selected({ metadata, spec }: ServiceObject, templates: readonly Template[]): Mistakes {
  const { selector } = spec
  if (selector === undefined || Object.keys(selector).length === 0 || spec.type === 'ExternalName') return
  const matching = templates.filter(({ labels }) => matchesMap(selector, labels))
  const chosen = matching.filter(({ namespace }) => namespace === metadata.namespace)
  const [elsewhere] = matching
  const near =
    elsewhere === undefined ? nearMiss(selector, templates, metadata.namespace ?? '') : `; Pods with these labels are in namespace "${elsewhere.namespace}"`
  if (chosen.length === 0)
    yield { path: ['spec', 'selector'], says: `no Pod in namespace "${metadata.namespace}" has ${labelText(selector)}${near}`, severity: 'warning' }
  else
    for (const [i, { targetPort }] of spec.ports.entries())
      if (typeof targetPort === 'string') yield* portNamed(targetPort, chosen, ['spec', 'ports', i, 'targetPort'])
}

/** What the Pods around say under the same key. */
function nearMiss(selector: Labels, templates: readonly Template[], namespace: string): string {
  const around = templates.filter((one) => one.namespace === namespace)
  const [key, wanted] = Object.entries(selector).find(([key, value]) => !around.some(({ labels }) => labels[key] === value)) ?? []
  if (key === undefined || wanted === undefined) return ''
  const values = [...new Set(around.flatMap(({ labels }) => labels[key] ?? []))]
  const near = nearest(wanted, values)
  if (near !== undefined) return `; did you mean "${key}: ${near}"?`
  return values.length === 0 ? '' : `; Pods there have ${list(values.map((value) => `${key}=${value}`))}`
}

function* portNamed(name: string, templates: readonly Template[], path: Path): Mistakes {
  const names = templates.flatMap(({ spec }) => spec.containers.flatMap(({ ports }) => ports.flatMap((port) => port.name ?? [])))
  if (!names.includes(name)) yield { path, says: `no Pod behind this Service names a port "${name}"${hint(name, [...new Set(names)])}`, severity: 'warning' }
}

/** Cluster addresses and node ports belong to one Service of the whole cluster; one Service may use a node port for TCP and UDP. */
export function taken(manifests: readonly Manifest[]): readonly Issue[] {
  const owners = new Map<string, { readonly manifest: Manifest; readonly use: string }>()
  return manifests.flatMap((manifest) =>
    claimsOf(manifest).flatMap(({ claim, use, path }) => {
      const owner = owners.get(claim)
      if (owner === undefined) owners.set(claim, { manifest, use })
      if (owner === undefined || (owner.manifest === manifest && owner.use !== use && !use.startsWith('health'))) return []
      return [issue(manifest.place(path), path, `${use} is taken by ${titleOf(owner.manifest.object)} (${owner.manifest.at})`)]
    }),
  )
}

/** It names an address or a port that is to be its own. */
export const asksByName = ({ spec }: ServiceObject): boolean =>
  parseIp(spec.clusterIP ?? '') !== undefined || spec.healthCheckNodePort !== undefined || spec.ports.some(({ nodePort }) => nodePort !== undefined)

type Claim = { readonly claim: string; readonly use: string; readonly path: Path }

function claimsOf({ object }: Manifest): readonly Claim[] {
  if (object.kind !== 'Service') return []
  const { clusterIP, ports, healthCheckNodePort: health } = object.spec
  const ip = parseIp(clusterIP ?? '')
  return [
    ...(ip === undefined ? [] : [{ claim: ip, use: `the address ${ip}`, path: ['spec', 'clusterIP'] }]),
    ...ports.flatMap(({ nodePort, protocol }, i) =>
      nodePort === undefined ? [] : [{ claim: `${nodePort}`, use: `node port ${nodePort}/${protocol}`, path: ['spec', 'ports', i, 'nodePort'] }],
    ),
    ...(health === undefined ? [] : [{ claim: `${health}`, use: `health check node port ${health}`, path: ['spec', 'healthCheckNodePort'] }]),
  ]
}

/** Each Service takes one address of serviceCIDR, first those that name it; the first that gets none is told, where it is written. */
export function full(manifests: readonly Manifest[], lab: Judged | undefined): readonly Issue[] {
  const range = lab?.serviceCIDR
  if (range === undefined) return []
  const asking = manifests.flatMap((manifest) =>
    manifest.object.kind === 'Service' && takesAddress(manifest.object) ? [{ manifest, of: manifest.object }] : [],
  )
  const provided = PROVIDED.filter(
    ({ namespace, name }) =>
      !(name === 'kube-dns' && lab?.settings?.dns === 'none') &&
      !asking.some(({ of: { metadata } }) => metadata.namespace === namespace && metadata.name === name),
  )
  const room = Number(sizeOf(range)) - ENDS
  const left = [...asking].sort((a, b) => Number(asksByName(b.of)) - Number(asksByName(a.of))).slice(room - provided.length)
  const [first] = left
  if (first === undefined) return []
  const path = ['spec', 'clusterIP']
  const own = provided.length === 0 ? '' : `, ${provided.length} of them for ${list(provided.map(({ namespace, name }) => `${namespace}/${name}`))}`
  const more = left.length === 1 ? '' : `, nor for ${left.length - 1} other${left.length === 2 ? '' : 's'}`
  return [
    issue(first.manifest.place(path), path, `serviceCIDR ${range} has ${room} addresses${own}: none is left for this Service${more}; widen spec.serviceCIDR`),
  ]
}

/** The range's own address and its broadcast one are nobody's. */
const ENDS = 2
const takesAddress = ({ spec }: ServiceObject): boolean => spec.type !== 'ExternalName' && spec.clusterIP !== 'None'

export const labelText = (labels: Labels): string => {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  return `the label${pairs.length === 1 ? '' : 's'} ${pairs.join(', ')}`
}
