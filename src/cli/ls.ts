import { knownLabs } from './labs.ts'
import { columns, since } from './print.ts'
import { runningLabs } from './running.ts'
import { on, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const running = runningLabs(io)
  const rows = on(args, 'labs')
    ? knownLabs().map((name) => ({ name, running: running.some((lab) => lab.name === name) }))
    : running.map(({ name, dir, started, version }) => ({ name, dir, started, version }))
  const form = text(args, 'output')
  if (form === 'json') io.out(`${JSON.stringify(rows, null, 2)}\n`)
  else if (form === 'name') io.out(rows.map((row) => `${row.name}\n`).join(''))
  else if (rows.length === 0) io.err(on(args, 'labs') ? 'no labs here\n' : 'no lab runs; netlab ls --labs shows those that can be started\n')
  else io.out(columns(rows.map((row) => ('dir' in row ? [row.name, `up ${since(row.started)}`, row.dir] : [row.name, row.running ? 'running' : '']))))
  return 0
}
