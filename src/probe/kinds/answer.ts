/** What the learner found out. The right answer is not told: neither in what is expected nor in what was observed. */
import { network, parseCidr, parseIp, parseMac } from '#net/net.ts'
import { LOOK } from '../defaults.ts'
import { spotAt } from '../place.ts'
import { type Inquiry, type Judged, run, unanswered, undecided } from '../question.ts'
import type { Scene } from '../scene.ts'
import type { Specs } from '../schema.ts'

type Type = Specs['answer']['type']

const WANTED: Readonly<Record<Exclude<Type, 'choice'>, string>> = {
  text: 'a word',
  number: 'a number',
  ip: 'an IP address',
  cidr: 'a range such as 10.244.1.0/24',
  mac: 'a MAC address',
}

export function answer(of: Specs['answer'], scene: Scene): Inquiry {
  const wanted = of.type === 'choice' ? `one of ${of.choices.join(', ')}` : WANTED[of.type]
  const expected = `${of.ask} (${wanted})`
  const given = scene.answers?.[of.name ?? '']?.trim() ?? ''
  const judged = (right: readonly string[]): Judged => {
    const known = right.map((one) => meant(of.type, one))
    if (known.length === 0 || known.includes(undefined)) return { verdict: 'error', observed: `the right answer is not ${wanted} at the moment`, evidence: [] }
    if (given === '') return { verdict: 'fail', observed: 'no answer yet', evidence: [] }
    const value = meant(of.type, given)
    if (value === undefined || (of.type === 'choice' && !of.choices.map((one) => meant('choice', one)).includes(value)))
      return { verdict: 'fail', observed: `"${given}" is not ${wanted}`, evidence: [] }
    const holds = known.some((one) => (of.type === 'number' ? Math.abs(Number(one) - Number(value)) <= of.tolerance : one === value))
    return { verdict: holds ? 'pass' : 'fail', observed: holds ? `${given} is right` : `${given} is not right`, evidence: [] }
  }
  const reproduce = ''
  if (of.run === undefined) return { questions: [], judge: () => ({ expected, reproduce, ...judged([of.is ?? []].flat().map(String)) }) }
  const spot = spotAt(of.run.at, scene)
  if (!spot.ok) return undecided(expected, spot.errors)
  const question = run(spot.value, of.run.argv, { timeoutMs: LOOK, names: true })
  return {
    questions: [question],
    judge: ([output]) => ({ expected, reproduce, ...(unanswered(output, question) ?? judged(output?.code === 0 ? [output.stdout.trim()] : [])) }),
  }
}

/** Two spellings of one thing are one thing; undefined is no such thing. */
function meant(type: Type, text: string): string | undefined {
  switch (type) {
    case 'number':
      return text !== '' && Number.isFinite(Number(text)) ? String(Number(text)) : undefined
    case 'ip':
      return parseIp(text)
    case 'cidr': {
      const range = parseCidr(text)
      return range === undefined ? undefined : network(range)
    }
    case 'mac':
      return parseMac(text.replaceAll('-', ':').toLowerCase())
    case 'text':
    case 'choice':
      return text.toLowerCase().replaceAll(/\s+/g, ' ').trim()
    default:
      return type satisfies never
  }
}
