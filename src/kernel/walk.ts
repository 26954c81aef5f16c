/** A packet under way through a machine's plan: what everything that is asked about it shares. */
import type { Ip } from '#net/net.ts'
import type { Seen } from './rule.ts'
import type { NodeProgram } from './step.ts'

/** `table`: of iptables, `ip kube-proxy` of nftables, ipvs, or routing. */
export type Hop = { readonly table: string; readonly chain: string; readonly rule: string; readonly hit: boolean }

/** Of several in turn, each as likely as the others: the i-th of n is asked with odds 1/(n-i). */
export function drawn<T>(all: readonly T[], draw: Draw): T | undefined {
  return all.find((_, at) => at === all.length - 1 || draw(1 / (all.length - at)))
}

export type Stop = 'drop' | 'reject'
export type Hook = 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING'

/** The packet under way: what it is now, and what became of it so far. */
export type Walk = {
  readonly seen: Seen
  readonly path: Hop[]
  readonly program: NodeProgram
  masquerade: boolean
}

/** A rule of nat takes the packet: to another destination, or out under the node's own address. */
export function translate(walk: Walk, target: { readonly does: 'dnat'; readonly to: Ip; readonly port?: number } | { readonly does: 'masquerade' }): 'accept' {
  if (target.does === 'masquerade') {
    walk.masquerade = true
    return 'accept'
  }
  walk.seen.to = target.to
  walk.seen.dport = target.port ?? walk.seen.dport
  walk.seen.isTranslated = true
  return 'accept'
}

/** What the kernel asks at a hook, in order of priority. `taken`: IPVS sends it on by itself. */
export type Asked = { readonly priority: number; readonly isNat: boolean; readonly ask: () => Stop | 'taken' | undefined }

/** Priorities of the kernel's own. */
export const PRIORITY = { raw: -300, mangle: -150, dstnat: -100, filter: 0, srcnat: 100 } as const

/** Answers a rule that draws lots: does it say yes, when its odds of that are `probability`? */
export type Draw = (probability: number) => boolean

export function unknown(says: string): never {
  throw new Error(says)
}
