/** One TCP connection. Connected, refused, reset, timed out and unreachable are five different things. */
import type { Output } from '#kernel/command.ts'
import { CONNECT, GRACE } from '../defaults.ts'
import { perl, said } from '../perl/perl.ts'
import { TCP } from '../perl/tcp.ts'
import { ask, type Inquiry, linesOf, pasteable, unreadable } from '../question.ts'
import type { Scene, Spot, Target } from '../scene.ts'
import type { Specs } from '../schema.ts'
import { between, isName } from './between.ts'

type Tcp = Specs['tcp']
export type Connected = { readonly kind: 'connected' | 'refused' | 'reset' | 'timeout' | 'unreachable' | 'dns'; readonly errno: string }

export const tcp = (of: Tcp, scene: Scene): Inquiry => between(of, scene, { needsPort: true }, (spot, target) => dialled(of, spot, target))

function dialled(of: Tcp, spot: Spot, target: Target): Inquiry {
  const task = [
    ['to', target.host, target.port ?? 0],
    ['within', CONNECT],
  ]
  return ask(perl(spot, TCP, { task, timeoutMs: CONNECT + GRACE, names: isName(target.host) }), {
    expected: `a TCP connection from ${spot.name} to ${where(target)} is ${WORDS[of.expect]}`,
    reproduce: pasteable(spot, ['nc', '-zv', '-w', String(CONNECT / 1000), target.host, String(target.port)]),
    judge: (output) => {
      const seen = readTcp(output)
      if (seen === undefined) return unreadable('the TCP probe', output)
      return {
        verdict: seen.kind === of.expect ? 'pass' : 'fail',
        observed: `${WORDS[seen.kind]}${seen.errno === '' ? '' : ` (${seen.errno})`}`,
        evidence: linesOf(output.stdout),
      }
    },
  })
}

export function readTcp(output: Output): Connected | undefined {
  const [answer] = said(output) ?? []
  const kind = KINDS.find((one) => one === answer?.['outcome'])
  return kind === undefined ? undefined : { kind, errno: String(answer?.['errno'] ?? '') }
}

const KINDS: readonly Connected['kind'][] = ['connected', 'refused', 'reset', 'timeout', 'unreachable', 'dns']
export const WORDS: { readonly [K in Connected['kind'] | 'reply']: string } = {
  connected: 'accepted',
  reply: 'answered',
  refused: 'refused',
  reset: 'reset',
  timeout: 'not answered',
  unreachable: 'answered with: there is no way',
  dns: 'impossible, the name was not found',
}

/** The target's name and, where it says more, its address. */
export const where = ({ name, host, port, service }: Target): string =>
  `${name === host || service !== undefined ? name : `${name}, ${host}`}${port === undefined || service !== undefined ? '' : ` port ${port}`}${service === undefined ? '' : ` (${host})`}`
