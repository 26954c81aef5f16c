/** Ethernet frames taken apart as far as a probe asks: ARP, IPv4, IPv6, UDP, TCP, ICMP, the question of a DNS message, and the frame inside a VXLAN packet. */
import { mac as macText, parseIp } from '#net/net.ts'

/** Facts about one frame by their names; of a VXLAN packet those of both frames, as `outer.…` and `inner.…`. */
export type Facts = Readonly<Record<string, string | number>>

const ETHER = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd }
const IP = { icmp: 1, tcp: 6, udp: 17, icmp6: 58 }
const ETHER_HEADER = 14
const UDP_HEADER = 8
const VXLAN_HEADER = 8
/** Linux's, which flannel keeps, and IANA's. */
const VXLAN_PORTS: readonly unknown[] = [8472, 4789]
const VXLAN_HAS_VNI = 0x08

const FRAME_FACTS = [
  ...['eth.src', 'eth.dst', 'eth.type'],
  ...['src', 'dst', 'ttl', 'length', 'df', 'proto'],
  ...['udp.sport', 'udp.dport', 'tcp.sport', 'tcp.dport', 'tcp.flags', 'icmp.type', 'icmp.code'],
  ...['arp.op', 'arp.sender', 'arp.target', 'dns.op', 'dns.type', 'dns.name', 'payload'],
]
/** Every name a fact can have. */
export const FACTS: readonly string[] = [...FRAME_FACTS, ...FRAME_FACTS.flatMap((name) => [`outer.${name}`, `inner.${name}`]), 'vxlan.vni', 'overhead']

export function decode(frame: Uint8Array): Facts {
  const { facts, rest } = ethernet(frame)
  const inside = VXLAN_PORTS.includes(facts['udp.dport']) && rest !== undefined && rest.length >= VXLAN_HEADER + ETHER_HEADER && rest[0] === VXLAN_HAS_VNI
  if (!inside) return { ...facts, ...(rest === undefined ? {} : { payload: latin(rest) }) }
  const inner = ethernet(rest.subarray(VXLAN_HEADER))
  const innerFacts: Facts = { ...inner.facts, ...(inner.rest === undefined ? {} : { payload: latin(inner.rest) }) }
  return {
    ...prefixed('outer.', facts),
    ...prefixed('inner.', innerFacts),
    'vxlan.vni': number(rest, 4, 3),
    ...(innerFacts['length'] !== undefined ? { overhead: Number(facts['length']) - Number(innerFacts['length']) } : {}),
  }
}

type Layer = { readonly facts: Facts; readonly rest?: Uint8Array }

function ethernet(frame: Uint8Array): Layer {
  if (frame.length < ETHER_HEADER) return { facts: {} }
  const type = number(frame, 12, 2)
  const facts = { 'eth.dst': macAt(frame, 0), 'eth.src': macAt(frame, 6), 'eth.type': type }
  const body = frame.subarray(ETHER_HEADER)
  const inner = type === ETHER.ipv4 ? ipv4(body) : type === ETHER.ipv6 ? ipv6(body) : type === ETHER.arp ? arp(body) : { facts: {}, rest: body }
  return { ...inner, facts: { ...facts, ...inner.facts } }
}

function ipv4(packet: Uint8Array): Layer {
  if (packet.length < 20) return { facts: {} }
  const [header, length, protocol] = [(byte(packet, 0) & 0x0f) * 4, number(packet, 2, 2), byte(packet, 9)]
  const facts = { src: ip4At(packet, 12), dst: ip4At(packet, 16), ttl: byte(packet, 8), length, df: (byte(packet, 6) & 0x40) >> 6 }
  // Of a later fragment the transport header is elsewhere.
  if ((number(packet, 6, 2) & 0x1fff) !== 0) return { facts: { ...facts, proto: protocolName(protocol) } }
  return above(facts, protocol, packet.subarray(header, length))
}

function ipv6(packet: Uint8Array): Layer {
  if (packet.length < 40) return { facts: {} }
  const length = number(packet, 4, 2) + 40
  const facts = { src: ip6At(packet, 8), dst: ip6At(packet, 24), ttl: byte(packet, 7), length, df: 1 }
  return above(facts, byte(packet, 6), packet.subarray(40, length))
}

