/** `mutations:` of an exercise: what `netlab lab test` does to the solved lab. */
import { hint } from '#api/nearest.ts'
import type { FieldError, Path } from '#api/validate.ts'
import type { Place } from '#fault/fault.ts'
import { FAULT_NAMES, FAULTS } from '#fault/library.ts'
import type { Cluster } from '#model/cluster.ts'
import type { Mutation } from './exercise.ts'
import { submissionOfChanges } from './mystery.ts'

type Where = { readonly whole?: () => Cluster | undefined }

/** Those that can be understood, and what the others mean wrongly; their shape is judged elsewhere. */
export function mutationsOf(raws: readonly unknown[], { whole }: Where): { readonly mutations: readonly Mutation[]; readonly errors: readonly FieldError[] } {
  const read = raws.map((raw, i) => mutationOf(raw as Raw, ['spec', 'mutations', i], whole))
  return {
    mutations: read.flatMap((one) => (one !== undefined && 'title' in one ? [one] : [])),
    errors: read.flatMap((one) => (one !== undefined && 'says' in one ? [one] : [])),
  }
}

type Raw = { readonly fault?: unknown; readonly at?: unknown; readonly of?: unknown; readonly run?: unknown; readonly title?: unknown } | null

function mutationOf(raw: Raw, path: Path, whole: Where['whole']): Mutation | FieldError | undefined {
  const { fault: name, at, of, run, title } = raw ?? {}
  if (typeof run === 'string' && typeof at === 'string')
    return {
      title: typeof title === 'string' ? title : `${run.trim()} at ${at}`,
      submission: submissionOfChanges([{ kind: 'run', at: placeOf(at), script: run }], 'mutation'),
    }
  if (typeof name !== 'string') return undefined
  const fault = FAULTS.find((one) => one.name === name)
  if (fault === undefined) return { path: [...path, 'fault'], says: `no fault "${name}" in the library${hint(name, FAULT_NAMES)}` }
  const cluster = whole?.()
  if (cluster === undefined) return undefined
  const places = fault.places(cluster)
  const here = places.filter(({ where }) => at === undefined || where === at)
  const place = here.find(({ asks }) => of === undefined || wordsIn(asks).includes(String(of)))
  if (place !== undefined) return { title: `${name} at ${place.where}`, submission: submissionOfChanges(place.breaks, name) }
  const among = (words: readonly string[]): string => hint(String(here.length > 0 ? of : at), [...new Set(words)].sort())
  if (places.length === 0) return { path: [...path, 'fault'], says: `this lab cannot have ${name}: it needs ${fault.needs}` }
  if (here.length === 0) return { path: [...path, 'at'], says: `${name} cannot be at "${String(at)}"${among(places.map(({ where }) => where))}` }
  return { path: [...path, 'of'], says: `${name} there is nothing that "${String(of)}" suffers from${among(here.flatMap(({ asks }) => wordsIn(asks)))}` }
}

/** Whom questions name: `pod/client`, `svc/web`. */
const wordsIn = (asks: Place['asks']): readonly string[] =>
  asks.flatMap((ask) => Object.values(ask).flatMap((fields) => Object.values(fields as object).filter((one) => typeof one === 'string' && one.includes('/'))))

const placeOf = (at: string): string => {
  const [, kind = 'node', rest = at] = /^(node|pod)\/(.+)$/.exec(at) ?? []
  return kind === 'pod' && !rest.includes('/') ? `pod/default/${rest}` : `${kind}/${rest}`
}
