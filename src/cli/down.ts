import { stopLab } from '#daemon/state.ts'
import { runningLabs } from './alive.ts'
import { runningLab } from './running.ts'
import { on, type Run, text } from './verb.ts'

/** Every name is looked up before the first lab is stopped; of each it is said whether all of it has gone. */
export const run: Run = async (args, io) => {
  const labs = runningLabs(io)
  if (labs.length === 0) {
    io.err('no lab runs, nothing to do\n')
    return 0
  }
  const named = args.words.length > 0 ? args.words : [text(args, 'lab')]
  const meant = on(args, 'all') ? labs : [...new Map(named.map((name) => runningLab(io, name)).map((lab) => [lab.name, lab])).values()]
  const stopped = await Promise.allSettled(meant.map(stopLab))
  for (const [at, end] of stopped.entries()) io.err(end.status === 'fulfilled' ? `lab ${meant[at]?.name} is down\n` : `${(end.reason as Error).message}\n`)
  return stopped.some(({ status }) => status === 'rejected') ? 1 : 0
}
