/** Kubernetes objects as their authors write them: files of YAML or JSON, several documents to a file, lists among them. */
import type { KubeObject } from '#api/kinds.ts'
import { resources } from '#api/resources.ts'
import { readObject } from '#api/validate.ts'
import { warningsOf } from '#api/warnings.ts'
import { issue, issueAt } from './issue.ts'
import type { Files, Issue } from './lab.ts'
import { type Document, type Place, readYaml } from './yaml.ts'

export type Manifest = {
  readonly object: KubeObject
  /** As its author wrote it, without defaults. */
  readonly written: unknown
  /** `file:line:col` of the object. */
  readonly at: string
  readonly place: Place
}

/** What can be read, what is wrong with the rest, and the names of objects that are written but cannot be read. */
export type Manifests = { readonly manifests: readonly Manifest[]; readonly issues: readonly Issue[]; readonly unread: readonly Written[] }
type Written = { readonly kind: string; readonly name: string }

export function manifestsOf(files: Files): Manifests {
  const readings = [...files].map(([file, text]) => readFile(file, text))
  const manifests = readings.flatMap((one) => one.manifests)
  return {
    manifests,
    issues: [...readings.flatMap((one) => one.issues), ...writtenTwice(manifests)],
    unread: readings.flatMap((one) => one.unread),
  }
}

function readFile(file: string, text: string): Manifests {
  const { documents, issues } = readYaml(file, text)
  const empty = documents.length === 0 && issues.length === 0 ? [issue(`${file}:1:1`, [], 'the file holds no object', 'warning')] : []
  const readings = documents.flatMap(objectsIn).map(readOne)
  return {
    manifests: readings.flatMap((one) => one.manifests),
    issues: [...issues, ...empty, ...readings.flatMap((one) => one.issues)],
    unread: readings.flatMap((one) => one.unread),
  }
}

/** `kind: List` holds objects in its items, and so do the lists of one kind that the API and kubectl write; items of these may leave out what they are. */
function objectsIn(document: Document): readonly Document[] {
  const { value, place } = document
  if (!isMap(value) || typeof value.kind !== 'string' || !isList(value.kind)) return [document]
  const { items = null, apiVersion, kind } = value
  if (items !== null && !Array.isArray(items)) return [document]
  const known = kind === 'List' ? {} : { apiVersion, kind: kind.slice(0, -LIST.length) }
  return (items ?? []).flatMap((item, i) =>
    objectsIn({ value: isMap(item) ? { ...known, ...item } : item, place: (path, of) => place(['items', i, ...path], of) }),
  )
}

const LIST = 'List'
const isList = (kind: string): boolean => kind === LIST || resources.some((resource) => `${resource.kind}${LIST}` === kind)

function readOne({ value, place }: Document): Manifests {
  if (isMap(value) && typeof value.kind === 'string' && isList(value.kind))
    return { manifests: [], issues: [issue(place(['items']), ['items'], 'expected a list of objects')], unread: [nameOf(value)] }
  const read = readObject(inNamespace(value))
  if (!read.ok) return { manifests: [], issues: read.errors.map((error) => issueAt(place, error)), unread: [nameOf(value)] }
  const issues = warningsOf(read.value).map((warning) => issueAt(place, warning))
  if (read.value.metadata.name !== '') return { manifests: [{ object: read.value, written: value, at: place([]), place }], issues, unread: [] }
  const nameless = { path: ['metadata', 'name'], says: 'required: generateName is for objects that are created by hand' }
  return { manifests: [], issues: [issueAt(place, nameless)], unread: [nameOf(value)] }
}

/** Who names no namespace means `default`. */
function inNamespace(value: unknown): unknown {
  if (!isMap(value) || !isMap(value.metadata) || (value.metadata.namespace ?? '') !== '') return value
  const namespaced = resources.find((resource) => resource.kind === value.kind)?.namespaced
  return namespaced ? { ...value, metadata: { ...value.metadata, namespace: 'default' } } : value
}

/** Two manifests of one name would overwrite each other, so the later one is refused. */
function writtenTwice(manifests: readonly Manifest[]): readonly Issue[] {
  const first = new Map<string, string>()
  return manifests.flatMap(({ object, at, place }) => {
    const name = titleOf(object)
    const other = first.get(name)
    if (other === undefined) first.set(name, at)
    return other === undefined ? [] : [issue(place(['metadata', 'name']), ['metadata', 'name'], `${name} is written at ${other} already`)]
  })
}

/** `Service default/web`: how a message names an object. */
export const titleOf = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`

const nameOf = (value: unknown): Written => ({
  kind: isMap(value) ? String(value.kind) : '',
  name: isMap(value) && isMap(value.metadata) ? String(value.metadata.name) : '',
})

const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
