/** Everybody calls everybody: Kubernetes' network model, in one picture. Each address is one place's only, and nobody's address is changed on the way. */
import { spotsAt } from '../place.ts'
import { EVIDENCE_LINES, type Inquiry, type Judged, pasteable, undecided } from '../question.ts'
import type { Scene, Spot } from '../scene.ts'
import type { Specs } from '../schema.ts'
import { type Heard, meet } from './meet.ts'

type Matrix = Specs['matrix']

/** Pods of the host's network have the node's address and its ports: they are the node. */
const own = (spot: Spot): boolean => spot.pod === undefined || spot.netns !== undefined

export function matrix(of: Matrix, scene: Scene): Inquiry {
  const [from, to] = [of.from, of.to ?? of.from].map((places) => [places].flat().map((place) => spotsAt(place, scene)))
  const says = [...(from ?? []), ...(to ?? [])].flatMap((found) => (found.ok ? [] : found.errors))
  const expected = `${[of.from].flat().join(' and ')} ${of.to === undefined ? 'reach each other' : `reach ${[of.to].flat().join(' and ')}`}${of.source === 'own' ? ' and are seen under their own addresses' : ''}`
  if (says.length > 0) return undecided(expected, says)
  const [sources = [], targets = []] = [from, to].map((found) => (found ?? []).flatMap((one) => (one.ok ? one.value.filter(own) : [])))
  const calls = sources.flatMap((source) => targets.flatMap((target) => (source.name === target.name ? [] : [{ from: source, to: target }])))
  const [first] = calls
  if (first === undefined) return undecided(expected, ['there are no two different places to call each other'])
  const reproduce = pasteable(first.from, ['ping', '-c', '1', first.to.ip])
  return meet(calls, { scene, expected, reproduce, judge: (heard, spots) => judged(heard, of, spots) })
}

function judged(heard: readonly Heard[], of: Matrix, spots: readonly Spot[]): Judged {
  const twice = spots.filter((spot, at) => spots.findIndex((other) => other.ip === spot.ip) !== at)
  const wrong = [
    ...twice.map(
      (spot) =>
        `${spot.ip} is the address of ${spots
          .filter((other) => other.ip === spot.ip)
          .map((other) => other.name)
          .join(' and ')}`,
    ),
    ...heard.flatMap((one) => mistakeOf(one, of) ?? []),
  ]
  const pairs = `${heard.length} pairs of ${spots.length} places`
  if (wrong.length === 0) return { verdict: 'pass', observed: `all ${pairs}`, evidence: heard.slice(0, EVIDENCE_LINES).map(line) }
  const failed = new Set(heard.filter((one) => mistakeOf(one, of) !== undefined)).size
  return {
    verdict: 'fail',
    observed: `${failed === 0 ? '' : `${failed} of ${pairs} do not: `}${wrong[0]}${wrong.length > 1 ? ` and ${wrong.length - 1} more` : ''}`,
    evidence: wrong.slice(0, EVIDENCE_LINES),
  }
}

function mistakeOf(one: Heard, { source }: Matrix): string | undefined {
  const pair = `${one.call.from.name} to ${one.call.to.name}`
  if (one.kind !== 'answer') return `${pair}: ${WORDS[one.kind]}${one.errno === '' ? '' : ` (${one.errno})`}`
  if (source === 'any') return undefined
  if (one.saw !== one.call.from.ip) return `${pair}: the target sees ${one.saw} instead of ${one.call.from.ip}`
  return one.own === one.call.from.ip ? undefined : `${pair}: the source calls itself ${one.own} instead of ${one.call.from.ip}`
}

export const WORDS: { readonly [K in Exclude<Heard['kind'], 'answer'>]: string } = {
  refused: 'refused',
  reset: 'reset',
  timeout: 'not answered',
  unreachable: 'no way',
  stalled: 'connected, but the data did not get through',
  stranger: 'somebody else answered',
  error: 'failed',
}

const line = (one: Heard): string =>
  `${one.call.from.name} (${one.call.from.ip}) to ${one.call.to.name} (${one.call.to.ip}): ${one.kind === 'answer' ? `seen as ${one.saw}` : one.kind}`
