/**
 * How long packets are lost while something of the network is taken away or comes back. Numbered datagrams flow all the time; what is judged is which of
 * them arrived, and when. A number that never came, or came late, opens an outage; the next that comes in time ends it. One missing number is an outage
 * of two paces, so nothing shorter than that can be told.
 */
import { familyOf } from '#net/net.ts'
import { LEAD_MS } from '../defaults.ts'
import { milliseconds } from '../lint.ts'
import type { Said } from '../perl/perl.ts'
import { STREAM } from '../perl/stream.ts'
import { type Finding, type Judged, pasteable, type Run, run } from '../question.ts'
import type { Scene, Spot } from '../scene.ts'
import type { Specs } from '../schema.ts'
import type { Act } from '../world.ts'

/** All in milliseconds. */
export type Limits = { readonly every: number; readonly lasts: number } & { readonly [K in Limit]?: number }
type Limit = 'outage' | 'cut' | 'told'

export function limitsOf(of: Specs['converge'], slowness: number): Limits {
  const limit = (name: Limit): { readonly [K in Limit]?: number } => (of[name] === undefined ? {} : { [name]: (milliseconds(of[name]) ?? 0) * slowness })
  const asked = { ...limit('outage'), ...limit('cut'), ...limit('told') }
  const lasts = of.lasts === undefined ? Math.max(...Object.values(asked), 0) / slowness + AFTERWARDS_MS : (milliseconds(of.lasts) ?? 0)
  return { every: milliseconds(of.every) ?? 0, lasts: lasts * slowness, ...asked }
}
/** What comes later than the limit is still to be seen, so that it can be told how late. */
const AFTERWARDS_MS = 2000

const HOURS = 3_600_000
const PORTS = { first: 30_000, count: 2000 }

export type Stream = { readonly receiver: Run; readonly sender: Run }

export function streamOf(of: Specs['converge'], { from, to, scene }: { readonly from: Spot; readonly to: Spot; readonly scene: Scene }): Stream {
  const port = of.port ?? PORTS.first + (Number.parseInt(scene.nonce.replace(/[^0-9a-f]/g, '').slice(-8) || '0', 16) % PORTS.count)
  const program = (at: Spot, ...task: readonly (string | number)[]): Run => run(at, ['perl', '-e', STREAM, ...task.map(String)], { timeoutMs: HOURS })
  return {
    receiver: program(to, 'receive', port, scene.nonce, familyOf(to.ip)),
    sender: program(from, 'send', to.ip, port, scene.nonce, milliseconds(of.every) ?? 0),
  }
}

/** What the two programs have said so far. */
export type Seen = {
  readonly listening: boolean
  readonly arrivals: readonly Arrival[]
  /** When the sender's kernel was told that there is no way, or refused to send. */
  readonly told: readonly { readonly at: number; readonly how: string }[]
  /** Why a program gave up. */
  readonly broken?: string
}
export type Arrival = { readonly seq: number; readonly sent: number; readonly at: number }

export type Ear = { readonly hear: (end: 'receiver' | 'sender', text: string) => void; readonly seen: () => Seen }

/** Each line is read once, as it comes: there may be hundreds in a second, and who waits asks every few milliseconds what was seen. */
export function openEar(): Ear {
  const halves = { receiver: '', sender: '' }
  const [arrivals, told]: [Arrival[], Seen['told'][number][]] = [[], []]
  let listening = false
  let broken: string | undefined
  const read = (line: string): void => {
    const { broken: why, listens, seq, sent, told: how, at } = saidIn(line)
    if (why !== undefined) broken ??= String(why)
    if (listens !== undefined) listening = true
    if (seq !== undefined) arrivals.push({ seq: Number(seq), sent: Number(sent), at: Number(at) })
    if (how !== undefined) told.push({ at: Number(at), how: String(how) })
  }
  return {
    hear(end, text) {
      const lines = `${halves[end]}${text}`.split('\n')
      halves[end] = lines.pop() ?? ''
      for (const line of lines) if (line.trim() !== '') read(line)
    },
    seen: () => ({ listening, arrivals, told, ...(broken === undefined ? {} : { broken }) }),
  }
}

/** What is none of the programs' own words is their complaint. */
function saidIn(line: string): Said {
  try {
    return JSON.parse(line) as Said
  } catch {
    return { broken: line.trim() }
  }
}

/** A time without prompt arrivals. The one that has no end yet is `open`. */
export type Outage = { readonly from: number; readonly ms: number; readonly lost: number; readonly late: number; readonly open: boolean }

/** Longer on its way than this is as good as lost: the kernel keeps packets for a neighbour it cannot find for seconds. */
const LATE_MS = 50

export function outagesOf(
  arrivals: readonly Arrival[],
  { until, every, slowness }: { readonly until: number; readonly every: number; readonly slowness: number },
) {
  const bySeq = [...new Map(arrivals.map((one) => [one.seq, one])).values()].sort((a, b) => a.seq - b.seq)
  const prompt = bySeq.flatMap((one, at) => (one.at - one.sent <= LATE_MS * slowness ? [{ ...one, place: at }] : []))
  return prompt.flatMap((one, at): readonly Outage[] => {
    const next = prompt[at + 1]
    if (next === undefined) {
      const ms = until - one.sent
      return ms > LATE_MS * slowness + 2 * every ? [{ from: one.sent, ms, lost: Math.floor(ms / every), late: 0, open: true }] : []
    }
    if (next.seq === one.seq + 1) return []
    // All that came between two that were in time came late.
    const late = next.place - one.place - 1
    return [{ from: one.sent, ms: next.sent - one.sent, lost: next.seq - one.seq - 1 - late, late, open: false }]
  })
}

