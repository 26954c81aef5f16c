/** The cluster's objects in memory, with Kubernetes' own rules: resourceVersion, conflicts, watches, graceful deletion. */
import { forbiddenChanges, keepAllocated, same } from './change.ts'
import { createHistory, matcherOf, seenThrough } from './history.ts'
import { generatedName, uidOf } from './identity.ts'
import { type Kind, type KubeObject, type ObjectOf, schemas } from './kinds.ts'
import { createOwnership } from './ownership.ts'
import { patched } from './patch.ts'
import { resourceOf } from './resources.ts'
import { withoutFormer } from './service-type.ts'
import { createShelf, type Shelf } from './shelf.ts'
import { alreadyExists, badRequest, conflict, forbidden, invalid, notFound } from './status.ts'
import { readObject } from './validate.ts'

/** metav1.Status of a failure, as kubectl expects it. */
export type Status = {
  readonly apiVersion: 'v1'
  readonly kind: 'Status'
  readonly status: 'Failure' | 'Success'
  readonly code: number
  readonly reason: string
  readonly message: string
  readonly details?: {
    readonly name?: string
    readonly group?: string
    readonly kind?: string
    readonly causes?: readonly { readonly reason: string; readonly message: string; readonly field: string }[]
  }
}

export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly status: Status }

export type Selection = { readonly namespace?: string; readonly labelSelector?: string; readonly fieldSelector?: string }
export type WatchEvent = { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: KubeObject }
export type Snapshot = { readonly resourceVersion: number; readonly objects: readonly KubeObject[] }

export type WriteOptions = {
  /** Everything is done but the writing. */
  readonly dryRun?: boolean
  /** A status of netlab's own making: of the right shape by its type, and read by nobody again. */
  readonly known?: boolean
}
export type DeleteOptions = WriteOptions & {
  readonly gracePeriodSeconds?: number
  /** What becomes of the objects this one owns: deleted after it (the default), before it, or left alone. */
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
}

export type ObjectsOf = <K extends Kind>(kind: K) => readonly ObjectOf<K>[]
/** The last word before a write: may complete the candidate (allocated addresses) or refuse it. */
export type Admit = (verb: 'create' | 'update', candidate: KubeObject, old: KubeObject | undefined, objects: ObjectsOf) => Answer<KubeObject>

export type Store = {
  readonly get: <K extends Kind>(kind: K, namespace: string | undefined, name: string) => ObjectOf<K> | undefined
  /** Objects in the order of namespace and name. */
  readonly list: <K extends Kind>(kind: K, selection?: Selection) => readonly ObjectOf<K>[]
  /** Defaults, validates, admits (allocation is admission's part, see `Admit`); `input` is what a client sent. */
  readonly create: (kind: Kind, namespace: string | undefined, input: unknown, options?: WriteOptions) => Answer<KubeObject>
  /** Replaces; a resourceVersion in the input must be the current one (409 otherwise). */
  readonly update: (
    kind: Kind,
    namespace: string | undefined,
    name: string,
    input: unknown,
    subresource?: 'status',
    options?: WriteOptions,
  ) => Answer<KubeObject>
  readonly patch: (
    kind: Kind,
    namespace: string | undefined,
    name: string,
    patch: unknown,
    type: 'merge' | 'strategic' | 'json',
    subresource?: 'status',
    options?: WriteOptions,
  ) => Answer<KubeObject>
  /** A Pod with a grace period is marked and stays until it is deleted with grace 0; finalizers hold an object likewise. What it owns goes with it. */
  readonly delete: (kind: Kind, namespace: string | undefined, name: string, options?: DeleteOptions) => Answer<KubeObject>
  readonly resourceVersion: () => number
  /** Calls back for every change after `since`; answers 410 when the history no longer reaches back that far. */
  readonly watch: (
    kind: Kind,
    selection: Selection,
    since: number,
    listener: (event: WatchEvent) => void,
  ) => { readonly ok: true; readonly stop: () => void } | { readonly ok: false; readonly status: Status }
  /** Calls back once per change of any kind, for the engine. */
  readonly onChange: (listener: (event: WatchEvent) => void) => () => void
  readonly snapshot: () => Snapshot
}

