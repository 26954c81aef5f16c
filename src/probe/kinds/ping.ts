/** ICMP echo, by iputils ping: exit code 0 is an answer, 1 is none, 2 is a trouble of one's own; the statistics line must agree. */
import type { Output } from '#kernel/command.ts'
import { GRACE } from '../defaults.ts'
import { ask, type Finding, type Inquiry, linesOf, pasteable, run, unreadable } from '../question.ts'
import type { Scene, Spot, Target } from '../scene.ts'
import type { Specs } from '../schema.ts'
import { between, isName } from './between.ts'

type Ping = Specs['ping']
export type Pinged =
  | { readonly kind: 'answer'; readonly sent: number; readonly received: number; readonly rtt?: number }
  | { readonly kind: 'silence' | 'unreachable' | 'toobig' | 'dns'; readonly says: string }

const WAIT_S = 1
/** A neighbour that does not answer is given up after three questions, a second each. */
const NEIGHBOUR_S = 4
const INTERVAL_S = 0.2
/** ping repeats up to 16 bytes of pattern through its payload. */
const PATTERN_BYTES = 16

export const ping = (of: Ping, scene: Scene): Inquiry => between(of, scene, { needsPort: false }, (spot, target) => pinged(of, { scene, spot, target }))

function pinged(of: Ping, { scene, spot, target }: { scene: Scene; spot: Spot; target: Target }): Inquiry {
  const wait = of.expect === 'unreachable' ? NEIGHBOUR_S : WAIT_S
  const size = [...(of.size === undefined ? [] : ['-s', String(of.size)]), ...(of.df ? ['-M', 'do'] : [])]
  const argv = ['ping', '-n', '-c', String(of.count), '-i', String(INTERVAL_S), '-W', String(wait), ...size, target.host]
  const marked = [...argv.slice(0, -1), '-p', hex(scene.nonce), target.host]
  const timeoutMs = (wait + INTERVAL_S * of.count) * 1000 + GRACE
  return ask(run(spot, marked, { timeoutMs, names: isName(target.host) }), {
    expected: `${EXPECTED[of.expect]} from ${target.name} to ${spot.name}'s ping${of.size === undefined ? '' : ` of ${of.size} bytes`}`,
    reproduce: pasteable(spot, argv),
    judge: (output) => {
      const seen = readPing(output)
      return seen === undefined ? unreadable('ping', output) : { ...judged(seen, of), evidence: [...linesOf(output.stdout), ...linesOf(output.stderr)] }
    },
  })
}

const EXPECTED = { answer: 'an answer', silence: 'no answer', unreachable: 'the word that there is no way', toobig: 'the word that the packet is too big' }

export function readPing({ code, stdout, stderr }: Output): Pinged | undefined {
  const says = linesOf(stderr)[0] ?? ''
  if (code === 2 && /: (Network is unreachable|No route to host)$/m.test(stderr)) return { kind: 'unreachable', says }
  if (code === 2 && /^ping: .*: (Name or service not known|Temporary failure in name resolution|No address associated with hostname)$/m.test(stderr))
    return { kind: 'dns', says }
  const stats = /^(?<sent>\d+) packets transmitted, (?<received>\d+) received,/m.exec(stdout)?.groups
  if (stats === undefined || (code !== 0 && code !== 1)) return undefined
  const [sent, received] = [Number(stats['sent']), Number(stats['received'])]
  if ((code === 0) !== received > 0) return undefined
  const rtt = /^rtt [^=]*= [\d.]+\/([\d.]+)\//m.exec(stdout)?.[1]
  if (received > 0) return { kind: 'answer', sent, received, ...(rtt === undefined ? {} : { rtt: Number(rtt) }) }
  const refused = /^From .*$/m.exec(stdout)?.[0] ?? ''
  if (/message too long/.test(stderr) || /Frag(mentation)? needed|Packet too big/i.test(refused)) return { kind: 'toobig', says: says || refused }
  return refused === '' ? { kind: 'silence', says: `${sent} sent, none answered` } : { kind: 'unreachable', says: refused }
}

function judged(seen: Pinged, of: Ping): Pick<Finding, 'verdict' | 'observed'> {
  if (seen.kind !== 'answer') return { verdict: seen.kind === of.expect ? 'pass' : 'fail', observed: `${EXPECTED_WORD[seen.kind]}: ${seen.says}` }
  const lost = Math.round((100 * (seen.sent - seen.received)) / seen.sent)
  const observed = `${seen.received} of ${seen.sent} answered${seen.rtt === undefined ? '' : `, ${seen.rtt} ms on average`}`
  return { verdict: of.expect === 'answer' && lost <= of.loss ? 'pass' : 'fail', observed }
}

const EXPECTED_WORD = { silence: 'silence', unreachable: 'unreachable', toobig: 'too big', dns: 'the name was not found' }

const hex = (nonce: string): string =>
  [...new TextEncoder().encode(nonce)]
    .slice(0, PATTERN_BYTES)
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
