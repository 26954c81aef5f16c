/** The lab's driver, and the way from its machines to the API. */
import type { Server } from 'node:http'
import type { Limits, NodeDriver } from '#driver/driver.ts'
import { broughtPrograms } from './programs.ts'

export type Machines = {
  readonly driver: NodeDriver
  /** How many times longer things may take than on a kernel of the host. */
  readonly slowness: number
  /** Lets the server answer at an address of the lab's router. */
  readonly serve: (server: Server, at: { readonly ip: string; readonly port: number }) => Promise<void>
}

type Env = Readonly<Record<string, string | undefined>>

/** What one of them needs the other does not load. @throws when they are to be Docker's, and Docker or the nodes' image is not there. */
export async function machinesOf(folder: string, home: string, env: Env): Promise<Machines> {
  if (env['NETLAB_DRIVER'] !== 'docker') {
    const { netnsDriver } = await import('#driver/netns/netns.ts')
    const limits = env['NETLAB_LIMITS'] === undefined ? {} : { limits: JSON.parse(env['NETLAB_LIMITS']) as Limits }
    const slowness = Number(env['NETLAB_SLOWNESS'] ?? 1)
    return {
      driver: patient(netnsDriver({ folder, programs: broughtPrograms(home, env), ...limits }), slowness),
      slowness,
      serve: (server, { ip, port }) => new Promise((resolve, reject) => server.once('error', reject).listen(port, ip, resolve)),
    }
  }
  const [{ dockerDriver }, { endpointOf }, { markOf, nodeImageThere }] = await Promise.all([
    import('#driver/docker/docker.ts'),
    import('#driver/docker/endpoint.ts'),
    import('./docker.ts'),
  ])
  const endpoint = endpointOf(env)
  const driver = dockerDriver({ endpoint, image: await nodeImageThere(endpoint, home, env), mark: markOf(env) })
  return { driver, slowness: 1, serve: (server, at) => driver.listen(at, (stream) => server.emit('connection', stream)) }
}

/** Time limits are meant for a kernel of the host. */
const patient = (driver: NodeDriver, slowness: number): NodeDriver => ({
  ...driver,
  run: (machine, command, options) =>
    driver.run(machine, command, options?.timeoutMs === undefined ? options : { ...options, timeoutMs: options.timeoutMs * slowness }),
})
