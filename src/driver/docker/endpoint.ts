/** Where Docker is, as its own command line finds it: DOCKER_HOST, else DOCKER_CONTEXT, else the current context of ~/.docker, else the socket of the system. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DockerOptions } from 'dockerode'

type Env = Readonly<Record<string, string | undefined>>

export type Endpoint = {
  /** As one would write it in DOCKER_HOST. */
  readonly host: string
  /** For dockerode. */
  readonly options: DockerOptions
  /** Flags by which `docker` finds the same one, whatever its environment says, and has nothing to complain of. */
  readonly flags: readonly string[]
}

const SOCKET = '/var/run/docker.sock'

/** A folder that no Debian has: where there is no config, `docker` is content. */
const NO_CONFIG = '/nonexistent/.docker'

/** @throws when a context is named that is not there, or keys are named that cannot be read. */
export function endpointOf(env: Env): Endpoint {
  const folder = env['DOCKER_CONFIG'] || join(env['HOME'] ?? '/root', '.docker')
  const config = configIn(folder)
  const flags = ['--config', config === undefined ? NO_CONFIG : folder]
  const certificates = env['DOCKER_CERT_PATH']
  const verify = env['DOCKER_TLS_VERIFY']
  if (env['DOCKER_HOST']) {
    const tls = verify || certificates ? (certificates ?? folder) : undefined
    return at(env['DOCKER_HOST'], env, tls, [...flags, '--host', env['DOCKER_HOST'], ...(tls === undefined ? [] : tlsFlags(tls, Boolean(verify)))])
  }
  const name = env['DOCKER_CONTEXT'] || config?.currentContext
  if (!name || name === 'default') return at(`unix://${SOCKET}`, env, undefined, [...flags, '--host', `unix://${SOCKET}`])
  const id = createHash('sha256').update(name).digest('hex')
  const meta = readJson(join(folder, 'contexts/meta', id, 'meta.json')) as { Endpoints?: { docker?: { Host?: string } } } | undefined
  const host = meta?.Endpoints?.docker?.Host
  if (host === undefined) throw new Error(`there is no Docker context named ${name} in ${folder}; docker context ls shows those there are`)
  const keys = join(folder, 'contexts/tls', id, 'docker')
  return at(host, env, existsSync(keys) ? keys : undefined, ['--config', folder, '--context', name])
}

const tlsFlags = (keys: string, verify: boolean): readonly string[] => [
  verify ? '--tlsverify' : '--tls',
  ...(['ca', 'cert', 'key'] as const).map((name) => `--tls${name === 'ca' ? 'cacert' : name}=${join(keys, `${name}.pem`)}`),
]

function at(host: string, env: Env, keys: string | undefined, flags: readonly string[]): Endpoint {
  if (host.startsWith('unix://')) return { host, flags, options: { socketPath: host.slice('unix://'.length) || SOCKET } }
  const url = new URL(host.includes('://') ? host : `tcp://${host}`)
  const port = url.port === '' ? {} : { port: url.port }
  if (url.protocol === 'ssh:') {
    const agent = env['SSH_AUTH_SOCK']
    const options = { protocol: 'ssh' as const, host: url.hostname, ...port, username: decodeURIComponent(url.username) || (env['USER'] ?? 'root') }
    return { host, flags, options: { ...options, sshOptions: agent === undefined ? {} : { agent } } }
  }
  if (!['tcp:', 'http:', 'https:'].includes(url.protocol)) throw new Error(`DOCKER_HOST=${host}: netlab knows unix://, tcp:// and ssh://`)
  const pem = (name: string): Buffer => readFileSync(join(keys ?? '', `${name}.pem`))
  const secured = keys !== undefined || url.protocol === 'https:'
  const tls = keys === undefined ? {} : { ca: pem('ca'), cert: pem('cert'), key: pem('key') }
  return { host, flags, options: { protocol: secured ? 'https' : 'http', host: url.hostname, port: secured ? 2376 : 2375, ...port, ...tls } }
}

/** Why Docker did not answer, and what to do, in words; `user` is who asks. */
export function unreachable({ host }: Endpoint, error: unknown, user: string): string {
  const { code, message } = error as NodeJS.ErrnoException
  const socket = host.slice('unix://'.length)
  if (code === 'ENOENT')
    return `no Docker here: there is no socket ${socket}\nstart it (systemctl start docker; Debian's package is docker.io), or set DOCKER_HOST`
  if (code === 'ECONNREFUSED') return `Docker is not running: nobody listens at ${host}\nstart it: systemctl start docker`
  if (code === 'EACCES')
    return [
      `user ${user} may not use Docker: no permission for ${socket}`,
      `to allow it: sudo usermod -aG docker ${user}, and log in again (who is in that group is as good as root on this machine)`,
    ].join('\n')
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'ETIMEDOUT' || code === 'EHOSTUNREACH') return `Docker at ${host} cannot be reached: ${message}`
  return `Docker at ${host} does not answer as it should: ${message}`
}

type Config = { readonly currentContext?: string }

/** Another user's folder cannot be read, and `docker` would say so at every start. A context may be there without a config. @returns undefined then. */
function configIn(folder: string): Config | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Config
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? {} : undefined
  }
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}
