/** A bare machine in namespaces of its own, for tests of what the real kernel and the real tools say. It ends with the test's process. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, test } from 'vitest'
import type { Command, Output } from '#kernel/command.ts'

export type BareMachine = {
  readonly run: (command: Command) => Output
  /** Feeds a script to `sh`. */
  readonly sh: (script: string) => Output
  readonly stop: () => void
}

/** Its wire eth0 has 192.168.0.10/24, the other end is up as well. */
const SET_UP = `set -e
mount -t tmpfs run /run
mount -t sysfs sys /sys
ip link set dev lo up
ip link add name wire type veth peer name eth0
ip link set dev wire addrgenmode none
ip link set dev eth0 addrgenmode none
ip link set dev wire up
ip link set dev eth0 up
ip addr add 192.168.0.10/24 brd + dev eth0
ip route add default via 192.168.0.1 dev eth0
`

const UNSHARE = ['--user', '--map-root-user', '--net', '--mount', '--propagation', 'private']

/** For the tests of one file: `live` skips with a reason where there is no such machine; each machine ends with its test. */
export function bareMachines(file: string): { readonly live: typeof test; readonly bare: () => Promise<BareMachine> } {
  const reason = whyNoBareMachine()
  if (reason !== undefined) process.stderr.write(`${file}: skipped, ${reason}\n`)
  const machines: BareMachine[] = []
  afterEach(() => {
    for (const machine of machines.splice(0)) machine.stop()
  })
  const bare = async (): Promise<BareMachine> => {
    const machine = await bareMachine()
    machines.push(machine)
    return machine
  }
  return { live: test.skipIf(reason !== undefined) as typeof test, bare }
}

/** The reason why this machine's kernel cannot give one, or undefined. */
function whyNoBareMachine(): string | undefined {
  const tried = spawnSync('unshare', [...UNSHARE, 'sh', '-c', SET_UP], { encoding: 'utf8' })
  return tried.status === 0 ? undefined : `unshare: ${(tried.stderr ?? `${tried.error}`).trim()}`
}

async function bareMachine(): Promise<BareMachine> {
  const holder = spawn('unshare', [...UNSHARE, 'sh', '-c', 'echo here; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  await new Promise((resolve) => holder.stdout.once('data', resolve))
  const root = `/proc/${holder.pid}/root`
  const enter = (space: string | undefined): readonly string[] => {
    const net = space === undefined ? '-n' : `--net=${root}/run/netns/${space}`
    return ['-t', `${holder.pid}`, '-U', '--preserve-credentials', '-m', net, '--']
  }
  const exec = (argv: readonly string[], space: string | undefined, stdin: string): Output => {
    const ended = spawnSync('nsenter', [...enter(space), ...argv], { input: stdin, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
    return { code: ended.status ?? undefined, stdout: ended.stdout, stderr: ended.stderr, ...(ended.signal === null ? {} : { signal: ended.signal }) }
  }
  const machine: BareMachine = {
    run(command) {
      if (command.kind === 'run') return exec(command.argv, command.in, command.stdin ?? '')
      for (const { path, text, mode } of command.files) {
        if (text === undefined) rmSync(join(root, path), { force: true })
        else {
          mkdirSync(dirname(join(root, path)), { recursive: true })
          writeFileSync(join(root, path), text, { mode: mode ?? 0o644 })
        }
      }
      return { code: 0, stdout: '', stderr: '' }
    },
    sh: (script) => exec(['sh'], undefined, script),
    stop: () => holder.stdin.end(),
  }
  const ready = machine.sh(SET_UP)
  if (ready.code !== 0) throw new Error(ready.stderr)
  return machine
}
