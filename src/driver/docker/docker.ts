/**
 * Machines as Docker containers. Docker gives each machine its wire, on one network per segment; the addresses on it are the lab's own, given inside:
 * Docker's are drawn from its pools and used by nobody, so that no lab takes a range from this host, from another network or from another lab. The
 * networks have no address on the host either. A machine lives as long as the stream between its first program and this process.
 */
import { userInfo } from 'node:os'
import type { Duplex } from 'node:stream'
import type { Agent } from '../agent.ts'
import { isMachine, isSegment, type Machine, type NodeDriver, oneByOne, type Wiring } from '../driver.ts'
import { type Helper, isForHelper, openHelper, systemCalls } from '../helper.ts'
import { HELPER_SCRIPT } from '../helper-script.ts'
import { containerArgv, containerEnd } from '../netns/container.ts'
import { MACHINE_ENV } from '../netns/launcher.ts'
import { connect as connectTo } from './connect.ts'
import { type Endpoint, unreachable } from './endpoint.ts'
import { type Container, makeNetwork, type Network, nameFor, startContainer, type Way } from './make.ts'
import { type Mark, networksOf, removeContainer, removeNetwork, statusOf, sweep } from './mark.ts'
import { machineSetup, routerSetup, type Setup } from './setup.ts'

export type DockerOptions = {
  readonly endpoint: Endpoint
  readonly mark: Mark
  /** The node's image. */
  readonly image: string
}

export type DockerDriver = NodeDriver & {
  /** Connections to an address of the lab's router are handed out as streams, also those to a router made later in its place. */
  readonly listen: (at: { readonly ip: string; readonly port: number }, connected: (stream: Duplex) => void) => Promise<void>
}

type Standing = Machine & Container & { readonly helper: Helper }
/** `ports`: the segments it is on; `open`: the doors at which it listens. */
type Router = Container & { readonly ports: Set<string>; readonly open: Set<Door> }
type Routed = Network & Required<Pick<Network, 'gateway'>>
type Door = Parameters<DockerDriver['listen']>

