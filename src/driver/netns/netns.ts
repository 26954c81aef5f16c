/** Machines as plain Linux namespaces, inside the namespaces of the lab's keeper. Needs no root and no Docker. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Run } from '#kernel/command.ts'
import type { Segment } from '#lab/lab.ts'
import { IF_NAME_MAX, macOf, prefixOf } from '#net/net.ts'
import type { Machine, NodeDriver, Wiring } from '../driver.ts'
import { fitsShell, openShell, type Shell } from '../shell.ts'
import { spawnContainer } from './container.ts'
import { writing } from './files.ts'
import { MACHINE_ENV } from './launcher.ts'
import { type MachineProcess, startMachine } from './machine.ts'
import { mustRun, runProcess } from './run.ts'
import { machineTable, makeTemplate, type Programs } from './world.ts'

export type NetnsOptions = {
  /** A folder of the lab's own; the template is mounted on a folder in it, in the lab's mount namespace only. */
  readonly folder: string
  readonly programs: Programs
}

export function netnsDriver(o: NetnsOptions): NodeDriver {
  const template = join(o.folder, 'root')
  const fstab = join(o.folder, 'machine.fstab')
  const machines = new Map<string, Machine & MachineProcess>()
  const shells = new Map<string, Shell>()
  const segments = new Map<string, Segment>()
  /** Machines that have or had a wire: that of a dead one hangs about for a moment after it. */
  const wired = new Set<string>()
  let prepared: Promise<void> | undefined = prepare(template, fstab, o.programs)

  const pidOf = (name: string): number => {
    const machine = machines.get(name)
    if (machine === undefined) throw new Error(`no machine named ${name}`)
    return machine.pid
  }

  const shellOf = (name: string, pid: number): Shell => {
    const open = shells.get(name) ?? openShell(['nsenter', '-t', `${pid}`, '-m', '-n', '-u', '-p', '--', 'sh'], MACHINE_ENV)
    shells.set(name, open)
    return open
  }

  const keep = (machine: Machine, started: MachineProcess): void => {
    machines.set(machine.name, { ...machine, ...started })
    started.keeper.on('exit', () => {
      if (machines.get(machine.name)?.keeper === started.keeper) forget(machine.name)
    })
  }

  const forget = (name: string): void => {
    machines.get(name)?.keeper.kill('SIGKILL')
    machines.delete(name)
    shells.get(name)?.close()
    shells.delete(name)
  }

  const enter: NodeDriver['enter'] = (name, inside = {}) => {
    const pid = pidOf(name)
    if (inside.pid !== undefined) return ['nsenter', '-t', `${inside.pid}`, '-m', '-n', '-u', '-p']
    return ['nsenter', '-t', `${pid}`, '-m', '-u', '-p', netnsFlag(pid, inside.netns)]
  }

  return {
    async up(wiring, signal) {
      prepared ??= prepare(template, fstab, o.programs)
      await prepared
      signal.throwIfAborted()
      const gone = [...segments.values()].filter((known) => !wiring.segments.some((segment) => isSame(segment, known))).map(({ name }) => name)
      for (const known of machines.values()) if (gone.includes(known.segment) || !wiring.machines.some((machine) => isAt(machine, known))) forget(known.name)
      await unwire(gone.map(bridgeOf))
      for (const name of gone) segments.delete(name)
      await wireSegments(wiring, segments)
      signal.throwIfAborted()
      const fresh = wiring.machines.filter(({ name }) => !machines.has(name))
      const started = await Promise.allSettled(fresh.map(async (machine) => keep(machine, await startMachine(machine.name, template, fstab, signal))))
      try {
        for (const one of started) if (one.status === 'rejected') throw one.reason
        await unwire(fresh.filter(({ name }) => wired.has(name)).map(({ name }) => wireOf(name)))
        for (const { name } of fresh) wired.add(name)
        await wireMachines(wiring, fresh, pidOf)
        await portsOpen(
          fresh.map(({ name }) => wireOf(name)),
          signal,
        )
      } catch (error) {
        // Half a machine is none: the next `up` makes a whole one.
        for (const { name } of fresh) forget(name)
        throw error
      }
      return fresh.map(({ name }) => name)
    },

    async run(name, command, options) {
      const pid = pidOf(name)
      if (command.kind === 'write') return shellOf(name, pid).run(writing(command))
      // What may have to be stopped, or is to see a container's files, gets a process of its own.
      if (options === undefined && command.view === undefined && fitsShell(command)) return shellOf(name, pid).run(command)
      return runProcess(wrap(pid, command), { ...options, ...(command.stdin === undefined ? {} : { stdin: command.stdin }) })
    },

    spawn: (name, program, log) => spawnContainer(pidOf(name), netnsFlag(pidOf(name), program.in), program, log),
    enter,

    async down() {
      const ends = [...machines.values()].map(({ keeper }) => new Promise((resolve) => keeper.once('exit', resolve)))
      for (const name of machines.keys()) forget(name)
      await Promise.all(ends)
      await unwire([...[...wired].map(wireOf), ...[...segments.keys()].map(bridgeOf)])
      wired.clear()
      segments.clear()
      await prepared?.then(() => mustRun(['umount', '--lazy', template]))
      prepared = undefined
    },
  }
}

/** The pid namespace a machine boots with has this inode on every Linux (PROC_PID_INIT_INO). */
const INITIAL_PIDS = 'pid:[4026531836]'

/** What is made here is made in the namespaces one runs in. @throws where these are not a keeper's but the host's own. */
function refuseHost(): void {
  const keeper = readlinkSync('/proc/self/ns/pid') !== INITIAL_PIDS && readFileSync('/proc/1/comm', 'utf8').trim() === 'tini'
  if (!keeper) throw new Error('the netns driver runs inside a keeper’s namespaces only: here it would touch the host’s own network')
}

