/** The docker driver's world: containers of the Docker that DOCKER_HOST names. */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { openDocker } from '#daemon/docker.ts'
import { connect } from '#driver/docker/connect.ts'
import { dockerDriver } from '#driver/docker/docker.ts'
import { endpointOf } from '#driver/docker/endpoint.ts'
import { ensureImage } from '#driver/docker/image.ts'
import { KEEPER } from '#driver/docker/mark.ts'
import { runProcess } from '#driver/netns/run.ts'
import { kernelState } from './kernel-state.ts'
import { AGENT, type World } from './world.ts'

const home = join(import.meta.dirname, '../..')
const endpoint = endpointOf({ HOME: homedir(), ...process.env })
const { docker } = connect(endpoint)
let worlds = 0

export const whyNoDocker = (): Promise<string | undefined> =>
  openDocker({ HOME: homedir(), ...process.env }).then(
    () => undefined,
    (error: Error) => error.message,
  )

export async function dockerWorld(): Promise<World> {
  const image = await ensureImage(docker, { home, programs: { 'netlab-agent': AGENT } }, { say: () => {}, signal: new AbortController().signal })
  const mark = { lab: 'laws', folder: 'none', keeper: `laws ${process.pid} ${worlds++}` }
  const label = [`${KEEPER}=${mark.keeper}`]
  const driver = dockerDriver({ endpoint, mark, image })
  const world: World = {
    driver,
    lacks: [],
    outside: (argv) => runProcess(argv),
    state: (machine) => kernelState(world, machine),
    traces: async () => ({
      containers: (await docker.listContainers({ all: true, filters: { label } })).map(({ Names }) => Names),
      networks: (await docker.listNetworks({ filters: { label } })).map(({ Name }) => Name),
      links: readFileSync('/proc/net/dev', 'utf8')
        .split('\n')
        .map((line) => line.split(':')[0]),
    }),
    async crash(machine) {
      const argv = driver.enter(machine)
      await docker.getContainer(argv[argv.lastIndexOf('--') + 1] ?? '').kill()
    },
  }
  return world
}
