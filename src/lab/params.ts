/** Variants: values drawn from a seed, so that every student has a lab of their own and a teacher the same one again. */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'

export type Value = string | number
/** What stands for a name between braces: mostly a word or a number. */
export type Values = Readonly<Record<string, unknown>>
export type Param = Value | { readonly seeded: readonly [number, number] } | { readonly oneOf: readonly Value[] }

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