async function prepare(template: string, fstab: string, programs: Programs): Promise<void> {
  refuseHost()
  mkdirSync(template, { recursive: true })
  await makeTemplate(template, fstab, programs)
  writeFileSync(fstab, machineTable(template))
}

/** nsenter opens its files before it enters anything, hence the way through the machine's root. */
const netnsFlag = (pid: number, netns: string | undefined): string => (netns === undefined ? '-n' : `--net=/proc/${pid}/root/run/netns/${netns}`)
const bridgeOf = (segment: string): string => deviceName('seg-', segment)
const wireOf = (machine: string): string => deviceName('to-', machine)

/** Names of machines may be longer than those of devices: such a one is cut and told from others by a hash. */
function deviceName(prefix: string, name: string): string {
  const whole = `${prefix}${name}`
  return whole.length <= IF_NAME_MAX ? whole : `${whole.slice(0, IF_NAME_MAX - 6)}-${createHash('sha256').update(name).digest('hex').slice(0, 5)}`
}

/**
 * A bridge per segment in the lab's own namespace, which is also the router between segments and the control plane's machine. Its MAC, and those of
 * machines, follow from their addresses: neighbours remember them, and one that was drawn would be another after every change.
 */
async function wireSegments(wiring: Wiring, known: Map<string, Segment>): Promise<void> {
  const fresh = wiring.segments.filter((segment) => !known.has(segment.name))
  if (fresh.length === 0) return
  if (known.size === 0) {
    const sysctls = [
      'net.ipv4.ip_forward=1',
      'net.ipv4.icmp_ratelimit=0',
      'net.ipv6.conf.all.disable_ipv6=1',
      'net.ipv6.conf.default.disable_ipv6=1',
      'net.bridge.bridge-nf-call-iptables=0',
    ]
    // A kernel that lacks IPv6, or has not loaded br_netfilter, lacks their settings too.
    await mustRun(['sysctl', '-q', '-e', '-w', ...sysctls])
  }
  const lines = fresh.flatMap((segment) => {
    const dev = bridgeOf(segment.name)
    return [
      `link add name ${dev} address ${macOf(segment.gateway)} mtu ${segment.mtu} type bridge`,
      `address add ${segment.gateway}/${prefixOf(segment.cidr)} dev ${dev}`,
      `link set dev ${dev} up`,
    ]
  })
  await mustRun(['ip', '-batch', '-'], ['link set dev lo up', ...lines])
  for (const segment of fresh) known.set(segment.name, segment)
}

const isAt = (a: Machine, b: Machine): boolean => a.name === b.name && a.ip === b.ip && a.segment === b.segment

const isSame = (a: Segment, b: Segment): boolean => a.name === b.name && a.cidr === b.cidr && a.gateway === b.gateway && a.mtu === b.mtu

/** Those that are gone already are as good as taken away. */
async function unwire(devices: readonly string[]): Promise<void> {
  if (devices.length > 0) await runProcess(['ip', '-force', '-batch', '-'], { stdin: devices.map((dev) => `link delete dev ${dev}\n`).join('') })
}

async function wireMachines(wiring: Wiring, fresh: readonly Machine[], pidOf: (name: string) => number): Promise<void> {
  if (fresh.length === 0) return
  const outside = fresh.flatMap((machine) => {
    const segment = segmentOf(wiring, machine)
    const dev = wireOf(machine.name)
    return [
      `link add name ${dev} mtu ${segment.mtu} type veth peer name eth0 address ${macOf(machine.ip)} mtu ${segment.mtu} netns ${pidOf(machine.name)}`,
      `link set dev ${dev} master ${bridgeOf(segment.name)} up`,
    ]
  })
  await mustRun(['ip', '-batch', '-'], outside)
  await Promise.all(
    fresh.map((machine) => {
      const segment = segmentOf(wiring, machine)
      return mustRun(
        ['nsenter', `--net=/proc/${pidOf(machine.name)}/ns/net`, 'ip', '-batch', '-'],
        [
          'link set dev lo up',
          'link set dev eth0 addrgenmode none',
          'link set dev eth0 up',
          `address add ${machine.ip}/${prefixOf(segment.cidr)} dev eth0`,
          `route add default via ${segment.gateway} dev eth0`,
        ],
      )
    }),
  )
}

/** The kernel tells a bridge that a port has a carrier in its own time, up to a second later; what comes before that is lost. */
async function portsOpen(devices: readonly string[], signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + PORTS_MS
  for (;;) {
    signal.throwIfAborted()
    const { stdout } = await runProcess(['bridge', '-j', 'link', 'show'])
    const ports = JSON.parse(stdout || '[]') as readonly { readonly ifname: string; readonly state: string }[]
    const shut = devices.filter((dev) => ports.find(({ ifname }) => ifname === dev)?.state !== 'forwarding')
    if (shut.length === 0) return
    if (performance.now() > deadline) throw new Error(`wires without a carrier after ${PORTS_MS} ms: ${shut.join(' ')}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const PORTS_MS = 5_000

function segmentOf(wiring: Wiring, machine: Machine): Wiring['segments'][number] {
  const segment = wiring.segments.find((one) => one.name === machine.segment)
  if (segment === undefined) throw new Error(`machine ${machine.name} is on an unknown segment ${machine.segment}`)
  return segment
}

function wrap(pid: number, command: Run): readonly string[] {
  if (command.view !== undefined) return ['nsenter', '-t', `${command.view}`, '-m', '-n', '-u', '-p', '--', ...command.argv]
  return ['nsenter', '-t', `${pid}`, '-m', '-u', '-p', netnsFlag(pid, command.in), '--', ...command.argv]
}
