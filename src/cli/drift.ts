import type { DriftRow } from '#daemon/drift.ts'
import { plural } from './print.ts'
import { clientFor } from './running.ts'
import { type Run, text } from './verb.ts'

const DRIFTED = 1

export const run: Run = async (args, io) => {
  const { drift } = await clientFor(args, io).json<{ drift: readonly DriftRow[] }>({ path: '/netlab/v1/drift' })
  if (text(args, 'output') === 'json') io.out(`${JSON.stringify({ drift }, null, 2)}\n`)
  else if (drift.length === 0) io.err('every kernel holds what the plan says\n')
  else {
    io.out(drift.map(tell).join('\n'))
    io.err(`\n${plural(drift.length, 'difference')}\nnext: netlab repair\n`)
  }
  return drift.length === 0 ? 0 : DRIFTED
}

function tell({ machine, by, why, what, wanted, found }: DriftRow): string {
  const lines = [`${machine}: ${what}: ${indented(wanted)}`, ...(found === '' ? [] : [`  found: ${indented(found)}`]), `  ${by}: ${why}`]
  return lines.map((line) => `${line}\n`).join('')
}

const indented = (text: string): string => text.trimEnd().replaceAll('\n', '\n    ')
