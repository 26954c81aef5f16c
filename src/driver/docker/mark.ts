/** What is netlab's bears its mark: labels on containers, networks and images. What bears none is never touched. */
import type Docker from 'dockerode'

export const LAB = 'dev.netlab.lab'
export const MACHINE = 'dev.netlab.machine'
export const SEGMENT = 'dev.netlab.segment'
/** Whose it is: the process that ends with the lab, told so that one can see whether it still lives. */
export const KEEPER = 'dev.netlab.keeper'
export const IMAGE = 'dev.netlab.image'
/** The lab's folder, for people. */
export const FOLDER = 'dev.netlab.folder'

export type Mark = { readonly lab: string; readonly folder: string; readonly keeper: string }

export const labels = ({ lab, folder, keeper }: Mark, more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  [LAB]: lab,
  [FOLDER]: folder,
  [KEEPER]: keeper,
  ...more,
})

const GONE_MS = 10_000

/** All marks there are, one a lab. */
export async function marks(docker: Docker): Promise<readonly Mark[]> {
  const [containers, networks] = await Promise.all([listContainers(docker, KEEPER), listNetworks(docker, KEEPER)])
  const all = [...containers, ...networks].map(({ Labels = {} }) => ({
    lab: Labels[LAB] ?? '',
    folder: Labels[FOLDER] ?? '',
    keeper: Labels[KEEPER] ?? '',
  }))
  return [...new Map(all.map((mark) => [mark.keeper, mark])).values()]
}

/** Removes every container and network of one keeper. @returns how many there were. */
export async function sweep(docker: Docker, keeper: string): Promise<number> {
  const label = `${KEEPER}=${keeper}`
  const [containers, networks] = await Promise.all([listContainers(docker, label), listNetworks(docker, label)])
  await Promise.all(containers.map(({ Id }) => removeContainer(docker, Id)))
  await Promise.all(networks.map(({ Id }) => removeNetwork(docker, Id)))
  return containers.length + networks.length
}

export const networksOf = (docker: Docker, { keeper }: Mark) => listNetworks(docker, `${KEEPER}=${keeper}`)

const listContainers = (docker: Docker, label: string) => docker.listContainers({ all: true, filters: { label: [label] } })
const listNetworks = (docker: Docker, label: string) => docker.listNetworks({ filters: { label: [label] } })

/** Returns when it is gone; Docker may be removing it by itself. */
export async function removeContainer(docker: Docker, id: string): Promise<void> {
  const container = docker.getContainer(id)
  await container.remove({ force: true, v: true }).catch(missing)
  await gone(() => container.inspect(), `container ${id}`)
}

/** Docker lets go of a container's wire a moment after the container. */
export async function removeNetwork(docker: Docker, id: string): Promise<void> {
  const network = docker.getNetwork(id)
  const deadline = Date.now() + GONE_MS
  for (;;) {
    try {
      await network.remove()
      return
    } catch (error) {
      if (statusOf(error) === 404) return
      if (statusOf(error) !== 403 || Date.now() > deadline) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function gone(look: () => Promise<unknown>, what: string): Promise<void> {
  const deadline = Date.now() + GONE_MS
  for (;;) {
    try {
      await look()
    } catch (error) {
      if (statusOf(error) === 404) return
      throw error
    }
    if (Date.now() > deadline) throw new Error(`Docker does not remove ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export const statusOf = (error: unknown): number | undefined => (error as { statusCode?: number }).statusCode

/** Gone already, or about to be. */
function missing(error: unknown): void {
  if (![404, 409].includes(statusOf(error) ?? 0)) throw error
}
