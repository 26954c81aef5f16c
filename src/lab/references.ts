/** What manifests say about the lab and about each other: names that must exist, addresses and ports that only one may have. */
import type { ConfigMap, Container, KubeObject, PodSpec } from '#api/kinds.ts'
import { hint, nearest } from '#api/nearest.ts'
import { matchesMap } from '#api/selectors.ts'
import type { FieldError, Path } from '#api/validate.ts'
import { findImage, knownImages } from '#kubelet/images.ts'
import { issueAt } from './issue.ts'
import type { Issue } from './lab.ts'
import type { Manifest, Manifests } from './manifests.ts'
import { full, labelText, service, taken } from './services.ts'
import type { Judged } from './settings.ts'
import { list } from './words.ts'

type Mistakes = Generator<FieldError, void>
type Labels = Readonly<Record<string, string>>

/** A Pod, or the template of Pods to be. */
export type Template = { readonly namespace: string; readonly labels: Labels; readonly spec: PodSpec; readonly path: Path; readonly pod: boolean }

/** Everything a manifest can be held against. `lab` is absent when lab.yaml could not be read. */
export type World = {
  readonly manifests: readonly Manifest[]
  readonly templates: readonly Template[]
  readonly namespaces: readonly string[]
  readonly nodes: readonly { readonly name: string; readonly labels: Labels }[]
  readonly lab: Judged | undefined
  /** Some manifest could not be read, so that what seems to be missing may be in it. */
  readonly gaps: boolean
  /** Endpoints may be on nodes that the lab does not have. */
  readonly strangers: boolean
}

export function references({ manifests, unread }: Manifests, lab: Judged | undefined, { strangers = false } = {}): readonly Issue[] {
  const world: World = {
    manifests,
    templates: manifests.flatMap(({ object }) => templatesOf(object)),
    namespaces: [
      ...PROVIDED_NAMESPACES,
      ...[...manifests.map(({ object }) => ({ kind: object.kind, name: object.metadata.name })), ...unread].flatMap(namespace),
    ],
    nodes: nodesOf(manifests, lab),
    lab,
    gaps: unread.length > 0,
    strangers,
  }
  const single = manifests.flatMap((manifest) => [...mistakesOf(manifest, world)].map((error) => issueAt(manifest.place, error)))
  return [...single, ...taken(manifests), ...full(manifests, lab)]
}

export const PROVIDED_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease']
const namespace = (one: { readonly kind: string; readonly name: string }): readonly string[] => (one.kind === 'Namespace' ? [one.name] : [])

/** The lab's nodes with the labels they will have. */
function nodesOf(manifests: readonly Manifest[], lab: Judged | undefined): World['nodes'] {
  const written = (name: string) => manifests.find(({ object }) => object.kind === 'Node' && object.metadata.name === name)?.object.metadata.labels
  return (lab?.nodes ?? []).map(({ name, labels, zone }) => {
    const own = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }) }
    return { name, labels: { ...own, ...labels, ...written(name) } }
  })
}

export function templatesOf(object: KubeObject): readonly Template[] {
  const namespace = object.metadata.namespace ?? ''
  if (object.kind === 'Pod') return [{ namespace, labels: object.metadata.labels, spec: object.spec, path: ['spec'], pod: true }]
  if (object.kind !== 'Deployment' && object.kind !== 'ReplicaSet' && object.kind !== 'StatefulSet' && object.kind !== 'DaemonSet') return []
  const { metadata, spec } = object.spec.template
  return [{ namespace, labels: metadata.labels, spec, path: ['spec', 'template', 'spec'], pod: false }]
}

function* mistakesOf(manifest: Manifest, world: World): Mistakes {
  const { object } = manifest
  const { namespace } = object.metadata
  if (namespace !== undefined && !world.namespaces.includes(namespace))
    yield { path: ['metadata', 'namespace'], says: `no manifest makes a namespace "${namespace}"${hint(namespace, world.namespaces)}` }
  for (const template of templatesOf(object)) yield* pods(template, world)
  if (object.kind === 'Service') yield* service(object, world)
  if (object.kind === 'Node') yield* node(object.metadata.name, ['metadata', 'name'], world)
  if (object.kind === 'EndpointSlice' && !world.strangers)
    for (const [i, one] of object.endpoints.entries()) if (one.nodeName) yield* node(one.nodeName, ['endpoints', i, 'nodeName'], world)
}

