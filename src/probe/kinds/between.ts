/** Questions from each place to each target. */
import { isPlace, spotsAt, targetsAt } from '../place.ts'
import { allOf, type Inquiry, undecided } from '../question.ts'
import type { Scene, Spot, Target } from '../scene.ts'

export type Ends = { readonly from: string; readonly to: string; readonly port?: number | string | undefined }

/** The same question for every pair, a place and itself excepted when there are several; all must hold. */
export function between(
  { from, to, port }: Ends,
  scene: Scene,
  o: { readonly needsPort: boolean },
  question: (spot: Spot, target: Target) => Inquiry,
): Inquiry {
  const [spots, targets] = [spotsAt(from, scene), targetsAt(to, port, scene)]
  const says = [spots, targets].flatMap((found) => (found.ok ? [] : found.errors))
  if (!spots.ok || !targets.ok) return undecided(`an answer from ${to}`, says)
  if (o.needsPort && targets.value.some((target) => target.port === undefined)) return undecided(`an answer from ${to}`, [`"${to}" needs a port`])
  const pairs = spots.value.flatMap((spot) => targets.value.map((target) => ({ spot, target })))
  const others = pairs.filter(({ spot, target }) => spot.ip !== target.host)
  return allOf((others.length === 0 ? pairs : others).map(({ spot, target }) => question(spot, target)))
}

/** The same question at every spot of a place; all must hold. */
export function everywhere(at: string, scene: Scene, question: (spot: Spot) => Inquiry): Inquiry {
  const spots = spotsAt(at, scene)
  return spots.ok ? allOf(spots.value.map(question)) : undecided(`an answer from ${at}`, spots.errors)
}

/** The addresses a text stands for: a place's, or the text itself. */
export function addressesOf(text: string, scene: Scene): readonly string[] {
  const spots = isPlace(text) || [...scene.cluster.nodes, ...scene.cluster.routers].some(({ name }) => name === text) ? spotsAt(text, scene) : undefined
  return spots?.ok ? spots.value.map((spot) => spot.ip) : [text]
}
/** Whether `host` must be looked up by the source. */
export const isName = (host: string): boolean => !/^[\d.]+$|:/.test(host)
