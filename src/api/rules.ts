/** What the shape alone cannot say: the API server's further demands on each kind. */
import { parseCidr } from '#net/net.ts'
import { type Loose, labels, type Mistakes, named } from './judge.ts'
import type { Kind, KubeObject, Metadata, ObjectOf } from './kinds.ts'
import { configMapKey, dns1035Label, dnsLabel, dnsSubdomain, type NameRule, qualifiedName } from './names.ts'
import { resourceOf } from './resources.ts'
import { podSpec } from './rules-pod.ts'
import { networkPolicy } from './rules-policy.ts'
import { endpointSlice, endpoints, service } from './rules-service.ts'
import { workload } from './rules-workload.ts'

export function* rulesOf(object: Loose<KubeObject> | undefined): Mistakes {
  if (object?.kind === undefined) return
  yield* metadata(object.metadata ?? {}, object.kind)
  switch (object.kind) {
    case 'Pod':
      return yield* podSpec(object.spec, ['spec'])
    case 'Service':
      return yield* service(object)
    case 'Endpoints':
      return yield* endpoints(object)
    case 'EndpointSlice':
      return yield* endpointSlice(object)
    case 'Deployment':
    case 'ReplicaSet':
    case 'StatefulSet':
    case 'DaemonSet':
      return yield* workload(object)
    case 'ConfigMap':
      return yield* configMap(object)
    case 'Node':
      return yield* node(object)
    case 'Event':
      return yield* event(object)
    case 'NetworkPolicy':
      return yield* networkPolicy(object)
    case 'Namespace':
    case 'ControllerRevision':
    case undefined:
      return
    default:
      return object satisfies never
  }
}

const NAME_RULES: { readonly [K in Kind]?: NameRule } = { Namespace: dnsLabel, Service: dns1035Label, StatefulSet: dnsLabel }
const ANNOTATIONS_MAX = 256 * 1024
const CONFIG_MAP_MAX = 1024 * 1024

function* metadata(meta: Loose<Metadata>, kind: Kind): Mistakes {
  const at = ['metadata']
  const rule = NAME_RULES[kind] ?? dnsSubdomain
  const { name = '', generateName = '' } = meta
  if (name === '' && generateName === '') yield { path: [...at, 'name'], says: 'required: name or generateName' }
  if (name !== '') yield* named(rule, name, [...at, 'name'])
  if (name === '' && generateName !== '') yield* named(rule, `${generateName.replace(/-$/, '')}`, [...at, 'generateName'])
  const { namespaced } = resourceOf(kind)
  if (!namespaced && meta.namespace) yield { path: [...at, 'namespace'], says: `a ${kind} belongs to no namespace, found "${meta.namespace}"` }
  if (namespaced && meta.namespace) yield* named(dnsLabel, meta.namespace, [...at, 'namespace'])
  yield* labels(meta.labels, [...at, 'labels'])
  const annotations = Object.entries(meta.annotations ?? {})
  for (const [key] of annotations) yield* named(qualifiedName, key.toLowerCase(), [...at, 'annotations', key])
  const size = annotations.reduce((sum, [key, value]) => sum + key.length + (value?.length ?? 0), 0)
  if (size > ANNOTATIONS_MAX) yield { path: [...at, 'annotations'], says: `annotations hold ${size} bytes; at most ${ANNOTATIONS_MAX} are allowed` }
  for (const [i, finalizer] of (meta.finalizers ?? []).entries()) if (finalizer !== undefined) yield* named(qualifiedName, finalizer, [...at, 'finalizers', i])
  const controllers = (meta.ownerReferences ?? []).filter((owner) => owner?.controller === true)
  if (controllers.length > 1) yield { path: [...at, 'ownerReferences'], says: `only one owner may be the controller, found ${controllers.length}` }
}

function* configMap({ data = {}, binaryData = {} }: Loose<ObjectOf<'ConfigMap'>>): Mistakes {
  for (const key of Object.keys(data)) yield* named(configMapKey, key, ['data', key])
  for (const key of Object.keys(binaryData)) {
    yield* named(configMapKey, key, ['binaryData', key])
    if (key in data) yield { path: ['binaryData', key], says: `key "${key}" is in data as well` }
  }
  const size = [...Object.values(data), ...Object.values(binaryData)].reduce((sum: number, value) => sum + (value?.length ?? 0), 0)
  if (size > CONFIG_MAP_MAX) yield { path: ['data'], says: `a ConfigMap holds at most ${CONFIG_MAP_MAX} bytes, this one has ${size}` }
}

function* node({ spec }: Loose<ObjectOf<'Node'>>): Mistakes {
  const ranges = [[spec?.podCIDR, ['spec', 'podCIDR']] as const, ...(spec?.podCIDRs ?? []).map((range, i) => [range, ['spec', 'podCIDRs', i]] as const)]
  for (const [range, path] of ranges)
    if (range && parseCidr(range) === undefined) yield { path: [...path], says: `"${range}" is not a range such as 10.244.1.0/24` }
}

function* event(object: Loose<ObjectOf<'Event'>>): Mistakes {
  const [own, about] = [object.metadata?.namespace, object.involvedObject?.namespace]
  if (own && about && own !== about)
    yield { path: ['involvedObject', 'namespace'], says: `an event lives in the namespace of its object; found "${about}" in "${own}"` }
}
