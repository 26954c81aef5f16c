/** What is left of a lab.yaml whose shape is wrong in places: as much as can be read, so that the rest is judged all the same. */
import type { Path } from '#api/validate.ts'

export type Rest = {
  readonly value: unknown
  /** Fields of spec that could not be read, as far up as was needed. */
  readonly gone: readonly Path[]
}

/** From what is wrong outwards: first the field alone is left out, and where the rest cannot be read then, what it is a part of. */
export function readable(value: unknown, wrong: readonly Path[], wrongIn: (value: unknown) => readonly Path[]): Rest | undefined {
  let gone = wrong
  for (;;) {
    const rest = gone.reduce(leftOut, value)
    const still = wrongIn(rest)
    if (still.length === 0) return { value: rest, gone }
    const wider = gone.map((path) => (still.some((other) => isWithin(other, path) || isWithin(path, other)) ? path.slice(0, -1) : path))
    const fresh = still.filter((other) => !gone.some((path) => isWithin(other, path) || isWithin(path, other)))
    gone = [...wider, ...fresh]
    if (gone.some((path) => path.length === 0)) return undefined
  }
}

const isWithin = (path: Path, other: Path): boolean => other.length <= path.length && other.every((key, i) => key === path[i])

/** An item keeps its place, so that those behind it keep theirs. */
function leftOut(value: unknown, [key, ...rest]: Path): unknown {
  if (key === undefined || typeof value !== 'object' || value === null || !(key in value)) return value
  if (Array.isArray(value)) return value.map((item, i) => (i !== key ? item : rest.length > 0 ? leftOut(item, rest) : standIn(item, value)))
  const fields = value as Readonly<Record<string, unknown>>
  if (rest.length > 0) return { ...fields, [key]: leftOut(fields[key], rest) }
  const { [key]: _, ...others } = fields
  return others
}

/** Of the kind that the others are. */
const standIn = (item: unknown, list: readonly unknown[]): unknown =>
  (typeof item === 'number' || typeof item === 'boolean') && !list.some((other) => typeof other === 'object') ? String(item) : {}

/** What is judged by the light of other fields: without these nothing sure can be said of it. */
const LEANS: Readonly<Record<string, readonly string[]>> = {
  nodes: ['cni', 'podCIDR', 'nodeCIDRMaskSize', 'underlay', 'hosts'],
  podCIDR: ['serviceCIDR', 'nodes', 'nodeCIDRMaskSize', 'underlay', 'loadBalancer'],
  serviceCIDR: ['podCIDR', 'underlay', 'loadBalancer'],
  cni: ['policy', 'nodes', 'podCIDR', 'nodeCIDRMaskSize', 'underlay'],
  proxy: ['policy'],
  underlay: ['nodes', 'hosts', 'cni', 'loadBalancer', 'podCIDR', 'serviceCIDR'],
}

/** Whether what is said of this field follows from something that could not be read. */
export const isUnsure = (path: Path, gone: readonly Path[]): boolean =>
  gone.some((lost) => isWithin(path, lost) || (isTold(lost) && LEANS[String(lost[1])]?.includes(String(path[1]))))

/** Others lean on whole fields of spec; of the underlay on who is there, and where. */
const isTold = ([, field, ...rest]: Path): boolean =>
  rest.length === 0 || (field === 'underlay' && (rest.length <= 2 || rest.includes('cidr') || rest.includes('addresses')))
