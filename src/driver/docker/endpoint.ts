/** Where Docker is, as its own command line finds it: DOCKER_HOST, else DOCKER_CONTEXT, else the current context of ~/.docker, else the socket of the system. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

type Env = Readonly<Record<string, string | undefined>>

export type Endpoint = {
  /** As one would write it in DOCKER_HOST. */
  readonly host: string
  readonly way: Way
  /** Flags by which `docker` finds the same one, whatever its environment says, and has nothing to complain of. */
  readonly flags: readonly string[]
}

/** How its bytes get there. */
export type Way =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls?: Keys | Readonly<Record<string, never>> }
  /** Words for `ssh`. */
  | { readonly kind: 'ssh'; readonly argv: readonly string[] }

/** Who Docker is known by, and who we are to it. */
type Keys = { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer }

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
    return at(env['DOCKER_HOST'], tls, [...flags, '--host', env['DOCKER_HOST'], ...(tls === undefined ? [] : tlsFlags(tls, Boolean(verify)))])
  }
  const name = env['DOCKER_CONTEXT'] || config?.currentContext
  if (!name || name === 'default') return at(`unix://${SOCKET}`, undefined, [...flags, '--host', `unix://${SOCKET}`])
  const id = createHash('sha256').update(name).digest('hex')
  const meta = readJson(join(folder, 'contexts/meta', id, 'meta.json')) as { Endpoints?: { docker?: { Host?: string } } } | undefined
  const host = meta?.Endpoints?.docker?.Host
  if (host === undefined) throw new Error(`there is no Docker context named ${name} in ${folder}; docker context ls shows those there are`)
  const keys = join(folder, 'contexts/tls', id, 'docker')
  return at(host, existsSync(keys) ? keys : undefined, ['--config', folder, '--context', name])
}

const tlsFlags = (keys: string, verify: boolean): readonly string[] => [
  verify ? '--tlsverify' : '--tls',
  ...(['ca', 'cert', 'key'] as const).map((name) => `--tls${name === 'ca' ? 'cacert' : name}=${join(keys, `${name}.pem`)}`),
]

function at(host: string, keys: string | undefined, flags: readonly string[]): Endpoint {
  if (host.startsWith('unix://')) return { host, flags, way: { kind: 'unix', path: host.slice('unix://'.length) || SOCKET } }
  const url = new URL(host.includes('://') ? host : `tcp://${host}`)
  const { hostname, port } = url
  if (url.protocol === 'ssh:') {
    const user = decodeURIComponent(url.username)
    const place = [...(user === '' ? [] : ['-l', user]), ...(port === '' ? [] : ['-p', port])]
    return { host, flags, way: { kind: 'ssh', argv: [...SSH, ...place, '--', hostname, 'docker', 'system', 'dial-stdio'] } }
  }
  if (!['tcp:', 'http:', 'https:'].includes(url.protocol)) throw new Error(`DOCKER_HOST=${host}: netlab knows unix://, tcp:// and ssh://`)
  const secured = keys !== undefined || url.protocol === 'https:'
  const tls = secured ? { tls: keys === undefined ? {} : keysIn(keys, host) } : {}
  return { host, flags, way: { kind: 'tcp', host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port) || (secured ? 2376 : 2375), ...tls } }
}

/** Nobody is there to be asked for a password. */
const SSH = ['-T', '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=15']

function keysIn(folder: string, host: string): Keys {
  const pem = (name: string): Buffer => {
    const file = join(folder, `${name}.pem`)
    try {
      return readFileSync(file)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const why = code === 'ENOENT' ? 'it is not there' : code === 'EACCES' ? 'no permission' : code
      throw new Error(
        `Docker at ${host} is to be reached by TLS, and ${file} cannot be read: ${why}\nDOCKER_CERT_PATH names the folder of ca.pem, cert.pem and key.pem`,
      )
    }
  }
  return { ca: pem('ca'), cert: pem('cert'), key: pem('key') }
}

/** Why Docker did not answer, and what to do, in words; `user` is who asks. */
export function unreachable({ host, way }: Endpoint, error: unknown, user: string): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  if (code === SSH_ENDED)
    return `Docker at ${host} cannot be reached: ${message}\nnetlab asks for no password: ssh must come in without one, and find docker there`
  if (way.kind === 'unix' && code === 'ENOENT')
    return `no Docker here: there is no socket ${way.path}\nstart it (systemctl start docker; Debian's package is docker.io), or set DOCKER_HOST`
  if (code === 'ECONNREFUSED') return `Docker is not running: nobody listens at ${host}\nstart it: systemctl start docker`
  if (way.kind === 'unix' && code === 'EACCES')
    return [
      `user ${user} may not use Docker: no permission for ${way.path}`,
      `to allow it: sudo usermod -aG docker ${user}, and log in again (who is in that group is as good as root on this machine)`,
    ].join('\n')
  if (/^(ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH)$/.test(code)) return `Docker at ${host} cannot be reached: ${message}`
  if (/HTTP request to an HTTPS server/.test(message))
    return `Docker at ${host} speaks TLS only: set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and key.pem`
  if (/^ERR_SSL_.*ALERT/.test(code)) return `Docker at ${host} does not take the key and certificate that are shown to it (cert.pem, key.pem): ${message}`
  if (/CERT|SIGNATURE/.test(code)) return `Docker at ${host} is not who the authority in ca.pem knows: ${message}`
  return `Docker at ${host} does not answer as it should: ${message.trim()}`
}

/** The code of an ending of `ssh`; its message holds what ssh said. */
export const SSH_ENDED = 'ESSH'

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
