/** What the laws of drivers are asked of: a driver, and eyes on it from without. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Machine, NodeDriver, RunOptions, WiredSegment, Wiring } from '#driver/driver.ts'
import { applyProgram } from '#engine/wheel.ts'
import type { Output, Run } from '#kernel/command.ts'
import type { NodeProgram, Process, Step } from '#kernel/step.ts'
import type { Segment } from '#lab/lab.ts'
import { cidr, type Ip, ifName, ip } from '#net/net.ts'

/** What a driver must give for a law to make sense: packets that travel, programs that are run and answer, long-lived programs. */
export type Need = 'wires' | 'programs' | 'processes'

export type World = {
  readonly driver: NodeDriver
  /** All that the machine holds, equal for equal kernels. */
  readonly state: (machine: string) => Promise<unknown>
  /** All of the lab that can be seen outside of its machines: wires, mounts, processes. */
  readonly traces: () => Promise<{ readonly [kind: string]: unknown; readonly processes?: readonly string[] }>
  /** Runs a program where the lab daemon runs. */
  readonly outside: (argv: readonly string[]) => Promise<Output>
  /** The machine's power cable is pulled. */
  readonly crash: (machine: string) => Promise<void>
  /** Kinds of steps that the kernel has no room for. */
  readonly lacks: readonly Step['kind'][]
}

/** How much longer all takes here than on the kernel of this host: of a kernel that runs inside another. */
export const SLOWNESS = Number(process.env['NETLAB_SLOWNESS'] ?? 1)

/** A machine that is busy with other things takes longer too; what does not come at all is only told later. */
const PATIENCE = 4 * SLOWNESS

/** The program as far as the kernel has room for it. */
export const holdable = ({ lacks }: World, program: NodeProgram): NodeProgram => program.filter(({ kind }) => !lacks.includes(kind))

/** A program that every driver's machines have. */
export const AGENT = join(import.meta.dirname, '../../images/agent/netlab-agent')

export type Law = { readonly says: string; readonly needs?: readonly Need[]; readonly keep: (world: World) => Promise<void> }

export const never = (): AbortSignal => new AbortController().signal

const segment = (name: string, third: number): Segment => ({ name, cidr: cidr(`192.168.${third}.0/24`), gateway: ip(`192.168.${third}.1`), mtu: 1500 })
export const nodes = segment('nodes', 0)
export const outside = segment('outside', 1)

export const machine = (name: string, address: string, on: Segment = nodes): Machine & { readonly ip: Ip } => ({
  name,
  ip: ip(address),
  wires: [{ dev: ifName('eth0'), ip: ip(address), segment: on.name }],
  gateway: on.gateway,
})
export const a = machine('a', '192.168.0.10')
export const b = machine('b', '192.168.0.11')

export const wired = (machines: readonly Machine[], segments: readonly WiredSegment[] = [nodes], routes: Wiring['routes'] = []): Wiring => ({
  lab: 'laws',
  segments,
  machines,
  routes,
})
/** @returns the names of those that were made. */
export const up = ({ driver }: World, ...machines: readonly Machine[]): Promise<readonly string[]> => driver.up(wired(machines), never())

type How = RunOptions & Pick<Run, 'in' | 'view' | 'stdin'>
/** Options given, even none, lead on another way through a driver than no options. */
export function run(world: { readonly driver: Pick<NodeDriver, 'run'> }, name: string, argv: readonly string[], how: How = {}): Promise<Output> {
  const { signal, timeoutMs, ...rest } = how
  const options = { ...(signal === undefined ? {} : { signal }), ...(timeoutMs === undefined ? {} : { timeoutMs }) }
  const command: Run = { kind: 'run', argv, does: [], ...rest }
  return Object.keys(options).length === 0 ? world.driver.run(name, command) : world.driver.run(name, command, options)
}

/** @throws when the program does not end with 0. */
export async function ask(world: Parameters<typeof run>[0], name: string, argv: readonly string[], how: How = {}): Promise<string> {
  const output = await run(world, name, argv, how)
  assert.equal(output.code, 0, `${name}: ${argv.join(' ')} ended with ${output.signal ?? output.code}: ${output.stderr}`)
  return output.stdout
}

export const apply = ({ driver }: World, name: string, from: NodeProgram, to: NodeProgram): Promise<NodeProgram> =>
  applyProgram(driver, name, { applied: from, wanted: to })

/** One packet there and back. */
export const reaches = async (world: World, from: string, to: string): Promise<boolean> =>
  (await run(world, from, ['ping', '-c1', '-W4', to], { timeoutMs: 20_000 })).code === 0

export const program = (argv: readonly string[], more: Partial<Process & { in: string }> = {}): Process & { in?: string } => ({
  kind: 'process',
  id: 'p',
  argv,
  env: {},
  mounts: [],
  onChange: 'keep',
  restart: 'Never',
  ...more,
})

/** Keeps looking until it is as it should be, for what the kernel does in its own time. @throws the last difference after 20 s, on a slow kernel later. */
export async function becomes<T>(look: () => Promise<T> | T, wanted: T): Promise<void> {
  const deadline = Date.now() + 5_000 * PATIENCE
  for (;;) {
    const seen = await look()
    try {
      assert.deepEqual(seen, wanted)
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** @throws when it takes longer, with patience for a busy machine. */
export async function within<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${what}: not within ${ms * PATIENCE} ms`)), ms * PATIENCE)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
