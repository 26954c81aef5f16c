/** A param that draws a fault of the library: what stands for it in texts and probes, and what breaks and mends the lab. */
import type { Change, Fault } from '#fault/fault.ts'
import { faultsIn } from '#fault/library.ts'
import type { Files } from '#lab/lab.ts'
import { numberOf, type Values } from '#lab/params.ts'
import type { Cluster } from '#model/cluster.ts'
import type { Script, Submission } from './submission.ts'

/** Names of the library, or all that the lab can have. */
export type FaultParam = { readonly fault: 'any' | readonly string[] }

export type Mystery = {
  /** The fault that was drawn. */
  readonly name: string
  readonly where: string
  /** All that could have been drawn. */
  readonly faults: readonly string[]
  readonly values: Values
  readonly start: Submission
  readonly solution: Submission
}

type Drawing = {
  /** The lab when nothing is broken. */
  readonly cluster: Cluster
  readonly seed: string
  /** This one, wherever the seed says. */
  readonly choose?: string | undefined
}

/** Undefined when the lab can have none of these faults. */
export function mysteryOf(param: string, { fault: names }: FaultParam, { cluster, seed, choose }: Drawing): Mystery | undefined {
  const faults = faultsIn(cluster, names === 'any' ? undefined : names)
  const fault = faults.find(({ name }) => name === choose) ?? faults[numberOf(seed, param) % faults.length]
  const places = fault?.places(cluster) ?? []
  const place = places[numberOf(seed, `${param}.where`) % places.length]
  if (fault === undefined || place === undefined) return undefined
  const told = { name: fault.name, where: place.where, is: fault.is, why: fault.why, symptom: place.symptom, asks: place.asks, hints: hintsOf(place.hints) }
  const choices = { names: faults.map(({ name }) => name), places: placesOf(faults, cluster) }
  return {
    name: fault.name,
    where: place.where,
    faults: choices.names,
    values: Object.fromEntries(Object.entries({ ...told, ...choices }).map(([key, value]) => [`${param}.${key}`, value])),
    start: submissionOfChanges(place.breaks, `${fault.name}/start`),
    solution: submissionOfChanges(place.mends, `${fault.name}/solution`),
  }
}

/** The last one is the solution, and costs a point. */
const hintsOf = (hints: readonly string[]) => hints.map((say, i) => (i === hints.length - 1 ? { cost: 1, say } : { say }))

const placesOf = (faults: readonly Fault[], cluster: Cluster): readonly string[] =>
  [...new Set(faults.flatMap((fault) => fault.places(cluster).map(({ where }) => where)))].sort()

/** As if they were files of an exercise. */
export function submissionOfChanges(changes: readonly Change[], folder: string): Submission {
  const scripts = changes.flatMap((one): readonly Script[] => (one.kind === 'run' ? [{ place: one.at, file: `${folder} at ${one.at}`, text: one.script }] : []))
  const objects = changes.flatMap((one) => (one.kind === 'apply' ? [one.object] : []))
  const manifests: Files = new Map(objects.map((object) => [`${folder}/${object.kind}-${object.metadata.name}.yaml`, JSON.stringify(object)]))
  return { manifests, scripts, answers: {} }
}
