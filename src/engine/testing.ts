/** A driver for tests of the engine. */
import { join } from 'node:path'
import { type NodeDriver, oneByOne, type Running, type Wiring } from '#driver/driver.ts'
import { fakeDriver } from '#driver/fake/fake.ts'
import { runProcess } from '#driver/netns/run.ts'
import type { HostPrograms } from '#driver/testing.ts'
import type { Command, Output } from '#kernel/command.ts'

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
