/**
 * The keeper: one `unshare` that holds the lab's namespaces. `--kill-child` ties pid 1 to it, pid 1 (tini) ends with the daemon, and the kernel removes
 * the rest, so a kill -9 of any of the three takes the whole lab away.
 */

/** An ordinary user first needs a user namespace, mapped to a range of subordinate uids where newuidmap grants one. */
export function keeperArgv(daemon: readonly string[], root: boolean): readonly string[] {
  const user = root ? [] : ['--user', '--map-root-user', '--map-auto']
  const namespaces = ['--net', '--mount', '--pid', '--uts', '--ipc', '--fork', '--kill-child', '--mount-proc']
  // `$$` stays the same through exec: the daemon learns its keeper's pid on the host this way.
  const script = 'NETLAB_KEEPER=$$ exec "$@"'
  return ['sh', '-c', script, 'netlab-keeper', 'unshare', ...user, ...namespaces, '--', 'tini', '--', ...daemon]
}
