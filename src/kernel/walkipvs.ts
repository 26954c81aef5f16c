/**
 * IPVS as the kernel asks it on a packet's way: on the way in after the filter, on the way out before it. Whom the scheduler takes depends on whom it
 * took before, so here each real server is as likely as the others, by weight.
 */
import { hostPort } from '#net/net.ts'
import { type Asked, drawn, type Hook, PRIORITY, type Walk } from './walk.ts'

/** Beside nat: past it on the way out, before it on the way in. */
const PRIORITIES: Readonly<Partial<Record<Hook, number>>> = { OUTPUT: PRIORITY.dstnat + 2, INPUT: PRIORITY.srcnat - 1 }

export function serversAt(walk: Walk, hook: Hook): readonly Asked[] {
  const priority = PRIORITIES[hook]
  return priority === undefined ? [] : [{ priority, isNat: false, ask: () => connect(walk, hook) }]
}

function connect({ seen, path, program }: Walk, hook: Hook): ReturnType<Asked['ask']> {
  if (seen.virtual !== undefined || seen.ctstate !== 'NEW') return undefined
  for (const step of program) {
    if (step.kind !== 'virtual-server' || step.in !== undefined || step.proto !== seen.proto || step.port !== seen.dport || step.vip !== seen.to) continue
    const name = (real: string): string => `${step.proto} ${hostPort(step.vip, step.port)} -> ${real}`
    const servers = step.reals.filter(({ weight }) => weight > 0).map((real) => ({ ...real, name: hostPort(real.ip, real.port) }))
    const known = step.persistence === undefined ? undefined : servers.find((real) => seen.recent.includes(name(real.name)))
    const real =
      known ??
      drawn(
        servers.flatMap((server) => Array.from({ length: server.weight }, () => server)),
        seen.draw,
      )
    path.push({ table: 'ipvs', chain: hook, rule: `${name(real?.name ?? 'no real server')} (${step.scheduler})`, hit: true })
    if (real === undefined) return 'reject'
    if (step.persistence !== undefined) seen.remembered.push(name(real.name))
    seen.virtual = { ip: step.vip, port: step.port }
    seen.to = real.ip
    seen.dport = real.port
    return seen.isLocal(real.ip) ? undefined : 'taken'
  }
  return undefined
}
