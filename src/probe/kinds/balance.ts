/** Many new connections to one address, and who answers them. */
import type { Output } from '#kernel/command.ts'
import type { Cluster } from '#model/cluster.ts'
import { CONNECT, GRACE, REQUEST } from '../defaults.ts'
import { BALANCE } from '../perl/balance.ts'
import { perl, said } from '../perl/perl.ts'
import { servicePortAt, spotsAt } from '../place.ts'
import { ask, type Inquiry, type Judged, pasteable, undecided, unreadable } from '../question.ts'
import type { Scene, Spot, Target } from '../scene.ts'
import type { Specs } from '../schema.ts'
import { between, isName } from './between.ts'
import { where } from './tcp.ts'

type Balance = Specs['balance']
export type Spread = { readonly answers: ReadonlyMap<string, number>; readonly failed: ReadonlyMap<string, number> }

/** How often a fair draw may miss a backend by chance. */
const MISSED = 1e-6
const FEWEST = 10

export const balance = (of: Balance, scene: Scene): Inquiry => between(of, scene, { needsPort: true }, (spot, target) => spread(of, { scene, spot, target }))

function spread(of: Balance, { scene, spot, target }: { readonly scene: Scene; readonly spot: Spot; readonly target: Target }): Inquiry {
  const backends = backendsOf(of, target, scene)
  if (typeof backends === 'string') return undecided(`${where(target)} is answered by its backends`, [backends])
  const names = backends === undefined ? `${of.count} backends` : backends.join(', ') || 'nobody'
  const expected = `${where(target)} is answered ${of.sticky ? 'by one and the same of' : 'by each of'} ${names}`
  const times = of.connections ?? connectionsFor(backends?.length ?? of.count ?? 1)
  const task = [
    ['to', target.host, target.port ?? 80],
    ['path', of.path],
    ['times', times],
    ['wait', CONNECT],
    ['within', REQUEST],
    ['host', of.host ?? target.host],
  ]
  return ask(perl(spot, BALANCE, { task, timeoutMs: REQUEST + GRACE, names: isName(target.host) }), {
    expected: `${expected} in ${times} new connections from ${spot.name}`,
    reproduce: pasteable(spot, [
      'sh',
      '-c',
      `for i in $(seq ${Math.min(times, 30)}); do curl -s http://${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}${of.path}; echo; done | sort | uniq -c`,
    ]),
    judge: (output) => {
      const seen = readSpread(output)
      return seen === undefined ? unreadable('the balance probe', output) : judged(seen, of, { backends, times })
    },
  })
}

/** Names of the Pods that must answer; undefined when only their number is asked for. */
function backendsOf(of: Balance, target: Target, scene: Scene): readonly string[] | undefined | string {
  if (of.backends !== undefined) {
    const found = of.backends.map((place) => spotsAt(place, scene))
    const says = found.flatMap((one) => (one.ok ? [] : one.errors))
    return says.length > 0 ? says.join('; ') : [...new Set(found.flatMap((one) => (one.ok ? one.value.map((spot) => spot.pod?.name ?? spot.name) : [])))]
  }
  if (target.service !== undefined) return endpointsOf(target, scene.cluster)
  return of.count === undefined ? `"${of.to}" is no Service: name its backends or their count` : undefined
}

function endpointsOf(target: Target, cluster: Cluster): readonly string[] {
  const port = target.service === undefined ? undefined : servicePortAt(target.service, cluster)
  return (port?.endpoints ?? []).filter((one) => one.ready).map((one) => cluster.pods.find((pod) => pod.ip === one.ip)?.name ?? one.ip)
}

const HOW: Readonly<Record<string, string>> = {
  timeout: 'no answer',
  refused: 'refused',
  reset: 'reset',
  unreachable: 'no way',
  empty: 'closed without an answer',
}

/** Draws after which a backend of n with an equal share was missed with odds of at most MISSED for any of them. */
export const connectionsFor = (backends: number): number => (backends < 2 ? FEWEST : Math.ceil(Math.log(MISSED / backends) / Math.log(1 - 1 / backends)))

export function readSpread(output: Output): Spread | undefined {
  const lines = said(output)
  if (lines === undefined) return undefined
  if (lines[0]?.['outcome'] === 'dns') return { answers: new Map(), failed: new Map([['the name was not found', 1]]) }
  if (lines.at(-1)?.['done'] === undefined) return undefined
  const counted = (word: string) => new Map(lines.flatMap((line) => (line[word] === undefined ? [] : [[String(line[word]), Number(line['times'])] as const])))
  return { answers: counted('backend'), failed: counted('failed') }
}

function judged(seen: Spread, of: Balance, { backends, times }: { readonly backends: readonly string[] | undefined; readonly times: number }): Judged {
  const counts = [...seen.answers].map(([name, count]) => `${name} ${count}`)
  const evidence = [...counts, ...[...seen.failed].map(([how, count]) => `${how} ${count}`)]
  const wrong = [...mistakes(seen, of, { backends, times })]
  return { verdict: wrong.length === 0 ? 'pass' : 'fail', observed: [...wrong, counts.join(', ')].filter((says) => says !== '').join('; '), evidence }
}

function* mistakes(
  { answers, failed }: Spread,
  of: Balance,
  { backends, times }: { readonly backends: readonly string[] | undefined; readonly times: number },
): Generator<string> {
  for (const [how, count] of failed) yield `${count} of ${times} connections: ${HOW[how] ?? how}`
  const strangers = backends === undefined ? [] : [...answers.keys()].filter((name) => !backends.includes(name))
  if (strangers.length > 0) yield `${strangers.join(', ')} answered too`
  if (of.count !== undefined && !of.sticky && answers.size !== of.count) yield `${answers.size} backends answered, not ${of.count}`
  if (of.sticky) {
    if (answers.size !== 1) yield `${answers.size} backends answered`
    return
  }
  const missing = (backends ?? []).filter((name) => !answers.has(name))
  if (missing.length > 0) yield `${missing.join(', ')} never answered`
  if (backends?.length === 0) yield 'there is no ready backend'
  const least = (of.least / 100) * (times / (backends?.length || answers.size || 1))
  for (const [name, count] of answers) if (count < least) yield `${name} answered ${count} times, less than ${of.least} % of an equal share`
}
