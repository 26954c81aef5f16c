/** What is wrong with an object's shape, in words that name the field, the expectation and what was found. */
import type { z } from 'zod'
import { hint, nearest } from './nearest.ts'
import type { FieldError, Path } from './validate.ts'

type Schema = z.core.$ZodType
type Issue = z.core.$ZodIssue

export function shapeErrors(schema: Schema, input: unknown, issues: readonly Issue[]): readonly FieldError[] {
  const said = new Map(issues.flatMap((issue) => wordsFor(schema, input, issue)).map((error) => [JSON.stringify([error.path, error.says]), error]))
  return [...said.values()]
}

/** The value at a path, undefined when there is none. */
export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, key) => (typeof at === 'object' && at !== null ? (at as Record<string | number, unknown>)[key] : undefined), value)
}

/** The names an object at this path may have. */
function fieldsAt(schema: Schema, path: Path): readonly string[] {
  const at = bare(schemaAt(schema, path))
  return at?._zod.def.type === 'object' ? Object.keys((at as z.core.$ZodObject)._zod.def.shape) : []
}

function wordsFor(schema: Schema, input: unknown, issue: Issue): FieldError[] {
  const path = issue.path as Path
  const found = valueAt(input, path)
  const one = (says: string): FieldError[] => [{ path, says }]
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = fieldsAt(schema, path)
      return issue.keys.map((key) => ({ path: [...path, key], says: `unknown field "${key}"${hint(key, known)}`, unknown: true }))
    }
    case 'invalid_type':
      return one(
        found === undefined
          ? `required: ${wanted(schema, path)}`
          : `expected ${wanted(schema, path)}, found ${shown(found)}${quoteHint(issue.expected, found)}`,
      )
    case 'invalid_value': {
      const values = issue.values.map(String)
      if (found === undefined) return one(`required: one of ${values.join(', ')}`)
      const near = nearest(String(found), values)
      return one(
        `expected ${values.length > 1 ? 'one of ' : ''}${values.join(', ')}, found ${shown(found)}${near === undefined ? '' : `; did you mean "${near}"?`}`,
      )
    }
    case 'too_small':
      if (issue.origin === 'string') return one('must not be empty')
      if (issue.origin === 'array') return one(`expected at least ${issue.minimum} item${issue.minimum === 1 ? '' : 's'}, found none`)
      return one(`expected ${wanted(schema, path)}, found ${shown(found)}`)
    case 'too_big':
      if (issue.origin === 'array' && Array.isArray(found))
        return one(`expected at most ${issue.maximum} item${issue.maximum === 1 ? '' : 's'}, found ${found.length}`)
      return one(`expected ${wanted(schema, path)}, found ${shown(found)}`)
    default:
      return one(found === undefined ? `required: ${wanted(schema, path)}` : `expected ${wanted(schema, path)}, found ${shown(found)}`)
  }
}

/** The expectation in words. */
function wanted(schema: Schema, path: Path): string {
  const at = bare(schemaAt(schema, path))
  return at === undefined ? 'something else' : wordOf(at)
}

function wordOf(schema: Schema): string {
  const def = (schema as z.core.$ZodTypes)._zod.def
  switch (def.type) {
    case 'string':
      return def.checks?.some((check) => check._zod.def.check === 'string_format') ? 'a percentage such as 25%' : 'text'
    case 'number': {
      const { minValue: least, maxValue: most } = schema as unknown as { minValue: number; maxValue: number }
      if (most < Number.MAX_SAFE_INTEGER) return `a whole number from ${least} to ${most}`
      return least > Number.MIN_SAFE_INTEGER ? `a whole number, ${least} or more` : 'a whole number'
    }
    case 'boolean':
      return 'true or false'
    case 'array':
      return 'a list'
    case 'object':
      return `an object with ${Object.keys((def as z.core.$ZodObjectDef).shape)
        .slice(0, 4)
        .join(', ')} …`
    case 'record':
      return 'an object of names and values'
    case 'enum':
      return `one of ${Object.values(def.entries).join(', ')}`
    case 'union':
      return def.options.map((option) => wordOf(bare(option) ?? option)).join(' or ')
    default:
      return 'something else'
  }
}

const shown = (found: unknown): string => {
  if (found === null) return 'null'
  if (Array.isArray(found)) return found.length === 0 ? 'an empty list' : 'a list'
  if (typeof found === 'object') return 'an object'
  const text = JSON.stringify(found) ?? String(found)
  return text.length > 80 ? `${text.slice(0, 76)}…"` : text
}

/** YAML reads 8080, 1.10 and yes as numbers and booleans; text needs quotes. What stood there is not known any more: 1.10 arrives as 1.1. */
const quoteHint = (expected: string, found: unknown): string =>
  expected === 'string' && (typeof found === 'number' || typeof found === 'boolean') ? '; put it in quotes' : ''

function schemaAt(schema: Schema, path: Path): Schema | undefined {
  return path.reduce<Schema | undefined>((at, key) => {
    const inner = bare(at)
    if (inner === undefined) return undefined
    const def = (inner as z.core.$ZodTypes)._zod.def
    if (def.type === 'object') return (def as z.core.$ZodObjectDef).shape[key]
    if (def.type === 'array') return def.element
    if (def.type === 'record') return def.valueType
    return undefined
  }, schema)
}

/** The schema without the wrappers that say what absence means. */
function bare(schema: Schema | undefined): Schema | undefined {
  if (schema === undefined) return undefined
  const def = (schema as z.core.$ZodTypes)._zod.def
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
      return bare(def.innerType)
    case 'pipe':
      return bare(def.in)
    default:
      return schema
  }
}
