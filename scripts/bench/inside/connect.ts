/**
 * A machine in a keeper with more and more Services, and how long connect() takes from there to the first of them, to the last, and to what is no Service, as multiples
 * of what it takes on a machine that has no rules at all.
 * argv: mode, numbers of Services, connections, a folder of its own. Prints one line of JSON.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { broughtPrograms } from '#daemon/programs.ts'
import { netnsDriver } from '#driver/netns/netns.ts'
import { runProcess } from '#driver/netns/run.ts'
import { applyProgram } from '#engine/wheel.ts'
import type { NodeProgram } from '#kernel/step.ts'
import { programsOf } from '#plan/plan.ts'
import { wiring } from '#underlay/wiring.ts'
import { clusterIP, crowd, crowdCluster, type Mode, PORT, proxyPart } from '../crowd.ts'
import { home, median, onlyInKeeper } from '../measure.ts'

onlyInKeeper()
const [mode, counts, connections, folder = ''] = process.argv.slice(2) as [Mode, string, string, string?]
const SERVICE_PORT = 80
/** Short ones: what a turn is compared with was measured just before it. */
const TURNS = 21
// A machine does not see this checkout.
const CONNECT = ['perl', '-e', readFileSync(join(import.meta.dirname, 'connect.pl'), 'utf8'), '--']

const driver = netnsDriver({ folder, programs: broughtPrograms(home, process.env) })
const machines = crowdCluster(crowd(mode, { nodes: 3, services: 0, endpoints: 0 }))
const [client = '', bare = '', server = ''] = machines.nodes.map(({ name }) => name)
const serverIP = machines.nodes[2]?.ip ?? ''
const direct = `${serverIP}:${PORT}`
await driver.up(wiring(machines), AbortSignal.timeout(60_000))
void runProcess([...driver.enter(server), '--', ...CONNECT, 'serve', `${PORT}`])

const seen = []
let before: NodeProgram = []
for (const services of counts.split(',').map(Number)) {
  const cluster = crowdCluster(crowd(mode, { nodes: 1, services, endpoints: 1, server: serverIP }))
  const program = proxyPart(programsOf(cluster).get('node-1'))
  const from = performance.now()
  before = await applyProgram(driver, client, { applied: before, wanted: program })
  const load = performance.now() - from
  const took: { none: number[]; other: number[]; first: number[]; last: number[] } = { none: [], other: [], first: [], last: [] }
  for (let turn = 0; turn < TURNS; turn += 1) {
    const [none = Number.NaN] = await connects(bare, [direct])
    took.none.push(none)
    const [other = 0, first = 0, last = 0] = await connects(client, [direct, ...[0, services - 1].map((at) => `${clusterIP(at)}:${SERVICE_PORT}`)])
    took.other.push(other / none)
    took.first.push(first / none)
    took.last.push(last / none)
  }
  seen.push({ services, load, none: median(took.none), other: median(took.other), first: median(took.first), last: median(took.last) })
}
process.stdout.write(`${JSON.stringify(seen)}\n`)
process.exit(0)

/** The medians for these places, in µs. */
async function connects(machine: string, places: readonly string[]): Promise<readonly number[]> {
  const { code, stdout, stderr } = await runProcess([...driver.enter(machine), '--', ...CONNECT, connections, ...places])
  if (code !== 0) throw new Error(stderr)
  return stdout.trim().split(' ').map(Number)
}
