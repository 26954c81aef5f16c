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
  return ['sh', '-c', SCRIPT, 'netlab-keeper', 'unshare', ...user, ...namespaces, '--', 'tini', '--', ...daemon]
}

/** Whether a line of /etc/subuid (or /etc/subgid) is this user's: by name or by number. */
export const hasRange = (text: string, { name, uid }: { readonly name: string; readonly uid: number }): boolean =>
  text.split('\n').some((line) => [name, `${uid}`].includes(line.split(':')[0] ?? '') && Number(line.split(':')[2]) > 0)

/** `$$` and the start time stay the same through exec: inside, the daemon cannot see how its keeper is called on the host. */
const SCRIPT = `stat=$(cat /proc/$$/stat); set -- "\${stat##*) }" "$@"
start=$(echo "$1" | cut -d' ' -f20); shift
export NETLAB_KEEPER=$$ NETLAB_KEEPER_START="$start"
exec "$@"`
