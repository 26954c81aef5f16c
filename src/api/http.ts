/** The Kubernetes REST API over a store: paths and verbs in, Responses out; web standards only, so that any server can carry it. */
import { parse } from 'yaml'
import { discovered } from './discovery.ts'
import { matcherOf } from './history.ts'
import type { KubeObject } from './kinds.ts'
import { type PatchType, patched } from './patch.ts'
import { readProtobuf } from './protobuf.ts'
import { apiVersionOf, type Resource, resources } from './resources.ts'
import { badRequest, invalid, methodNotAllowed, noSuchPath, notFound, success, unsupportedType } from './status.ts'
import type { Answer, DeleteOptions, Selection, Status, Store } from './store.ts'
import { watchStream } from './stream.ts'
import { tableOf } from './table.ts'
import { fieldName, withoutUnknown } from './validate.ts'
import { wireOf } from './wire.ts'

type Options = { readonly now: () => string }

/** What a path names: a collection, an object in it, or a part of the object. */
type Address = { readonly resource: Resource; readonly namespace?: string; readonly name?: string; readonly subresource?: string }
type Call = { readonly store: Store; readonly request: Request; readonly query: URLSearchParams; readonly at: Address; readonly now: () => string }

/** Served by whoever holds the containers. */
const ELSEWHERE = ['log', 'exec', 'attach', 'portforward', 'proxy']

/** Answers a request about the API; undefined when the path is not one of its. */
export function handleApi(store: Store, request: Request, { now }: Options): Promise<Response> | undefined {
  const { pathname, searchParams: query } = new URL(request.url)
  const path = pathname.length > 1 ? pathname.replace(/\/+$/, '') : pathname
  if (['/healthz', '/livez', '/readyz'].some((one) => path === one || path.startsWith(`${one}/`))) return Promise.resolve(new Response('ok'))
  // an empty document in protobuf: kubectl before 1.27 reads no other form
  if (path === '/openapi/v2') return Promise.resolve(new Response('', { headers: { 'content-type': OPENAPI_V2 } }))
  const about = discovered(path)
  if (about !== undefined) return Promise.resolve(json(about))
  if (!/^\/apis?(\/|$)/.test(path) && !path.startsWith('/openapi/')) return undefined
  const at = addressOf(path)
  if (at === undefined) return Promise.resolve(refused(noSuchPath().status))
  if (at.resource.kind === 'Pod' && ELSEWHERE.includes(at.subresource ?? '')) return undefined
  return answer({ store, request, query, at, now }).catch((error) => {
    if (error instanceof BadBody) return refused(badRequest(error.message).status)
    throw error
  })
}

const OPENAPI_V2 = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

function addressOf(path: string): Address | undefined {
  const parts = path.split('/').slice(1).map(decodeURIComponent)
  const [group, version, rest] = parts[0] === 'api' ? ['', parts[1], parts.slice(2)] : [parts[1], parts[2], parts.slice(3)]
  const named = (plural: string | undefined, namespaced: boolean) =>
    resources.find((one) => one.group === group && one.version === version && one.plural === plural && (one.namespaced || !namespaced))
  const [first, namespace, plural, name, subresource, ...more] = rest
  const inside = first === 'namespaces' && plural !== undefined ? named(plural, true) : undefined
  if (inside !== undefined && namespace !== undefined)
    return more.length > 0
      ? undefined
      : { resource: inside, namespace, ...(name === undefined ? {} : { name }), ...(subresource === undefined ? {} : { subresource }) }
  const resource = named(first, false)
  if (resource === undefined || rest.length > 3) return undefined
  if (resource.namespaced && rest.length > 1) return undefined
  return { resource, ...(rest[1] === undefined ? {} : { name: rest[1] }), ...(rest[2] === undefined ? {} : { subresource: rest[2] }) }
}

