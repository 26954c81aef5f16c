/** `netlab policy test`: the table that objects make, without a running lab; with --live built, measured and compared as well. */
import { type LabState, stopLab } from '#daemon/state.ts'
import type { Lab } from '#lab/lab.ts'
import { clusterOf } from '#model/model.ts'
import { parseIp } from '#net/net.ts'
import type { Asked } from '#policy/matrix.ts'
import { declaredPorts, mistakesIn, type Table, tableOf } from '#policy/table.ts'
import { runningLabs } from './alive.ts'
import { clientOf } from './client.ts'
import { type Io, NOT_STARTED, stop, USAGE } from './io.ts'
import { kernelKind } from './kernel.ts'
import { givenLab, settled } from './lab-given.ts'
import { findLab } from './labs.ts'
import { printed } from './policy-print.ts'
import { openProgress } from './progress.ts'
import { bringUp } from './session.ts'
import { type Args, list, on, text } from './verb.ts'

type Wish = { readonly ports: readonly Asked[]; readonly from: readonly string[]; readonly to: readonly string[] }

export async function testPolicies(words: readonly string[], wish: Wish, args: Args, io: Io): Promise<number> {
  const [word, ...more] = words
  if (word === undefined || more.length > 0) throw stop(USAGE, 'say which lab: netlab policy test lab.yaml -f objects.yaml')
  const { lab, places } = await givenLab(word, { manifests: list(args, 'file') }, io)
  if (on(args, 'live')) return await live(lab, word, wish, args, io)
  const cluster = clusterOf(lab, settled({ lab, places }))
  const addresses = (texts: readonly string[]) => texts.flatMap((one) => parseIp(one) ?? [])
  const namespace = text(args, 'namespace')
  const { ports, from, to } = wish
  const asked = {
    ...(namespace !== undefined && { namespace }),
    ports: ports.length > 0 ? ports : declaredPorts(cluster),
    from: addresses(from),
    to: addresses(to),
  }
  const mistakes = mistakesIn(cluster, asked)
  if (mistakes.length > 0) throw stop(USAGE, mistakes.join('\n'))
  return printed(tableOf(cluster, asked), args, io)
}

async function live(lab: Lab, word: string, { ports, ...outside }: Wish, args: Args, io: Io): Promise<number> {
  if (runningLabs(io).some(({ name }) => name === lab.name))
    throw stop(USAGE, `lab ${lab.name} runs already: netlab policy matrix --probe measures it, netlab down ${lab.name} stops it`)
  const wish = { place: findLab(word, io.cwd), lab, wait: true, install: !on(args, 'no-install'), kernel: kernelKind(args) }
  const { state, end } = await bringUp(wish, io, openProgress(io))
  if (end.exit === NOT_STARTED) return NOT_STARTED
  try {
    return printed(await measured(state, { ...outside, ...(ports.length > 0 && { ports }), namespace: text(args, 'namespace') }, io), args, io)
  } finally {
    await stopLab(state)
  }
}

const measured = (state: LabState, asked: object, io: Io): Promise<Table> =>
  clientOf(state.socket).json<Table>({ method: 'POST', path: '/netlab/v1/policy', body: { ...asked, probe: true }, signal: io.signal })
