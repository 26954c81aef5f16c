/** Reads what a client or a manifest says into an object, or tells every mistake at once. */
import { fail, ok, type Result } from '#net/result.ts'
import { withDefaults } from './defaults.ts'
import { type Kind, type KubeObject, schemas } from './kinds.ts'
import { hint } from './nearest.ts'
import { apiVersionOf, resources } from './resources.ts'
import { rulesOf } from './rules.ts'
import { shapeErrors } from './structure.ts'

export type Path = readonly (string | number)[]
/** A mistake and the field it is in; `unknown` marks a field that no kind has. */
export type FieldError = { readonly path: Path; readonly says: string; readonly severity?: 'error' | 'warning'; readonly unknown?: true }

export function readObject(input: unknown): Result<KubeObject, FieldError> {
  const named = kindOf(input)
  if (!named.ok) return named
  const given = withoutZeros(withoutNulls(input))
  const parsed = schemas[named.value].safeParse(given)
  if (parsed.success) {
    const object = withDefaults(parsed.data)
    const mistakes = [...rulesOf(object)]
    return mistakes.length === 0 ? ok(object) : fail(...mistakes)
  }
  const shape = shapeErrors(schemas[named.value], given, parsed.error.issues)
  const meaning = [
    ...rulesOf(
      without(
        given,
        shape.map((error) => error.path),
      ) as never,
    ),
  ]
  return fail(...shape, ...meaning.filter((error) => !shape.some((other) => samePath(error.path, other.path))))
}

/** The input without fields that no kind has, and which they were; `as` says the kind of a part. A directive of a patch begins with "$" and stays. */
export function withoutUnknown(input: object, as: object = {}): { readonly value: unknown; readonly unknown: readonly FieldError[] } {
  const read = readObject({ ...as, ...input })
  const unknown = read.ok ? [] : read.errors.filter((error) => error.unknown === true && !String(error.path.at(-1)).startsWith('$'))
  return {
    value: without(
      input,
      unknown.map((error) => error.path),
    ),
    unknown,
  }
}

function kindOf(input: unknown): Result<Kind, FieldError> {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return fail({ path: [], says: 'expected an object with apiVersion, kind and metadata' })
  const { apiVersion, kind } = input as { apiVersion?: unknown; kind?: unknown }
  const known = Object.keys(schemas)
  const missing = [kind, apiVersion].flatMap((value, i) =>
    value === undefined || value === null ? [{ path: [i === 0 ? 'kind' : 'apiVersion'], says: 'required' }] : [],
  )
  if (missing.length > 0) return fail(...missing)
  const resource = resources.find((one) => one.kind === kind)
  if (resource === undefined) return fail({ path: ['kind'], says: `unknown kind ${JSON.stringify(kind)}${hint(String(kind), known)}` })
  const version = apiVersionOf(resource)
  return apiVersion === version
    ? ok(resource.kind)
    : fail({ path: ['apiVersion'], says: `${resource.kind} is in ${version}, found ${JSON.stringify(apiVersion)}` })
}

/** A field that is null is a field that is not there; in a list a null keeps its place. */
function withoutNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const items = value.map(withoutNulls)
    return items.some((item, i) => item !== value[i]) ? items : value
  }
  const entries = Object.entries(value)
  const kept = entries.flatMap(([key, inner]) => (inner === null ? [] : [[key, withoutNulls(inner)] as const]))
  return kept.length === entries.length && kept.every(([, inner], i) => inner === entries[i]?.[1]) ? value : Object.fromEntries(kept)
}

/** Fields of a Service that in Go are plain words and numbers, so that "" and 0 say no more than silence does. */
const ZERO_IS_UNSET = {
  spec: ['type', 'sessionAffinity', 'externalTrafficPolicy', 'healthCheckNodePort'],
  port: ['protocol', 'targetPort', 'nodePort'],
} as const

function withoutZeros(input: unknown): unknown {
  const { kind, spec } = input as { readonly kind: Kind; readonly spec?: { readonly ports?: unknown } }
  if (kind !== 'Service' || !isRecord(spec)) return input
  const { ports } = spec
  const meant = (value: unknown, fields: readonly string[]): unknown =>
    isRecord(value) ? Object.fromEntries(Object.entries(value).filter(([key, one]) => !(fields.includes(key) && (one === '' || one === 0)))) : value
  const listed = Array.isArray(ports) ? { ports: ports.map((port) => meant(port, ZERO_IS_UNSET.port)) } : {}
  return { ...(input as object), spec: { ...(meant(spec, ZERO_IS_UNSET.spec) as object), ...listed } }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The input without the places that cannot be read, so that the rules can judge the rest. */
export function without(value: unknown, paths: readonly Path[]): unknown {
  if (paths.some((path) => path.length === 0)) return undefined
  if (paths.length === 0 || typeof value !== 'object' || value === null) return value
  const below = (key: string | number) => paths.filter((path) => path[0] === key).map((path) => path.slice(1))
  if (Array.isArray(value)) return value.map((item, i) => without(item, below(i)))
  const kept = Object.entries(value).map(([key, inner]) => [key, without(inner, below(key))] as const)
  return Object.fromEntries(kept.filter(([, inner]) => inner !== undefined))
}

const samePath = (a: Path, b: Path): boolean => a.length === b.length && a.every((key, i) => key === b[i])
