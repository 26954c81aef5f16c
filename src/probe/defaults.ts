/** How long things may take, in milliseconds (docs/LABS.md §3). */
import type { Probe, What } from './schema.ts'

export const CONNECT = 2000
export const REQUEST = 10_000
/** For a program that only looks at its own machine. */
export const LOOK = 5000
/** netlab's own time limit lies behind the program's own. */
export const GRACE = 3000

const POSITIVE_WITHIN = 20_000
const NEGATIVE_WITHIN = 5000
const NEGATIVE_FOR = 3000
const TABLE_WITHIN = 5000

/** Packets must have flowed so long without a loss before anything is done, and they have so long to begin to. */
export const LEAD_MS = 300
export const FLOW_MS = 10_000

export const NEGATIVE_ATTEMPTS = 3
/** What cannot be decided so many times in a row will not be decided by waiting. */
export const ERROR_ATTEMPTS = 3
export const POLL_FIRST = 100
export const POLL_MAX = 2000
const POLL_GROWTH = 1.6

export const pauseAfter = (attempts: number): number => Math.min(POLL_MAX, Math.round(POLL_FIRST * POLL_GROWTH ** (attempts - 1)))

/** Until when the probe must hold, and for how long it must then stay so. */
export function patience(probe: Probe, slowness: number): { readonly within: number; readonly for: number } {
  const negative = isNegative(probe)
  const usual = probe.kind === 'answer' || probe.kind === 'converge' ? 0 : negative ? NEGATIVE_WITHIN : isTable(probe) ? TABLE_WITHIN : POSITIVE_WITHIN
  return { within: (probe.within ?? usual) * slowness, for: probe.for ?? (negative ? NEGATIVE_FOR : 0) }
}

/** The probe passes when nothing comes back, which a broken tool would also bring about. A refusal is an answer. */
export function isNegative(what: What): boolean {
  switch (what.kind) {
    case 'ping':
    case 'tcp':
    case 'udp':
    case 'http':
    case 'dns':
      return SILENT.includes(what.of.expect)
    case 'capture':
      return what.of.absent
    case 'not':
      return isTraffic(what.of) && !isNegative(what.of)
    case 'all':
    case 'any':
      return what.of.some(isNegative)
    default:
      return false
  }
}

const SILENT: readonly string[] = ['silence', 'timeout', 'unreachable']
const TRAFFIC: readonly What['kind'][] = ['ping', 'tcp', 'udp', 'http', 'dns', 'source', 'balance', 'mtu', 'matrix', 'capture', 'converge', 'exec']

function isTraffic(what: What): boolean {
  switch (what.kind) {
    case 'all':
    case 'any':
      return what.of.some(isTraffic)
    case 'not':
      return isTraffic(what.of)
    case 'iptables':
      return what.of.grew !== undefined
    default:
      return TRAFFIC.includes(what.kind)
  }
}
const isTable = (what: What): boolean => !isTraffic(what)
