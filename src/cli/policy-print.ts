/** The table of who may talk to whom, printed. */
import { unenforced } from '#lab/unenforced.ts'
import { differs, type Table, tableText } from '#policy/table.ts'
import type { Io } from './io.ts'
import { warningTo } from './running.ts'
import { type Args, text } from './verb.ts'

const DIFFERENT = 1

/** The exit code tells whether what was measured is what was computed. */
export function printed(table: Table, args: Args, io: Io): number {
  const different = table.flows.filter(differs)
  if (text(args, 'output') === 'json') io.out(`${JSON.stringify(table, null, 2)}\n`)
  else {
    io.out(tableText(table))
    const signs = [
      '. may   X may not   - itself',
      ...(table.flows.some(({ measured }) => measured === null)
        ? ['? could not be measured: SCTP, or no machine of the lab, or nobody could listen there']
        : []),
      ...(different.length > 0 ? ['! measured otherwise'] : []),
    ]
    io.out(`\n${signs.join('   ')}\n`)
    for (const { from, to, port, allowed } of different)
      io.out(`${from} to ${to} ${port}: policies say ${allowed ? 'yes' : 'no'}, measured ${allowed ? 'no' : 'yes'}\n`)
  }
  const warning = table.flows.some(({ isolatedBy }) => isolatedBy.length > 0) ? unenforced(table.enforcedBy) : undefined
  if (warning !== undefined) warningTo(io)(warning)
  return different.length > 0 ? DIFFERENT : 0
}
