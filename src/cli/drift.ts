import { plural } from './print.ts'
import { clientFor } from './running.ts'
import { type Run, text } from './verb.ts'

export type Drift = {
  readonly machine: string
  readonly by: string
  readonly why: string
  readonly what: string
  readonly wanted?: string
  readonly found?: string
}

const DRIFTED = 1

export const run: Run = async (args, io) => {
  const { drift } = await clientFor(args, io).json<{ drift: readonly Drift[] }>({ path: '/netlab/v1/drift' })
  if (text(args, 'output') === 'json') io.out(`${JSON.stringify({ drift }, null, 2)}\n`)
  else if (drift.length === 0) io.err('every kernel holds what the plan says\n')
  else {
    io.out(drift.map(tell).join('\n'))
    io.err(`\n${plural(drift.length, 'difference')}\nnext: netlab repair\n`)
  }
  return drift.length === 0 ? 0 : DRIFTED
}

function tell(one: Drift): string {
  return [`${one.machine}: ${one.what}`, `  ${one.by}: ${one.why}`, ...part('wanted', one.wanted), ...part('found', one.found)]
    .map((line) => `${line}\n`)
    .join('')
}

const part = (name: string, text: string | undefined): readonly string[] =>
  text === undefined || text === '' ? [] : [`  ${name.padEnd(7)}${text.replaceAll('\n', '\n         ')}`]
