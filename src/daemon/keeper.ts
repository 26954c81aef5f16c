/**
 * The keeper: one `unshare` that holds the lab's namespaces. `--kill-child` ties pid 1 to it, pid 1 (tini) ends with the daemon, and the kernel removes
 * the rest, so a kill -9 of any of the three takes the whole lab away.
 */

export type Caller = {
  readonly root: boolean
  /** Whether newuidmap gives this user a range of uids: without one, programs that change their user (tcpdump) do not run in the lab. */
  readonly range: boolean
}

/** An ordinary user first needs a user namespace. */
export function keeperArgv(daemon: readonly string[], { root, range }: Caller): readonly string[] {
  const user = root ? [] : ['--user', '--map-root-user', ...(range ? ['--map-auto'] : [])]
  const namespaces = ['--net', '--mount', '--pid', '--uts', '--ipc', '--fork', '--kill-child', '--mount-proc']
  return ['unshare', ...user, ...namespaces, '--', 'tini', '--', ...daemon]
}

/**
 * Inside ids 0 to 65,535 these of the host's: nobody's, above what Debian gives to users, containers and subordinate ids.
 */
export const CONFINED_IDS = { first: 1_879_048_192, count: 65_536 } as const

/** Where the lab's folder, netlab and node are in a confined keeper, whose user could not look into folders of root's. */
const CONFINED = { folder: '/mnt/lab', home: '/mnt/home', node: '/mnt/node' } as const

/**
 * A lab that root starts to run programs of others in: its root is nobody on the host, as it is in a lab of an ordinary user. The keeper waits for a line on
 * stdin, before which somebody who may writes its maps of ids. `main` is the daemon's file within `home`.
 */
export function confinedKeeper(o: { readonly folder: string; readonly home: string; readonly node: string; readonly main: string }) {
  const daemon = keeperArgv([CONFINED.node, `${CONFINED.home}/${o.main}`], { root: true, range: true })
  return {
    argv: ['unshare', '--mount', '--propagation', 'private', '--', 'sh', '-c', CONFINED_SCRIPT, 'netlab', o.home, o.folder, o.node, ...daemon],
    folder: CONFINED.folder,
  }
}

/** Without capabilities kept the new user namespace could not become its own root: until it has a map, nobody is. */
const CONFINED_SCRIPT = `set -e
mount -t tmpfs -o mode=755,size=1m netlab /mnt
mkdir ${CONFINED.home} ${CONFINED.folder}
: > ${CONFINED.node}
mount --bind "$1" ${CONFINED.home}
mount --bind "$2" ${CONFINED.folder}
mount --bind "$3" ${CONFINED.node}
shift 3
exec unshare --user --keep-caps -- sh -c 'read -r go; exec "$@"' netlab setpriv --reuid 0 --regid 0 --clear-groups --ambient-caps=-all --inh-caps=-all -- "$@"`

/**
 * A lab in Docker needs no namespaces of its own: its machines end when the daemon does, since each holds a stream to it. The keeper outlives the daemon
 * to remove what Docker does not remove by itself, the networks; its own death is the daemon's. `daemon` is node and the daemon's file, `sweep` the file that removes.
 */
export const dockerKeeperArgv = (daemon: readonly string[], sweep: string): readonly string[] => ['sh', '-c', DOCKER_SCRIPT, sweep, ...daemon]

/** `$$` and the start time, the 20th word behind the name, stay the same through exec. */
const DOCKER_SCRIPT = `read -r stat < /proc/$$/stat
started() { shift 19; export NETLAB_KEEPER=$$ NETLAB_KEEPER_START="$1"; }
started \${stat##*) }
setpriv --pdeathsig KILL "$@"
exec "$1" "$0"`

/** Whether a line of /etc/subuid (or /etc/subgid) is this user's: by name or by number. */
export const hasRange = (text: string, { name, uid }: { readonly name: string; readonly uid: number }): boolean =>
  text.split('\n').some((line) => [name, `${uid}`].includes(line.split(':')[0] ?? '') && Number(line.split(':')[2]) > 0)

/** Settings that keep an ordinary user from making user namespaces: the file, what it says then, and what mends it. */
const GUARDS = [
  ['/proc/sys/user/max_user_namespaces', '0', 'sudo sysctl user.max_user_namespaces=15000'],
  ['/proc/sys/kernel/unprivileged_userns_clone', '0', 'sudo sysctl kernel.unprivileged_userns_clone=1'],
  ['/proc/sys/kernel/apparmor_restrict_unprivileged_userns', '1', 'sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0'],
] as const

const guardsSet = (read: (file: string) => string) => GUARDS.filter(([file, value]) => read(file).trim() === value)

/** Whether nothing is known to keep a user who is not root from having a lab of namespaces. */
export const mayUnshare = (read: (file: string) => string): boolean => guardsSet(read).length === 0

/** What to do when `unshare` was refused. `words` are its own. */
export function refusedNamespaces(words: string, read: (file: string) => string): string[] {
  if (!/unshare|uid_map|newuidmap/.test(words)) return []
  const guards = guardsSet(read).map(([, , mend]) => mend)
  return [
    'an ordinary user’s lab lives in a user namespace, and this machine does not let this user make one',
    ...guards.map((mend) => `to allow it: ${mend}`),
    'or run netlab as root: its labs need no user namespace',
  ]
}
