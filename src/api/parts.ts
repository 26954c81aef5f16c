/** Subresources that are objects of their own: scale, binding, eviction. */
import { body, type Call, json, patchType, refused, unknownPatch, writing } from './forms.ts'
import type { KubeObject } from './kinds.ts'
import type { Response } from './message.ts'
import { patched } from './patch.ts'
import { badRequest, invalid, noSuchPath, notFound } from './status.ts'
import type { DeleteOptions } from './store.ts'

export async function part(call: Call): Promise<Response> {
  const { at, request } = call
  const { kind } = at.resource
  if (at.name === undefined) return refused(noSuchPath().status)
  if (at.subresource === 'scale' && (kind === 'Deployment' || kind === 'ReplicaSet' || kind === 'StatefulSet')) return scale(call, kind, at.name)
  if (at.subresource === 'binding' && kind === 'Pod' && request.method === 'POST') return bind(call, at.name)
  if (at.subresource === 'eviction' && kind === 'Pod' && request.method === 'POST') return evict(call, at.name)
  return refused(noSuchPath().status)
}

type Scalable = 'Deployment' | 'ReplicaSet' | 'StatefulSet'

async function scale(call: Call, kind: Scalable, name: string): Promise<Response> {
  const { store, at, request } = call
  const object = store.get(kind, at.namespace, name)
  if (object === undefined) return refused(notFound(kind, name).status)
  const before = scaleOf(object)
  if (request.method === 'GET') return json(before)
  const type = request.method === 'PUT' ? 'merge' : patchType(request)
  if (type === undefined) return unknownPatch(request)
  const wanted = patched(before, await body(call), type === 'apply' ? 'strategic' : type)
  if (!wanted.ok) return refused(badRequest(wanted.errors.join(', ')).status)
  const { spec, metadata } = wanted.value as { spec?: { replicas?: unknown }; metadata?: { resourceVersion?: string } }
  const replicas = spec?.replicas ?? 0
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0)
    return refused(invalid(kind, name, [{ path: ['spec', 'replicas'], says: `expected a whole number, 0 or more, found ${JSON.stringify(replicas)}` }]).status)
  const changed = store.patch(
    kind,
    at.namespace,
    name,
    { metadata: { resourceVersion: metadata?.resourceVersion ?? '' }, spec: { replicas } },
    'merge',
    undefined,
    writing(call),
  )
  return changed.ok ? json(scaleOf(changed.value as typeof object)) : refused(changed.status)
}

const scaleOf = ({ metadata, spec, status }: Extract<KubeObject, { kind: Scalable }>) => ({
  kind: 'Scale',
  apiVersion: 'autoscaling/v1',
  metadata: {
    name: metadata.name,
    namespace: metadata.namespace,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    creationTimestamp: metadata.creationTimestamp,
  },
  spec: { replicas: spec.replicas },
  status: {
    replicas: status.replicas ?? 0,
    selector: Object.entries(spec.selector.matchLabels ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
  },
})

async function bind(call: Call, name: string): Promise<Response> {
  const { store, at } = call
  const { target } = (await body(call)) as { target?: { name?: string } }
  const bound = store.patch('Pod', at.namespace, name, { spec: { nodeName: target?.name ?? '' } }, 'merge', undefined, writing(call))
  return bound.ok ? json({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }, 201) : refused(bound.status)
}

async function evict(call: Call, name: string): Promise<Response> {
  const { store, at } = call
  const { deleteOptions: options } = (await body(call)) as { deleteOptions?: DeleteOptions }
  const deleted = store.delete('Pod', at.namespace, name, { ...options, ...writing(call) })
  return deleted.ok ? json({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }, 201) : refused(deleted.status)
}
