/** The words rules are written with. */
import type { LabelSelector } from './kinds.ts'
import { labelValue, type NameRule, qualifiedName } from './names.ts'
import type { FieldError, Path } from './validate.ts'

/** An object that may lack any part: rules judge what is there, so that one mistake does not hide another. */
export type Loose<T> = T extends readonly (infer Item)[]
  ? readonly (Loose<Item> | undefined)[]
  : T extends object
    ? { readonly [K in keyof T]?: Loose<T[K]> | undefined }
    : T
export type Mistakes = Generator<FieldError, void>

export function* named(rule: NameRule, text: string, path: Path): Mistakes {
  const says = rule(text)
  if (says !== undefined) yield { path, says }
}

export function* labels(given: Loose<Readonly<Record<string, string>>> | undefined, path: Path): Mistakes {
  for (const [key, value] of Object.entries(given ?? {})) {
    yield* named(qualifiedName, key, [...path, key])
    if (value !== undefined) yield* named(labelValue, value, [...path, key])
  }
}

export function* labelSelector(selector: Loose<LabelSelector>, path: Path): Mistakes {
  yield* labels(selector.matchLabels, [...path, 'matchLabels'])
  for (const [i, one] of (selector.matchExpressions ?? []).entries()) {
    if (one === undefined) continue
    const at = [...path, 'matchExpressions', i]
    if (one.key !== undefined) yield* named(qualifiedName, one.key, [...at, 'key'])
    if (one.operator === undefined) continue
    const needsValues = one.operator === 'In' || one.operator === 'NotIn'
    const values = one.values ?? []
    if (needsValues && values.length === 0) yield { path: [...at, 'values'], says: `required with operator ${one.operator}` }
    if (!needsValues && values.length > 0) yield { path: [...at, 'values'], says: `not allowed with operator ${one.operator}` }
    for (const [j, value] of values.entries()) if (value !== undefined) yield* named(labelValue, value, [...at, 'values', j])
  }
}

/** Says which items carry a value that an earlier item has. */
export function* unique<T>(
  items: readonly (T | undefined)[] | undefined,
  key: (item: T) => string | undefined,
  path: Path,
  field: string,
  what: string,
): Mistakes {
  const seen = new Set<string>()
  for (const [i, item] of (items ?? []).entries()) {
    const value = item === undefined ? undefined : key(item)
    if (value === undefined || value === '') continue
    if (seen.has(value)) yield { path: field === '' ? [...path, i] : [...path, i, field], says: `${what} "${value}" is there twice` }
    seen.add(value)
  }
}

/** Says when not exactly one of the fields is given. */
export function* exactlyOne(value: object, fields: readonly string[], path: Path, what: string): Mistakes {
  const given = fields.filter((field) => (value as Record<string, unknown>)[field] !== undefined)
  if (given.length === 0) yield { path, says: `${what} needs one of ${fields.join(', ')}` }
  if (given.length > 1) yield { path: [...path, given[1] ?? ''], says: `${what} has ${given.join(' and ')}; only one is allowed` }
}
