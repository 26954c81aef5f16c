import { clientOf } from './client.ts'
import { become, entering, entryOf } from './enter.ts'
import { stop, USAGE } from './io.ts'
import { findSpot } from './places.ts'
import { labOf } from './running.ts'
import { type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const [place = ''] = args.words
  if (args.rest.length === 0) throw stop(USAGE, `say what to run: netlab exec ${place} -- ip addr (netlab shell ${place} opens a shell)`)
  const lab = labOf(args, io)
  const client = clientOf(lab.socket)
  const spot = await findSpot(client, place, text(args, 'namespace') ?? 'default')
  const entry = await entryOf(client, spot.place, text(args, 'container'))
  return await become(entering(lab, io, entry, args.rest))
}
