/** Machines as plain Linux namespaces, inside the namespaces of the lab's keeper. Needs no root and no Docker. */
import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { IF_NAME_MAX, macOf, prefixOf } from '#net/net.ts'
import {
  isMachine,
  isSegment,
  type Limits,
  type Machine,
  type NodeDriver,
  oneByOne,
  type Running,
  type Wire,
  type WiredSegment,
  type Wiring,
} from '../driver.ts'
import { type Helper, type HelperProcess, isForHelper, openHelper, startHelper } from '../helper.ts'
import { agentOn, type Standing } from './agent.ts'
import { spawnContainer } from './container.ts'
import { MACHINE_ENV } from './launcher.ts'
import { type MachineProcess, openStarter, type Start, type Starter, spawnStarter } from './machine.ts'
import { type Must, must, runProcess } from './run.ts'
import { openSpace } from './space.ts'
import { hostSettings, type Programs, startLab } from './world.ts'

export type NetnsOptions = {
  /** A folder of the lab's own; the template is mounted on a folder in it, in the lab's mount namespace only. */
  readonly folder: string
  readonly programs: Programs
  readonly limits?: Limits
}

export function netnsDriver(o: NetnsOptions): NodeDriver {
  const template = join(o.folder, 'root')
  const machines = new Map<string, Machine & { readonly running: MachineProcess }>()
  const helpers = new Map<string, Helper>()
  const agents = new Map<string, Standing>()
  const segments = new Map<string, WiredSegment>()
  /** The wires that machines have or had: those of a dead one hang about for a moment after it. */
  const wired = new Map<string, readonly string[]>()
  /** Stands outside the machines, where the wires come together. */
  let open = false
  const begin = (): Lab => {
    open = true
    const begun = openLab({ template, settings: hostSettings(), disk: o.limits?.disk }, o.programs)
    // What could not be made is begun anew by the next `up`.
    begun.ready.catch(() => {
      open = false
      begun.close()
    })
    return begun
  }
  let lab = begin()
  let routes: Wiring['routes'] = []

  const of = <T>(all: ReadonlyMap<string, T>, name: string): T => {
    const one = all.get(name)
    if (one === undefined) throw new Error(`no machine named ${name}`)
    return one
  }
  const pidOf = (name: string): number => of(machines, name).running.pid
  const helperOf = (name: string): Helper => of(helpers, name)

  /** A machine dies before anybody here is told. Whoever killed its helper only finds another one there. */
  const lives = async (name: string): Promise<boolean> => {
    const helper = helperOf(name)
    return (await helper.run(NOTHING)).code === 0 || (await helper.run(NOTHING)).code === 0
  }

  const keep = (machine: Machine, running: MachineProcess): void => {
    machines.set(machine.name, { ...machine, running })
    const onto = ['nsenter', '-t', `${running.pid}`, '-m', '-n', '-u', '-p', '--']
    agents.set(machine.name, agentOn(onto))
    helpers.set(machine.name, openHelper(firstThen(running.helper, onto)))
    void running.ended.then(() => {
      if (machines.get(machine.name)?.running === running) forget(machine.name)
    })
  }

  const forgetDead = (): Promise<unknown> =>
    Promise.all([...machines.values()].map(async ({ name, running }) => (await lives(name)) || machines.get(name)?.running !== running || forget(name)))

  const forget = (name: string): void => {
    machines.get(name)?.running.kill()
    machines.delete(name)
    helpers.get(name)?.close()
    helpers.delete(name)
    agents.get(name)?.close()
    agents.delete(name)
  }

  const enter: NodeDriver['enter'] = (name, inside = {}) => {
    const pid = pidOf(name)
    if (inside.pid !== undefined) return ['nsenter', '-t', `${inside.pid}`, '-m', '-n', '-u', '-p']
    const own = ['nsenter', '-t', `${pid}`, '-m', '-u', '-p', '-n']
    // Opened by who is in there already: where a link leads that was put there is the machine's own affair.
    return inside.netns === undefined ? own : [...own, '--', 'nsenter', `--net=/run/netns/${inside.netns}`]
  }

  const run: NodeDriver['run'] = async (name, command, options) => {
    // The helper waits for what it runs: what may have to be stopped is for the agent.
    if (command.kind === 'write' || (options === undefined && isForHelper(command))) return helperOf(name).run(command)
    if (command.kind === 'series') return oneByOne(command, (one) => run(name, one, options))
    const { argv, stdin = '', view } = command
    if (view !== undefined) return runProcess(['nsenter', '-t', `${view}`, '-m', '-n', '-u', '-p', '--', ...argv], { ...options, stdin })
    return of(agents, name).run({ argv, env: MACHINE_ENV, stdin, in: command.in }, options)
  }

  return {
    async up(wiring, signal) {
      if (!open) lab = begin()
      const { ready } = lab
      signal.throwIfAborted()
      // Where there is nothing to wait for, machines start at once: what the caller does next takes its time.
      if (machines.size > 0) await forgetDead()
      const gone = [...segments.values()].filter((known) => !wiring.segments.some((segment) => isSegment(segment, known))).map(({ name }) => name)
      for (const known of machines.values())
        if (known.wires.some(({ segment }) => gone.includes(segment)) || !wiring.machines.some((machine) => isMachine(machine, known))) forget(known.name)
      if (gone.length > 0) await unwire(gone.map(bridgeOf), lab)
      for (const name of gone) segments.delete(name)
      const fresh = wiring.machines.filter(({ name }) => !machines.has(name))
      const births = lab.starter.start(
        fresh.map(({ name }) => name),
        ready,
        signal,
      )
      const starting = Promise.allSettled(fresh.map(async (machine) => keep(machine, await of(births, machine.name))))
      try {
        await ready
        // Meanwhile the machines boot.
        await wireSegments(wiring, segments, must(lab))
        await steer(wiring.routes, routes, lab)
        routes = wiring.routes
        for (const one of await starting) if (one.status === 'rejected') throw one.reason
        signal.throwIfAborted()
        await unwire(
          fresh.flatMap(({ name }) => wired.get(name) ?? []),
          lab,
        )
        for (const machine of fresh) wired.set(machine.name, wiresOf(machine))
        await wireMachines({ wiring, fresh, pidOf, outside: must(lab), on: (name) => must(helperOf(name)) })
        await portsOpen(fresh.flatMap(wiresOf), signal)
      } catch (error) {
        await starting
        // Half a machine is none: the next `up` makes a whole one.
        for (const { name } of fresh) forget(name)
        throw error
      }
      return fresh.map(({ name }) => name)
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
    run,
    enter,

    async down() {
      const ends = [...machines.values()].map(({ running }) => running.ended)
      for (const name of machines.keys()) forget(name)
      await Promise.all(ends)
      await lab.ready.catch(() => {})
      if (!open) return
      await unwire([...[...wired.values()].flat(), ...[...segments.keys()].map(bridgeOf)], lab)
      wired.clear()
      segments.clear()
      routes = []
      await must(lab)(['umount', '--lazy', template])
      lab.close()
      open = false
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

/** The pid namespace a machine boots with has this inode on every Linux (PROC_PID_INIT_INO). */
const INITIAL_PIDS = 'pid:[4026531836]'

/** What is made here is made in the namespaces one runs in. @throws where these are not a keeper's but the host's own. */
function refuseHost(): void {
  const keeper = readlinkSync('/proc/self/ns/pid') !== INITIAL_PIDS && readFileSync('/proc/1/comm', 'utf8').trim() === 'tini'
  if (!keeper) throw new Error('the netns driver runs inside a keeper’s namespaces only: here it would touch the host’s own network')
}

type Lab = Helper & { readonly starter: Starter; readonly ready: Promise<void> }

/** The template is begun at once; that it failed is told to who wants machines. */
function openLab(start: Start, programs: Programs): Lab {
  refuseHost()
  const { helper, starter: side, ready } = startLab(start, programs)
  const whole = ready.catch(async (error: unknown) => {
    await runProcess(['umount', '--lazy', start.template])
    throw error
  })
  const outside = openHelper(firstThen(helper, []))
  const starter = openStarter(side, () => spawnStarter(start))
  const close = (): void => {
    starter.close()
    outside.close()
  }
  return { run: outside.run, starter, ready: whole, close }
}

/** A helper that stands already, and others in its place when it has ended. */
function firstThen(standing: HelperProcess, place: readonly string[]): () => HelperProcess {
  let first: HelperProcess | undefined = standing
  return () => {
    const helper = first ?? startHelper(place, MACHINE_ENV)
    first = undefined
    return helper
  }
}

const bridgeOf = (segment: string): string => deviceName('seg-', segment)
/** The first is named after the machine alone; no name of a machine has a dot. */
const wireOf = (machine: string, at: number): string => deviceName('to-', at === 0 ? machine : `${machine}.${at}`)
const wiresOf = ({ name, wires }: Machine): readonly string[] => wires.map((_, at) => wireOf(name, at))

/** Names of machines may be longer than those of devices: such a one is cut and told from others by a hash. */
function deviceName(prefix: string, name: string): string {
  const whole = `${prefix}${name}`
  return whole.length <= IF_NAME_MAX ? whole : `${whole.slice(0, IF_NAME_MAX - 6)}-${createHash('sha256').update(name).digest('hex').slice(0, 5)}`
}

/**
 * A bridge per segment in the lab's own namespace, which is also the router between segments and the control plane's machine. Its MAC, and those of
 * machines, follow from their addresses: neighbours remember them, and one that was drawn would be another after every change.
 */
async function wireSegments(wiring: Wiring, known: Map<string, WiredSegment>, outside: Must): Promise<void> {
  const fresh = wiring.segments.filter((segment) => !known.has(segment.name))
  if (fresh.length === 0) return
  const lines = fresh.flatMap(({ name, cidr, gateway, mtu, carries }) => {
    const dev = bridgeOf(name)
    const link = (mac: string): string => `link add name ${dev} ${mac}mtu ${mtu} type bridge`
    // Told its own MTU, a bridge no longer takes over that of its smallest port.
    const up = `link set dev ${dev}${carries === undefined ? '' : ` mtu ${mtu}`} up`
    return gateway === undefined ? [link(''), up] : [link(`address ${macOf(gateway)} `), `addr add ${gateway}/${prefixOf(cidr)} dev ${dev}`, up]
  })
  await outside(['ip', '-batch', '-'], ['link set dev lo up', ...lines])
  for (const segment of fresh) known.set(segment.name, segment)
}

/** The ways of the lab's own router: those no longer wanted go, the others are there, also when a segment was made anew below them. */
async function steer(wanted: Wiring['routes'], known: Wiring['routes'], lab: Helper): Promise<void> {
  const gone = known.filter(({ to }) => !wanted.some((route) => route.to === to)).map(({ to, via }) => `route delete ${to} via ${via}\n`)
  if (gone.length > 0) await lab.run({ argv: ['ip', '-force', '-batch', '-'], stdin: gone.join('') })
  if (wanted.length > 0)
    await must(lab)(
      ['ip', '-batch', '-'],
      wanted.map(({ to, via }) => `route replace ${to} via ${via}`),
    )
}

/** Those that are gone already are as good as taken away. */
async function unwire(devices: readonly string[], lab: Helper): Promise<void> {
  if (devices.length > 0) await lab.run({ argv: ['ip', '-force', '-batch', '-'], stdin: devices.map((dev) => `link delete dev ${dev}\n`).join('') })
}

/** A port drops what is larger than its MTU and the tag of a VLAN that might be there. */
const VLAN_TAG = 4
const portMtu = ({ mtu, carries }: WiredSegment): number => (carries === undefined ? mtu : carries - VLAN_TAG)

/**
 * What vanishes must vanish where a real one does: behind the sender's back. A run of packets in one piece, as TCP hands them down, would pass any port, so
 * each goes by itself; and a queue, which every real network card has, is told of no loss behind it.
 */
async function behindItsBack(machine: Must, dev: string): Promise<void> {
  await machine(['ip', 'link', 'set', 'dev', dev, 'gso_max_segs', '1'])
  await machine(['tc', 'qdisc', 'add', 'dev', dev, 'root', 'pfifo_fast'])
}

async function wireMachines(o: {
  readonly wiring: Wiring
  readonly fresh: readonly Machine[]
  readonly pidOf: (machine: string) => number
  readonly outside: Must
  readonly on: (machine: string) => Must
}): Promise<void> {
  if (o.fresh.length === 0) return
  const wires = o.fresh.flatMap(({ name, wires }) =>
    wires.flatMap((wire, at) => {
      const segment = segmentOf(o.wiring, wire)
      return [
        `link add name ${wireOf(name, at)} mtu ${portMtu(segment)} type veth peer name ${wire.dev} address ${macOf(wire.ip)} mtu ${segment.mtu} netns ${o.pidOf(name)}`,
        `link set dev ${wireOf(name, at)} master ${bridgeOf(wire.segment)} up`,
      ]
    }),
  )
  await o.outside(['ip', '-batch', '-'], wires)
  await Promise.all(
    o.fresh.map(async ({ name, wires, gateway }) => {
      for (const wire of wires) if (segmentOf(o.wiring, wire).carries !== undefined) await behindItsBack(o.on(name), wire.dev)
      const lines = wires.flatMap((wire) => [
        `link set dev ${wire.dev} addrgenmode none`,
        `link set dev ${wire.dev} up`,
        `addr add ${wire.ip}/${prefixOf(segmentOf(o.wiring, wire).cidr)} dev ${wire.dev}`,
      ])
      const route = gateway === undefined ? [] : [`route add default via ${gateway} dev ${wires[0]?.dev}`]
      await o.on(name)(['ip', '-batch', '-'], ['link set dev lo up', ...lines, ...route])
    }),
  )
}

/**
 * The kernel tells a bridge that a port has a carrier in its own time, up to a second later; what comes before that is lost. That a port forwards is
 * not enough: until it was told anything it is so too, on a device that drops all it is to send.
 */
async function portsOpen(devices: readonly string[], signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + PORTS_MS
  for (;;) {
    signal.throwIfAborted()
    const shut = devices.filter((dev) => !isOpen(dev))
    if (shut.length === 0) return
    if (performance.now() > deadline) throw new Error(`wires without a carrier after ${PORTS_MS} ms: ${shut.join(' ')}`)
    await new Promise((resolve) => setTimeout(resolve, PORTS_EACH_MS))
  }
}

/** As the kernel shows a device of the namespace in which the lab's /sys was mounted. */
const isOpen = (dev: string): boolean => shown(dev, 'operstate') === 'up' && shown(dev, 'brport/state') === FORWARDING

function shown(dev: string, what: string): string | undefined {
  try {
    return readFileSync(`/sys/class/net/${dev}/${what}`, 'utf8').trim()
  } catch {
    return undefined
  }
}

/** BR_STATE_FORWARDING of linux/if_bridge.h. */
const FORWARDING = '3'
const PORTS_EACH_MS = 1
const PORTS_MS = 5_000

function segmentOf(wiring: Wiring, wire: Wire): WiredSegment {
  const segment = wiring.segments.find((one) => one.name === wire.segment)
  if (segment === undefined) throw new Error(`a wire leads to an unknown segment ${wire.segment}`)
  return segment
}
