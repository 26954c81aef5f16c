/** Everybody knocks at everybody's doors at once: which ways are open, as measured from inside. One program a place, however many doors there are. */
import type { Output } from '#kernel/command.ts'
import { CONNECT, GRACE } from './defaults.ts'
import { KNOCK } from './perl/knock.ts'
import { perl, said } from './perl/perl.ts'
import { linesOf, type Run } from './question.ts'
import type { Spot } from './scene.ts'

export type Door = { readonly protocol: 'TCP' | 'UDP' | 'SCTP'; readonly port: number }
export type Knock = { readonly from: Spot; readonly to: Spot } & Door
/** Undefined: it cannot be told, for whoever has the port there need not answer. */
export type Opened = boolean | undefined

const WITHIN = CONNECT - 500

export function knocks(
  asked: readonly Knock[],
  { nonce, slowness }: { readonly nonce: string; readonly slowness: number },
): { readonly questions: readonly Run[]; readonly read: (answers: readonly Output[]) => readonly Opened[] } {
  const spots = [...new Map(asked.flatMap(({ from, to }) => [from, to]).map((spot) => [spot.name, spot])).values()]
  const doors = new Map<string, Set<string>>(spots.map(({ name }) => [name, new Set()]))
  for (const { to, ...door } of asked) doors.get(to.name)?.add(doorText(door))
  const questions = spots.map((spot) =>
    perl(spot, KNOCK, {
      task: [
        ['nonce', nonce],
        ['within', WITHIN * slowness],
        ...[...(doors.get(spot.name) ?? [])].map((door) => ['open', door]),
        ...asked.flatMap(({ from, to, port, protocol }, id) => (from.name === spot.name ? [['knock', id, to.ip, port, protocol.toLowerCase()]] : [])),
      ],
      timeoutMs: WITHIN * slowness + GRACE,
    }),
  )
  return { questions, read: (answers) => readAll(asked, spots, answers) }
}

const doorText = ({ protocol, port }: Door): string => `${protocol.toLowerCase()} ${port}`

/** @throws when a place's program did not end as it should. */
function readAll(asked: readonly Knock[], spots: readonly Spot[], answers: readonly Output[]): readonly Opened[] {
  const outcomes = new Map<number, string>()
  /** Doors of servers that do not answer even their own machine. */
  const held = new Set<string>()
  for (const [at, spot] of spots.entries()) {
    const output = answers[at]
    const lines = output === undefined ? undefined : said(output)
    if (lines?.at(-1)?.['done'] === undefined)
      throw new Error(`the probe at ${spot.name} did not end as it should: ${linesOf(output?.stderr ?? '').join('; ')}`)
    for (const line of lines) {
      if (line['held'] !== undefined) held.add(`${spot.name} ${line['held']}`)
      if (line['answers'] !== undefined) held.delete(`${spot.name} ${line['answers']}`)
      if (line['knock'] !== undefined) outcomes.set(Number(line['knock']), String(line['outcome']))
    }
  }
  // Silence tells something only where the server is known to answer.
  return asked.map((one, id) => outcomes.get(id) === 'open' || (one.protocol === 'UDP' && held.has(`${one.to.name} ${doorText(one)}`) ? undefined : false))
}
