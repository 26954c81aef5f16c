/**
 * Many Services in a keeper. First their rules are loaded into machines that hold none, by netlab and by bare programs in turns; then a lab of them runs, again and
 * again one endpoint gets another address, and the engine's wheel turns once.
 * argv: mode, nodes, Services, endpoints of each, turns of loading, turns of changing, seconds that a bare program may take, a folder of its own. Prints one line of JSON.
 */
import type { EndpointSlice } from '#api/kinds.ts'
import { objectsIn } from '#controllers/turn.ts'
import { broughtPrograms } from '#daemon/programs.ts'
import { type NodeDriver, oneByOne } from '#driver/driver.ts'
import { netnsDriver } from '#driver/netns/netns.ts'
import { runProcess } from '#driver/netns/run.ts'
import { createEngine } from '#engine/engine.ts'
import { applyProgram } from '#engine/wheel.ts'
import type { Command, Run } from '#kernel/command.ts'
import { change } from '#kernel/compile.ts'
import { restoreText } from '#kernel/rules.ts'
import { NOW } from '#model/build.ts'
import { clusterOf } from '#model/model.ts'
import { programsOf } from '#plan/plan.ts'
import { wiring } from '#underlay/wiring.ts'
import { crowd, crowdCluster, type Mode, nameOf, proxyPart, spareIP } from '../crowd.ts'
import { home, onlyInKeeper } from '../measure.ts'

onlyInKeeper()
const mode = process.argv[2] as Mode
const [nodes = 0, services = 0, endpoints = 0, loadTurns = 0, changeTurns = 0, limit = 0] = process.argv.slice(3, 9).map(Number)
const folder = process.argv[9] ?? ''
const PLAN_TURNS = 3

type Ran = { readonly machine: string; readonly command: Run; readonly from: number; readonly to: number }
let ran: Ran[] = []
const netns = netnsDriver({ folder, programs: broughtPrograms(home, process.env) })
const driver: NodeDriver = {
  ...netns,
  async run(machine, command, options) {
    if (command.kind === 'series') return oneByOne(command, (one) => driver.run(machine, one, options))
    const from = performance.now()
    const output = await netns.run(machine, command, options)
    if (command.kind === 'run') ran.push({ machine, command, from, to: performance.now() })
    return output
  },
}

const planned = plans()
const loaded = await loads()
const changed = await changes()
process.stdout.write(`${JSON.stringify({ ...planned, ...loaded, ...changed, rss: process.memoryUsage().rss })}\n`)
process.exit(0)

/** From objects to programs with nothing remembered: what is remembered hangs on the objects, and these are made anew. */
function plans(): { plan: number[] } {
  const plan = Array.from({ length: PLAN_TURNS }, () => {
    const lab = crowd(mode, { nodes, services, endpoints })
    return within(() => programsOf(crowdCluster(lab)))[1]
  })
  return { plan }
}

async function loads() {
  const cluster = crowdCluster(crowd(mode, { nodes: 1, services, endpoints }))
  const program = proxyPart(programsOf(cluster).get('node-1'))
  const contenders = 3
  const many = crowdCluster(crowd(mode, { nodes: contenders * loadTurns, services: 0, endpoints: 0 }))
  await netns.up(wiring(many), AbortSignal.timeout(60_000))
  const machines = many.nodes.map(({ name }) => name)
  const next = (): string => machines.pop() ?? ''
  const same = change([], program).flatMap(runs)
  // The plan as a reader sees it, and kube-proxy writes it: all chains of a table between one `*nat` and COMMIT.
  const whole =
    mode === 'iptables' ? [...same.filter((one) => !isRules(one)), ...same.filter(isRules).map((one) => ({ ...one, stdin: restoreText(program, 4) }))] : []
  const load: { ours: number[]; same: (number | null)[]; whole: (number | null)[] } = { ours: [], same: [], whole: [] }
  for (let turn = 0; turn < loadTurns; turn += 1) {
    load.ours.push(await taken(() => applyProgram(driver, next(), { applied: [], wanted: program })))
    load.same.push(await bareLoad(next(), same))
    if (whole.length > 0) load.whole.push(await bareLoad(next(), whole))
  }
  await netns.down()
  return { load, lines: same.reduce((sum, one) => sum + (one.stdin ?? '').split('\n').length, 0) }
}

