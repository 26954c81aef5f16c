/** The Kubernetes REST API over a store: paths and verbs in, Responses out; web standards only, so that any server can carry it. */
import { discovered } from './discovery.ts'
import { fieldName } from './field.ts'
import {
  type Address,
  BadBody,
  body,
  type Call,
  formOf,
  json,
  metadataOf,
  notAcceptable,
  patchType,
  refused,
  shown,
  shownList,
  shownOne,
  tableWire,
  unknownPatch,
  withWarnings,
  writing,
} from './forms.ts'
import { matcherOf } from './history.ts'
import { type Request, type Response, response } from './message.ts'
import { part } from './parts.ts'
import { apiVersionOf, resources } from './resources.ts'
import { badRequest, methodNotAllowed, noSuchPath, notFound, success } from './status.ts'
import type { DeleteOptions, Selection, Store } from './store.ts'
import { watchStream } from './stream.ts'
import { withoutUnknown } from './validate.ts'
import { wireOf } from './wire.ts'

type Options = {
  readonly now: () => string
  /** What kubectl is to print whenever it writes or reads objects of a kind; undefined: nothing. */
  readonly warning?: (kind: string) => string | undefined
}

/** Served by whoever holds the containers. */
const ELSEWHERE = ['log', 'exec', 'attach', 'portforward', 'proxy']

/** Answers a request about the API; undefined when the path is not one of its. */
export function handleApi(store: Store, request: Request, { now, warning }: Options): Promise<Response> | undefined {
  const { pathname, searchParams: query } = new URL(request.url)
  const path = pathname.length > 1 ? pathname.replace(/\/+$/, '') : pathname
  if (['/healthz', '/livez', '/readyz'].some((one) => path === one || path.startsWith(`${one}/`))) return Promise.resolve(response('ok'))
  // an empty document in protobuf: kubectl before 1.27 reads no other form
  if (path === '/openapi/v2') return Promise.resolve(response('', { headers: { 'content-type': OPENAPI_V2 } }))
  const about = discovered(path)
  if (about !== undefined) return Promise.resolve(json(about))
  if (!/^\/apis?(\/|$)/.test(path) && !path.startsWith('/openapi/')) return undefined
  const at = addressOf(path)
  if (at === undefined) return Promise.resolve(refused(noSuchPath().status))
  if (at.resource.kind === 'Pod' && ELSEWHERE.includes(at.subresource ?? '')) return undefined
  return answer({ store, request, query, at, now })
    .then((answered) => {
      const words = answered.status > 299 || request.method === 'DELETE' ? undefined : warning?.(at.resource.kind)
      return withWarnings(answered, words === undefined ? [] : [words])
    })
    .catch((error) => {
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
  return response(stream, { headers: { 'content-type': 'application/json', 'cache-control': 'no-cache, private' } })
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

const named = (input: unknown, name: string): unknown => ({ ...(input as object), metadata: { ...(input as { metadata?: object }).metadata, name } })

const statusOnly = (at: Address): 'status' | undefined => (at.subresource === 'status' ? 'status' : undefined)

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
