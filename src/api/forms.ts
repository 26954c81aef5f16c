/** Bodies in and out: JSON, YAML and protobuf are read; objects, lists, tables and metadata are written, as the client accepts them. */
import { parse } from 'yaml'
import { fieldName } from './field.ts'
import type { KubeObject } from './kinds.ts'
import { type Request, type Response, response } from './message.ts'
import type { PatchType } from './patch.ts'
import { readProtobuf } from './protobuf.ts'
import { apiVersionOf, type Resource } from './resources.ts'
import { unsupportedType } from './status.ts'
import type { Answer, Status, Store } from './store.ts'
import { tableOf } from './table.ts'
import { warningsOf } from './warnings.ts'
import { wireOf } from './wire.ts'

/** What a path names: a collection, an object in it, or a part of the object. */
export type Address = { readonly resource: Resource; readonly namespace?: string; readonly name?: string; readonly subresource?: string }
export type Call = { readonly store: Store; readonly request: Request; readonly query: URLSearchParams; readonly at: Address; readonly now: () => string }

const PATCHES: Readonly<Record<string, PatchType | 'apply'>> = {
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/json-patch+json': 'json',
  'application/apply-patch+yaml': 'apply',
}

export const patchType = (request: Request): PatchType | 'apply' | undefined => PATCHES[mediaType(request)]
export const unknownPatch = (request: Request): Response => refused(unsupportedType(mediaType(request), Object.keys(PATCHES)).status)

const mediaType = (request: Request): string => (request.headers.get('content-type') ?? '').split(';')[0]?.trim() ?? ''

export const writing = ({ query }: Call) => ({ dryRun: query.get('dryRun') === 'All' })

export class BadBody extends Error {}

export async function body({ request }: Call): Promise<object> {
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
export function formOf(request: Request): Form | undefined {
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

export function shown(call: Call, made: Answer<KubeObject>, code: number, warnings: readonly string[]): Response {
  if (!made.ok) return refused(made.status)
  const own = call.at.subresource === undefined ? warningsOf(made.value).map(({ path, says }) => `${fieldName(path)}: ${says}`) : []
  return withWarnings(shownOne(call, made.value, code), [...warnings, ...own])
}

/** As clients of Kubernetes read them (RFC 7234 §5.5.7): code, agent, text. */
export function withWarnings(answered: Response, warnings: readonly string[]): Response {
  const { warning, ...headers } = answered.headers
  const all = [...(warning === undefined ? [] : [warning]), ...warnings.map((text) => `299 - ${JSON.stringify(text)}`)]
  return all.length === 0 ? answered : { ...answered, headers: { ...headers, warning: all.join(', ') } }
}

export function shownOne(call: Call, object: KubeObject, code = 200): Response {
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

export function shownList(call: Call, objects: readonly KubeObject[]): Response {
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
export function tableWire({ at, now, query }: Call, objects: readonly KubeObject[]) {
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

export const metadataOf = (object: KubeObject): object => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata: (wireOf(object) as { metadata: object }).metadata,
})

export const json = (value: object, status = 200): Response =>
  response(`${JSON.stringify(value)}\n`, { status, headers: { 'content-type': 'application/json', 'cache-control': 'no-cache, private' } })

export const refused = (status: Status): Response => json({ ...status, metadata: {} }, status.code)

export const notAcceptable = (): Response =>
  refused({
    apiVersion: 'v1',
    kind: 'Status',
    status: 'Failure',
    code: 406,
    reason: 'NotAcceptable',
    message: 'only the following media types are accepted: application/json',
  })
