/** How one container, and one network, comes to be in Docker: named, marked, and allowed no more than a machine needs. */
import { PassThrough } from 'node:stream'
import type Docker from 'dockerode'
import { type Agent, openAgent } from '../agent.ts'
import type { WiredSegment } from '../driver.ts'
import type { Connection } from './connect.ts'
import { labels, MACHINE, type Mark, removeContainer, SEGMENT, statusOf } from './mark.ts'

export type Container = { readonly id: string; readonly agent: Agent }
/** `called`: its name in Docker. */
export type Network = WiredSegment & { readonly id: string; readonly called: string }
/** To a network that may be on its way: `at` is where a container can be put before it is there. */
export type Way = { readonly at: string; readonly network: Promise<Network> }

const MEMORY = 2 * 1024 ** 3
const PROCESSES = 4096

/** What its programs are allowed: to make namespaces and mounts (SYS_ADMIN) and whatever they like of their own network (NET_ADMIN), and what every container may. */
const CAPABILITIES = [
  ...['NET_ADMIN', 'NET_RAW', 'NET_BIND_SERVICE', 'SYS_ADMIN', 'SYS_CHROOT'],
  ...['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP'],
]

const TMPFS = 'rw,exec,nodev,mode='

type Start = {
  /** Empty: the router. */
  readonly name: string
  /** Of its first wire. */
  readonly way: Way
  readonly image: string
  readonly mark: Mark
  /** What is to be done before its first program starts. */
  readonly prepare: (id: string) => Promise<unknown>
  readonly ended: () => void
}

export async function startContainer({ docker, attach }: Connection, o: Start): Promise<Container> {
  const container = await containerOn(docker, o)
  try {
    const stream = await attach(container.id)
    const { agent, heard, closed } = openAgent((bytes) => stream.write(bytes))
    const [out, err] = [new PassThrough(), new PassThrough()]
    out.on('data', heard)
    err.resume()
    docker.modem.demuxStream(stream, out, err)
    stream.on('error', () => {})
    stream.on('close', () => {
      o.ended()
      closed()
    })
    stream.on('end', () => stream.destroy())
    await o.prepare(container.id)
    await container.start()
    return { id: container.id, agent }
  } catch (error) {
    await removeContainer(docker, container.id).catch(() => {})
    throw error
  }
}

/**
 * Docker asks for the network when the container starts, so both are made at once. Who asks earlier (Podman) refuses, and is asked again; likewise a
 * network that had to be called otherwise gets a container of its own.
 */
async function containerOn(docker: Docker, o: Start): Promise<Docker.Container> {
  const { at, network } = o.way
  const early = await createContainer(docker, o, at).catch(() => undefined)
  const there = await network.catch(async (error: unknown) => {
    if (early !== undefined) await removeContainer(docker, early.id).catch(() => {})
    throw error
  })
  if (early !== undefined && [there.id, there.called].includes(at)) return early
  if (early !== undefined) await removeContainer(docker, early.id)
  return createContainer(docker, o, there.id)
}

/** A name that a stranger has is left to them: there is a second one. */
const namesFor = (mark: Mark, name: string): readonly string[] => {
  const wanted = nameFor(mark, name)
  return [wanted, `${wanted}_${mark.keeper.replaceAll(/\W/g, '').slice(-12)}`]
}

export const nameFor = ({ lab }: Mark, name: string): string => `netlab_${lab}_${name}`

async function createContainer(docker: Docker, o: Start, network: string): Promise<Docker.Container> {
  const options: Docker.ContainerCreateOptions = {
    Image: o.image,
    Hostname: o.name === '' ? 'router' : o.name,
    Labels: labels(o.mark, { [MACHINE]: o.name }),
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: true,
    StdinOnce: true,
    HostConfig: {
      AutoRemove: true,
      NetworkMode: network,
      CapDrop: ['ALL'],
      CapAdd: CAPABILITIES,
      // Both would refuse mounts to a process that may make them; Docker's filter of system calls stays.
      SecurityOpt: ['apparmor=unconfined', 'label=disable'],
      ReadonlyRootfs: true,
      Tmpfs: { '/run': `${TMPFS}755`, '/tmp': `${TMPFS}1777`, '/var': `${TMPFS}755` },
      Memory: MEMORY,
      PidsLimit: PROCESSES,
      LogConfig: { Type: 'none', Config: {} },
    },
  }
  for (const name of namesFor(o.mark, o.name)) {
    try {
      return await docker.createContainer({ ...options, name })
    } catch (error) {
      if (statusOf(error) !== 409) throw error
    }
  }
  throw new Error(`containers named ${namesFor(o.mark, o.name).join(' and ')} are there already, and are not of this lab: docker ps -a shows them`)
}

/** Ranges to offer Docker when its own pools are used up. Nobody uses the addresses. */
const SPARE = Array.from({ length: 64 }, (_, third) => `10.213.${third}.0/24`)

export async function makeNetwork(docker: Docker, segment: WiredSegment, mark: Mark): Promise<Network> {
  if (segment.carries !== undefined)
    throw new Error(`segment ${segment.name} is to carry less than its MTU, and the wires of containers are Docker's: up with --driver netns`)
  const options = {
    // Docker allows two networks of one name, and then takes neither.
    CheckDuplicate: true,
    Driver: 'bridge',
    Labels: labels(mark, { [SEGMENT]: segment.name }),
    Options: {
      'com.docker.network.bridge.inhibit_ipv4': 'true',
      'com.docker.network.bridge.enable_ip_masquerade': 'false',
      'com.docker.network.driver.mtu': `${segment.mtu}`,
    },
  }
  let refused: unknown
  for (const Name of namesFor(mark, segment.name)) {
    for (const Subnet of [undefined, ...SPARE]) {
      try {
        const range = Subnet === undefined ? {} : { IPAM: { Driver: 'default', Config: [{ Subnet }] } }
        const { id } = await docker.createNetwork({ ...options, Name, ...range })
        return { ...segment, id, called: Name }
      } catch (error) {
        refused = error
        if (statusOf(error) === 409 || !/pool|overlap|subnet/i.test((error as Error).message)) break
      }
    }
    if (statusOf(refused) !== 409) break
  }
  throw new Error(`Docker makes no network for segment ${segment.name}: ${(refused as Error).message}`)
}