async function answer(call: Call): Promise<Response> {
  const { request, at } = call
  if (at.subresource !== undefined && at.subresource !== 'status') return part(call)
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return at.name === undefined || isWatch(call) ? list(call) : get(call, at.name)
    case 'POST':
      return at.name === undefined && !(at.resource.namespaced && at.namespace === undefined) ? create(call) : refused(methodNotAllowed().status)
    case 'PUT':
      return at.name === undefined ? refused(methodNotAllowed().status) : replace(call, at.name)
    case 'PATCH':
      return at.name === undefined ? refused(methodNotAllowed().status) : patch(call, at.name)
    case 'DELETE':
      return at.subresource !== undefined ? refused(methodNotAllowed().status) : at.name === undefined ? deleteAll(call) : deleteOne(call, at.name)
    default:
      return refused(methodNotAllowed().status)
  }
}

// --- reading ---

function get(call: Call, name: string): Response {
  const { store, at } = call
  const object = store.get(at.resource.kind, at.namespace, name)
  return object === undefined ? refused(notFound(at.resource.kind, name).status) : shownOne(call, object)
}

function list(call: Call): Response {
  const { store, at, query, request } = call
  const { kind } = at.resource
  const selection = selectionOf(call)
  const readable = matcherOf(kind, selection)
  if (!readable.ok) return refused(readable.status)
  const form = formOf(request)
  if (form === undefined) return notAcceptable()
  if (!isWatch(call)) return shownList(call, store.list(kind, selection))
  const version = query.get('resourceVersion') ?? ''
  const initial = query.get('sendInitialEvents') === 'true'
  if (!/^\d*$/.test(version)) return refused(badRequest(`Invalid value: ${JSON.stringify(version)}: resourceVersion is a number`).status)
  const seconds = Number(query.get('timeoutSeconds') ?? Number.NaN)
  const stream = watchStream(store, {
    kind,
    selection,
    since: initial || version === '' || version === '0' ? undefined : Number(version),
    bookmarks: isTrue(query.get('allowWatchBookmarks')),
    markInitial: initial && isTrue(query.get('allowWatchBookmarks')),
    timeoutSeconds: seconds > 0 ? seconds : undefined,
    show: (object) => (form === 'table' ? tableWire(call, [object]) : form === 'metadata' ? metadataOf(object) : wireOf(object)),
    signal: request.signal,
  })
  return new Response(stream, { headers: { 'content-type': 'application/json', 'cache-control': 'no-cache, private' } })
}

const isTrue = (text: string | null): boolean => text === 'true' || text === '1'
const isWatch = ({ query }: Call): boolean => isTrue(query.get('watch'))

function selectionOf({ at, query }: Call): Selection {
  const fields = [query.get('fieldSelector') ?? '', ...(at.name === undefined ? [] : [`metadata.name=${at.name}`])].filter((one) => one !== '').join(',')
  const labelSelector = query.get('labelSelector')
  return {
    ...(at.namespace === undefined ? {} : { namespace: at.namespace }),
    ...(labelSelector === null ? {} : { labelSelector }),
    ...(fields === '' ? {} : { fieldSelector: fields }),
  }
}

// --- writing ---

async function create(call: Call): Promise<Response> {
  const { store, at } = call
  const { input, warnings } = checked(call, await body(call))
  return shown(call, store.create(at.resource.kind, at.namespace, input, writing(call)), 201, warnings)
}

async function replace(call: Call, name: string): Promise<Response> {
  const { store, at } = call
  const { input, warnings } = checked(call, await body(call))
  return shown(call, store.update(at.resource.kind, at.namespace, name, input, statusOnly(at), writing(call)), 200, warnings)
}

const PATCHES: Readonly<Record<string, PatchType | 'apply'>> = {
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/json-patch+json': 'json',
  'application/apply-patch+yaml': 'apply',
}

async function patch(call: Call, name: string): Promise<Response> {
  const { store, at, request } = call
  const { kind } = at.resource
  const type = patchType(request)
  if (type === undefined) return unknownPatch(request)
  const given = await body(call)
  const { input, warnings } = type === 'json' ? { input: given, warnings: [] } : checked(call, given, { apiVersion: apiVersionOf(at.resource), kind })
  if (type !== 'apply') return shown(call, store.patch(kind, at.namespace, name, input, type, statusOnly(at), writing(call)), 200, warnings)
  if (store.get(kind, at.namespace, name) === undefined && at.subresource === undefined)
    return shown(call, store.create(kind, at.namespace, named(input, name), writing(call)), 201, warnings)
  return shown(call, store.patch(kind, at.namespace, name, input, 'strategic', statusOnly(at), writing(call)), 200, warnings)
}