/** Whether it has flowed without an outage for so long that what comes next is the disturbance's doing. */
export function flows({ arrivals }: Seen, o: { readonly until: number; readonly every: number; readonly slowness: number }): boolean {
  const lead = LEAD_MS * o.slowness
  const recent = arrivals.filter(({ at }) => at >= o.until - lead - o.every)
  const [first] = recent
  return first !== undefined && o.until - first.at >= lead - 2 * o.every && recent.length > 2 && outagesOf(recent, o).length === 0
}

export type Disturbed = {
  readonly seen: Seen
  readonly limits: Limits
  readonly slowness: number
  readonly begun: number
  readonly until: number
  readonly tookMs: number
}

/** The disturbance's time is that before its first step began. */
export function judgeConverge(of: Specs['converge'], { seen, limits, slowness, begun, until, tookMs }: Disturbed): Judged {
  const outages = outagesOf(seen.arrivals, { until, every: limits.every, slowness }).filter(({ from, ms }) => from + ms >= begun)
  const [first] = outages
  const longest = [...outages].sort((a, b) => b.ms - a.ms)[0]
  const lost = outages.reduce((sum, one) => sum + one.lost, 0)
  const told = seen.told.find(({ at }) => at >= begun)
  const cut = first === undefined ? undefined : Math.max(0, first.from - begun)
  const says = [
    longest === undefined
      ? 'no packet was lost'
      : `the longest outage took ${longest.open ? 'more than ' : ''}${round(longest.ms)} ms, ${lost} packets were lost`,
    ...(of.cut === undefined ? [] : [cut === undefined ? 'it never stopped' : `it stopped after ${round(cut)} ms`]),
    ...(of.told === undefined ? [] : [told === undefined ? 'the source was told nothing' : `the source was told after ${round(told.at - begun)} ms`]),
  ]
  const wrong = [
    limits.outage !== undefined && (longest?.ms ?? 0) > limits.outage,
    limits.outage !== undefined && longest?.open === true,
    limits.cut !== undefined && (cut ?? Number.POSITIVE_INFINITY) > limits.cut,
    limits.told !== undefined && (told === undefined ? Number.POSITIVE_INFINITY : told.at - begun) > limits.told,
    of.lost !== undefined && lost > of.lost,
  ]
  return {
    verdict: wrong.includes(true) ? 'fail' : 'pass',
    observed: says.join('; '),
    figures: {
      outage: longest?.ms ?? 0,
      lost,
      ...(of.cut === undefined || cut === undefined ? {} : { cut }),
      ...(of.told === undefined || told === undefined ? {} : { told: told.at - begun }),
    },
    evidence: [
      `one packet every ${limits.every} ms, ${seen.arrivals.length} arrived; the disturbance took ${round(tookMs)} ms`,
      ...outages
        .slice(0, SHOWN)
        .map(
          ({ from, ms, lost, late, open }) =>
            `${round(from - begun)} ms after it began: nothing for ${open ? 'the rest, ' : ''}${round(ms)} ms, ${lost} lost${late === 0 ? '' : `, ${late} came late`}`,
        ),
      ...(outages.length > SHOWN ? [`and ${outages.length - SHOWN} more`] : []),
      ...(told === undefined ? [] : [`${round(told.at - begun)} ms after it began: the source was told "${told.how}", ${seen.told.length} times in all`]),
    ],
  }
}
const SHOWN = 10
const round = (ms: number): string => Math.max(0, ms).toFixed(0)

export function expectedOf(of: Specs['converge'], { from, to }: { readonly from: string; readonly to: string }): string {
  const wants = [
    ...(of.outage === undefined ? [] : [`no outage longer than ${of.outage}`]),
    ...(of.cut === undefined ? [] : [`a stop at most ${of.cut} after it`]),
    ...(of.told === undefined ? [] : [`word that there is no way at most ${of.told} after it`]),
    ...(of.lost === undefined ? [] : [`at most ${of.lost} lost`]),
  ]
  return `from ${from} to ${to}, while something happens to the network: ${wants.join(', ')}`
}

/** The same by hand: ping prints the time of each answer, and between two of them the numbers that are missing. */
export function reproduceOf(of: Specs['converge'], { from, to, acts }: { readonly from: Spot; readonly to: Spot; readonly acts: readonly Act[] }): string {
  const seconds = Math.ceil(limitsOf(of, 1).lasts / 1000) + 1
  const ping = pasteable(from, ['ping', '-n', '-O', '-D', '-i', '0.01', '-w', String(seconds), to.ip])
  const doing = acts.map((act) => (act.kind === 'exec' ? pasteable(act.at, act.argv) : `netlab delete pod ${act.pod.name} -n ${act.pod.namespace}`))
  return [`${ping} & sleep 1`, ...doing, 'wait'].join('; ')
}

export const unsure = (finding: Pick<Finding, 'expected' | 'reproduce'>, observed: string, evidence: readonly string[] = []): Finding => ({
  ...finding,
  verdict: 'error',
  observed,
  evidence,
})
