/** The programs netlab brings to every machine: where they are on this host. */
import { accessSync, constants, existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** `home` is the checkout's folder. CoreDNS is `$NETLAB_COREDNS`, else one on PATH, else that of the package. */
export function broughtPrograms(home: string, env: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  const coredns = env['NETLAB_COREDNS'] ?? onPath('coredns', env['PATH'] ?? '') ?? packaged(home)
  return {
    'netlab-agent': join(home, 'images/agent/netlab-agent'),
    'netlab-echo': join(home, 'images/echo/netlab-echo'),
    'netlab-kube-proxy': join(home, 'images/kube-proxy/netlab-kube-proxy'),
    'netlab-nginx': join(home, 'images/nginx/netlab-nginx'),
    'netlab-prober': join(home, 'images/prober/netlab-prober'),
    ...(coredns === undefined ? {} : { coredns }),
  }
}

const onPath = (name: string, path: string): string | undefined =>
  path
    .split(':')
    .map((folder) => join(folder, name))
    .find(executable)

function packaged(home: string): string | undefined {
  try {
    const file = join(dirname(createRequire(join(home, 'package.json')).resolve(`coredns-dist-linux-${process.arch}/package.json`)), 'coredns')
    return existsSync(file) ? file : undefined
  } catch {
    return undefined
  }
}

function executable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The checkout that a file of netlab's is in. */
export function homeOf(from: string): string {
  return existsSync(join(from, 'package.json')) || from === dirname(from) ? from : homeOf(dirname(from))
}