function* pods(template: Template, world: World): Mistakes {
  const { spec, path } = template
  if (spec.nodeName) yield* node(spec.nodeName, [...path, 'nodeName'], world)
  else yield* nodeSelector(spec.nodeSelector, [...path, 'nodeSelector'], world)
  for (const part of ['initContainers', 'containers'] as const)
    for (const [i, container] of spec[part].entries()) {
      yield* image(container, [...path, part, i, 'image'])
      if (!spec.hostNetwork) yield* hostPorts(container, [...path, part, i, 'ports'])
    }
  if (!world.gaps) yield* configMaps(template, world)
}

function* node(name: string, path: Path, { nodes, lab }: World): Mistakes {
  if (lab === undefined || nodes.length === 0 || nodes.some((one) => one.name === name)) return
  const names = [...new Set(nodes.map((one) => one.name))]
  yield { path, says: `no node named "${name}"${names.length > NAMES_MAX ? hint(name, names) : `; this lab has ${list(names)}`}` }
}

const NAMES_MAX = 8

function* nodeSelector(selector: Labels, path: Path, { nodes }: World): Mistakes {
  if (Object.keys(selector).length === 0 || nodes.length === 0 || nodes.some(({ labels }) => matchesMap(selector, labels))) return
  yield { path, says: `no node has ${labelText(selector)}, so the Pod will wait; give a node these labels in lab.yaml`, severity: 'warning' }
}

function* image({ image }: Container, path: Path): Mistakes {
  if (findImage(image) !== undefined) return
  const near = nearest(image, knownImages)
  yield {
    path,
    says: `no image "${image}"; ${near === undefined ? '' : `did you mean "${near}"? `}netlab has no registry, but these built in: ${list(knownImages)}`,
  }
}

/** The portmap plugin is no part of this cluster, so nothing listens on the node. */
function* hostPorts({ ports }: Container, path: Path): Mistakes {
  for (const [i, { hostPort, containerPort }] of ports.entries())
    if (hostPort !== undefined)
      yield {
        path: [...path, i, 'hostPort'],
        says: `port ${hostPort} of the node will not lead to port ${containerPort} of the Pod: that needs the portmap plugin, which this lab does not run`,
        severity: 'warning',
      }
}

function* configMaps({ spec, namespace, path }: Template, { manifests }: World): Mistakes {
  const needed = configMapsOf(spec)
  if (needed.length === 0) return
  const there = manifests.flatMap(({ object }) => (object.kind === 'ConfigMap' && object.metadata.namespace === namespace ? [object] : []))
  const names = there.map((one) => one.metadata.name)
  for (const { name, key, at } of needed) {
    const found = there.find((one) => one.metadata.name === name)
    const says = found === undefined ? `no ConfigMap "${name}" in namespace "${namespace}"${hint(name, names)}` : missingKey(found, key)
    if (says !== undefined) yield { path: [...path, ...at], says: `the Pod will not start: ${says}`, severity: 'warning' }
  }
}

const missingKey = (map: ConfigMap, key: string | undefined): string | undefined =>
  key === undefined || key in map.data ? undefined : `ConfigMap "${map.metadata.name}" has no key "${key}"`

/** The ConfigMaps a Pod cannot start without. */
function configMapsOf(spec: PodSpec): readonly { readonly name: string; readonly key?: string; readonly at: Path }[] {
  const volumes = spec.volumes.flatMap(({ configMap: one }, i) =>
    one === undefined || one.optional ? [] : [{ name: one.name, at: ['volumes', i, 'configMap', 'name'] }],
  )
  const envs = spec.containers.flatMap((container, c) => [
    ...container.env.flatMap(({ valueFrom }, i) => {
      const one = valueFrom?.configMapKeyRef
      return one === undefined || one.optional
        ? []
        : [{ name: one.name, key: one.key, at: ['containers', c, 'env', i, 'valueFrom', 'configMapKeyRef', 'name'] }]
    }),
    ...container.envFrom.flatMap(({ configMapRef: one }, i) =>
      one === undefined || one.optional ? [] : [{ name: one.name, at: ['containers', c, 'envFrom', i, 'configMapRef', 'name'] }],
    ),
  ])
  return [...volumes, ...envs]
}
