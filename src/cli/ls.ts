import { runningLabs } from './alive.ts'
import { knownLabs } from './labs.ts'
import { columns, since } from './print.ts'
import { on, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const form = text(args, 'output')
  // What reads YAML is much, and who asks for names or what runs has no use for it.
  if (on(args, 'labs') && form !== 'name') return (await import('./shelf.ts')).listed(form, io)
  if (on(args, 'labs')) {
    io.out(
      knownLabs()
        .map((name) => `${name}\n`)
        .join(''),
    )
    return 0
  }
  const running = runningLabs(io).map(({ name, dir, started, version }) => ({ name, dir, started, version }))
  if (form === 'json') io.out(`${JSON.stringify(running, null, 2)}\n`)
  else if (form === 'name') io.out(running.map(({ name }) => `${name}\n`).join(''))
  else if (running.length === 0) io.err('no lab runs; netlab ls --labs shows those that can be started\n')
  else io.out(columns(running.map(({ name, started, dir }) => [name, `up ${since(started)}`, dir])))
  return 0
}