export type StoreOptions = {
  /** RFC 3339, without fractions of a second. */
  readonly now: () => string
  readonly admit?: Admit
  readonly snapshot?: Snapshot
  /** How many changes are remembered for watches that begin in the past. */
  readonly history?: number
}

const HISTORY = 5000
/** Namespaces every cluster is born with. */
const BORN_WITH = ['default', 'kube-node-lease', 'kube-public', 'kube-system']
const UNDELETABLE = ['default', 'kube-public', 'kube-system']

export function createStore({ now, admit = (_verb, candidate) => ({ ok: true, value: candidate }), snapshot, history: length = HISTORY }: StoreOptions): Store {
  const shelves = Object.fromEntries(KINDS.map((kind) => [kind, createShelf()])) as Readonly<Record<Kind, Shelf>>
  const owned = createOwnership()
  const history = createHistory(snapshot?.resourceVersion ?? 0, length)
  let version = snapshot?.resourceVersion ?? 0

  const find = (kind: Kind, namespace: string | undefined, name: string) => shelves[kind].get(placeOf(kind, namespace), name)
  const objects: ObjectsOf = (kind) => shelves[kind].all() as never

  /** Runs a change with all that follows from it; listeners are called when it is complete. */
  const complete = <T>(change: () => T): T => {
    try {
      return change()
    } finally {
      history.flush()
    }
  }

  const write = (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject, before?: KubeObject): KubeObject => {
    version++
    const written = frozen(withMeta(object, { resourceVersion: String(version) }))
    if (type === 'DELETED') shelves[object.kind].remove(written)
    else shelves[object.kind].put(written)
    owned.replace(before, type === 'DELETED' ? undefined : written)
    history.add({ version, event: { type, object: written }, ...(before === undefined ? {} : { before }) })
    return written
  }

  const create: Store['create'] = (kind, namespace, input, { dryRun = false } = {}) => {
    const given = addressed(kind, namespace, undefined, input)
    if (!given.ok) return given
    const read = readObject(given.value)
    if (!read.ok) return invalid(kind, nameIn(given.value), read.errors)
    const place = placeOf(kind, read.value.metadata.namespace)
    const { resourceVersion, generateName } = read.value.metadata
    if (resourceVersion !== '') return badRequest('resourceVersion should not be set on objects to be created')
    const name = read.value.metadata.name || generatedName(generateName ?? '', `${kind}/${place}/${version}`, (one) => find(kind, place, one) !== undefined)
    const refused = refusedBy(kind, place, name)
    if (refused !== undefined) return refused
    if (find(kind, place, name) !== undefined) return alreadyExists(kind, name)
    const born = withMeta(withFreshStatus(read.value), {
      name,
      uid: uidOf(`${kind}/${place}/${name}/${version + 1}`),
      creationTimestamp: now(),
      generation: 1,
      deletionTimestamp: undefined,
      deletionGracePeriodSeconds: undefined,
    })
    const admitted = admit('create', born, undefined, objects)
    if (!admitted.ok || dryRun) return admitted
    return complete(() => ({ ok: true, value: write('ADDED', admitted.value) }))
  }

  /** Nothing is created in a namespace that is not there or is going. */
  const refusedBy = (kind: Kind, namespace: string, name: string) => {
    if (!resourceOf(kind).namespaced) return undefined
    const home = find('Namespace', undefined, namespace)
    if (home === undefined) return notFound('Namespace', namespace)
    return home.metadata.deletionTimestamp === undefined
      ? undefined
      : forbidden(kind, name, `unable to create new content in namespace ${namespace} because it is being terminated`)
  }

  const update: Store['update'] = (kind, namespace, name, input, subresource, { dryRun = false, known = false } = {}) => {
    const old = find(kind, namespace, name)
    if (old === undefined) return notFound(kind, name)
    const given = addressed(kind, old.metadata.namespace, name, input)
    if (!given.ok) return given
    const read = known && subresource === 'status' ? { ok: true as const, value: given.value as KubeObject } : readObject(withoutFormer(given.value, old))
    if (!read.ok) return invalid(kind, name, read.errors)
    const { resourceVersion, uid } = read.value.metadata
    if (resourceVersion !== '' && resourceVersion !== old.metadata.resourceVersion) return conflict(kind, name)
    if (uid !== '' && uid !== old.metadata.uid)
      return conflict(kind, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`)
    const candidate = subresource === 'status' ? ({ ...old, status: statusOf(read.value) } as KubeObject) : keepAllocated(keptFrom(read.value, old), old)
    const mistakes = subresource === 'status' ? [] : forbiddenChanges(candidate, old)
    if (mistakes.length > 0) return invalid(kind, name, mistakes)
    const admitted = subresource === 'status' ? { ok: true as const, value: candidate } : admit('update', candidate, old, objects)
    if (!admitted.ok) return admitted
    const changed = same(contentOf(admitted.value), contentOf(old)) ? admitted.value : withMeta(admitted.value, { generation: old.metadata.generation + 1 })
    if (same(changed, old)) return { ok: true, value: old }
    if (dryRun) return { ok: true, value: changed }
    return complete(() => {
      const written = write('MODIFIED', changed, old)
      settle(written)
      return { ok: true, value: written }
    })
  }

  const patch: Store['patch'] = (kind, namespace, name, change, type, subresource, options) => {
    const old = find(kind, namespace, name)
    if (old === undefined) return notFound(kind, name)
    const next = patched(old, change, type)
    return next.ok ? update(kind, namespace, name, next.value, subresource, options) : badRequest(next.errors.join(', '))
  }

  const erase: Store['delete'] = (kind, namespace, name, options = {}) => {
    const old = find(kind, namespace, name)
    if (old === undefined) return notFound(kind, name)
    const { uid, resourceVersion } = options.preconditions ?? {}
    if (uid !== undefined && uid !== old.metadata.uid)
      return conflict(kind, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`)
    if (resourceVersion !== undefined && resourceVersion !== old.metadata.resourceVersion) return conflict(kind, name)
    if (kind === 'Namespace' && UNDELETABLE.includes(name)) return forbidden(kind, name, 'this namespace may not be deleted')
    return options.dryRun === true ? { ok: true, value: old } : complete(() => ({ ok: true, value: end(old, options) }))
  }

  /** Removes the object, or marks it and lets it end in its own time. */
  const end = (old: KubeObject, { gracePeriodSeconds, propagationPolicy }: DeleteOptions): KubeObject => {
    if (propagationPolicy === 'Orphan') for (const child of owned.by(old)) disown(child, old)
    const finalizers =
      propagationPolicy === 'Foreground' && owned.by(old).length > 0 ? [...new Set([...old.metadata.finalizers, FOREGROUND])] : old.metadata.finalizers
    const grace = graceOf(old, gracePeriodSeconds)
    const before = old.metadata.deletionGracePeriodSeconds
    const stays = grace > 0 || finalizers.length > 0 || (old.kind === 'Namespace' && isInhabited(old.metadata.name))
    if (!stays) return remove(old)
    const marked = withMeta(old, {
      finalizers,
      deletionTimestamp:
        old.metadata.deletionTimestamp !== undefined && before !== undefined && before <= grace ? old.metadata.deletionTimestamp : later(now(), grace),
      deletionGracePeriodSeconds: before === undefined ? grace : Math.min(before, grace),
    })
    const going = (marked.kind === 'Namespace' ? { ...marked, status: { ...marked.status, phase: 'Terminating' } } : marked) as KubeObject
    const written = same(going, old) ? old : write('MODIFIED', going, old)
    if (written.kind === 'Namespace') for (const one of inhabitants(written.metadata.name)) endAnew(one, {})
    if (finalizers.includes(FOREGROUND)) for (const child of owned.by(written)) endAnew(child, { propagationPolicy: 'Foreground' })
    return written
  }

  /** Ends an object that an earlier ending may have changed or taken along. */
  const endAnew = ({ kind, metadata }: KubeObject, options: DeleteOptions) => {
    const current = find(kind, metadata.namespace, metadata.name)
    if (current?.metadata.uid === metadata.uid) end(current, options)
  }

  const remove = (object: KubeObject): KubeObject => {
    const children = owned.by(object)
    const gone = write('DELETED', object, object)
    for (const child of children) {
      if (child.metadata.ownerReferences.some((owner) => owner.uid !== object.metadata.uid && owned.lives(owner.uid))) disown(child, object)
      else endAnew(child, {})
    }
    for (const { uid } of object.metadata.ownerReferences) releaseWaiting(uid)
    const home = object.metadata.namespace === undefined ? undefined : find('Namespace', undefined, object.metadata.namespace)
    if (home !== undefined) settle(home)
    return gone
  }

  /** An owner deleted in the foreground goes when the last of its own is gone. */
  const releaseWaiting = (uid: string) => {
    const owner = owned.lives(uid)
    if (owner === undefined || !owner.metadata.finalizers.includes(FOREGROUND) || owned.by(owner).length > 0) return
    const written = write('MODIFIED', withMeta(owner, { finalizers: owner.metadata.finalizers.filter((one) => one !== FOREGROUND) }), owner)
    settle(written)
  }

  /** Removes what is marked when nothing holds it any more. */
  const settle = (object: KubeObject) => {
    if (isReleased(object) && !(object.kind === 'Namespace' && isInhabited(object.metadata.name))) remove(object)
  }

  const disown = (child: KubeObject, owner: KubeObject) => {
    const current = find(child.kind, child.metadata.namespace, child.metadata.name)
    if (current === undefined) return
    write('MODIFIED', withMeta(current, { ownerReferences: current.metadata.ownerReferences.filter(({ uid }) => uid !== owner.metadata.uid) }), current)
  }

  const inhabitants = (namespace: string) => KINDS.flatMap((kind) => shelves[kind].all().filter((object) => object.metadata.namespace === namespace))
  const isInhabited = (namespace: string) => KINDS.some((kind) => shelves[kind].all().some((object) => object.metadata.namespace === namespace))

  const matcher = (kind: Kind, selection: Selection) => {
    const answer = matcherOf(kind, selection)
    if (!answer.ok) throw new TypeError(answer.status.message)
    return answer.value
  }

  if (snapshot === undefined) for (const name of BORN_WITH) create('Namespace', undefined, { metadata: { name } })
  else
    for (const object of snapshot.objects) {
      shelves[object.kind].put(frozen(object))
      owned.replace(undefined, object)
    }

  return {
    get: (kind, namespace, name) => find(kind, namespace, name) as never,
    list: (kind, selection) => (selection === undefined ? objects(kind) : (objects(kind).filter(matcher(kind, selection)) as never)),
    create,
    update,
    patch,
    delete: erase,
    resourceVersion: () => version,
    watch: (kind, selection, since, listener) => {
      const matches = matcherOf(kind, selection)
      if (!matches.ok) return matches
      const watching = history.watch(since, (entry) => {
        const event = entry.event.object.kind === kind ? seenThrough(matches.value, entry) : undefined
        if (event !== undefined) listener(event)
      })
      return watching.ok ? { ok: true, stop: watching.value } : watching
    },
    onChange: (listener) => {
      const watching = history.watch(version, ({ event }) => listener(event))
      return watching.ok ? watching.value : () => {}
    },
    snapshot: () => ({ resourceVersion: version, objects: KINDS.flatMap((kind) => [...shelves[kind].all()]) }),
  }
}

