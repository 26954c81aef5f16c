/**
 * Packets at a place while another probe runs. tcpdump prints the bytes; they are taken apart here. A capture is believed only when it has seen
 * its own mark, a frame sent out of the same device after the other probe ended: so all that came before has been seen too.
 */
import { parseIp, parseMac } from '#net/net.ts'
import { fail, ok, type Result } from '#net/result.ts'
import { GRACE } from '../defaults.ts'
import { decode, type Facts } from '../packet.ts'
import { FRAME, MARK_TYPE } from '../perl/frame.ts'
import { perl } from '../perl/perl.ts'
import { spotAt } from '../place.ts'
import { EVIDENCE_LINES, type Judged, linesOf, type Run, run } from '../question.ts'
import type { Scene, Spot } from '../scene.ts'
import type { Specs } from '../schema.ts'

type Capture = Specs['capture']

/** What tcpdump has said so far. */
export type Watched = {
  readonly frames: readonly Uint8Array[]
  /** Lines that are no packet. */
  readonly says: readonly string[]
  readonly listening: boolean
}

/** Headers twice over and the beginning of the data. */
const SNAP_BYTES = 256
const HOURS = 3_600_000
export const START_MS = 5000
export const MARK_MS = 2000

export type Watch = { readonly tcpdump: Run; readonly mark: Run; readonly expected: string; readonly reproduce: string }

export function watch(of: Capture, scene: Scene): Result<Watch, string> {
  const [, node, own] = /^([^/]+)\/([^/]+)$/.exec(of.at) ?? []
  const bare = node !== undefined && [...scene.cluster.nodes, ...scene.cluster.routers].some(({ name }) => name === node)
  const spot = spotAt(bare ? node : of.at, scene)
  if (!spot.ok) return spot
  const dev = of.dev ?? (bare ? own : undefined) ?? 'eth0'
  if (dev === 'any') return fail('a capture watches one device; "any" is none')
  return ok(watchAt(of, { spot: spot.value, dev, nonce: scene.nonce }))
}

function watchAt(of: Capture, { spot, dev, nonce }: { readonly spot: Spot; readonly dev: string; readonly nonce: string }): Watch {
  const filter = of.filter === '' ? '' : `(${of.filter}) or ether proto ${MARK_TYPE}`
  const argv = ['tcpdump', '-l', '-U', '-nn', '-xx', '-t', '--immediate-mode', '-s', String(SNAP_BYTES), '-i', dev]
  const facts = Object.entries(of.decode).map(([name, value]) => `${name} ${value}`)
  return {
    tcpdump: run(spot, [...argv, ...(filter === '' ? [] : [filter])], { timeoutMs: HOURS }),
    mark: perl(spot, FRAME, {
      task: [
        ['dev', dev],
        ['send', markOf(nonce)],
      ],
      timeoutMs: GRACE,
    }),
    expected: `${spot.name}/${dev} sees ${wantedOf(of)}${of.filter === '' ? '' : ` ${of.filter}`}${facts.length === 0 ? '' : ` with ${facts.join(', ')}`}, during ${of.during}`,
    reproduce: `netlab capture ${spot.name}/${dev} -e ${of.filter}`.trimEnd(),
  }
}

function wantedOf({ absent, exactly, atMost }: Capture): string {
  if (absent) return 'no packet'
  if (exactly !== undefined) return `exactly ${exactly} packets`
  return atMost === undefined ? 'a packet' : `a packet and at most ${atMost}`
}

const markOf = (nonce: string): string => `netlab ${nonce}.`

/** tcpdump's text, complete or as far as it has come: an unindented line begins a packet, indented `0x0000:` lines are its bytes. */
export function readCapture(text: string): Watched {
  const frames: number[][] = []
  const says: string[] = []
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    const bytes = /^\s+0x([0-9a-f]+):\s+([0-9a-f ]+?)\s*$/.exec(line)
    if (bytes === null) {
      if (line !== '') says.push(line)
      continue
    }
    if (Number.parseInt(bytes[1] ?? '', 16) === 0) frames.push([])
    frames.at(-1)?.push(...[...(bytes[2] ?? '').replaceAll(' ', '').matchAll(/../g)].map(([pair]) => Number.parseInt(pair, 16)))
  }
  return { frames: frames.map((frame) => Uint8Array.from(frame)), says, listening: says.some((line) => /(^|tcpdump: )listening on /.test(line)) }
}

/** Whether the capture has come as far as its mark. */
export const marked = ({ frames }: Watched, nonce: string): boolean => frames.some((frame) => isMark(decode(frame), markOf(nonce)))

const isMark = (facts: Facts, mark: string): boolean => facts['eth.type'] === MARK_TYPE && String(facts['payload']).startsWith(mark)

export function judgeCapture(watched: Watched, of: Capture): Judged {
  const packets = watched.frames.map(decode).filter((facts) => facts['eth.type'] !== MARK_TYPE)
  const found = packets.filter((facts) => Object.entries(of.decode).every(([name, value]) => same(facts[name], value)))
  const evidence = (found.length > 0 ? found : packets).slice(0, EVIDENCE_LINES / 2).map(sentence)
  const seen = packets.length === 0 ? 'no packet' : `${packets.length} packets, ${found.length === 0 ? 'none' : found.length} such`
  if (of.absent) return { verdict: found.length === 0 ? 'pass' : 'fail', observed: seen, evidence }
  const [least, most] = [of.exactly ?? 1, of.exactly ?? of.atMost ?? Number.POSITIVE_INFINITY]
  return {
    verdict: found.length >= least && found.length <= most ? 'pass' : 'fail',
    observed: found.length > 0 || packets.length === 0 ? seen : `${seen}: ${nearest(packets, of)}`,
    evidence,
  }
}

/** What is wrong with the packet that is most like the wanted one. */
function nearest(packets: readonly Facts[], of: Capture): string {
  const wrong = packets.map((facts) =>
    Object.entries(of.decode)
      .filter(([name, value]) => !same(facts[name], value))
      .map(([name]) => `${name} is ${facts[name] ?? 'not there'}`),
  )
  return (wrong.sort((a, b) => a.length - b.length)[0] ?? []).join(', ')
}

function same(found: string | number | undefined, wanted: string | number): boolean {
  if (found === undefined) return false
  const text = String(wanted)
  return String(found) === String(parseIp(text) ?? parseMac(text) ?? text)
}

/** Who watches a single packet is not misled by one that was lost, who counts them is. */
export const counts = ({ absent, exactly, atMost }: Capture): boolean => absent || exactly !== undefined || atMost !== undefined

/** A packet in one line, outermost first; of a DNS message what a reader looks for. */
export function sentence(facts: Facts): string {
  if (facts['dns.name'] !== undefined) return `${facts['src']} → ${facts['dst']} ${facts['dns.op']} ${facts['dns.type']} ${facts['dns.name']}`
  const shown = Object.entries(facts).filter(([name]) => !/payload$|eth\.type$|\.?df$/.test(name))
  return shown.map(([name, value]) => `${name} ${value}`).join(' ')
}

export const tcpdumpSays = (watched: Watched): readonly string[] =>
  linesOf(watched.says.join('\n')).filter((line) => /tcpdump|packets? (captured|received|dropped)|listening/.test(line))
/** Packets that came too fast: what was not seen may have been there. */
export const dropped = (watched: Watched): boolean => watched.says.some((line) => /^[1-9]\d* packets dropped by kernel/.test(line))