export function dockerDriver(o: DockerOptions): DockerDriver {
  const connection = connectTo(o.endpoint)
  const { docker } = connection
  const machines = new Map<string, Standing>()
  const networks = new Map<string, Network>()
  const doors: Door[] = []
  let router: Router | undefined
  let steered: Wiring['routes'] = []

  const machineOf = (name: string): Standing => {
    const machine = machines.get(name)
    if (machine === undefined) throw new Error(`no machine named ${name}`)
    return machine
  }

  const forget = async (name: string): Promise<void> => {
    const machine = machines.get(name)
    machines.delete(name)
    if (machine !== undefined) await removeContainer(docker, machine.id)
  }

  const connect = (id: string, some: readonly Network[]): Promise<unknown> =>
    Promise.all(some.map((network) => docker.getNetwork(network.id).connect({ Container: id })))

  /** With a wire to each of the networks. */
  const start = (name: string, [way, ...others]: readonly [Way, ...Way[]], ended: () => void): Promise<Container> => {
    const prepare = async (id: string): Promise<unknown> => connect(id, await networksAt(others))
    return startContainer(connection, { name, way, image: o.image, mark: o.mark, prepare, ended })
  }

  /** Docker numbers a container's wires as it likes: by the name of a network, the MAC of the wire that leads there. */
  const macsOf = async (id: string): Promise<ReadonlyMap<string, string>> => {
    const { NetworkSettings } = await docker.getContainer(id).inspect()
    return new Map(Object.entries(NetworkSettings.Networks).map(([called, { MacAddress }]) => [called, MacAddress]))
  }

  const addMachine = async (machine: Machine, ways: ReadonlyMap<string, Way>): Promise<void> => {
    const [first, ...others] = machine.wires.map((wire) => wayTo(ways, wire.segment))
    if (first === undefined) throw new Error(`machine ${machine.name} has no wire`)
    const container = await start(machine.name, [first, ...others], () => {
      if (machines.get(machine.name) === own) machines.delete(machine.name)
    })
    const helper = openHelper(() => container.agent.open({ argv: ['perl', '-e', HELPER_SCRIPT, ...systemCalls()], env: MACHINE_ENV }))
    const own = { ...machine, ...container, helper }
    machines.set(machine.name, own)
    const macs = others.length === 0 ? new Map<string, string>() : await macsOf(container.id)
    const ports = (await networksAt([first, ...others])).map((segment) => ({ segment, mac: macs.get(segment.called) ?? '' }))
    await must(own.agent, machineSetup(machine, ports))
  }

  const openDoors = async ({ agent, open }: Router): Promise<void> => {
    for (const door of doors.filter((one) => !open.has(one))) {
      await agent.listen(...door)
      open.add(door)
    }
  }

  /** With a port on each of the networks named; one that runs gets them too. */
  const route = async (fresh: readonly Way[]): Promise<void> => {
    const [first, ...others] = fresh
    if (first === undefined) return
    if (router !== undefined) {
      const wired = await macsOf(router.id)
      await connect(
        router.id,
        (await networksAt(fresh)).filter(({ called }) => !wired.has(called)),
      )
    } else {
      const container = await start('', [first, ...others], () => {
        if (router === made) router = undefined
      })
      const made: Router = { ...container, ports: new Set(), open: new Set() }
      router = made
    }
    const standing = router
    const macs = await macsOf(standing.id)
    const routed = (await networksAt(fresh)).filter(isRouted)
    await must(standing.agent, routerSetup(routed.map((segment) => ({ segment, gateway: segment.gateway, mac: macs.get(segment.called) ?? '' }))))
    for (const { name } of routed) standing.ports.add(name)
    await openDoors(standing)
  }

  /** The ways of the lab's own router. */
  const steer = async (routes: Wiring['routes']): Promise<void> => {
    const stale = steered.filter(({ to }) => !routes.some((route) => route.to === to)).map(({ to, via }) => `ip route del ${to} via ${via} || true\n`)
    if (router !== undefined && routes.length + stale.length > 0)
      await must(router.agent, { argv: ['sh'], stdin: ['set -e\n', ...stale, ...routes.map(({ to, via }) => `ip route replace ${to} via ${via}\n`)].join('') })
    steered = routes
  }

  const removeSegments = async (names: readonly string[]): Promise<void> => {
    await Promise.all(
      names.map(async (name) => {
        const network = networks.get(name)
        networks.delete(name)
        if (network === undefined) return
        if (router?.ports.delete(name)) await docker.getNetwork(network.id).disconnect({ Container: router.id, Force: true })
        await removeNetwork(docker, network.id)
      }),
    )
  }

  /** With no machine left on it, a network can be removed by anybody. */
  const forgetLost = async (): Promise<void> => {
    if (networks.size === 0) return
    const there = new Set((await networksOf(docker, o.mark)).map(({ Id }) => Id))
    for (const { name, id } of networks.values()) if (!there.has(id)) networks.delete(name)
  }

  const enter: NodeDriver['enter'] = (name, inside = {}) => {
    const inner =
      inside.pid !== undefined
        ? ['nsenter', '-t', `${inside.pid}`, '-m', '-n', '-u', '-p', '--']
        : inside.netns !== undefined
          ? ['nsenter', `--net=/run/netns/${inside.netns}`, '--']
          : []
    return ['sh', '-c', TERMINAL, 'docker', ...o.endpoint.flags, 'exec', '--', machineOf(name).id, ...inner]
  }

  const up: NodeDriver['up'] = async (wiring, signal) => {
    signal.throwIfAborted()
    const gone = [...networks.values()].filter((known) => !wiring.segments.some((segment) => isSegment(segment, known))).map(({ name }) => name)
    const leaving = [...machines.values()].filter(
      (known) => known.wires.some(({ segment }) => gone.includes(segment)) || !wiring.machines.some((machine) => isMachine(machine, known)),
    )
    await Promise.all(leaving.map(({ name }) => forget(name)))
    await removeSegments(gone)
    signal.throwIfAborted()
    const fresh = wiring.machines.filter(({ name }) => !machines.has(name))
    if (fresh.length > 0) await forgetLost()
    const segments = wiring.segments.filter(({ name }) => !networks.has(name))
    const ways = new Map<string, Way>([...networks.values()].map((network) => [network.name, { at: network.id, network: Promise.resolve(network) }]))
    for (const segment of segments) {
      const network = makeNetwork(docker, segment, o.mark).then((made) => {
        networks.set(segment.name, made)
        signal.throwIfAborted()
        return made
      })
      ways.set(segment.name, { at: nameFor(o.mark, segment.name), network })
    }
    const routed = wiring.segments.filter(({ name, gateway }) => gateway !== undefined && !router?.ports.has(name))
    const routing = route(routed.map(({ name }) => wayTo(ways, name))).then(() => steer(wiring.routes))
    // A network that cannot be made is told before what hangs on it.
    const done = await Promise.allSettled([...[...ways.values()].map(({ network }) => network), routing, ...fresh.map((machine) => addMachine(machine, ways))])
    try {
      for (const one of done) if (one.status === 'rejected') throw one.reason
      signal.throwIfAborted()
    } catch (error) {
      // Half a machine is none: the next `up` makes a whole one.
      await Promise.all(fresh.map(({ name }) => forget(name)))
      throw error
    }
    return fresh.map(({ name }) => name)
  }

  const run: NodeDriver['run'] = async (name, command, options) => {
    const { agent, helper } = machineOf(name)
    // What may have to be stopped, or is to see a container's files, gets a process of its own.
    if (command.kind === 'write' || (options === undefined && isForHelper(command))) return helper.run(command)
    if (command.kind === 'series') return oneByOne(command, (one) => run(name, one, options))
    const { argv, stdin = '', in: space, view } = command
    if (view === undefined) return agent.run({ argv, env: MACHINE_ENV, stdin, in: space }, options)
    return agent.run({ argv: ['nsenter', '-t', `${view}`, '-m', '-n', '-u', '-p', '--', ...argv], env: MACHINE_ENV, stdin }, options)
  }

  return {
    run,
    up: (wiring, signal) =>
      up(wiring, signal).catch((error: unknown) => Promise.reject(isLost(error) ? new Error(unreachable(o.endpoint, error, userInfo().username)) : error)),

    async spawn(name, program, log) {
      const { agent } = machineOf(name)
      let complaint = ''
      const text = { O: new TextDecoder(), S: new TextDecoder() }
      const asked = { argv: containerArgv(program), env: { ...MACHINE_ENV, ...program.env }, in: program.in, fed: program.stdin === true }
      const spawned = await agent.spawn(asked, (bytes, from) => {
        if (from === 'T') complaint += bytes.toString()
        // A letter of several bytes may come in two pieces.
        else log(text[from].decode(bytes, { stream: true }), from === 'O' ? 'stdout' : 'stderr')
      })
      return {
        pid: (await spawned.pid) ?? 0,
        exit: spawned.exit.then((end) => containerEnd(end, complaint, log)),
        kill: spawned.kill,
        write: spawned.write,
      }
    },

    enter,

    async down() {
      router = undefined
      steered = []
      machines.clear()
      networks.clear()
      await sweep(docker, o.mark.keeper)
    },

    async listen(...door) {
      doors.push(door)
      if (router !== undefined) await openDoors(router)
    },
  }
}

