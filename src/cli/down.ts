import { type LabState, stopLab } from '#daemon/state.ts'
import { runningLab, runningLabs } from './running.ts'
import { on, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const named = args.words[0] ?? text(args, 'lab')
  const labs = runningLabs(io)
  const none = named === undefined ? labs.length === 0 : !labs.some((lab) => lab.name === named) && labs.length === 0
  if (none) {
    io.err('no lab runs, nothing to do\n')
    return 0
  }
  const meant: readonly LabState[] = on(args, 'all') ? labs : [runningLab(io, named)]
  await Promise.all(meant.map(stopLab))
  for (const lab of meant) io.err(`lab ${lab.name} is down\n`)
  return 0
}
