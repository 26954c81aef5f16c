/** What Felix calls its chains and sets: readable where it fits, else a hash of what it would have said. The same policy has the same names in a real cluster. */
import { sha224, sha256 } from '@noble/hashes/sha2.js'
import { sha3_224 } from '@noble/hashes/sha3.js'
import { base64urlnopad } from '@scure/base'
import type { IfName } from '#net/net.ts'
import type { Direction, Policy } from '../policy.ts'

export const by = 'policy/calico'

/** A set of ipset has at most so many letters. */
const SET_MAX = 31
/** Groups have no other name. */
const GROUP_MAX = 28
const RULE_HASH = 16

const utf8 = new TextEncoder()
const base64 = (bytes: Uint8Array): string => base64urlnopad.encode(bytes)

/** Says that what follows is a hash. */
const SHORTENED = '_'

export function limited(prefix: string, name: string, max: number): string {
  const whole = prefix + name
  if (whole.length < max || (whole.length === max && !name.startsWith(SHORTENED))) return whole
  return `${prefix}${SHORTENED}${base64(sha256(utf8.encode(name)))}`.slice(0, max)
}

type Way = { readonly [D in Direction]: string }
const POLICY: Way = { ingress: 'cali-pi-', egress: 'cali-po-' }
const GROUP: Way = { ingress: 'cali-gi-', egress: 'cali-go-' }
const PROFILE: Way = { ingress: 'cali-pri-', egress: 'cali-pro-' }
/** Towards the workload and from it. */
const ENDPOINT: Way = { ingress: 'cali-tw-', egress: 'cali-fw-' }
export const DISPATCH: Way = { ingress: 'cali-to-wl-dispatch', egress: 'cali-from-wl-dispatch' }

export const policyChainName = ({ namespace, name }: Policy, direction: Direction, max: number): string =>
  limited(POLICY[direction], `knp/${namespace}/${name}`, max)
export const profileChainName = (profile: string, direction: Direction, max: number): string => limited(PROFILE[direction], profile, max)
export const endpointChainName = (dev: IfName, direction: Direction, max: number): string => limited(ENDPOINT[direction], dev, max)

/** Policies in a row that select the same Pods. */
export function groupChainName(selector: string, policies: readonly Policy[], direction: Direction): string {
  const said = policies.map(({ name, namespace }) => `{Name: ${name}, Namespace: ${namespace}, Kind: KubernetesNetworkPolicy}`)
  const lines = [selector, direction === 'ingress' ? 'inbound' : 'outbound', `${policies.length}`, ...said]
  return `${GROUP[direction]}${base64(sha3_224(utf8.encode(lines.map((line) => `${line}\n`).join(''))))}`.slice(0, GROUP_MAX)
}

/** `s:…` of a selector, `n:…` of a named port. */
export const uniqueId = (kind: string, content: string): string => `${kind}:${base64(sha224(utf8.encode(`${kind}:${content}`)))}`
export const setName = (family: 4 | 6, id: string): string => `cali${family}0${id}`.slice(0, SET_MAX)

/** A hash a rule: of its own text, of all rules above it, and of the chain's name. By it Felix knows its rules again. */
export function ruleHashes(chain: string, rules: readonly string[]): readonly string[] {
  let hash = sha224(utf8.encode(chain))
  return rules.map((rule) => {
    hash = sha224.create().update(hash).update(utf8.encode(rule)).digest()
    return base64(hash).slice(0, RULE_HASH)
  })
}
