/** What kube-proxy's names are made of, in every mode. */
import { sha256 } from '@noble/hashes/sha2.js'
import { base32 } from '@scure/base'
import type { ServicePort } from '#model/cluster.ts'

/** `namespace/name:port`, as kube-proxy's comments and logs call a port of a Service. */
export const portNameOf = ({ namespace, name, portName }: ServicePort): string => `${namespace}/${name}${portName === '' ? '' : `:${portName}`}`

/** As the rules and the hashes spell it. */
export const protocolOf = (service: ServicePort): string => service.protocol.toLowerCase()

const KEPT = 50_000
const KEPT_LENGTH = 16
const hashes = new Map<string, string>()
const bytes = new TextEncoder()

/** The first letters of base32(sha256(text)). A few µs each, and a large cluster asks for the same thousands again and again. */
export function hashOf(text: string, length: number): string {
  const known = hashes.get(text)
  if (known !== undefined) return known.slice(0, length)
  const hash = base32.encode(sha256(bytes.encode(text))).slice(0, KEPT_LENGTH)
  if (hashes.size >= KEPT) hashes.clear()
  hashes.set(text, hash)
  return hash.slice(0, length)
}
