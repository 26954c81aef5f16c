/** Machines as plain Linux namespaces, inside the namespaces of the lab's keeper. Needs no root and no Docker. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Output, Run } from '#kernel/command.ts'
import type { Segment } from '#lab/lab.ts'
import { IF_NAME_MAX, macOf, prefixOf } from '#net/net.ts'
import type { Limits, Machine, NodeDriver, Running, RunOptions, Wiring } from '../driver.ts'
import { type Helper, type HelperProcess, openHelper, startHelper } from '../helper.ts'
import { ROUTER_SETTINGS } from '../router.ts'
import { spawnContainer } from './container.ts'
import { MACHINE_ENV } from './launcher.ts'
import { type MachineProcess, startMachine } from './machine.ts'
import { type Must, must, runProcess } from './run.ts'
import { openSpace } from './space.ts'
import { hostSettings, makeTemplate, type Programs } from './world.ts'

export type NetnsOptions = {
  /** A folder of the lab's own; the template is mounted on a folder in it, in the lab's mount namespace only. */
  readonly folder: string
  readonly programs: Programs
  readonly limits?: Limits
}

export function netnsDriver(o: NetnsOptions): NodeDriver {
  const template = join(o.folder, 'root')
  const machines = new Map<string, Machine & MachineProcess>()
  const helpers = new Map<string, Helper>()
  const segments = new Map<string, Segment>()
  /** Machines that have or had a wire: that of a dead one hangs about for a moment after it. */
  const wired = new Set<string>()
  /** Stands outside the machines, where the wires come together. */
  let lab = openLab()
  let prepared: Promise<void> | undefined = prepare(template, o, lab)

  const pidOf = (name: string): number => {
    const machine = machines.get(name)
    if (machine === undefined) throw new Error(`no machine named ${name}`)
    return machine.pid
  }

  const helperOf = (name: string): Helper => {
    const helper = helpers.get(name)
    if (helper === undefined) throw new Error(`no machine named ${name}`)
    return helper
  }

  /** A machine dies before anybody here is told. Whoever killed its helper only finds another one there. */
  const lives = async (name: string): Promise<boolean> => {
    const helper = helperOf(name)
    return (await helper.run(NOTHING)).code === 0 || (await helper.run(NOTHING)).code === 0
  }

  const keep = (machine: Machine, started: MachineProcess): void => {
    machines.set(machine.name, { ...machine, ...started })
    let first: HelperProcess | undefined = started.helper
    const next = (): HelperProcess => {
      const helper = first ?? startHelper(['nsenter', '-t', `${started.pid}`, '-m', '-n', '-u', '-p', '--'], MACHINE_ENV)
      first = undefined
      return helper
    }
    helpers.set(machine.name, openHelper(next))
    started.keeper.on('exit', () => {
      if (machines.get(machine.name)?.keeper === started.keeper) forget(machine.name)
    })
  }

  const forget = (name: string): void => {
    machines.get(name)?.keeper.kill('SIGKILL')
    machines.delete(name)
    helpers.get(name)?.close()
    helpers.delete(name)
  }

  const enter: NodeDriver['enter'] = (name, inside = {}) => {
    const pid = pidOf(name)
    if (inside.pid !== undefined) return ['nsenter', '-t', `${inside.pid}`, '-m', '-n', '-u', '-p']
    const own = ['nsenter', '-t', `${pid}`, '-m', '-u', '-p', '-n']
    // Opened by who is in there already: where a link leads that was put there is the machine's own affair.
    return inside.netns === undefined ? own : [...own, '--', 'nsenter', `--net=/run/netns/${inside.netns}`]
  }

  return {
    async up(wiring, signal) {
      if (prepared === undefined) {
        lab = openLab()
        prepared = prepare(template, o, lab)
      }
      await prepared
      signal.throwIfAborted()
      await Promise.all([...machines.values()].map(async ({ name, keeper }) => (await lives(name)) || machines.get(name)?.keeper !== keeper || forget(name)))
      const gone = [...segments.values()].filter((known) => !wiring.segments.some((segment) => isSame(segment, known))).map(({ name }) => name)
      for (const known of machines.values()) if (gone.includes(known.segment) || !wiring.machines.some((machine) => isAt(machine, known))) forget(known.name)
      await unwire(gone.map(bridgeOf), lab)
      for (const name of gone) segments.delete(name)
      await wireSegments(wiring, segments, must(lab))
      signal.throwIfAborted()
      const fresh = wiring.machines.filter(({ name }) => !machines.has(name))
      const settings = hostSettings()
      const started = await Promise.allSettled(
        fresh.map(async (machine) => keep(machine, await startMachine({ name: machine.name, template, settings, disk: o.limits?.disk }, signal))),
      )
      try {
        for (const one of started) if (one.status === 'rejected') throw one.reason
        await unwire(
          fresh.filter(({ name }) => wired.has(name)).map(({ name }) => wireOf(name)),
          lab,
        )
        for (const { name } of fresh) wired.add(name)
        await wireMachines({ wiring, fresh, pidOf, outside: must(lab), on: (name) => must(helperOf(name)) })
        await portsOpen(
          fresh.map(({ name }) => wireOf(name)),
          lab,
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
      if (command.kind === 'write') return helperOf(name).run(command)
      // What may have to be stopped, or is to see a container's files, gets a process of its own.
      if (options === undefined && command.view === undefined && !command.argv.some(hasZero)) return helperOf(name).run(command)
      return runOn(pidOf(name), command, options)
    },

    async spawn(name, program, log) {
      const pid = pidOf(name)
      const space = spaceOf(pid, program.in)
      if ('says' in space) {
        log(`${space.says}\n`, 'stderr')
        return ENDED
      }
      // What has no view of its own is netlab's.
      const limits = program.mounts.length > 0 ? o.limits : undefined
      return await spawnContainer({ machine: pid, netFlag: space.flag, limits }, program, log).finally(space.close)
    },
    enter,

    async down() {
      const ends = [...machines.values()].map(({ keeper }) => new Promise((resolve) => keeper.once('exit', resolve)))
      for (const name of machines.keys()) forget(name)
      await Promise.all(ends)
      if (prepared === undefined) return
      await prepared
      await unwire([...[...wired].map(wireOf), ...[...segments.keys()].map(bridgeOf)], lab)
      wired.clear()
      segments.clear()
      await must(lab)(['umount', '--lazy', template])
      lab.close()
      prepared = undefined
    },
  }
}

/** Of a namespace that is not there, or is no namespace, the program says so in its log. */
function spaceOf(pid: number, netns: string | undefined): ReturnType<typeof openSpace> | { readonly says: string } {
  try {
    return openSpace(pid, netns)
  } catch (error) {
    return { says: (error as Error).message }
  }
}

/** A program that could not even begin. */
const ENDED: Running = { pid: 0, exit: Promise.resolve({ code: 1 }), kill: () => {}, write: () => {} }

const NOTHING = { files: [] } as const

/** Such a word ends there for the kernel; Node refuses it with an answer of its own. */
const hasZero = (word: string): boolean => word.includes('\0')

/** The pid namespace a machine boots with has this inode on every Linux (PROC_PID_INIT_INO). */
const INITIAL_PIDS = 'pid:[4026531836]'

/** What is made here is made in the namespaces one runs in. @throws where these are not a keeper's but the host's own. */
function refuseHost(): void {
  const keeper = readlinkSync('/proc/self/ns/pid') !== INITIAL_PIDS && readFileSync('/proc/1/comm', 'utf8').trim() === 'tini'
  if (!keeper) throw new Error('the netns driver runs inside a keeper’s namespaces only: here it would touch the host’s own network')
}

const openLab = (): Helper => openHelper(() => startHelper([], MACHINE_ENV))

async function prepare(template: string, o: NetnsOptions, lab: Helper): Promise<void> {
  refuseHost()
  mkdirSync(template, { recursive: true })
  await makeTemplate(template, join(o.folder, 'machine.fstab'), o.programs, must(lab))
}

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
async function wireSegments(wiring: Wiring, known: Map<string, Segment>, outside: Must): Promise<void> {
  const fresh = wiring.segments.filter((segment) => !known.has(segment.name))
  if (fresh.length === 0) return
  if (known.size === 0) {
    await outside(ROUTER_SETTINGS)
  }
  if (fresh.length === 0) return
  const lines = fresh.flatMap((segment) => {
    const dev = bridgeOf(segment.name)
    return [
      `link add name ${dev} address ${macOf(segment.gateway)} mtu ${segment.mtu} type bridge`,
      `addr add ${segment.gateway}/${prefixOf(segment.cidr)} dev ${dev}`,
      `link set dev ${dev} up`,
    ]
  })
  await outside(['ip', '-batch', '-'], ['link set dev lo up', ...lines])
  for (const segment of fresh) known.set(segment.name, segment)
}

const isAt = (a: Machine, b: Machine): boolean => a.name === b.name && a.ip === b.ip && a.segment === b.segment

const isSame = (a: Segment, b: Segment): boolean => a.name === b.name && a.cidr === b.cidr && a.gateway === b.gateway && a.mtu === b.mtu

/** Those that are gone already are as good as taken away. */
async function unwire(devices: readonly string[], lab: Helper): Promise<void> {
  if (devices.length > 0) await lab.run({ argv: ['ip', '-force', '-batch', '-'], stdin: devices.map((dev) => `link delete dev ${dev}\n`).join('') })
}

async function wireMachines(o: {
  readonly wiring: Wiring
  readonly fresh: readonly Machine[]
  readonly pidOf: (machine: string) => number
  readonly outside: Must
  readonly on: (machine: string) => Must
}): Promise<void> {
  if (o.fresh.length === 0) return
  const wires = o.fresh.flatMap((machine) => {
    const segment = segmentOf(o.wiring, machine)
    const dev = wireOf(machine.name)
    return [
      `link add name ${dev} mtu ${segment.mtu} type veth peer name eth0 address ${macOf(machine.ip)} mtu ${segment.mtu} netns ${o.pidOf(machine.name)}`,
      `link set dev ${dev} master ${bridgeOf(segment.name)} up`,
    ]
  })
  await o.outside(['ip', '-batch', '-'], wires)
  await Promise.all(
    o.fresh.map((machine) => {
      const segment = segmentOf(o.wiring, machine)
      return o.on(machine.name)(
        ['ip', '-batch', '-'],
        [
          'link set dev lo up',
          'link set dev eth0 addrgenmode none',
          'link set dev eth0 up',
          `addr add ${machine.ip}/${prefixOf(segment.cidr)} dev eth0`,
          `route add default via ${segment.gateway} dev eth0`,
        ],
      )
    }),
  )
}

/**
 * The kernel tells a bridge that a port has a carrier in its own time, up to a second later; what comes before that is lost. That a port forwards is
 * not enough: until it was told anything it is so too, on a device that drops all it is to send.
 */
async function portsOpen(devices: readonly string[], lab: Helper, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + PORTS_MS
  for (;;) {
    signal.throwIfAborted()
    const { stdout } = await lab.run({ argv: ['ip', '-d', '-j', 'link', 'show', 'type', 'veth'] })
    const open = new Set((JSON.parse(stdout || '[]') as readonly Port[]).filter(isOpen).map(({ ifname }) => ifname))
    const shut = devices.filter((dev) => !open.has(dev))
    if (shut.length === 0) return
    if (performance.now() > deadline) throw new Error(`wires without a carrier after ${PORTS_MS} ms: ${shut.join(' ')}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

type Port = { readonly ifname: string; readonly operstate: string; readonly linkinfo?: { readonly info_slave_data?: { readonly state?: string } } }
const isOpen = ({ operstate, linkinfo }: Port): boolean => operstate === 'UP' && linkinfo?.info_slave_data?.state === 'forwarding'

const PORTS_MS = 5_000

function segmentOf(wiring: Wiring, machine: Machine): Wiring['segments'][number] {
  const segment = wiring.segments.find((one) => one.name === machine.segment)
  if (segment === undefined) throw new Error(`machine ${machine.name} is on an unknown segment ${machine.segment}`)
  return segment
}

async function runOn(pid: number, { argv, stdin = '', view, in: netns }: Run, options: RunOptions = {}): Promise<Output> {
  if (view !== undefined) return runProcess(['nsenter', '-t', `${view}`, '-m', '-n', '-u', '-p', '--', ...argv], { ...options, stdin })
  try {
    const { flag, close } = openSpace(pid, netns)
    return await runProcess(['nsenter', '-t', `${pid}`, '-m', '-u', '-p', flag, '--', ...argv], { ...options, stdin }).finally(close)
  } catch (error) {
    return { code: 1, stdout: '', stderr: (error as Error).message }
  }
}
