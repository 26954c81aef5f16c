import { beginAhead } from './ahead.ts'
import { stop, USAGE } from './io.ts'
import { findLab } from './labs.ts'
import { type Args, on, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  inThisVersion(args)
  const place = findLab(args.words[0] ?? '', io.cwd)
  const ahead = beginAhead(place, io)
  const [{ bringUp }, { openProgress }, { json }] = await Promise.all([import('./session.ts'), import('./progress.ts'), import('#report/json.ts')])
  const progress = openProgress(io)
  const { end } = await bringUp({ place, wait: !on(args, 'no-wait'), install: !on(args, 'no-install'), ahead }, io, progress)
  if (text(args, 'output') === 'json') io.out(json(progress.state()))
  return end.exit
}

function inThisVersion(args: Args): void {
  const [driver, kernel] = [text(args, 'driver') ?? 'auto', text(args, 'kernel') ?? 'auto']
  if (!['auto', 'netns'].includes(driver))
    throw stop(USAGE, driver === 'docker' ? 'the docker driver is not in this version; leave --driver out' : `no driver "${driver}"; there is auto, netns`)
  if (!['auto', 'host'].includes(kernel))
    throw stop(USAGE, kernel === 'uml' ? 'a kernel of its own is not in this version; leave --kernel out' : `no kernel "${kernel}"; there is auto, host`)
}
