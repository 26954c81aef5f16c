/** What kube-router calls its chains and sets, and the marks it sets, in iptables and in nftables alike. */
import { sha256 } from '@noble/hashes/sha2.js'
import { base32 } from '@scure/base'
import type { Pod } from '#model/cluster.ts'
import type { AddressSet } from '../matches.ts'
import type { Direction, Policy } from '../policy.ts'

export const by = 'policy/kube-router'
/** Set by a policy that lets the packet through. */
export const LET = '0x10000'
/** Set at the end of a Pod's chain when all was well. */
export const FINE = '0x20000'
/** kube-apiserver's default for --service-node-port-range, both ends inclusive. */
export const NODE_PORTS = [30_000, 32_767] as const
export const LOG_GROUP = 100

/** Chains that every Pod's chain uses. */
export const DEFAULT = 'KUBE-NWPLCY-DEFAULT'
export const COMMON = 'KUBE-NWPLCY-COMMON'

export type Side = 'SRC' | 'DST'

export const policyChain = ({ namespace, name }: Policy, direction: Direction): string => `KUBE-NWPLCY-${hashOf(`${namespace}${name}${direction}`)}`
export const podChainName = ({ namespace, name }: Pod): string => `KUBE-POD-FW-${hashOf(`${namespace}${name}`)}`
export const setName = (side: Side, { kind, key }: AddressSet): string => `KUBE-${side}-${hashOf(`${kind} ${key}`)}`

export const fullName = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string => `${namespace}/${name}`
export const whoIsIn = (set: AddressSet): string => (set.kind === 'pods' ? `addresses of Pods: ${set.key}` : `addresses of ${set.key}`)

/** The hash in kube-router's names: 16 letters of base32(sha256(text)). Of a thousand policies nearly all names are asked again at every turn. */
function hashOf(text: string): string {
  const found = known.get(text)
  if (found !== undefined) return found
  if (known.size >= KNOWN_MAX) known.clear()
  const hash = base32.encode(sha256(new TextEncoder().encode(text))).slice(0, 16)
  known.set(text, hash)
  return hash
}
const known = new Map<string, string>()
const KNOWN_MAX = 50_000
