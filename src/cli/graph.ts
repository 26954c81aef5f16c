/** `netlab graph`: the map of a lab as its files say it, or of one that runs with how it fares. */
import { dot } from '#graph/dot.ts'
import { factsOf, moreOf, serviceRows } from '#graph/facts.ts'
import { mermaid } from '#graph/mermaid.ts'
import { svg } from '#graph/svg.ts'
import type { Topology } from '#model/topology.ts'
import { ansi, bold, dim, plain, type Row } from '#ui/dash/cells.ts'
import { topologyRows } from '#ui/dash/topology.ts'
import { topologySeen } from './dash/objects.ts'
import { type Io, stop, USAGE } from './io.ts'
import { givenLab, topologyPlanned } from './lab-given.ts'
import { columns } from './print.ts'
import { clientFor } from './running.ts'
import { type Args, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const topology = await topologyAsked(args, io)
  io.out(FORMS[text(args, 'format') ?? 'text']?.(topology, io) ?? '')
  return 0
}

async function topologyAsked(args: Args, io: Io): Promise<Topology> {
  const [word] = args.words
  const seed = text(args, 'seed')
  if (word === undefined && seed !== undefined)
    throw stop(USAGE, 'a lab that runs stays the variant that it is: say of which lab, netlab graph LAB --seed TEXT')
  if (word === undefined) return topologySeen(clientFor(args, io))
  return topologyPlanned((await givenLab(word, { seed }, io)).lab)
}

type Screen = Pick<Io, 'color' | 'outIsTty' | 'columns'>

const FORMS: Readonly<Record<string, (topology: Topology, screen: Screen) => string>> = {
  text: inLines,
  svg,
  dot,
  mermaid,
  json: (topology) => `${JSON.stringify(topology, null, 2)}\n`,
}

/** Cut to the width of a terminal, and whole for everybody else. */
export function inLines(topology: Topology, { color, outIsTty, columns: width }: Screen): string {
  const state = topology.machines.some(({ ready }) => ready !== undefined)
  const machines = topology.machines.map((machine) => ({ ...machine, more: moreOf(machine), links: [], tables: [] }))
  const { head, items } = topologyRows({ ...topology, machines }, { width: outIsTty ? width() : Number.MAX_SAFE_INTEGER, rates: false, state })
  const services = columns([['service', 'type', 'address', 'ports', 'behind it'], ...serviceRows(topology)])
    .trimEnd()
    .split('\n')
  const rows: readonly Row[] = [
    [bold(topology.lab)],
    ...factsOf(topology).map((line) => [dim(line)]),
    [],
    head,
    ...items.map(({ row }) => row),
    ...(services.length === 1 ? [] : [[], ...services.map((line, i) => [i === 0 ? dim(line) : plain(line)])]),
  ]
  return rows.map((row) => `${ansi(row, color && outIsTty).trimEnd()}\n`).join('')
}
