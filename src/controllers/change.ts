/** How controllers put their wishes. An update carries no resourceVersion: a turn is one piece, nobody writes in between. */
import type { KubeObject, Metadata } from '#api/kinds.ts'
import type { Change } from './controller.ts'

type With<O extends KubeObject> = { readonly metadata?: Partial<Metadata> } & (O extends { spec: infer S } ? { readonly spec?: Partial<S> } : unknown)

/** The object with other fields in its metadata or spec. */
export const updated = <O extends KubeObject>(object: O, o: With<O>): Change => ({
  verb: 'update',
  object: {
    ...object,
    metadata: { ...object.metadata, ...o.metadata, resourceVersion: '' },
    ...('spec' in o ? { spec: { ...('spec' in object ? object.spec : {}), ...(o.spec as object) } } : {}),
  } as KubeObject,
})

/** The object with other fields in its status. */
export const stated = <O extends KubeObject & { readonly status: object }>(object: O, status: Partial<O['status']>): Change => ({
  verb: 'status',
  object: { ...object, metadata: { ...object.metadata, resourceVersion: '' }, status: { ...object.status, ...status } } as KubeObject,
})

export const deleted = ({ kind, metadata: { name, namespace } }: KubeObject, o: { readonly gracePeriodSeconds?: number } = {}): Change => ({
  verb: 'delete',
  kind,
  name,
  ...(namespace === undefined ? {} : { namespace }),
  ...o,
})

/** The metadata of an object that is yet to be made. */
export const newMetadata = (o: Partial<Metadata> & { readonly name: string }): Metadata => ({
  labels: {},
  annotations: {},
  uid: '',
  resourceVersion: '',
  generation: 1,
  creationTimestamp: undefined,
  ownerReferences: [],
  finalizers: [],
  ...o,
})

/** The reference that makes `owner` the one controller of an object. */
export const ownedReference = ({ apiVersion, kind, metadata: { name, uid } }: KubeObject): Metadata['ownerReferences'][number] => ({
  apiVersion,
  kind,
  name,
  uid,
  controller: true,
  blockOwnerDeletion: true,
})

/** Does no work for `key` while its inputs are the very objects with which there was nothing to do. */
export function quiet<K extends object>(): (key: K, inputs: readonly object[], work: () => readonly Change[]) => readonly Change[] {
  const idle = new WeakMap<K, readonly object[]>()
  return (key, inputs, work) => {
    const before = idle.get(key)
    if (before?.length === inputs.length && before.every((object, at) => object === inputs[at])) return []
    const changes = work()
    if (changes.length === 0) idle.set(key, inputs)
    return changes
  }
}
