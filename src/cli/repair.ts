import type { Event } from '#report/event.ts'
import { json } from '#report/json.ts'
import { openProgress } from './progress.ts'
import { clientFor } from './running.ts'
import { follow } from './session.ts'
import { type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const machine = args.words[0]?.replace(/^(node|ext)\//, '')
  const client = clientFor(args, io)
  const progress = openProgress(io)
  const body = machine === undefined ? {} : { machine }
  const end = await follow(client.lines<Event>({ method: 'POST', path: '/netlab/v1/repair', body, signal: io.signal }), progress)
  if (text(args, 'output') === 'json') io.out(json(progress.state()))
  return end.exit
}
