/** Names and ids that a cluster draws by lot; here they are derived, so that the same lab gives the same bytes. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'

/** Kubernetes' letters for generated names: no vowels and no look-alikes, so that no words arise. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'
const SUFFIX_LENGTH = 5
const NAME_MAX = 63

/** `prefix` and five letters; another draw while the name is taken. */
export function generatedName(prefix: string, seed: string, taken: (name: string) => boolean): string {
  for (let draw = 0; ; draw++) {
    const name = prefix.slice(0, NAME_MAX - SUFFIX_LENGTH) + letters(`${seed}/${prefix}/${draw}`)
    if (!taken(name)) return name
  }
}

/** A UUID of the name-based kind. */
export function uidOf(seed: string): string {
  const hex = bytesToHex(sha256(utf8ToBytes(seed)))
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

const letters = (seed: string): string => [...sha256(utf8ToBytes(seed)).slice(0, SUFFIX_LENGTH)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('')