/** `docker exec` wants to be told whether it speaks to a terminal. */
const TERMINAL = `if [ -t 0 ] && [ -t 1 ]; then t=-t; else t=; fi
n=$#
while [ $n -gt 0 ]; do
  w=$1; shift; n=$((n - 1))
  if [ "$w" = -- ] && [ "$t" != done ]; then set -- "$@" -i $t; t=done; else set -- "$@" "$w"; fi
done
exec docker "$@"`

/** Docker does not listen any more, or went away in the middle; what it refuses has a status. */
const isLost = (error: unknown): boolean => statusOf(error) === undefined && /^E(?!RR_)[A-Z]+$/.test(`${(error as NodeJS.ErrnoException).code}`)

function wayTo(ways: ReadonlyMap<string, Way>, segment: string): Way {
  const way = ways.get(segment)
  if (way === undefined) throw new Error(`a wire leads to an unknown segment ${segment}`)
  return way
}

const networksAt = (ways: readonly Way[]): Promise<readonly Network[]> => Promise.all(ways.map(({ network }) => network))
const isRouted = (network: Network): network is Routed => network.gateway !== undefined

async function must(agent: Agent, { argv, stdin }: Setup): Promise<void> {
  const { code, signal, stderr } = await agent.run({ argv, env: MACHINE_ENV, stdin })
  if (code !== 0) throw new Error(`${argv.join(' ')} <<'E'\n${stdin}E\nended with ${signal ?? code}: ${stderr.trim()}`)
}
