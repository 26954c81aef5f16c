/** Docker as those outside a lab meet it: whether it is there, the image of nodes, and what bears netlab's mark. */
import { userInfo } from 'node:os'
import type Docker from 'dockerode'
import { connect } from '#driver/docker/connect.ts'
import { type Endpoint, endpointOf, unreachable } from '#driver/docker/endpoint.ts'
import { ensureImage, hasImage, imageName, type NodeImage, removeImages } from '#driver/docker/image.ts'
import { type Mark, marks, sweep } from '#driver/docker/mark.ts'
import { alive, here } from './processes.ts'
import { broughtPrograms } from './programs.ts'

type Env = Readonly<Record<string, string | undefined>>

/** As this netlab would make it. */
const nodeImageOf = (home: string, env: Env): NodeImage => ({ home, programs: broughtPrograms(home, env) })

export type OpenDocker = { readonly docker: Docker; readonly endpoint: Endpoint }

/** How long a Docker may take to say that it is there: one behind ssh has to log in first. */
const PING_MS = 15_000

/** @throws with why not, and what to do. */
export async function openDocker(env: Env): Promise<OpenDocker> {
  const endpoint = endpointOf(env)
  try {
    await connect(endpoint, PING_MS).docker.ping()
  } catch (error) {
    throw new Error(unreachable(endpoint, error, userInfo().username))
  }
  return { docker: connect(endpoint).docker, endpoint }
}

/** The name of the node's image, made first where it is not there. */
export const nodeImage = ({ docker }: OpenDocker, home: string, env: Env, o: Parameters<typeof ensureImage>[2]): Promise<string> =>
  ensureImage(docker, nodeImageOf(home, env), o)

/** The name of the node's image. @throws when Docker cannot be asked, or has none. */
export async function nodeImageThere(endpoint: Endpoint, home: string, env: Env): Promise<string> {
  const name = imageName(nodeImageOf(home, env))
  if (await hasImage(connect(endpoint, PING_MS).docker, name)) return name
  throw new Error(`Docker has no image ${name}`)
}

/** The mark of the lab whose keeper is told by the daemon's environment. */
export const markOf = (env: Env): Mark => ({
  lab: env['NETLAB_NAME'] ?? '',
  folder: env['NETLAB_FOLDER'] ?? '',
  keeper: [...here(), env['NETLAB_KEEPER'] ?? '', env['NETLAB_KEEPER_START'] ?? ''].join(' '),
})

/** Of this machine, and no longer there: of another boot, or ended. */
function isDead({ keeper }: Mark): boolean {
  const [machine, boot] = here()
  const [theirs = '', when = '', pid = '', start = ''] = keeper.split(' ')
  return theirs === machine && (when !== boot || !alive(Number(pid), start))
}

export type Cleaned = { readonly removed: readonly Mark[]; readonly left: readonly Mark[]; readonly images: readonly string[] }

/** Removes what bears the mark of labs that no longer run; with `all`, of every lab; with `images`, netlab's images as well. */
export async function cleanDocker({ docker }: OpenDocker, o: { readonly all: boolean; readonly images: boolean }): Promise<Cleaned> {
  const there = await marks(docker)
  const removed = there.filter((mark) => o.all || isDead(mark))
  for (const { keeper } of removed) await sweep(docker, keeper)
  return { removed, left: there.filter((mark) => !removed.includes(mark)), images: o.images ? await removeImages(docker) : [] }
}
