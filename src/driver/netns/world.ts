/**
 * The root file system every machine of a lab sees: the host's programs read-only, an /etc without secrets, empty home folders.
 * It is made once as a tree of mounts in the lab's own mount namespace; a machine copies that namespace, adds its own /run, /tmp, /var, /proc and /sys, and pivots into it.
 */
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fstabText } from './fstab.ts'
import { HOST_SETTINGS, LAUNCH_SCRIPT, LAUNCHER } from './launcher.ts'
import type { Must } from './run.ts'

/** Programs netlab brings along, at /opt/netlab/bin on every machine: name there → file on the host. */
export type Programs = Readonly<Record<string, string>>

const SYSTEM_FOLDERS = ['usr', 'bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']

/** What programs need of /etc to work as usual; nothing that holds a secret. */
const ETC = [
  'alternatives',
  'bash.bashrc',
  'bash_completion',
  'bash_completion.d',
  'bindresvport.blacklist',
  'debian_version',
  'default',
  'dpkg',
  'ethertypes',
  'fonts',
  'gai.conf',
  'group',
  'host.conf',
  'inputrc',
  'iproute2',
  'issue',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'localtime',
  'locale.alias',
  'login.defs',
  'magic',
  'mime.types',
  'nanorc',
  'netconfig',
  'nginx',
  'nsswitch.conf',
  'os-release',
  'passwd',
  'perl',
  'profile',
  'profile.d',
  'protocols',
  'python3',
  'rpc',
  'services',
  'shells',
  'skel',
  'ssl/certs',
  'ssl/openssl.cnf',
  'terminfo',
  'timezone',
  'vim',
  'xtables.conf',
] as const

/** Of this host's devices a machine has those that every container has, and the one that tunnels are made with: no disks, no memory, no terminals. */
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty', 'net/tun'] as const
const DEVICE_LINKS = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
  ['ptmx', 'pts/ptmx'],
] as const

/** Folders a container may mount a volume on besides those of the host. */
const EMPTY_FOLDERS = ['dev', 'etc', 'home', 'mnt', 'media', 'opt', 'proc', 'root', 'run', 'srv', 'sys', 'tmp', 'var', 'app', 'config', 'data']

/** Files of a machine that live in its own /run, so that the template can stay read-only and shared. */
const OWN_ETC = ['hosts', 'hostname', 'resolv.conf', 'netns', 'cni', 'calico', 'bird'] as const

/** Makes the template below `root`, an existing folder, and leaves it read-only. */
export async function makeTemplate(root: string, fstab: string, programs: Programs, must: Must): Promise<void> {
  await must(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'netlab-root', root])
  for (const folder of EMPTY_FOLDERS) mkdirSync(join(root, folder))
  const etcMounts = fillEtc(join(root, 'etc'))
  mkdirSync(join(root, 'opt/netlab/bin'), { recursive: true })
  writeFileSync(join(root, LAUNCHER), LAUNCH_SCRIPT, { mode: 0o755 })
  for (const name of Object.keys(programs)) writeFileSync(join(root, 'opt/netlab/bin', name), '')
  const programMounts = Object.entries(programs).map(([name, file]) => bindMount(file, join(root, 'opt/netlab/bin', name)))
  await mountAll([...systemMounts(root), ...etcMounts, ...deviceMounts(root), ...programMounts], fstab, must)
  await mountAll(
    mountsOf(root).map(({ point, flags }) => `none ${point} none remount,bind,ro,${flags} 0 0`),
    fstab,
    must,
  )
}

/** Root may write these, user namespaces may not: outside of one they are shown read-only. */
export const hostSettings = (): readonly string[] => (isWritable(`${HOST_SETTINGS[0]}/core_pattern`) ? HOST_SETTINGS.filter((path) => existsSync(path)) : [])

function systemMounts(root: string): string[] {
  return SYSTEM_FOLDERS.flatMap((name) => {
    const host = `/${name}`
    if (!existsSync(host)) return []
    if (lstatSync(host).isSymbolicLink()) {
      symlinkSync(readlinkSync(host), join(root, name))
      return []
    }
    mkdirSync(join(root, name))
    return [bindMount(host, join(root, name), 'rbind')]
  })
}

