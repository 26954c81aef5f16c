import { beginAhead } from './ahead.ts'
import { driverKind } from './driver.ts'
import { kernelKind } from './kernel.ts'
import { findLab } from './labs.ts'
import { on, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const place = findLab(args.words[0] ?? '', io.cwd)
  const driver = driverKind(args)
  const seed = text(args, 'seed')
  const kernel = kernelKind(args)
  const ahead = kernel === 'uml' ? undefined : beginAhead(place, io, { driver, seed })
  const [{ bringUp }, { openProgress }, { json }] = await Promise.all([import('./session.ts'), import('./progress.ts'), import('#report/json.ts')])
  const progress = openProgress(io)
  const { end } = await bringUp({ place, wait: !on(args, 'no-wait'), install: !on(args, 'no-install'), ahead, driver, kernel, seed }, io, progress)
  if (text(args, 'output') === 'json') io.out(json(progress.state()))
  return end.exit
}
