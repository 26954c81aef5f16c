/** Who may talk to whom in the running lab, computed and measured. */
import { randomBytes } from 'node:crypto'
import type { Engine } from '#engine/engine.ts'
import type { Cluster } from '#model/cluster.ts'
import { type Ip, parseIp } from '#net/net.ts'
import type { End } from '#policy/decide.ts'
import type { Asked } from '#policy/matrix.ts'
import { declaredPorts, tableOf, type Wish, waysOf } from '#policy/table.ts'
import { type Knock, knocks } from '#probe/knock.ts'
import { spotOf } from '#probe/place.ts'
import type { Spot } from '#probe/scene.ts'
import { ask } from './ask.ts'

/** As `POST policy` takes it. */
export type PolicyAsked = {
  readonly namespace?: string
  readonly ports?: readonly Asked[]
  readonly from?: readonly string[]
  readonly to?: readonly string[]
  readonly probe?: boolean
}

export async function policyTable(engine: Engine, request: Request): Promise<Response> {
  const { probe = false, ports, from, to, ...rest } = (await request.json()) as PolicyAsked
  const cluster = engine.cluster()
  const wish: Wish = { ...rest, ports: ports ?? declaredPorts(cluster), from: addresses(from), to: addresses(to) }
  const measured = probe ? await measure(engine, cluster, wish, request.signal) : undefined
  return new Response(JSON.stringify(tableOf(cluster, wish, measured)), { headers: { 'content-type': 'application/json' } })
}

const addresses = (texts: readonly string[] = []): readonly Ip[] => texts.flatMap((text) => parseIp(text) ?? [])

/** In the order of the ways; an address that is no machine of the lab is not measured. */
async function measure(engine: Engine, cluster: Cluster, wish: Wish, signal: AbortSignal): Promise<readonly (boolean | undefined)[]> {
  const ways = waysOf(cluster, wish)
  const spot = (end: End): Spot | undefined => spotOf('pod' in end ? end.pod.ip : end.ip, cluster)
  const asked = ways.flatMap(({ from, to, asked: door }, at): readonly (Knock & { readonly at: number })[] => {
    const [source, target] = [spot(from), spot(to)]
    return source === undefined || target === undefined || door.protocol === 'SCTP' ? [] : [{ from: source, to: target, ...door, at }]
  })
  const { questions, read } = knocks(asked, { nonce: randomBytes(4).toString('hex'), slowness: engine.slowness })
  const opened = read(await Promise.all(questions.map((question) => ask(engine, question, signal))))
  const found = new Map(asked.map(({ at }, i) => [at, opened[i]]))
  return ways.map((_, at) => found.get(at))
}