function deviceMounts(root: string): string[] {
  const dev = join(root, 'dev')
  for (const folder of ['pts', 'shm', 'net']) mkdirSync(join(dev, folder))
  for (const [name, to] of DEVICE_LINKS) symlinkSync(to, join(dev, name))
  const devices = DEVICES.filter((name) => existsSync(join('/dev', name)))
  for (const name of devices) writeFileSync(join(dev, name), '')
  return [
    `devpts ${fstabText(dev)}/pts devpts newinstance,ptmxmode=0666,mode=0620 0 0`,
    ...devices.map((name) => bindMount(join('/dev', name), join(dev, name))),
  ]
}

/** Folders of many files are mounted: copying them would take longer than all the rest. @returns the mounts */
function fillEtc(etc: string): string[] {
  const mounts: string[] = []
  for (const name of ETC) {
    const [from, to] = [join('/etc', name), join(etc, name)]
    if (!existsSync(from)) continue
    if (isOpenFolder(from)) {
      mkdirSync(to, { recursive: true })
      mounts.push(bindMount(from, to))
      continue
    }
    mkdirSync(dirname(to), { recursive: true })
    copyReadable(from, to)
  }
  for (const name of OWN_ETC) symlinkSync(`/run/netlab/etc/${name}`, join(etc, name))
  symlinkSync('/proc/self/mounts', join(etc, 'mtab'))
  return mounts
}

/** A folder of nothing but what everybody may read, and of enough of it. */
const isOpenFolder = (path: string): boolean => lstatSync(path).isDirectory() && openEntries(path) >= MANY

/** How much is in a folder, at all depths; minus infinity where something in it is not for everybody. What a link leads to is judged there. */
function openEntries(folder: string): number {
  if (!readable(folder)) return Number.NEGATIVE_INFINITY
  let count = 0
  for (const one of readdirSync(folder, { withFileTypes: true })) {
    const path = `${folder}/${one.name}`
    count += one.isDirectory() ? 1 + openEntries(path) : one.isSymbolicLink() || readable(path) ? 1 : Number.NEGATIVE_INFINITY
    if (count < 0) break
  }
  return count
}

/** Files, folders and links that everybody may read. A few of them: Node's own way of copying takes twice as long to look around. */
function copyReadable(from: string, to: string): void {
  const found = lstatSync(from)
  try {
    if (found.isSymbolicLink()) symlinkSync(readlinkSync(from), to)
    else if ((found.mode & constants.S_IROTH) === 0) return
    else if (found.isFile()) copyFileSync(from, to)
    else if (found.isDirectory()) {
      mkdirSync(to, { recursive: true })
      for (const name of readdirSync(from)) copyReadable(`${from}/${name}`, `${to}/${name}`)
    }
  } catch {
    // A file that cannot be copied is one a program of the lab cannot need.
  }
}

const MANY = 20

/** Also when root asks: what not everybody may read can hold a secret. */
const readable = (path: string): boolean => (lstatSync(path).mode & constants.S_IROTH) !== 0

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/**
 * What of the template is to be read only: all but its terminals. The host's devices can be written to all the same, but no longer be given to
 * another owner (tcpdump -w /dev/null does that). The flags are those each mount has: in a user namespace they are locked, and a remount must repeat them.
 */
function mountsOf(root: string): { readonly point: string; readonly flags: string }[] {
  const at = `${fstabText(root)}/`
  const mounts = new Map(
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' '))
      .map(([, , , , point = '', options = '']) => [point, options.split(',').filter((flag) => LOCKED.has(flag))] as const),
  )
  return [...mounts]
    .filter(([point]) => `${point}/`.startsWith(at) && point !== `${at}dev/pts`)
    .map(([point, flags]) => ({ point, flags: flags.join(',') || 'relatime' }))
}

const LOCKED = new Set(['nosuid', 'nodev', 'noexec', 'noatime', 'nodiratime', 'relatime'])

const bindMount = (from: string, to: string, how: 'bind' | 'rbind' = 'bind'): string => `${fstabText(from)} ${fstabText(to)} none ${how} 0 0`

async function mountAll(lines: readonly string[], fstab: string, must: Must): Promise<void> {
  writeFileSync(fstab, `${lines.join('\n')}\n`)
  await must(['mount', '--all', '--fstab', fstab])
}
