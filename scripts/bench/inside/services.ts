/**
 * A lab of many Services inside a keeper; again and again one endpoint gets another address, and the engine's wheel turns once.
 * argv: nodes, Services, endpoints of each, turns, a folder of its own. Prints one line of JSON.
 */
import type { EndpointSlice, KubeObject } from '#api/kinds.ts'
import { objectsIn } from '#controllers/turn.ts'
import { broughtPrograms } from '#daemon/programs.ts'
import type { NodeDriver } from '#driver/driver.ts'
import { netnsDriver } from '#driver/netns/netns.ts'
import { runProcess } from '#driver/netns/run.ts'
import { createEngine } from '#engine/engine.ts'
import type { Run } from '#kernel/command.ts'
import { change } from '#kernel/compile.ts'
import { labWith, service } from '#model/build.ts'
import { clusterOf } from '#model/model.ts'
import { programsOf } from '#plan/plan.ts'
import { home, onlyInKeeper } from '../measure.ts'

onlyInKeeper()
const [nodes = 0, services = 0, endpoints = 0, rounds = 0] = process.argv.slice(2, 6).map(Number)
const folder = process.argv[6] ?? ''
const NOW = '2026-01-01T00:00:00Z'

/** Addresses that no two endpoints share; the last is that of the endpoint that changes. */
const address = (at: number): string => `10.244.${100 + Math.floor(at / 200)}.${10 + (at % 200)}`

const objects: KubeObject[] = Array.from({ length: services }, (_, at) =>
  service(`service-${at + 1}`, {
    clusterIP: `10.96.${Math.floor(at / 200)}.${20 + (at % 200)}`,
    endpoints: Array.from({ length: endpoints }, (_, one) => `${address(at * endpoints + one)}:8080`),
    spec: { selector: undefined },
  }),
).flat()
const lab = labWith({ nodes, objects })

type Ran = { readonly machine: string; readonly command: Run; readonly from: number; readonly to: number }
let ran: Ran[] = []
const netns = netnsDriver({ folder, programs: broughtPrograms(home, process.env) })
const driver: NodeDriver = {
  ...netns,
  async run(machine, command, options) {
    const from = performance.now()
    const output = await netns.run(machine, command, options)
    if (command.kind === 'run') ran.push({ machine, command, from, to: performance.now() })
    return output
  },
}

const engine = createEngine({ lab, driver, now: () => NOW, onError: (error) => process.stderr.write(`${error.stack}\n`) })
const taken = async (work: () => unknown): Promise<number> => {
  const from = performance.now()
  await work()
  return performance.now() - from
}

const declare = await taken(() => engine.declare(lab))
await engine.build({ ...lab, objects: [] }, AbortSignal.timeout(60_000))
ran = []
const load = await taken(() => engine.settled())
const loads = restores(ran)
const bareLoad = await taken(() => bare(loads))

const changes = []
for (let round = 0; round < rounds; round += 1) {
  const before = programsOf(clusterOf(lab, objectsIn(engine.store)))
  ran = []
  const turn = await taken(() => {
    touch(round)
    return engine.settled()
  })
  const lines = restores(ran)
  const apply = Math.max(...ran.map(({ to }) => to)) - Math.min(...ran.map(({ from }) => from))
  // The same plan once more, by itself: the engine does not tell its parts.
  const [cluster, clusterMs] = within(() => clusterOf(lab, objectsIn(engine.store)))
  const [after, programsMs] = within(() => programsOf(cluster))
  const [, changeMs] = within(() => [...after].map(([machine, program]) => change(before.get(machine) ?? [], program)))
  changes.push({
    turn,
    apply,
    bare: await taken(() => bare(lines)),
    plan: clusterMs + programsMs + changeMs,
    chains: lines.reduce((sum, { command }) => sum + (command.stdin?.match(/^:/gm) ?? []).length, 0) / nodes,
    processes: ran.length / nodes,
  })
}
process.stdout.write(`${JSON.stringify({ declare, load, bareLoad, rules: linesOf(loads) / nodes, changes, rss: process.memoryUsage().rss })}\n`)
process.exit(0)

/** The first endpoint of a Service in the middle gets an address that it did not have before. */
function touch(round: number): void {
  const slice = engine.store.get('EndpointSlice', 'default', `service-${services >> 1}-abcde`) as EndpointSlice
  const [first, ...rest] = slice.endpoints
  const endpoint = { ...first, addresses: [`10.244.99.${10 + round}`] }
  const answer = engine.store.update('EndpointSlice', 'default', slice.metadata.name, { ...slice, endpoints: [endpoint, ...rest] } as EndpointSlice)
  if (!answer.ok) throw new Error(answer.status.message)
}

function restores(all: readonly Ran[]): readonly Ran[] {
  return all.filter(({ command }) => command.argv[0] === 'iptables-restore')
}

function linesOf(all: readonly Ran[]): number {
  return all.reduce((sum, { command }) => sum + (command.stdin ?? '').split('\n').length, 0)
}

/** The same texts to a bare iptables-restore on the same machines, all at once. */
async function bare(lines: readonly Ran[]): Promise<void> {
  await Promise.all(
    lines.map(async ({ machine, command }) => {
      const output = await runProcess([...netns.enter(machine), '--', 'iptables-restore', '--noflush'], { stdin: command.stdin ?? '' })
      if (output.code !== 0) throw new Error(output.stderr)
    }),
  )
}

function within<T>(work: () => T): [T, number] {
  const from = performance.now()
  const value = work()
  return [value, performance.now() - from]
}