/** Milliseconds, or null when it took longer than it may. */
async function bareLoad(machine: string, all: readonly Run[]): Promise<number | null> {
  let done = true
  const ms = await taken(async () => {
    for (const command of all) done &&= await bare(machine, command)
  })
  return done ? ms : null
}

async function changes() {
  if (changeTurns === 0) return { changes: [] }
  const lab = crowd(mode, { nodes, services, endpoints })
  const engine = createEngine({ lab, driver, now: () => NOW, onError: (error) => process.stderr.write(`${error.message.slice(0, 2000)}\n`) })
  const declare = await taken(() => engine.declare(lab))
  await engine.build({ ...lab, objects: [] }, AbortSignal.timeout(60_000))
  const first = await taken(() => engine.settled())
  const made = []
  for (let turn = 0; turn < changeTurns; turn += 1) {
    const before = programsOf(clusterOf(lab, objectsIn(engine.store)))
    ran = []
    const whole = await taken(() => {
      touch(engine.store, turn)
      return engine.settled()
    })
    const lines = ran.filter(({ command }) => command.stdin !== undefined)
    const apply = Math.max(...ran.map(({ to }) => to)) - Math.min(...ran.map(({ from }) => from))
    // The same plan once more, by itself: the engine does not tell its parts.
    const [cluster, clusterMs] = within(() => clusterOf(lab, objectsIn(engine.store)))
    const [after, programsMs] = within(() => programsOf(cluster))
    const [, changeMs] = within(() => [...after].map(([machine, program]) => change(before.get(machine) ?? [], program)))
    made.push({
      turn: whole,
      apply,
      bare: await again(lines),
      plan: clusterMs + programsMs + changeMs,
      lines: lines.reduce((sum, { command }) => sum + (command.stdin ?? '').split('\n').length, 0) / nodes,
      processes: ran.length / nodes,
    })
  }
  return { declare, first, changes: made }
}

/** The same lines once more, by bare programs, on all nodes at once. What ipvsadm cannot say twice is taken back before. */
async function again(lines: readonly Ran[]): Promise<number> {
  const machines = [...Map.groupBy(lines, ({ machine }) => machine)]
  const each = (of: (command: Run) => readonly Run[]) =>
    Promise.all(
      machines.map(async ([machine, some]) => {
        for (const command of some.flatMap((one) => of(one.command))) await bare(machine, command)
      }),
    )
  await each(takenBack)
  return taken(() => each((command) => [command]))
}

function takenBack(command: Run): readonly Run[] {
  if (command.argv[0] !== 'ipvsadm') return []
  const servers = (command.stdin ?? '').split('\n').filter((line) => /^-[ad] /.test(line))
  const text = servers.map((line) => (line.startsWith('-a') ? line.replace('-a', '-d').replace(/ -m .*/, '') : `${line.replace('-d', '-a')} -m -w 1`))
  return text.length === 0 ? [] : [{ ...command, stdin: text.map((line) => `${line}\n`).join('') }]
}

/** The first endpoint of a Service in the middle gets an address that it did not have before. */
function touch(store: ReturnType<typeof createEngine>['store'], turn: number): void {
  const slice = store.get('EndpointSlice', 'default', `${nameOf(services >> 1)}-abcde`) as EndpointSlice
  const [first, ...rest] = slice.endpoints
  const endpoint = { ...first, addresses: [spareIP(turn)] }
  const answer = store.update('EndpointSlice', 'default', slice.metadata.name, { ...slice, endpoints: [endpoint, ...rest] } as EndpointSlice)
  if (!answer.ok) throw new Error(answer.status.message)
}

function runs(command: Command): readonly Run[] {
  return command.kind === 'run' ? [command] : []
}

function isRules({ argv }: Run): boolean {
  return argv[0] === 'iptables-restore'
}

/** @returns false when it was stopped for taking too long. @throws when it fails */
async function bare(machine: string, { argv, stdin }: Run): Promise<boolean> {
  const output = await runProcess([...netns.enter(machine), '--', ...argv], { stdin: stdin ?? '', timeoutMs: limit * 1000 })
  if (output.code !== 0 && output.timedOut !== true) throw new Error(`${argv.join(' ')}: ${output.stderr.slice(0, 2000)}`)
  return output.code === 0
}

async function taken(work: () => unknown): Promise<number> {
  const from = performance.now()
  await work()
  return performance.now() - from
}

function within<T>(work: () => T): [T, number] {
  const from = performance.now()
  const value = work()
  return [value, performance.now() - from]
}
