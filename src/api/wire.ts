/** An object as it goes over the wire: without what is only the absence of a wish, as the API server leaves it out. */
import type { KubeObject } from './kinds.ts'

/** Fields that the server omits when they hold nothing, false or zero. */
const OMITTED_WHEN_EMPTY = new Set([
  'addresses',
  'annotations',
  'args',
  'conditions',
  'containerStatuses',
  'data',
  'deprecatedTopology',
  'env',
  'envFrom',
  'externalIPs',
  'finalizers',
  'hostAliases',
  'hostNetwork',
  'hostnames',
  'initContainers',
  'initialDelaySeconds',
  'labels',
  'loadBalancerSourceRanges',
  'minReadySeconds',
  'nameservers',
  'namespace',
  'notReadyAddresses',
  'nodeSelector',
  'options',
  'ownerReferences',
  'podIPs',
  'publishNotReadyAddresses',
  'resourceVersion',
  'searches',
  'subsets',
  'uid',
  'volumeMounts',
  'volumes',
])
const COUNTED = new Set(['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet', 'EndpointSlice', 'Pod'])

export function wireOf(object: KubeObject): object {
  const { generation, ...metadata } = object.metadata
  return fields({ ...object, metadata: COUNTED.has(object.kind) ? { ...metadata, generation } : metadata }, true)
}

function fields(value: object, top: boolean): object {
  const out: Record<string, unknown> = {}
  for (const [key, inner] of Object.entries(value)) {
    // the ports of a slice, at the top, are there even when there are none
    const omittable = OMITTED_WHEN_EMPTY.has(key) || (key === 'ports' && !top)
    if (key === 'metadata' && !top) {
      out[key] = templateMetadata(inner)
      continue
    }
    if (inner === undefined || (omittable && isEmpty(inner))) continue
    out[key] = plain(inner)
  }
  return out
}

/** A template's Pods have no name yet. */
const templateMetadata = ({ name, generation: _counted, ...rest }: { readonly name?: string; readonly generation?: number }): object =>
  fields(name ? { name, ...rest } : rest, false)

const plain = (value: unknown): unknown =>
  typeof value !== 'object' || value === null ? value : Array.isArray(value) ? value.map(plain) : fields(value, false)

const isEmpty = (value: unknown): boolean =>
  value === '' || value === false || value === 0 || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
