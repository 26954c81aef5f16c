/** Addresses, ranges and names as the kernel takes them: parse, print, count. Both IP families by the same code. */
import { Address4, Address6 } from 'ip-address'

declare const ipBrand: unique symbol
declare const cidrBrand: unique symbol
declare const macBrand: unique symbol
declare const ifNameBrand: unique symbol

/** An IPv4 or IPv6 address in its canonical text form (RFC 5952 for IPv6). */
export type Ip = string & { readonly [ipBrand]: true }
/** A range `address/length`; host bits may be set, `network()` clears them. */
export type Cidr = string & { readonly [cidrBrand]: true }
/** A link-layer address, six lower-case octets with colons. */
export type Mac = string & { readonly [macBrand]: true }
/** The name of a network device: 1 to 15 bytes, no slash, no white space. */
export type IfName = string & { readonly [ifNameBrand]: true }
export type Family = 4 | 6

export const IF_NAME_MAX = 15

export function parseIp(text: string): Ip | undefined {
  if (!/^[0-9a-f.:]+$/i.test(text)) return undefined
  if (!text.includes(':')) return Address4.isValid(text) ? (text as Ip) : undefined
  return Address6.isValid(text) ? (new Address6(text).correctForm() as Ip) : undefined
}

/** @throws when the text is no address: for text that was checked before. */
export function ip(text: string): Ip {
  return parseIp(text) ?? bad('an IP address', text)
}

export function parseCidr(text: string): Cidr | undefined {
  const [address = '', length = '', ...rest] = text.split('/')
  const host = parseIp(address)
  if (host === undefined || rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined
  return Number(length) <= bitsOf(host) ? (`${host}/${length}` as Cidr) : undefined
}

/** @throws when the text is no range: for text that was checked before. */
export function cidr(text: string): Cidr {
  return parseCidr(text) ?? bad('a range such as 10.244.0.0/16', text)
}

export function parseMac(text: string): Mac | undefined {
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text) ? (text.toLowerCase() as Mac) : undefined
}

/** @throws when the text is no MAC. */
export function mac(text: string): Mac {
  return parseMac(text) ?? bad('a MAC address', text)
}

/** @throws when the kernel would refuse the name. */
export function ifName(text: string): IfName {
  const fits = /^[^\s/:]+$/.test(text) && new TextEncoder().encode(text).length <= IF_NAME_MAX && text !== '.' && text !== '..'
  return fits ? (text as IfName) : bad(`a device name of at most ${IF_NAME_MAX} bytes`, text)
}

export const familyOf = (of: Ip | Cidr): Family => (of.includes(':') ? 6 : 4)
export const addressOf = (range: Cidr): Ip => range.slice(0, range.indexOf('/')) as Ip
export const prefixOf = (range: Cidr): number => Number(range.slice(range.indexOf('/') + 1))

/** The range with its host bits cleared. */
export const network = (range: Cidr): Cidr => `${fromNumber(firstOf(range), familyOf(range))}/${prefixOf(range)}` as Cidr

/** How many addresses the range holds. */
export const sizeOf = (range: Cidr): bigint => 1n << BigInt(bitsOf(range) - prefixOf(range))

/** The address at `index` in the range, counted from its network address. */
export function nthIp(range: Cidr, index: number | bigint): Ip {
  if (BigInt(index) < 0n || BigInt(index) >= sizeOf(range)) throw new RangeError(`${range} has no address number ${index}`)
  return fromNumber(firstOf(range) + BigInt(index), familyOf(range))
}

/** The `index`-th part of the range when it is cut into ranges of the longer prefix `length`. */
export function nthSubnet(range: Cidr, length: number, index: number): Cidr {
  const step = 1n << BigInt(bitsOf(range) - length)
  return `${nthIp(range, BigInt(index) * step)}/${length}` as Cidr
}

/** Where in the range the address is, counted from the network address. */
export const indexIn = (range: Cidr, address: Ip): bigint => toNumber(address) - firstOf(range)

export function contains(range: Cidr, inner: Ip | Cidr): boolean {
  if (familyOf(range) !== familyOf(inner)) return false
  const innerRange = inner.includes('/') ? (inner as Cidr) : hostCidr(inner as Ip)
  const at = firstOf(innerRange) - firstOf(range)
  return prefixOf(innerRange) >= prefixOf(range) && at >= 0n && at < sizeOf(range)
}

export const overlaps = (a: Cidr, b: Cidr): boolean => contains(a, b) || contains(b, a)

/** The range of this one address: /32 or /128. */
export const hostCidr = (address: Ip): Cidr => `${address}/${bitsOf(address)}` as Cidr
export const withPrefix = (address: Ip, length: number): Cidr => cidr(`${address}/${length}`)

/** Orders addresses by number, IPv4 before IPv6. */
export function compareIp(a: Ip, b: Ip): number {
  if (familyOf(a) !== familyOf(b)) return familyOf(a) - familyOf(b)
  const [left, right] = [toNumber(a), toNumber(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

/** A locally administered MAC that says the IPv4 address it belongs to: 0a:58 and the four octets, as the CNI bridge plugin does. */
export function macOf(address: Ip): Mac {
  const low = toNumber(address) & 0xffffffffn
  const octets = [24n, 16n, 8n, 0n].map((shift) => ((low >> shift) & 0xffn).toString(16).padStart(2, '0'))
  return `0a:58:${octets.join(':')}` as Mac
}

/** `ip:port`, with brackets around an IPv6 address (RFC 3986). */
export const hostPort = (address: Ip, port: number): string => (familyOf(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`)

/** The name under in-addr.arpa or ip6.arpa, without the final dot. */
export function reverseName(address: Ip): string {
  if (familyOf(address) === 4) return `${address.split('.').reverse().join('.')}.in-addr.arpa`
  const hex = toNumber(address).toString(16).padStart(32, '0')
  return `${[...hex].reverse().join('.')}.ip6.arpa`
}

const bitsOf = (of: Ip | Cidr): 32 | 128 => (familyOf(of) === 4 ? 32 : 128)
/** The number of the range's first address. */
const firstOf = (range: Cidr): bigint => {
  const address = toNumber(addressOf(range))
  return address - (address % sizeOf(range))
}

/** Reads the canonical form only, which is why it can be short: plans count tens of thousands of addresses. */
function toNumber(address: Ip): bigint {
  if (familyOf(address) === 4) return BigInt(address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0))
  const [head = '', tail = ''] = address.split('::')
  const [left, right] = [groupsOf(head), groupsOf(tail)]
  const zeros = Array<string>(8 - left.length - right.length).fill('0')
  return BigInt(`0x${[...left, ...zeros, ...right].map((group) => group.padStart(4, '0')).join('')}`)
}

function fromNumber(value: bigint, family: Family): Ip {
  if (family === 4) {
    const low = Number(value)
    return `${low >>> 24}.${(low >>> 16) & 255}.${(low >>> 8) & 255}.${low & 255}` as Ip
  }
  const groups = (value.toString(16).padStart(32, '0').match(/.{4}/g) ?? []).map((group) => group.replace(/^0{1,3}/, '')).join(':')
  // the longest run of at least two zero groups, the first of equals, becomes "::"
  const runs = groups.match(/\b0(:0)+\b/g) ?? []
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '')
  return (longest === '' ? groups : groups.replace(new RegExp(`(^|:)${longest}(:|$)`), '::')) as Ip
}

const groupsOf = (text: string): readonly string[] => (text === '' ? [] : text.split(':'))

function bad(expected: string, text: string): never {
  throw new TypeError(`expected ${expected}, got ${JSON.stringify(text)}`)
}
