/** Builds a cluster of bare Pods inside a keeper, as the engine does it, and says how long each part took. argv: nodes, Pods, a folder of its own, `hold` to stay. */
import { netnsDriver } from '#driver/netns/netns.ts'
import { applyProgram, type Foreseen, foresee, kernelPart } from '#engine/wheel.ts'
import { clusterOf } from '#model/model.ts'
import { programsOf } from '#plan/plan.ts'
import { wiring } from '#underlay/wiring.ts'
import { bare } from '../bare.ts'
import { onlyInKeeper } from '../measure.ts'

onlyInKeeper()
const [, , nodes, pods, folder = '', hold] = process.argv
const { lab, objects } = bare(Number(nodes), Number(pods))

const begin = performance.now()
const driver = netnsDriver({ folder, programs: {} })
const cluster = clusterOf(lab, objects)
const up = driver.up(wiring(cluster), AbortSignal.timeout(60_000))
const starting = performance.now()
const programs = programsOf(cluster)
const coming = new Map<string, Foreseen>()
void foresee(programs, up, coming)
const planned = performance.now()
await up
const wired = performance.now()
const cpu = process.cpuUsage()
await Promise.all(
  [...programs].map(([machine, program]) => applyProgram(driver, machine, { applied: [], wanted: kernelPart(program), foreseen: coming.get(machine) })),
)
const applied = performance.now()
const { user, system } = process.cpuUsage(cpu)
const said = { ms: applied - begin, plan: planned - starting, machines: wired - begin, kernel: applied - wired, daemonCpu: (user + system) / 1000 }
process.stdout.write(`${JSON.stringify({ ...said, rss: process.memoryUsage().rss })}\n`)
if (hold === undefined) process.exit(0)
setInterval(() => {}, 60_000)
