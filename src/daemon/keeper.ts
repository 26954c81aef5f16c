/**
 * The keeper: one `unshare` that holds the lab's namespaces. `--kill-child` ties pid 1 to it, pid 1 (tini) ends with the daemon, and the kernel removes
 * the rest, so a kill -9 of any of the three takes the whole lab away.
 */

/** An ordinary user first needs a user namespace, mapped to a range of subordinate uids where newuidmap grants one. */
export function keeperArgv(daemon: readonly string[], root: boolean): readonly string[] {
  const user = root ? [] : ['--user', '--map-root-user', '--map-auto']
  const namespaces = ['--net', '--mount', '--pid', '--uts', '--ipc', '--fork', '--kill-child', '--mount-proc']
  return ['sh', '-c', SCRIPT, 'netlab-keeper', 'unshare', ...user, ...namespaces, '--', 'tini', '--', ...daemon]
}

/** `$$` and the start time stay the same through exec: inside, the daemon cannot see how its keeper is called on the host. */
const SCRIPT = `stat=$(cat /proc/$$/stat); set -- "\${stat##*) }" "$@"
start=$(echo "$1" | cut -d' ' -f20); shift
export NETLAB_KEEPER=$$ NETLAB_KEEPER_START="$start"
exec "$@"`
