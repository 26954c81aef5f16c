/** What `apply` changes: to what the author writes now, and without what they wrote last time and no longer do. */
import { same } from '#api/change.ts'
import { listKey } from '#api/patch.ts'

/** Where kubectl keeps what was written last time. */
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

type Plain = Readonly<Record<string, unknown>>

/** A strategic merge patch; `last` is the annotation's text, when there is one. */
export function patchOf(last: string | undefined, now: object): object {
  const patch = change(last === undefined ? {} : (JSON.parse(last) as Plain), now as Plain, [])
  const metadata = isMap(patch['metadata']) ? patch['metadata'] : {}
  const annotations = isMap(metadata['annotations']) ? metadata['annotations'] : {}
  return { ...patch, metadata: { ...metadata, annotations: { ...annotations, [LAST_APPLIED]: JSON.stringify(now) } } }
}

function change(last: Plain, now: Plain, path: readonly string[]): Plain {
  const gone = Object.keys(last).filter((key) => !(key in now))
  const kept = Object.entries(now).map(([key, value]) => [key, changed(last[key], value, [...path, key])])
  return { ...Object.fromEntries(gone.map((key) => [key, null])), ...Object.fromEntries(kept) }
}

function changed(last: unknown, now: unknown, path: readonly string[]): unknown {
  if (isMap(now)) return change(isMap(last) ? last : {}, now, path)
  const key = Array.isArray(now) ? listKey(path) : undefined
  if (!Array.isArray(now) || key === undefined || !Array.isArray(last)) return now
  const twin = (item: unknown, among: readonly unknown[]) => among.find((other) => isMap(item) && isMap(other) && item[key] === other[key])
  const gone = last.filter((item) => isMap(item) && twin(item, now) === undefined).map((item) => ({ [key]: (item as Plain)[key], $patch: 'delete' }))
  return [...now.map((item) => changed(twin(item, last), item, path)), ...gone]
}

/** Whether two versions of an object differ in nothing an author would see. */
export function sameBut(before: unknown, after: unknown): boolean {
  return same(withoutTraces(before), withoutTraces(after))
}

function withoutTraces(object: unknown): unknown {
  const { metadata, ...rest } = object as { metadata: { annotations?: Record<string, string> } & Plain }
  const { resourceVersion: _, managedFields: __, annotations, ...kept } = metadata
  const { [LAST_APPLIED]: ___, ...others } = annotations ?? {}
  return { ...rest, metadata: { ...kept, annotations: others } }
}

const isMap = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)
