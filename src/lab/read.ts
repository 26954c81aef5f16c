/** A lab from its files: lab.yaml and everything under manifests/, or every mistake in them at once. */
import type { KubeObject } from '#api/kinds.ts'
import { valueAt } from '#api/structure.ts'
import type { FieldError } from '#api/validate.ts'
import { fail, ok, type Result } from '#net/result.ts'
import { type Unless, unlessKernelHas } from './features.ts'
import { issue, issueAt } from './issue.ts'
import type { Files, Issue, Lab } from './lab.ts'
import { slowToLoad } from './load.ts'
import { type Manifest, manifestsOf, titleOf } from './manifests.ts'
import { filled, paramsIn, type Values } from './params.ts'
import type { Judging } from './ranges.ts'
import { isUnsure } from './readable.ts'
import { PROVIDED_NAMESPACES, references } from './references.ts'
import { labFileOf } from './schema.ts'
import { asksByName, taken } from './services.ts'
import { type Judged, judge } from './settings.ts'
import { unenforced } from './unenforced.ts'
import { type Document, type Place, readYaml } from './yaml.ts'

export type LabRead = {
  readonly lab: Lab
  readonly warnings: readonly Issue[]
  readonly unless: readonly Unless[]
  /** Where each object is written, by `Service default/web`. */
  readonly places: Places
}
export type Places = ReadonlyMap<string, string>

/**
 * `file` is the name of lab.yaml among the files; warnings do not keep a lab from coming up. Manifests `given` take the place of the lab's own; they may be of namespaces that
 * were made before, and their endpoints on any node. Params are drawn from `seed`.
 */
export function readLab(
  files: Files,
  file: string,
  { given, seed = '' }: { readonly given?: Files | undefined; readonly seed?: string | undefined } = {},
): Result<LabRead, Issue> {
  const { judged, place, values = {}, issues } = labOf(files.get(file), file, seed)
  const others = given ?? filledFiles(manifestFiles(files, file), values)
  const own = manifestsOf(others)
  const read = given === undefined ? own : { ...own, manifests: [...homesOf(own.manifests), ...own.manifests] }
  const settings = judged?.settings
  const slow =
    settings === undefined
      ? undefined
      : slowToLoad(
          settings.proxy.mode,
          read.manifests.map((one) => one.object),
        )
  const policies = read.manifests.filter(({ object }) => object.kind === 'NetworkPolicy')
  const unheeded = settings === undefined ? undefined : unenforced(settings.policy)
  const idle = unheeded === undefined ? [] : policies.map(({ at }) => issue(at, [], unheeded, 'warning'))
  const load = slow === undefined ? [] : [issue(place?.(['spec', 'proxy']) ?? `${file}:1:1`, ['spec', 'proxy'], slow, 'warning')]
  const all = inOrder([...issues, ...load, ...idle, ...read.issues, ...references(read, judged, { strangers: given !== undefined })], [file, ...others.keys()])
  if (settings === undefined || all.some((one) => one.severity !== 'warning')) return fail(...all)
  const lab = { ...settings, objects: inTurn(read.manifests.map((one) => one.object)) }
  const places = new Map(own.manifests.map(({ object, at }) => [titleOf(object), at]))
  return ok({ lab, warnings: all, unless: unlessKernelHas(read.manifests), places })
}

/** Other braces are left alone: they may be somebody else's templates. */
const filledFiles = (files: Files, values: Values): Files => new Map([...files].map(([name, text]) => [name, String(filled(text, values))]))

/** What lies in manifests/ beside lab.yaml, in the order of names, as kubectl would apply it. */
function manifestFiles(files: Files, file: string): Files {
  const folder = `${file.slice(0, file.lastIndexOf('/') + 1)}manifests/`
  const names = [...files.keys()].filter((name) => name.startsWith(folder) && /\.(ya?ml|json)$/.test(name))
  return new Map(names.sort().map((name) => [name, files.get(name) ?? '']))
}

