/**
 * The image of a node: Debian with the programs of labs (images/node). Built on first use, and again when what it is made of changes. The base comes
 * from the registry, or, where none answers, is made here by scripts/base-image. Each of these steps leaves an image or nothing.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { LAUNCH_SCRIPT } from '../netns/launcher.ts'
import { IMAGE, statusOf } from './mark.ts'

export type NodeImage = {
  /** The checkout. */
  readonly home: string
  /** Name in /opt/netlab/bin → file here. */
  readonly programs: Readonly<Record<string, string>>
}

/** In images/node. */
const RECIPE = ['Dockerfile', 'packages', 'install'] as const

/** Larger files are told apart by their size. */
const READ_MOST = 1 << 20

export function imageName({ home, programs }: NodeImage): string {
  const hash = createHash('sha256')
  for (const file of [...RECIPE.map((name) => join(home, 'images/node', name)), ...Object.values(programs)]) {
    const { size } = statSync(file)
    hash.update(size > READ_MOST ? `${size}` : readFileSync(file))
  }
  return `netlab-node:${hash.update(LAUNCH_SCRIPT).digest('hex').slice(0, 12)}`
}

/** @throws with what was tried and how it ended, when there is no image and none can be made. */
export async function ensureImage(
  docker: Docker,
  made: NodeImage,
  o: { readonly say: (words: string) => void; readonly signal: AbortSignal },
): Promise<string> {
  const name = imageName(made)
  if (await hasImage(docker, name)) return name
  const base = await ensureBase(docker, made.home, o)
  o.say(`building ${name} from ${base} …`)
  await build(docker, made, { name, base, signal: o.signal })
  return name
}

/** Those that bear the mark. @returns their names. */
export async function removeImages(docker: Docker): Promise<readonly string[]> {
  const images = await docker.listImages({ filters: { label: [IMAGE] } })
  // A node's image holds its base.
  const inOrder = images.toSorted((a, b) => (b.Labels[IMAGE] ?? '').localeCompare(a.Labels[IMAGE] ?? ''))
  for (const { Id } of inOrder) await docker.getImage(Id).remove({ force: true })
  return inOrder.flatMap(({ RepoTags }) => RepoTags ?? [])
}

async function ensureBase(docker: Docker, home: string, o: Parameters<typeof ensureImage>[2]): Promise<string> {
  const recipe = ['images/node/packages', 'scripts/base-image'].map((file) => readFileSync(join(home, file)))
  const own = `netlab-base:${createHash('sha256').update(Buffer.concat(recipe)).digest('hex').slice(0, 12)}`
  if (await hasImage(docker, own)) return own
  const debian = /^ARG BASE=(\S+)/m.exec(readFileSync(join(home, 'images/node/Dockerfile'), 'utf8'))?.[1] ?? 'debian:bookworm-slim'
  if (await hasImage(docker, debian)) return debian
  o.say(`pulling ${debian} …`)
  const refused = await pull(docker, debian, o.signal)
  if (refused === undefined) return debian
  o.signal.throwIfAborted()
  o.say(`no ${debian} from a registry: ${refused}\nmaking a base with mmdebstrap instead, which takes about a minute …`)
  try {
    await importBase(docker, join(home, 'scripts/base-image'), own, o.signal)
  } catch (error) {
    throw new Error(`no base for the nodes' image\n  pulling ${debian}: ${refused}\n  making one by scripts/base-image: ${(error as Error).message}`)
  }
  return own
}

export const hasImage = (docker: Docker, name: string): Promise<boolean> =>
  docker
    .getImage(name)
    .inspect()
    .then(
      () => true,
      (error: unknown) => {
        if (statusOf(error) === 404) return false
        throw error
      },
    )

async function pull(docker: Docker, name: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    await finished(await docker.pull(name), signal)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** The import gets its name only when its maker ended well: half a base is none. */
async function importBase(docker: Docker, maker: string, name: string, signal: AbortSignal): Promise<void> {
  const child = spawn(maker, [], { stdio: ['ignore', 'pipe', 'pipe'], signal })
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    words = (words + chunk).slice(-2_000)
  })
  const ended = new Promise<string | undefined>((resolve) => {
    child.on('close', (code, by) => resolve(code === 0 ? undefined : `it ended with ${by ?? code}: ${words.trim()}`))
    child.on('error', (error) => resolve(error.message))
  })
  let id: string | undefined
  let failure: unknown
  try {
    await finished((await docker.importImage(child.stdout, { changes: `LABEL ${IMAGE}=base` })) as unknown as Readable, signal, ({ status }) => {
      if (status?.startsWith('sha256:')) id = status
    })
  } catch (error) {
    failure = error
    child.kill()
  }
  const why = await ended
  if (why === undefined && failure === undefined && id !== undefined) {
    const [repo = name, tag = 'latest'] = name.split(':')
    await docker.getImage(id).tag({ repo, tag })
    return
  }
  if (id !== undefined) await docker.getImage(id).remove({ force: true })
  throw new Error(why ?? (failure as Error | undefined)?.message ?? 'Docker made no image of it')
}

async function build(docker: Docker, made: NodeImage, o: { readonly name: string; readonly base: string; readonly signal: AbortSignal }): Promise<void> {
  const context = mkdtempSync(join(tmpdir(), 'netlab-node-'))
  try {
    mkdirSync(join(context, 'bin'))
    for (const name of RECIPE) symlinkSync(join(made.home, 'images/node', name), join(context, name))
    for (const [name, file] of Object.entries(made.programs)) symlinkSync(file, join(context, 'bin', name))
    writeFileSync(join(context, 'bin/netlab-launch'), LAUNCH_SCRIPT, { mode: 0o755 })
    const tar = spawn('tar', ['--create', '--dereference', '--directory', context, '.'], { stdio: ['ignore', 'pipe', 'ignore'] })
    const steps: string[] = []
    const options = { t: o.name, buildargs: { BASE: o.base }, forcerm: true }
    try {
      await finished((await docker.buildImage(tar.stdout, options)) as unknown as Readable, o.signal, ({ stream }) => {
        if (stream?.trim()) steps.push(stream.trim())
      })
    } catch (error) {
      await docker.pruneImages({ filters: { dangling: ['true'], label: [`${IMAGE}=node`] } }).catch(() => {})
      const last = steps.slice(-8).map((line) => `  ${line}`)
      throw new Error([`${o.name} could not be built: ${(error as Error).message}`, ...last].join('\n'))
    } finally {
      tar.kill()
    }
  } finally {
    rmSync(context, { recursive: true, force: true })
  }
}

type Said = { readonly status?: string; readonly stream?: string; readonly error?: string }

/** Docker tells how it goes as lines of JSON, and how it failed in one of them. */
async function finished(stream: NodeJS.ReadableStream, signal: AbortSignal, hear: (said: Said) => void = () => {}): Promise<void> {
  const stop = (): void => {
    ;(stream as Readable).destroy(new Error('interrupted'))
  }
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    for await (const line of createInterface({ input: stream })) {
      if (line.trim() === '') continue
      const said = JSON.parse(line) as Said
      if (said.error !== undefined) throw new Error(said.error)
      hear(said)
    }
    signal.throwIfAborted()
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
