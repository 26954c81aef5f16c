/** The largest packet that gets through whole, and whether a transfer of many of them does: ping can pass while TCP hangs. */
import { familyOf, parseIp } from '#net/net.ts'
import { GRACE } from '../defaults.ts'
import { allOf, ask, type Inquiry, linesOf, pasteable, run, undecided, unreadable } from '../question.ts'
import type { Scene, Spot, Target } from '../scene.ts'
import type { Specs } from '../schema.ts'
import { between } from './between.ts'
import { WORDS } from './matrix.ts'
import { meet } from './meet.ts'
import { readPing } from './ping.ts'

type Mtu = Specs['mtu']

const ICMP_HEADER = 8
const IP_HEADER = { 4: 20, 6: 40 }
/** Many packets each way, more than any socket holds back. */
const BULK_BYTES = 200_000

export function mtu(of: Mtu, scene: Scene): Inquiry {
  return between(of, scene, { needsPort: false }, (spot, target) => {
    if (parseIp(target.host) === undefined) return undecided(`the MTU to ${of.to}`, [`"${of.to}" is no address or place`])
    return allOf([sized(of.mtu, true, spot, target), sized(of.mtu + 1, false, spot, target), ...(of.bulk ? [transfer(scene, spot, target)] : [])])
  })
}

function sized(bytes: number, fits: boolean, spot: Spot, target: Target): Inquiry {
  const family = familyOf(parseIp(target.host) ?? spot.ip)
  const payload = String(bytes - IP_HEADER[family] - ICMP_HEADER)
  const argv = ['ping', '-n', '-c', '1', '-W', '1', '-M', 'do', '-s', payload, target.host]
  return ask(run(spot, argv, { timeoutMs: 1000 + GRACE }), {
    expected: `a packet of ${bytes} bytes ${fits ? 'reaches' : 'is too big for the way to'} ${target.name}`,
    reproduce: pasteable(spot, argv),
    judge: (output) => {
      const seen = readPing(output)
      if (seen === undefined) return unreadable('ping', output)
      const evidence = [...linesOf(output.stdout).slice(0, 2), ...linesOf(output.stderr)]
      if (seen.kind === 'answer') return { verdict: fits ? 'pass' : 'fail', observed: `${bytes} bytes get through`, evidence }
      return { verdict: !fits && seen.kind === 'toobig' ? 'pass' : 'fail', observed: `${bytes} bytes: ${seen.says}`, evidence }
    },
  })
}

function transfer(scene: Scene, spot: Spot, target: Target): Inquiry {
  const expected = `${BULK_BYTES / 1000} kB get through to ${target.name} and back`
  if (target.spot === undefined) return undecided(expected, [`"${target.name}" is no place of the lab; say bulk: false`])
  return meet([{ from: spot, to: target.spot }], {
    scene,
    bulk: BULK_BYTES,
    expected,
    reproduce: pasteable(spot, ['ping', '-c', '1', '-M', 'do', target.host]),
    judge: ([one]) => ({
      verdict: one?.kind === 'answer' ? 'pass' : 'fail',
      observed: one?.kind === 'answer' ? `${BULK_BYTES / 1000} kB each way` : `${BULK_BYTES / 1000} kB: ${one === undefined ? 'nothing' : WORDS[one.kind]}`,
      evidence: [],
    }),
  })
}
