/** Everybody knocks at everybody's doors at once: which ways are open, as measured from inside. One program a machine, however many places and doors there are. */
import { CONNECT } from './defaults.ts'
import { KNOCK } from './perl/knock.ts'
import type { Said } from './perl/perl.ts'
import { linesOf } from './question.ts'
import type { Spot } from './scene.ts'

export type Door = { readonly protocol: 'TCP' | 'UDP' | 'SCTP'; readonly port: number }
export type Knock = { readonly from: Spot; readonly to: Spot } & Door
/** Undefined: it cannot be told, for whoever has the port there need not answer, and what comes to it could not be heard of. */
export type Opened = boolean | undefined

/** A program that is told to begin by a line of input when all have opened their doors, and to end by the input's end. */
export type Knocker = { readonly machine: string; readonly argv: readonly string[]; readonly task: string }

/** So long silence is waited for. A connection is the two kernels' work alone and stands at once; a datagram waits for a program to answer. */
const WITHIN = { TCP: CONNECT / 4, UDP: CONNECT / 2, SCTP: CONNECT / 2 }

export function knocks(asked: readonly Knock[], { nonce, slowness }: { readonly nonce: string; readonly slowness: number }): readonly Knocker[] {
  const spots = [...new Map(asked.flatMap(({ from, to }) => [from, to]).map((spot) => [spot.name, spot])).values()]
  const doors = new Map<string, Set<string>>(spots.map(({ name }) => [name, new Set()]))
  const calls = new Map<string, string[]>(spots.map(({ name }) => [name, []]))
  for (const [id, { from, to, ...door }] of asked.entries()) {
    doors.get(to.name)?.add(doorText(door))
    calls.get(from.name)?.push(`knock ${id} ${to.ip} ${door.port} ${door.protocol.toLowerCase()}`)
  }
  const within = Math.max(...asked.map(({ protocol }) => WITHIN[protocol])) * slowness
  return [...new Set(spots.map(({ machine }) => machine))].map((machine) => {
    const places = spots
      .filter((spot) => spot.machine === machine)
      .flatMap((spot) => [
        `at ${placeOf(spot)}`,
        ...[...(doors.get(spot.name) ?? [])].map((door) => `open ${door} ${spot.ip}`),
        ...(calls.get(spot.name) ?? []),
      ])
    return { machine, argv: ['perl', '-e', KNOCK], task: [`nonce ${nonce}`, `within ${within}`, ...places, '.', ''].join('\n') }
  })
}

const doorText = ({ protocol, port }: Door): string => `${protocol.toLowerCase()} ${port}`
const placeOf = ({ netns }: Spot): string => netns ?? '-'

/** Whether all its doors are open, or all its calls are decided. */
export const hasSaid = (text: string, word: 'opened' | 'done'): boolean => text.includes(`{"${word}":`)

/** @throws when a machine's program did not end as it should. */
export function readKnocks(asked: readonly Knock[], told: readonly { readonly machine: string; readonly text: string }[]): readonly Opened[] {
  /** What was tried and got an answer, or was heard of behind a door that a server of the lab has: `ID TRY`. */
  const came = new Set<string>()
  /** Such doors, and those of them where a datagram that comes is heard of. */
  const [held, hears] = [new Set<string>(), new Set<string>()]
  for (const { machine, text } of told) {
    const lines = hasSaid(text, 'done') ? linesOf(text) : undefined
    if (lines === undefined) throw new Error(`the probe at ${machine} did not end as it should: ${linesOf(text).slice(-2).join('; ')}`)
    for (const line of lines.filter((one) => one.startsWith('{')).map((one) => JSON.parse(one) as Said)) {
      if (line['held'] !== undefined) held.add(`${machine} ${line['at']} ${line['held']}`)
      if (line['hears'] !== undefined) hears.add(`${machine} ${line['at']} ${line['hears']}`)
      if (line['heard'] !== undefined) came.add(`${line['heard']} ${line['try']}`)
      if (line['outcome'] === 'open') came.add(`${line['knock']} ${line['try']}`)
    }
  }
  // Silence tells something only where somebody answers or listens.
  return asked.map((one, id) => {
    if (one.protocol !== 'UDP') return came.has(`${id} 0`)
    const door = `${one.to.machine} ${placeOf(one.to)} ${doorText(one)}`
    return (came.has(`${id} 0`) && came.has(`${id} 1`)) || (held.has(door) && !hears.has(door) ? undefined : false)
  })
}
