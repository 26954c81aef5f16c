/** Whether nodes and routers have been told what they need: until BGP stands, the first packet between nodes is lost. */
import type { Engine } from '#engine/engine.ts'
import type { Output } from '#kernel/command.ts'
import type { Cluster } from '#model/cluster.ts'
import { readSessions } from '#probe/kinds/bgp.ts'

/** What is still to come; nothing when all stands. `hopeless`: somebody has switched it off, and time does not mend that. */
type Missing = { readonly machine: string; readonly says: string; readonly ask: string; readonly hopeless: boolean }

/** One look at all machines that run BIRD. */
export async function missingOfBgp(engine: Engine, signal: AbortSignal): Promise<readonly Missing[]> {
  const cluster = engine.cluster()
  const run = (machine: string, argv: readonly string[]): Promise<Output> =>
    engine.driver.run(machine, { kind: 'run', argv, does: [] }, { signal, timeoutMs: LOOK_MS })
  const machines = [...engine.programs()].filter(([machine, program]) => !engine.off().has(machine) && program.some(isBird)).map(([machine]) => machine)
  const found = await Promise.all(
    machines.map(async (machine) => {
      const sessions = missingSessions(machine, await run(machine, ['birdc', 'show', 'protocols', 'all']), addressesOff(cluster, engine.off()))
      const wanted = blocksFor(machine, cluster, engine.off())
      if (sessions.length > 0 || wanted.length === 0) return sessions
      return missingBlocks(machine, await run(machine, ['ip', '-j', 'route', 'show', 'proto', 'bird']), wanted)
    }),
  )
  return found.flat()
}

const LOOK_MS = 2_000
const isBird = (step: { readonly kind: string; readonly id?: string }): boolean => step.kind === 'process' && step.id === 'bird'

/** `silent`: addresses that nobody has at the moment. */
export function missingSessions(machine: string, output: Output, silent: ReadonlySet<string>): readonly Missing[] {
  const sessions = readSessions(output)
  if (sessions === undefined) return [{ machine, says: 'BIRD does not answer', ask: 'birdc show protocols', hopeless: false }]
  return sessions
    .filter(({ peer, state }) => state !== 'Established' && !silent.has(peer))
    .map(({ name, peer, state, off, error }) => ({
      machine,
      says: `${name} with ${peer} is ${off ? 'switched off' : state}${error === undefined ? '' : ` (${error})`}`,
      ask: `birdc show protocols all ${name}`,
      hopeless: off,
    }))
}

export function missingBlocks(machine: string, output: Output, wanted: readonly string[]): readonly Missing[] {
  const there = output.code === 0 ? new Set((JSON.parse(output.stdout || '[]') as readonly { readonly dst: string }[]).map(({ dst }) => dst)) : new Set()
  const absent = wanted.filter((block) => !there.has(block))
  return absent.length === 0
    ? []
    : [{ machine, says: `nobody told it where ${absent.join(', ')} ${absent.length === 1 ? 'is' : 'are'}`, ask: 'birdc show route', hopeless: false }]
}

const addressesOff = ({ nodes }: Cluster, off: ReadonlySet<string>): ReadonlySet<string> =>
  new Set(nodes.filter(({ name }) => off.has(name)).map(({ ip }) => ip))

/** What a node is to be told: the blocks of all others. Routers need no more than their sessions. */
const blocksFor = (machine: string, { nodes }: Cluster, off: ReadonlySet<string>): readonly string[] =>
  nodes.some(({ name }) => name === machine) ? nodes.filter(({ name }) => name !== machine && !off.has(name)).flatMap(({ blocks }) => blocks) : []