/** Namespaces first, so that a file may use one that a later file makes; then Services that ask for a number by name, before another draws it. */
const inTurn = (objects: readonly KubeObject[]): readonly KubeObject[] => [...objects].sort((a, b) => turnOf(a) - turnOf(b))
const turnOf = (one: KubeObject): number => (one.kind === 'Namespace' ? 0 : one.kind === 'Service' && asksByName(one) ? 1 : 2)

/** The namespaces that these objects name and none of them makes. */
function homesOf(manifests: readonly Manifest[]): readonly Manifest[] {
  const named = new Set(manifests.flatMap(({ object }) => object.metadata.namespace ?? []))
  for (const { object } of manifests) if (object.kind === 'Namespace') named.delete(object.metadata.name)
  for (const born of PROVIDED_NAMESPACES) named.delete(born)
  return manifestsOf(new Map([['', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...named].map(homeOf) })]])).manifests
}

const homeOf = (name: string): object => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })

type Reading = { readonly judged?: Judged; readonly place?: Place; readonly values?: Values; readonly issues: readonly Issue[] }

function labOf(text: string | undefined, file: string, seed: string): Reading {
  const start = `${file}:1:1`
  if (text === undefined) return { issues: [issue(start, [], 'there is no such file')] }
  const { documents, issues } = readYaml(file, text)
  const [document, second] = documents
  if (document === undefined)
    return { issues: issues.length > 0 ? issues : [issue(start, [], 'the file is empty; expected a Lab with apiVersion, kind, metadata and spec')] }
  const more = second === undefined ? [] : [issue(second.place([]), [], 'a lab file holds one document; Kubernetes objects belong into manifests/ beside it')]
  const { judged, values = {}, issues: own } = judgedOf(document, seed)
  return { ...(judged === undefined ? {} : { judged }), values, place: document.place, issues: [...issues, ...more, ...own] }
}

function judgedOf({ value: written, place }: Document, seed: string): Reading {
  const { values, errors: undrawn } = paramsIn(written, seed)
  const value = filled(written, values)
  const { file, errors, gone } = labFileOf(value)
  // What a name that nobody knows would have stood for is not known either.
  const shape = [...undrawn, ...errors.filter(({ path }) => undrawn.length === 0 || !/\{\{.*\}\}/.test(String(valueAt(value, path))))]
  if (file === undefined) return { issues: shape.map((error) => issueAt(place, error)) }
  const { value: judged, errors: judgements } = collected(judge(file, (path) => valueAt(value, path) !== undefined))
  // what is said of a part that could not be read follows from that, and would only be said twice
  const unread = shape.filter((error) => !error.unknown)
  const meaning = judgements.filter(
    ({ path }) => !isUnsure(path, gone) && !unread.some((other) => path.every((key, i) => i >= other.path.length || key === other.path[i])),
  )
  return { judged, values, issues: [...shape, ...meaning].map((error) => issueAt(place, error)) }
}

function collected<T>(judging: Judging<T>): { readonly value: T; readonly errors: readonly FieldError[] } {
  const errors: FieldError[] = []
  for (;;) {
    const step = judging.next()
    if (step.done) return { value: step.value, errors }
    errors.push(step.value)
  }
}

/** Every object of files that are no lab's own, or every mistake in them. */
export function readManifests(files: Files): Result<readonly Manifest[], Issue> {
  const { manifests, issues } = manifestsOf(files)
  const all = inOrder([...issues, ...taken(manifests)], [...files.keys()])
  return all.every((one) => one.severity === 'warning') ? ok(manifests) : fail(...all)
}

/** File by file, top to bottom. */
function inOrder(issues: readonly Issue[], files: readonly string[]): readonly Issue[] {
  const placeOf = ({ at }: Issue): readonly number[] => {
    const [, file = '', line, column] = /^(.*):(\d+):(\d+)$/.exec(at) ?? []
    return [files.indexOf(file), Number(line), Number(column)]
  }
  const ranked = issues.map((one) => ({ one, place: placeOf(one) }))
  return ranked.sort((a, b) => a.place.map((rank, i) => rank - (b.place[i] ?? 0)).find((apart) => apart !== 0) ?? 0).map(({ one }) => one)
}
