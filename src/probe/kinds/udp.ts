/** One UDP exchange: the datagram arrives and its answer comes back, with the nonce that was sent. */
import type { Output } from '#kernel/command.ts'
import { CONNECT, GRACE } from '../defaults.ts'
import { perl, said } from '../perl/perl.ts'
import { UDP } from '../perl/udp.ts'
import { ask, type Finding, type Inquiry, linesOf, pasteable, unreadable } from '../question.ts'
import type { Scene, Spot, Target } from '../scene.ts'
import type { Specs } from '../schema.ts'
import { between, isName } from './between.ts'
import { WORDS, where } from './tcp.ts'

type Udp = Specs['udp']
export type Exchanged =
  | { readonly kind: 'reply'; readonly reply: string }
  | { readonly kind: 'refused' | 'timeout' | 'unreachable' | 'dns'; readonly errno: string }

export const udp = (of: Udp, scene: Scene): Inquiry => between(of, scene, { needsPort: true }, (spot, target) => exchanged(of, { scene, spot, target }))

function exchanged(of: Udp, { scene, spot, target }: { scene: Scene; spot: Spot; target: Target }): Inquiry {
  const send = of.send ?? `echo ${scene.nonce}`
  const wanted = of.reply ?? (of.send === undefined ? scene.nonce : '')
  const task = [
    ['to', target.host, target.port ?? 0],
    ['within', CONNECT],
    ['send', send],
  ]
  return ask(perl(spot, UDP, { task, timeoutMs: CONNECT + GRACE, names: isName(target.host) }), {
    expected: `a datagram from ${spot.name} to ${where(target)} is ${WORDS[of.expect]}`,
    reproduce: pasteable(spot, ['sh', '-c', `echo ${of.send ?? 'echo hello'} | nc -u -w 1 ${target.host} ${target.port}`]),
    judge: (output) => {
      const seen = readUdp(output)
      return seen === undefined ? unreadable('the UDP probe', output) : { ...judged(seen, of, wanted), evidence: linesOf(output.stdout) }
    },
  })
}

export function readUdp(output: Output): Exchanged | undefined {
  const [answer] = said(output) ?? []
  const { outcome, reply, errno } = answer ?? {}
  if (outcome === 'reply') return { kind: 'reply', reply: String(reply ?? '') }
  const kind = (['refused', 'timeout', 'unreachable', 'dns'] as const).find((one) => one === outcome)
  return kind === undefined ? undefined : { kind, errno: String(errno ?? '') }
}

function judged(seen: Exchanged, of: Udp, wanted: string): Pick<Finding, 'verdict' | 'observed'> {
  if (seen.kind !== 'reply')
    return { verdict: seen.kind === of.expect ? 'pass' : 'fail', observed: `${WORDS[seen.kind]}${seen.errno === '' ? '' : ` (${seen.errno})`}` }
  const right = seen.reply.includes(wanted)
  return {
    verdict: of.expect === 'reply' && right ? 'pass' : 'fail',
    observed: right ? 'answered' : `answered with ${JSON.stringify(seen.reply)}, which lacks ${JSON.stringify(wanted)}`,
  }
}
