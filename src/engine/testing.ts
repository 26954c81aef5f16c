/** Programs run on this host, in no namespace: for tests of what looks after them. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { NodeDriver, Running, Wiring } from '#driver/driver.ts'
import { fakeDriver } from '#driver/fake/fake.ts'
import { runProcess } from '#driver/netns/run.ts'
import type { Command, Output } from '#kernel/command.ts'

export type HostPrograms = {
  readonly spawn: NodeDriver['spawn']
  /** Kills what still runs. */
  readonly clean: () => void
}

export function hostPrograms(): HostPrograms {
  const alive = new Set<number>()
  const send = (to: number, signal: 'SIGTERM' | 'SIGKILL'): void => {
    try {
      if (alive.has(Math.abs(to))) process.kill(to, signal)
    } catch {
      // it ended, and nobody was told yet
    }
  }
  return {
    async spawn(_, program, log) {
      const [name = '', ...args] = program.argv
      const stdin = program.stdin ? 'pipe' : 'ignore'
      const env = { PATH: `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`, ...program.env }
      const child = spawn(name, args, { detached: true, env, stdio: [stdin, 'pipe', 'pipe'] })
      for (const from of ['stdout', 'stderr'] as const) child[from]?.setEncoding('utf8').on('data', (chunk: string) => log(chunk, from))
      child.stdin?.on('error', () => {})
      await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
      const pid = child.pid ?? 0
      alive.add(pid)
      return {
        pid,
        exit: new Promise((resolve) =>
          child.on('close', (code, signal) => {
            alive.delete(pid)
            resolve(signal === null ? { code: code ?? undefined } : { code: undefined, signal })
          }),
        ),
        // An init passes SIGTERM on to the program alone, and takes everybody with it when it is killed.
        kill: (signal) => send(signal === 'SIGTERM' ? pid : -pid, signal),
        write: (text) => child.stdin?.write(text),
      }
    },
    clean() {
      for (const pid of alive) send(-pid, 'SIGKILL')
    },
  }
}

/** @throws with the last answer after `ms`. */
export async function until<T>(ask: () => T, pleases: (answer: T) => boolean, ms = 8_000): Promise<T> {
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
      const instead = driver.interrupt?.(machine, command)
      if (instead !== undefined) return instead
      if (command.kind === 'run' && (command.view !== undefined || command.argv[0] === 'rm')) return runProcess(atHome(command.argv), options)
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
