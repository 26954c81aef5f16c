/** Names that follow from a content: short, the same on every run, in Kubernetes' alphabet, which has no vowels and so spells no words. */

const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'
const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** FNV-1a, 32 bits. */
export function fnv(text: string): number {
  let hash = FNV_OFFSET
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME)
  return hash >>> 0
}

/** `length` characters that follow from the text, for names such as web-5d9c7-x2v8k. */
export function suffix(text: string, length = 5): string {
  let left = fnv(text)
  let made = ''
  for (let at = 0; at < length; at += 1) {
    made += ALPHABET[left % ALPHABET.length]
    left = Math.floor(left / ALPHABET.length)
  }
  return made
}

/** A hash as pod-template-hash writes it: each digit of its decimal form as a safe letter. */
export const safe = (hash: number): string => [...String(hash)].map((digit) => ALPHABET[digit.charCodeAt(0) % ALPHABET.length]).join('')

/** JSON with the keys of every object in order, so that equal contents have equal texts. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  )