const patchType = (request: Request): PatchType | 'apply' | undefined => PATCHES[mediaType(request)]
const unknownPatch = (request: Request): Response => refused(unsupportedType(mediaType(request), Object.keys(PATCHES)).status)
const mediaType = (request: Request): string => (request.headers.get('content-type') ?? '').split(';')[0]?.trim() ?? ''

const named = (input: unknown, name: string): unknown => ({ ...(input as object), metadata: { ...(input as { metadata?: object }).metadata, name } })

const statusOnly = (at: Address): 'status' | undefined => (at.subresource === 'status' ? 'status' : undefined)
const writing = ({ query }: Call) => ({ dryRun: query.get('dryRun') === 'All' })

/** Unknown fields are mistakes, unless the client asks to have them dropped, with or without a word. */
function checked({ query }: Call, input: unknown, as: object = {}): { readonly input: unknown; readonly warnings: readonly string[] } {
  const mode = query.get('fieldValidation')
  if ((mode !== 'Warn' && mode !== 'Ignore') || typeof input !== 'object' || input === null) return { input, warnings: [] }
  const { value, unknown } = withoutUnknown(input, as)
  return { input: value, warnings: mode === 'Warn' ? unknown.map((error) => `unknown field "${fieldName(error.path)}"`) : [] }
}

// --- deleting ---

async function deleteOne(call: Call, name: string): Promise<Response> {
  const { store, at } = call
  const { kind } = at.resource
  const deleted = store.delete(kind, at.namespace, name, await deleteOptions(call))
  if (!deleted.ok) return refused(deleted.status)
  const stays = kind === 'Pod' || store.get(kind, at.namespace, name) !== undefined
  return json(stays ? wireOf(deleted.value) : success(kind, name, deleted.value.metadata.uid))
}

async function deleteAll(call: Call): Promise<Response> {
  const { store, at } = call
  const { kind } = at.resource
  const selection = selectionOf(call)
  const readable = matcherOf(kind, selection)
  if (!readable.ok) return refused(readable.status)
  const options = await deleteOptions(call)
  const going = store.list(kind, selection)
  const refusals = going.flatMap(({ metadata }) => {
    const deleted = store.delete(kind, metadata.namespace, metadata.name, options)
    return deleted.ok || deleted.status.code === 404 ? [] : [deleted.status]
  })
  return refusals[0] === undefined ? shownList(call, going) : refused(refusals[0])
}

async function deleteOptions(call: Call): Promise<DeleteOptions> {
  const given = (await body(call)) as Partial<DeleteOptions & { orphanDependents: boolean; dryRun: readonly string[] }>
  const { query } = call
  const grace = given.gracePeriodSeconds ?? (query.has('gracePeriodSeconds') ? Number(query.get('gracePeriodSeconds')) : undefined)
  const policy = given.propagationPolicy ?? query.get('propagationPolicy') ?? (given.orphanDependents === true ? 'Orphan' : undefined)
  return {
    ...(grace === undefined || Number.isNaN(grace) ? {} : { gracePeriodSeconds: grace }),
    ...(policy === 'Orphan' || policy === 'Foreground' || policy === 'Background' ? { propagationPolicy: policy } : {}),
    ...(given.preconditions === undefined ? {} : { preconditions: given.preconditions }),
    dryRun: query.get('dryRun') === 'All' || (Array.isArray(given.dryRun) && given.dryRun.includes('All')),
  }
}

// --- parts of objects ---

async function part(call: Call): Promise<Response> {
  const { at, request } = call
  const { kind } = at.resource
  if (at.name === undefined) return refused(noSuchPath().status)
  if (at.subresource === 'scale' && (kind === 'Deployment' || kind === 'ReplicaSet')) return scale(call, kind, at.name)
  if (at.subresource === 'binding' && kind === 'Pod' && request.method === 'POST') return bind(call, at.name)
  if (at.subresource === 'eviction' && kind === 'Pod' && request.method === 'POST') return evict(call, at.name)
  if (at.subresource === 'finalize' && kind === 'Namespace' && request.method === 'PUT') return get(call, at.name)
  return refused(noSuchPath().status)
}

