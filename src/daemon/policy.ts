/** Who may talk to whom in the running lab, computed and measured. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Request, type Response, response } from '#api/message.ts'
import type { Running } from '#driver/driver.ts'
import type { Engine } from '#engine/engine.ts'
import type { Cluster } from '#model/cluster.ts'
import { type Ip, parseIp } from '#net/net.ts'
import { type Asked, endName } from '#policy/matrix.ts'
import { declaredPorts, endsOf, mistakesIn, tableOf, type Wish, waysOf } from '#policy/table.ts'
import { hasSaid, type Knock, type Knocker, knocks, type Opened, readKnocks } from '#probe/knock.ts'
import { spotOf } from '#probe/place.ts'
import { failureStatus } from './serve.ts'

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
  const mistakes = mistakesIn(cluster, wish)
  if (mistakes.length > 0) return answer(failureStatus(400, mistakes.join('\n')), 400)
  const measured = probe ? await measure(engine, cluster, wish, request.signal) : undefined
  return answer(tableOf(cluster, wish, measured))
}

const answer = (value: unknown, status = 200): Response => response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json' } })

const addresses = (texts: readonly string[] = []): readonly Ip[] => texts.flatMap((text) => parseIp(text) ?? [])

/** In the order of the ways; an address that is no machine of the lab is not measured. */
async function measure(engine: Engine, cluster: Cluster, wish: Wish, signal: AbortSignal): Promise<readonly (boolean | undefined)[]> {
  const ways = waysOf(cluster, wish)
  const ends = endsOf(cluster, wish)
  const spots = new Map([...ends.from, ...ends.to].map((end) => [endName(end), spotOf('pod' in end ? end.pod.ip : end.ip, cluster)]))
  const asked = ways.flatMap(({ from, to, asked: door }, at): readonly (Knock & { readonly at: number })[] => {
    const [source, target] = [spots.get(endName(from)), spots.get(endName(to))]
    return source === undefined || target === undefined || door.protocol === 'SCTP' ? [] : [{ from: source, to: target, ...door, at }]
  })
  const opened = await knocked(engine, asked, signal)
  const found = new Map(asked.map(({ at }, i) => [at, opened[i]]))
  return ways.map((_, at) => found.get(at))
}

const POLL_MS = 5
const WITHIN_MS = 10_000

/** All programs open their doors; then all knock; what they found is read when all are done. @throws when one of them does not come so far. */
export async function knocked(
  { driver, slowness }: Pick<Engine, 'driver' | 'slowness'>,
  asked: readonly Knock[],
  signal: AbortSignal,
): Promise<readonly Opened[]> {
  const nonce = randomBytes(4).toString('hex')
  const told: { readonly machine: string; text: string; ended: boolean }[] = []
  const running: Running[] = []
  const allSaid = async (word: 'opened' | 'done'): Promise<void> => {
    const until = performance.now() + WITHIN_MS * slowness
    while (!told.every(({ text, ended }) => ended || hasSaid(text, word)) && performance.now() < until) await sleep(POLL_MS, undefined, { signal })
  }
  const begin = async ({ machine, argv, task }: Knocker): Promise<void> => {
    const said = { machine, text: '', ended: false }
    told.push(said)
    const id = `probe/knock-${nonce}`
    const one = await driver.spawn(
      machine,
      { kind: 'process', id, argv, env: {}, mounts: NAMESPACES, onChange: 'keep', restart: 'Never', stdin: true },
      (chunk) => {
        said.text += chunk
      },
    )
    running.push(one)
    void one.exit.then(() => {
      said.ended = true
    })
    one.write(task)
  }
  try {
    // Where one cannot begin the others may still be on their way, and are to be ended too.
    const begun = await Promise.allSettled(knocks(asked, { nonce, slowness }).map(begin))
    for (const one of begun) if (one.status === 'rejected') throw one.reason
    await allSaid('opened')
    for (const one of running) one.write('knock\n')
    await allSaid('done')
    return readKnocks(asked, told)
  } finally {
    for (const one of running) one.kill('SIGKILL')
  }
}

/** A program sees the namespaces of its machine's Pods only where they are shown to it. */
const NAMESPACES = [{ from: '/run/netns/', to: '/run/netns', readOnly: true }] as const