const KINDS = Object.keys(schemas) as readonly Kind[]
const FOREGROUND = 'foregroundDeletion'

const placeOf = (kind: Kind, namespace: string | undefined): string => (resourceOf(kind).namespaced ? (namespace ?? 'default') : '')

/** The input with the kind, namespace and name that its address says; 400 when it says otherwise itself. */
function addressed(kind: Kind, namespace: string | undefined, name: string | undefined, input: unknown): Answer<unknown> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return { ok: true, value: input }
  const { group, version, namespaced } = resourceOf(kind)
  const given = { apiVersion: group === '' ? version : `${group}/${version}`, kind, ...input } as {
    kind: unknown
    metadata?: { namespace?: unknown; name?: unknown }
  }
  if (given.kind !== kind) return badRequest(`the object is a ${String(given.kind)}, the address is that of a ${kind}`)
  const metadata = given.metadata
  if (metadata === null || typeof metadata !== 'object') return { ok: true, value: { ...given, metadata: given.metadata ?? {} } }
  if (namespaced && namespace !== undefined && metadata.namespace && metadata.namespace !== namespace)
    return badRequest(`the namespace of the provided object does not match the namespace sent on the request: "${metadata.namespace}" and "${namespace}"`)
  if (name !== undefined && metadata.name && metadata.name !== name)
    return badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`)
  const home = namespaced ? { namespace: metadata.namespace || namespace || 'default' } : {}
  return { ok: true, value: { ...given, metadata: { ...metadata, ...home, ...(name === undefined ? {} : { name }) } } }
}

const nameIn = (input: unknown): string => String((input as { metadata?: { name?: unknown } } | undefined)?.metadata?.name ?? '')

/** Replaces fields of the metadata; undefined takes a field away. */
function withMeta<O extends KubeObject>(object: O, fields: { readonly [F in keyof O['metadata']]?: O['metadata'][F] | undefined }): O {
  const metadata = Object.fromEntries(Object.entries({ ...object.metadata, ...fields }).filter(([, value]) => value !== undefined))
  return { ...object, metadata }
}

/** A client's word on the status of a new object counts for Nodes only, which register themselves. */
function withFreshStatus(object: KubeObject): KubeObject {
  if (object.kind === 'Node' || !('status' in object)) return object
  const fresh = { ...object, status: schemas[object.kind].shape.status.parse(undefined) } as KubeObject
  return fresh.kind === 'Namespace' ? { ...fresh, spec: { finalizers: ['kubernetes'] } } : fresh
}

const statusOf = (object: KubeObject): unknown => ('status' in object ? object.status : undefined)

/** Everything a generation counts: all but metadata and status. */
const contentOf = ({ apiVersion: _v, kind: _k, metadata: _m, ...rest }: KubeObject): unknown => ({ ...rest, status: undefined })

/** An update never changes who the object is, when it was made, or its status. */
function keptFrom(candidate: KubeObject, old: KubeObject): KubeObject {
  const { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generateName, generation, resourceVersion } = old.metadata
  const kept = withMeta(candidate, { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generateName, generation, resourceVersion })
  const spec = kept.kind === 'Namespace' && old.kind === 'Namespace' ? { spec: old.spec } : {}
  return ('status' in old ? { ...kept, ...spec, status: old.status } : kept) as KubeObject
}

/** Marked for deletion, and nothing holds it any more. */
const isReleased = ({ kind, metadata }: KubeObject): boolean =>
  metadata.deletionTimestamp !== undefined && metadata.finalizers.length === 0 && (kind !== 'Pod' || metadata.deletionGracePeriodSeconds === 0)

/** Only Pods that run somewhere need time to end. */
function graceOf(object: KubeObject, wanted: number | undefined): number {
  if (object.kind !== 'Pod' || !object.spec.nodeName || object.status.phase === 'Succeeded' || object.status.phase === 'Failed') return 0
  const grace = Math.max(wanted ?? object.spec.terminationGracePeriodSeconds, 0)
  const before = object.metadata.deletionGracePeriodSeconds
  return before === undefined ? grace : Math.min(before, grace)
}

const later = (at: string, seconds: number): string => new Date(Date.parse(at) + seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z')

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) frozen(inner)
  return Object.freeze(value)
}
