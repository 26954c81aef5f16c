/** What tests of the engine share: a driver, engines on it, and what they say of Pods. */
import { join } from 'node:path'
import { afterEach } from 'vitest'
import type { PodObject } from '#api/kinds.ts'
import { type NodeDriver, oneByOne, type Running, type Wiring } from '#driver/driver.ts'
import { fakeDriver } from '#driver/fake/fake.ts'
import { runProcess } from '#driver/netns/run.ts'
import { type HostPrograms, hostPrograms } from '#driver/testing.ts'
import type { Command, Output } from '#kernel/command.ts'
import type { Lab } from '#lab/lab.ts'
import { readLab } from '#lab/read.ts'
import { createEngine, type Engine } from './engine.ts'

/** @throws with the last answer after `ms`. */
export async function until<T>(ask: () => T, pleases: (answer: T) => boolean, ms = 20_000): Promise<T> {
  const deadline = Date.now() + ms
  for (;;) {
    const answer = ask()
    if (pleases(answer)) return answer
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms; the last answer was ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export type HalfDriver = NodeDriver & {
  readonly holds: (machine: string) => readonly string[]
  /** All commands that went into kernels so far. */
  readonly commands: () => readonly Command[]
  /** The machine's power cable is pulled; the next `up` makes it anew. */
  readonly crash: (machine: string) => Promise<void>
  /** Answers instead of the machine, when it says something. */
  interrupt: ((machine: string, command: Command) => Output | undefined) | undefined
}

/** Kernels in memory, programs on this host: what a machine holds and how its Pods live, without a machine. */
export function halfDriver(host: HostPrograms): HalfDriver {
  const fake = fakeDriver()
  const running = new Map<string, Set<Running>>()
  let wires: Wiring | undefined
  const killAll = (gone: (machine: string) => boolean): void => {
    for (const [machine, programs] of running) if (gone(machine)) for (const one of programs) one.kill('SIGKILL')
  }
  const driver: HalfDriver = {
    ...fake,
    interrupt: undefined,
    commands: () => [...fake.commands.values()].flat(),
    async up(wiring, signal) {
      wires = wiring
      killAll((name) => !wiring.machines.some((machine) => machine.name === name))
      return fake.up(wiring, signal)
    },
    async run(machine, command, options) {
      if (command.kind === 'series') return oneByOne(command, (one) => driver.run(machine, one, options))
      const instead = driver.interrupt?.(machine, command)
      if (instead !== undefined) return instead
      if (command.kind === 'run' && command.argv[0] === 'true') fake.enter(machine)
      if (command.kind === 'run' && (command.view !== undefined || ['rm', 'true'].includes(command.argv[0] ?? '')))
        return runProcess(atHome(command.argv), options)
      return fake.run(machine, command, options)
    },
    async spawn(machine, program, log) {
      fake.enter(machine)
      const one = await host.spawn(machine, { ...program, argv: atHome(program.argv) }, log)
      running.set(machine, (running.get(machine) ?? new Set()).add(one))
      void one.exit.then(() => running.get(machine)?.delete(one))
      return one
    },
    async crash(machine) {
      if (wires === undefined) return
      killAll((name) => name === machine)
      await fake.up({ ...wires, machines: wires.machines.filter(({ name }) => name !== machine) }, new AbortController().signal)
    },
    async down() {
      killAll(() => true)
      await fake.down()
    },
  }
  return driver
}

const IMAGES = join(import.meta.dirname, '../../images')

/** The programs netlab brings, and no folder of a machine's. */
const atHome = ([program = '', ...args]: readonly string[]): readonly string[] =>
  program === 'rm' ? ['true'] : [program.replace(/^\/opt\/netlab\/bin\/netlab-(\w+)$/, `${IMAGES}/$1/netlab-$1`), ...args]

export const never = new AbortController().signal
const now = (): string => `${new Date().toISOString().slice(0, 19)}Z`

export function lab(manifests: string, spec = '{nodes: 2, dns: none}'): Lab {
  const files = new Map([
    ['lab.yaml', `apiVersion: netlab.dev/v1\nkind: Lab\nmetadata: {name: test}\nspec: ${spec}\n`],
    ['manifests/all.yaml', manifests],
  ])
  const read = readLab(files, 'lab.yaml')
  if (!read.ok) throw new Error(read.errors.map(({ at, says }) => `${at} ${says}`).join('\n'))
  return read.value.lab
}

export type World = { readonly engine: Engine; readonly driver: HalfDriver; readonly errors: Error[]; readonly up: (next: Lab) => Promise<readonly string[]> }

/** Engines of a file's tests, each with kernels in memory and programs on this host; they stop when their test is over. */
export function worlds(): { readonly world: () => World; readonly host: HostPrograms } {
  const host = hostPrograms()
  const engines: Engine[] = []
  afterEach(async () => {
    for (const engine of engines.splice(0)) await engine.stop()
    host.clean()
  })
  return { host, world: () => worldOn(host, engines) }
}

function worldOn(host: HostPrograms, engines: Engine[]): World {
  const driver = halfDriver(host)
  const errors: Error[] = []
  const engine = createEngine({ lab: lab(''), driver, now, onError: (error) => errors.push(error) })
  engines.push(engine)
  return {
    engine,
    driver,
    errors,
    async up(next) {
      const said = engine.declare(next)
      await engine.build(next, never)
      await engine.settled()
      return said
    },
  }
}

export const pod = (name: string, script: string, more = '', spec = ''): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  nodeName: node-1
  ${spec}
  containers:
  - name: main
    image: busybox
    command: [sh, -c, ${JSON.stringify(script)}]
    ${more}
---`

export const FOREVER = 'echo ready; exec sleep 600'
export const HEARS = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.02; done"
export const podOf = ({ engine }: World, name: string): PodObject | undefined => engine.store.get('Pod', 'default', name)
export const is = (one: PodObject | undefined, condition: string): boolean =>
  one?.status.conditions.some(({ type, status }) => type === condition && status === 'True') ?? false
export const ready = (at: World, name: string) =>
  until(
    () => podOf(at, name),
    (one) => is(one, 'Ready'),
  )
export const container = (one: PodObject | undefined) => one?.status.containerStatuses[0]
export const events = ({ engine }: World): readonly string[] => engine.store.list('Event').map(({ reason }) => reason ?? '')
export const logOf = ({ engine }: World, id: string): readonly string[] =>
  engine.supervisor
    .get('node-1', id)
    ?.log.lines()
    .map(({ text }) => text) ?? []
