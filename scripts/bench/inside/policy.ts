/**
 * Many NetworkPolicies in a keeper: their rules are loaded into nodes that hold none; then again and again a Pod gets another label, and all nodes follow.
 * argv: the policy engine, nodes, Pods, policies, turns, a folder of its own. Prints one line of JSON.
 */
import { broughtPrograms } from '#daemon/programs.ts'
import { netnsDriver } from '#driver/netns/netns.ts'
import { applyProgram } from '#engine/wheel.ts'
import { change } from '#kernel/compile.ts'
import type { NodeProgram } from '#kernel/step.ts'
import type { PolicyEngine } from '#lab/lab.ts'
import { clusterOf } from '#model/model.ts'
import { programsOf } from '#plan/plan.ts'
import { wiring } from '#underlay/wiring.ts'
import { home, onlyInKeeper } from '../measure.ts'
import { policed, relabelled } from '../policies.ts'

onlyInKeeper()
const policy = process.argv[2] as PolicyEngine
const [nodes = 0, pods = 0, policies = 0, turns = 0] = process.argv.slice(3, 7).map(Number)
const driver = netnsDriver({ folder: process.argv[7] ?? '', programs: broughtPrograms(home, process.env) })

let state = policed({ policy, nodes, pods, policies })
let from = performance.now()
const cluster = clusterOf(state.lab, state.objects)
let programs = rules(programsOf(cluster))
const plan = performance.now() - from
await driver.up(wiring(cluster), AbortSignal.timeout(60_000))
const machines = [...programs.keys()]
const applied = new Map<string, NodeProgram>(machines.map((name) => [name, []]))
from = performance.now()
await applyAll()
const load = performance.now() - from
const made = []
for (let turn = 0; turn < turns; turn += 1) {
  state = relabelled(state, turn)
  const worked = process.threadCpuUsage()
  from = performance.now()
  programs = rules(programsOf(clusterOf(state.lab, state.objects)))
  const planned = performance.now()
  const commands = machines.flatMap((name) => change(applied.get(name) ?? [], programs.get(name) ?? []))
  const compared = performance.now()
  const { user, system } = process.threadCpuUsage(worked)
  await applyAll()
  const done = performance.now()
  const lines = commands.reduce((sum, one) => sum + (one.kind === 'run' ? (one.stdin ?? '').split('\n').length : 0), 0)
  // The comparison is made again by applyProgram.
  made.push({ plan: planned - from, change: compared - planned, cpu: (user + system) / 1000, apply: done - compared, lines, processes: commands.length })
}
process.stdout.write(`${JSON.stringify({ plan, load, turns: made, rss: process.memoryUsage().rss })}\n`)
process.exit(0)

async function applyAll(): Promise<void> {
  await Promise.all(
    machines.map(async (name) => {
      applied.set(name, await applyProgram(driver, name, { applied: applied.get(name) ?? [], wanted: programs.get(name) ?? [] }))
    }),
  )
}

/** The Pods themselves are not built: their rules need no device. */
function rules(all: ReadonlyMap<string, NodeProgram>): ReadonlyMap<string, NodeProgram> {
  return new Map([...all].filter(([name]) => name.startsWith('node-')).map(([name, program]) => [name, program.filter(({ by }) => by === `policy/${policy}`)]))
}
