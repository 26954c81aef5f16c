/** Variants: values drawn from a seed, so that every student has a lab of their own and a teacher the same one again. */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { hint } from '#api/nearest.ts'
import { valueAt } from '#api/structure.ts'
import type { FieldError, Path } from '#api/validate.ts'
import { params as shape } from './param-shape.ts'

export type Value = string | number
/** What stands for a name between braces: mostly a word or a number. */
export type Values = Readonly<Record<string, unknown>>
export type Param = Value | { readonly seeded: readonly [number, number] } | { readonly oneOf: readonly Value[] }

type Params = Readonly<Record<string, Param>>

/** What the params of a lab.yaml stand for with this seed, and what is wrong with them besides their shape. */
export function paramsIn(written: unknown, seed: string): { readonly values: Values; readonly errors: readonly FieldError[] } {
  const path = ['spec', 'params']
  const read = shape.safeParse(valueAt(written, path) ?? {})
  if (!read.success) return { values: {}, errors: [] }
  const errors = paramErrors(read.data as Params, path)
  const values = errors.length === 0 ? drawn(read.data as Params, seed) : {}
  return { values, errors: [...errors, ...strangers(written, [], Object.keys(read.data))] }
}

/** What a shape cannot say. */
export const paramErrors = (params: Readonly<Record<string, unknown>>, path: Path): readonly FieldError[] =>
  Object.entries(params).flatMap(([name, param]) => {
    if (!/^[a-zA-Z]\w*$/.test(name)) return [{ path: [...path, name], says: `"${name}" is no name of a param: letters, digits and _, a letter first` }]
    const [from, to] = ((param as { readonly seeded?: readonly number[] } | null)?.seeded ?? []) as readonly number[]
    if (from === undefined || to === undefined || from <= to) return []
    return [{ path: [...path, name, 'seeded'], says: `${from} is more than ${to}: the lower end comes first` }]
  })

/** Names between braces that no param has. */
function strangers(at: unknown, path: Path, known: readonly string[]): readonly FieldError[] {
  if (typeof at === 'string')
    return [...at.matchAll(NAMED)].flatMap(([braces, name = '']) =>
      known.includes(name) ? [] : [{ path, says: `${braces}: no param "${name}" in spec.params${known.length === 0 ? '' : hint(name, known)}` }],
    )
  if (typeof at !== 'object' || at === null) return []
  return Object.entries(at).flatMap(([key, inner]) => strangers(inner, [...path, Array.isArray(at) ? Number(key) : key], known))
}

/** A student's seed: HMAC of the course's key and who it is. */
export const seedOf = (key: string, student: string): string => bytesToHex(hmac(sha256, utf8ToBytes(key), utf8ToBytes(student)))

export const drawn = (params: Readonly<Record<string, Param>>, seed: string): Values =>
  Object.fromEntries(Object.entries(params).map(([name, param]) => [name, draw(param, numberOf(seed, name))]))

function draw(param: Param, at: number): Value {
  if (typeof param !== 'object') return param
  if ('oneOf' in param) return param.oneOf[at % param.oneOf.length] ?? ''
  const [from, to] = param.seeded
  return from + (at % (to - from + 1))
}

/** 48 bits: far more than any range, and whole in a double. */
export const numberOf = (seed: string, name: string): number => Number.parseInt(seedOf(seed, name).slice(0, 12), 16)

const NAMED = /\{\{\s*(\w+(?:\.\w+)*)\s*\}\}/g
const WHOLE = new RegExp(`^${NAMED.source}$`)

/** `{{name}}` in every text of a value, however deep. A text that is nothing but one becomes the value itself: a number, a list. Other names stay. */
export function filled<T>(value: T, values: Values): T {
  const walk = (at: unknown): unknown => {
    if (typeof at === 'string') {
      const whole = WHOLE.exec(at)?.[1]
      if (whole !== undefined && Object.hasOwn(values, whole)) return values[whole]
      return at.replace(NAMED, (braces, name: string) => (Object.hasOwn(values, name) ? String(values[name]) : braces))
    }
    if (Array.isArray(at)) return at.map(walk)
    return typeof at === 'object' && at !== null ? Object.fromEntries(Object.entries(at).map(([key, inner]) => [key, walk(inner)])) : at
  }
  return walk(value) as T
}
