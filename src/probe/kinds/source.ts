/** Under which address a server sees its client: who translates addresses, shows here. */
import type { Output } from '#kernel/command.ts'
import { hostPort, type Ip, parseIp } from '#net/net.ts'
import { CONNECT, GRACE, REQUEST } from '../defaults.ts'
import { targetsAt } from '../place.ts'
import { ask, type Inquiry, type Judged, linesOf, pasteable, run, undecided, unreadable } from '../question.ts'
import type { Scene, Spot, Target } from '../scene.ts'
import type { Specs } from '../schema.ts'
import { addressesOf, between, isName } from './between.ts'
import { WORDS } from './matrix.ts'
import { meet } from './meet.ts'

type Source = Specs['source']

export function source(of: Source, scene: Scene): Inquiry {
  const targets = targetsAt(of.to, of.port, scene)
  const served = of.port !== undefined || (targets.ok && targets.value.some((target) => target.port !== undefined || target.spot === undefined))
  return between(of, scene, { needsPort: served }, (spot, target) => (served ? asked(of, { scene, spot, target }) : met(of, { scene, spot, target })))
}

type Pair = { readonly scene: Scene; readonly spot: Spot; readonly target: Target }

function asked(of: Source, { scene, spot, target }: Pair): Inquiry {
  const [address, port] = [parseIp(target.host), target.port ?? 80]
  const url = `http://${address === undefined ? `${target.host}:${port}` : hostPort(address, port)}/clientip`
  const limits = ['--connect-timeout', String(CONNECT / 1000), '--max-time', String(REQUEST / 1000)]
  return ask(run(spot, ['curl', '-q', '-sS', '-f', '-g', '--noproxy', '*', ...limits, url], { timeoutMs: REQUEST + GRACE, names: isName(target.host) }), {
    expected: expectation(of, spot, target),
    reproduce: pasteable(spot, ['curl', '-s', url]),
    judge: (output) => {
      if (output.code !== 0)
        return ENDS.includes(output.code ?? 0) ? { verdict: 'fail', observed: linesOf(output.stderr).join(' '), evidence: [] } : unreadable('curl', output)
      const seen = readClientIp(output)
      return seen === undefined ? unreadable('/clientip', output) : judged(seen, of, { scene, spot })
    },
  })
}

/** curl's exit codes for what the network or the server did: name, connection, status (-f), time, no answer, broken connection. */
const ENDS: readonly number[] = [6, 7, 22, 28, 52, 55, 56]

/** `10.244.1.5:40312`, IPv6 addresses in brackets. */
export function readClientIp({ stdout }: Output): Ip | undefined {
  return parseIp(/^\[?(.+?)\]?:\d+$/.exec(stdout.trim())?.[1] ?? '')
}

function met(of: Source, { scene, spot, target }: Pair): Inquiry {
  const expected = expectation(of, spot, target)
  if (target.spot === undefined) return undecided(expected, [`"${of.to}" is no place of the lab; name a port where an echo server listens`])
  return meet([{ from: spot, to: target.spot }], {
    scene,
    expected,
    reproduce: pasteable(spot, ['ping', '-c', '1', target.host]),
    judge: ([one]) =>
      one?.kind === 'answer'
        ? judged(one.saw, of, { scene, spot })
        : { verdict: 'fail', observed: one === undefined ? 'nothing' : WORDS[one.kind], evidence: [] },
  })
}

function judged(seen: string, of: Source, { scene, spot }: { readonly scene: Scene; readonly spot: Spot }): Judged {
  const wanted = of.sees === 'own' ? [spot.ip] : addressesOf(of.sees, scene)
  const right = wanted.some((address) => parseIp(address) === seen)
  return { verdict: right ? 'pass' : 'fail', observed: `the server sees ${seen}`, evidence: [`${spot.name} is ${spot.ip}`, `the server sees ${seen}`] }
}

const expectation = (of: Source, spot: Spot, target: Target): string =>
  `${target.name} sees ${spot.name} as ${of.sees === 'own' ? `${spot.ip}, its own address` : of.sees}`
