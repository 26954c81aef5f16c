/**
 * The root file system every machine of a lab sees: the host's programs read-only, an /etc without secrets, empty home folders.
 * It is made once as a tree of mounts in the lab's own mount namespace; a machine copies that namespace, adds its own /run, /tmp, /var, /proc and /sys, and pivots into it.
 */
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LAUNCH_SCRIPT, LAUNCHER } from './launcher.ts'
import { mustRun } from './run.ts'

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
  'bird',
  'debian_version',
  'default',
  'dpkg',
  'environment',
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
  'wgetrc',
  'xtables.conf',
] as const

/** Folders a container may mount a volume on besides those of the host. */
const EMPTY_FOLDERS = ['dev', 'etc', 'home', 'mnt', 'media', 'opt', 'proc', 'root', 'run', 'srv', 'sys', 'tmp', 'var', 'app', 'config', 'data']

/** Files of a machine that live in its own /run, so that the template can stay read-only and shared. */
const OWN_ETC = ['hosts', 'hostname', 'resolv.conf', 'netns', 'cni'] as const

/** Makes the template below `root`, an existing folder, and leaves it read-only. */
export async function makeTemplate(root: string, fstab: string, programs: Programs): Promise<void> {
  await mustRun(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'netlab-root', root])
  for (const folder of EMPTY_FOLDERS) mkdirSync(join(root, folder))
  fillEtc(join(root, 'etc'))
  mkdirSync(join(root, 'opt/netlab/bin'), { recursive: true })
  writeFileSync(join(root, LAUNCHER), LAUNCH_SCRIPT, { mode: 0o755 })
  for (const name of Object.keys(programs)) writeFileSync(join(root, 'opt/netlab/bin', name), '')
  const table = [
    ...systemMounts(root),
    `/dev ${root}/dev none rbind 0 0`,
    ...Object.entries(programs).map(([name, file]) => `${fstabText(file)} ${root}/opt/netlab/bin/${name} none bind 0 0`),
  ]
  await mountAll(table, fstab)
  await mountAll(
    [...SYSTEM_FOLDERS.map((name) => join(root, name)).filter((path) => existsSync(path) && !lstatSync(path).isSymbolicLink()), root].map(
      (path) => `none ${path} none remount,bind,ro,${lockedFlags(path)} 0 0`,
    ),
    fstab,
  )
}

/** The mounts a machine adds for itself, as one fstab for one `mount -a`. */
export const machineTable = (root: string): string =>
  [
    `tmpfs ${root}/run tmpfs mode=755 0 0`,
    `tmpfs ${root}/tmp tmpfs mode=1777 0 0`,
    `tmpfs ${root}/var tmpfs mode=755 0 0`,
    `proc ${root}/proc proc defaults 0 0`,
    `sysfs ${root}/sys sysfs defaults 0 0`,
    // `ip netns exec` puts a sysfs of its own in place of /sys; in a user namespace the kernel allows that only while another one is in sight.
    `sysfs ${root}/run/netlab/sys sysfs X-mount.mkdir 0 0`,
    '',
  ].join('\n')

function systemMounts(root: string): string[] {
  return SYSTEM_FOLDERS.flatMap((name) => {
    const host = `/${name}`
    if (!existsSync(host)) return []
    if (lstatSync(host).isSymbolicLink()) {
      symlinkSync(readlinkSync(host), join(root, name))
      return []
    }
    mkdirSync(join(root, name))
    return [`${host} ${root}/${name} none rbind 0 0`]
  })
}

function fillEtc(etc: string): void {
  for (const name of ETC) {
    const from = join('/etc', name)
    if (!existsSync(from)) continue
    try {
      cpSync(from, join(etc, name), { recursive: true, verbatimSymlinks: true, filter: (path) => readable(path) })
    } catch {
      // A file that cannot be copied is one a program of the lab cannot need.
    }
  }
  for (const name of OWN_ETC) symlinkSync(`/run/netlab/etc/${name}`, join(etc, name))
  symlinkSync('/proc/self/mounts', join(etc, 'mtab'))
}

function readable(path: string): boolean {
  try {
    if (!lstatSync(path).isSymbolicLink() && lstatSync(path).isFile()) readFileSync(path, { flag: 'r' })
    return true
  } catch {
    return false
  }
}

/** Flags of the mount that holds `path`: in a user namespace they are locked, and a remount must repeat them. */
function lockedFlags(path: string): string {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
  const at = mounts.filter(([, , , , point = '']) => point === path).at(-1)
  const flags = (at?.[5] ?? '').split(',').filter((flag) => /^(nosuid|nodev|noexec|noatime|nodiratime|relatime)$/.test(flag))
  return flags.length > 0 ? flags.join(',') : 'relatime'
}

const fstabText = (path: string): string => path.replaceAll('\\', '\\134').replaceAll(' ', '\\040').replaceAll('\t', '\\011')

/** mount(8) wants its table as a file: a program's stdin here is a socket, which cannot be opened by name. */
async function mountAll(lines: readonly string[], fstab: string): Promise<void> {
  writeFileSync(fstab, `${lines.join('\n')}\n`)
  await mustRun(['mount', '--all', '--fstab', fstab])
}
