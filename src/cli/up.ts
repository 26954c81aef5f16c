import { beginAhead } from './ahead.ts'
import { driverKind } from './driver.ts'
import { stop, USAGE } from './io.ts'
import { findLab } from './labs.ts'
import { type Args, on, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  inThisVersion(args)
  const place = findLab(args.words[0] ?? '', io.cwd)
  const driver = driverKind(text(args, 'driver'))
  const ahead = driver === 'docker' ? undefined : beginAhead(place, io)
  const [{ bringUp }, { openProgress }, { json }] = await Promise.all([import('./session.ts'), import('./progress.ts'), import('#report/json.ts')])
  const progress = openProgress(io)
  const { end } = await bringUp({ place, wait: !on(args, 'no-wait'), install: !on(args, 'no-install'), ahead, driver }, io, progress)
  if (text(args, 'output') === 'json') io.out(json(progress.state()))
  return end.exit
}

function inThisVersion(args: Args): void {
  const kernel = text(args, 'kernel') ?? 'auto'
  if (!['auto', 'host'].includes(kernel))
    throw stop(USAGE, kernel === 'uml' ? 'a kernel of its own is not in this version; leave --kernel out' : `no kernel "${kernel}"; there is auto, host`)
}