async function scale(call: Call, kind: 'Deployment' | 'ReplicaSet', name: string): Promise<Response> {
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

const scaleOf = ({ metadata, spec, status }: Extract<KubeObject, { kind: 'Deployment' | 'ReplicaSet' }>) => ({
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

// --- forms ---

class BadBody extends Error {}

async function body({ request }: Call): Promise<object> {
  const type = mediaType(request)
  const bytes = new Uint8Array(await request.arrayBuffer())
  if (bytes.length === 0) return {}
  try {
    const text = new TextDecoder().decode(bytes)
    const value: unknown = type.includes('protobuf') ? readProtobuf(bytes) : type.includes('yaml') && !text.startsWith('{') ? parse(text) : JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch (error) {
    throw new BadBody(`the body cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
  throw new BadBody('the body is not an object')
}

type Form = 'object' | 'table' | 'metadata'

/** The first form of the Accept header that is known; aggregated discovery and protobuf are passed over. */
function formOf(request: Request): Form | undefined {
  const wanted = (request.headers.get('accept') ?? '*/*').split(',').map((one) => one.split(';').map((part) => part.trim()))
  for (const [type = '', ...parameters] of wanted) {
    if (!['application/json', '*/*', 'application/*', ''].includes(type)) continue
    const as = parameters.find((one) => one.startsWith('as='))?.slice(3)
    if (as === undefined) return 'object'
    if (as === 'Table') return 'table'
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return 'metadata'
  }
  return undefined
}

function shown(call: Call, made: Answer<KubeObject>, code: number, warnings: readonly string[]): Response {
  if (!made.ok) return refused(made.status)
  const response = shownOne(call, made.value, code)
  for (const warning of warnings) response.headers.append('warning', `299 - ${JSON.stringify(warning)}`)
  return response
}

function shownOne(call: Call, object: KubeObject, code = 200): Response {
  switch (formOf(call.request)) {
    case 'table':
      return json(tableWire(call, [object]), code)
    case 'metadata':
      return json(metadataOf(object), code)
    case 'object':
      return json(wireOf(object), code)
    default:
      return notAcceptable()
  }
}

function shownList(call: Call, objects: readonly KubeObject[]): Response {
  const { resource } = call.at
  const metadata = { resourceVersion: String(call.store.resourceVersion()) }
  switch (formOf(call.request)) {
    case 'table':
      return json({ ...tableWire(call, objects), metadata })
    case 'metadata':
      return json({ kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata, items: objects.map(metadataOf) })
    case 'object':
      return json({ kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource), metadata, items: objects.map(wireOf) })
    default:
      return notAcceptable()
  }
}

/** meta.k8s.io/v1 Table, all columns; the client leaves out what it was not asked for. */
function tableWire({ at, now, query }: Call, objects: readonly KubeObject[]) {
  const table = tableOf(at.resource.kind, objects, { now: now(), wide: true })
  const include = query.get('includeObject') ?? 'Metadata'
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: objects.length === 1 ? objects[0]?.metadata.resourceVersion : '' },
    columnDefinitions: table.columns.map(({ name, type, wide, description }) => ({
      name,
      type,
      format: name === 'Name' ? 'name' : '',
      description,
      priority: wide ? 1 : 0,
    })),
    rows: table.rows.map(({ cells, object }) => ({
      cells,
      ...(include === 'None' ? {} : { object: include === 'Object' ? wireOf(object) : metadataOf(object) }),
    })),
  }
}

const metadataOf = (object: KubeObject): object => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata: (wireOf(object) as { metadata: object }).metadata,
})

const json = (value: object, status = 200): Response =>
  new Response(`${JSON.stringify(value)}\n`, { status, headers: { 'content-type': 'application/json', 'cache-control': 'no-cache, private' } })

const refused = (status: Status): Response => json({ ...status, metadata: {} }, status.code)

const notAcceptable = (): Response =>
  refused({
    apiVersion: 'v1',
    kind: 'Status',
    status: 'Failure',
    code: 406,
    reason: 'NotAcceptable',
    message: 'only the following media types are accepted: application/json',
  })