function above(facts: Facts, protocol: number, data: Uint8Array): Layer {
  const { facts: more, rest } = transport(protocol, data)
  return { facts: { ...facts, proto: protocolName(protocol), ...more }, ...(rest === undefined ? {} : { rest }) }
}

function transport(protocol: number, data: Uint8Array): Layer {
  if (protocol === IP.udp && data.length >= UDP_HEADER) {
    const [ports, rest] = [{ 'udp.sport': number(data, 0, 2), 'udp.dport': number(data, 2, 2) }, data.subarray(UDP_HEADER)]
    const isDns = ports['udp.sport'] === DNS_PORT || ports['udp.dport'] === DNS_PORT
    return { facts: { ...ports, ...(isDns ? question(rest) : {}) }, rest }
  }
  if (protocol === IP.tcp && data.length >= 20) {
    const facts = { 'tcp.sport': number(data, 0, 2), 'tcp.dport': number(data, 2, 2), 'tcp.flags': flagsOf(byte(data, 13)) }
    return { facts, rest: data.subarray((byte(data, 12) >> 4) * 4) }
  }
  if ((protocol === IP.icmp || protocol === IP.icmp6) && data.length >= 8)
    return { facts: { 'icmp.type': byte(data, 0), 'icmp.code': byte(data, 1) }, rest: data.subarray(8) }
  return { facts: {}, rest: data }
}

const DNS_PORT = 53
const DNS_HEADER = 12
const DNS_TYPES: Readonly<Record<number, string>> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  65: 'HTTPS',
}

/** The first question: labels, each behind its length, up to an empty one; then the type. */
function question(message: Uint8Array): Facts {
  const labels: string[] = []
  let at = DNS_HEADER
  for (let length = byte(message, at); length > 0; length = byte(message, at)) {
    if (at + length >= message.length) return {}
    labels.push(latin(message.subarray(at + 1, at + 1 + length)))
    at += 1 + length
  }
  if (at + 3 > message.length) return {}
  const type = number(message, at + 1, 2)
  const isQuery = (byte(message, 2) & 0x80) === 0
  return { 'dns.op': isQuery ? 'query' : 'answer', 'dns.type': DNS_TYPES[type] ?? type, 'dns.name': labels.join('.') || '.' }
}

const arp = (packet: Uint8Array): Layer =>
  packet.length < 28
    ? { facts: {} }
    : { facts: { 'arp.op': number(packet, 6, 2) === 1 ? 'request' : 'reply', 'arp.sender': ip4At(packet, 14), 'arp.target': ip4At(packet, 24) } }

const prefixed = (prefix: string, facts: Facts): Facts => Object.fromEntries(Object.entries(facts).map(([name, value]) => [prefix + name, value]))
const protocolName = (protocol: number): string | number => Object.entries(IP).find(([, value]) => value === protocol)?.[0] ?? protocol
/** As in tcpdump's order: S for SYN, A for ACK, F, R, P, U. */
const flagsOf = (bits: number): string => [...'FSRPAU'].filter((_, bit) => (bits & (1 << bit)) !== 0).join('')
const byte = (data: Uint8Array, at: number): number => data[at] ?? 0
const number = (data: Uint8Array, at: number, bytes: number): number => data.subarray(at, at + bytes).reduce((value, next) => value * 256 + next, 0)
const macAt = (data: Uint8Array, at: number): string => macText([...data.subarray(at, at + 6)].map((octet) => octet.toString(16).padStart(2, '0')).join(':'))
const ip4At = (data: Uint8Array, at: number): string => data.subarray(at, at + 4).join('.')
const ip6At = (data: Uint8Array, at: number): string => {
  const groups = [0, 2, 4, 6, 8, 10, 12, 14].map((offset) => number(data, at + offset, 2).toString(16))
  return parseIp(groups.join(':')) ?? groups.join(':')
}
const latin = (data: Uint8Array): string => String.fromCharCode(...data)
