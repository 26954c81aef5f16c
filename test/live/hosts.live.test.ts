/** Machines that lack something: told in words one can act on, and nothing started. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { home } from '../support/netlab.ts'

const NETLAB = join(home, 'netlab')
const scratch = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'netlab-test-'))
  chmodSync(folder, 0o777)
  return folder
}
const run = (argv: readonly string[], env: Record<string, string>) =>
  execa(argv[0] ?? '', argv.slice(1), { env, reject: false, stdin: 'ignore', timeout: 60_000, all: true })

test('missing programs are named all at once, with the one command that installs them', async () => {
  const [folder, state] = [scratch(), scratch()]
  for (const bin of ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin']) {
    for (const name of readdirSync(bin)) {
      if (['tini', 'tcpdump', 'dig'].includes(name)) continue
      try {
        symlinkSync(join(bin, name), join(folder, name))
      } catch {
        // the first of the name counts
      }
    }
  }
  const { exitCode, all } = await run([NETLAB, 'up', 'flannel-vxlan', '--no-install'], { PATH: folder, NETLAB_NODE: process.execPath, NETLAB_STATE: state })
  expect(exitCode).toBe(4)
  expect(all).toMatch(/missing: .*dig.*tcpdump|missing: .*tcpdump.*dig/)
  for (const pack of ['tini', 'tcpdump', 'dnsutils']) expect(all).toMatch(new RegExp(`apt-get install .*\\b${pack}\\b`))
  // the folder is its home as well: what is kept there is code, not a lab
  expect(readdirSync(state).filter((name) => name !== '.cache')).toEqual([])
})

/** $1 a folder for two pipes; the rest is run as an ordinary user of a user namespace that allows no further ones. Root writes the map itself, others ask newuidmap. */
const WITHOUT_NAMESPACES = `
inner='echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --reuid 1 --regid 1 --clear-groups "$@"'
dir=$1; shift
[ "$(id -u)" = 0 ] || exec unshare --user --map-root-user --map-auto sh -c "$inner" sh "$@"
mkfifo "$dir/there" "$dir/mapped"
unshare --user --keep-caps sh -c 'echo > "$0/there"; read -r _ < "$0/mapped"; '"$inner" "$dir" "$@" &
read -r _ < "$dir/there"
echo 0 0 65536 > /proc/$!/uid_map
echo 0 0 65536 > /proc/$!/gid_map
echo > "$dir/mapped"
wait $!`

test('a machine without user namespaces says what would allow them', async () => {
  const state = scratch()
  const argv = ['sh', '-c', WITHOUT_NAMESPACES, 'sh', scratch(), process.execPath, join(home, 'dist/main.js'), 'up', 'flannel-vxlan']
  const { exitCode, all } = await run(argv, { NETLAB_STATE: state, HOME: state })
  expect(exitCode).toBe(4)
  expect(all).toMatch(/user namespace/)
  expect(all).toMatch(/sudo sysctl user\.max_user_namespaces=\d+/)
  // The folder is its home as well: what is kept there is code, not a lab.
  expect(readdirSync(state).filter((name) => name !== '.cache')).toEqual([])
})

test('a lab that is no lab is not started, and near names are offered', async () => {
  const state = scratch()
  const { exitCode, all } = await run([NETLAB, 'up', 'flanel-vxlan'], { NETLAB_STATE: state })
  expect(exitCode).toBe(2)
  expect(all).toMatch(/flannel-vxlan/)
  expect(readdirSync(state)).toEqual([])
})

test('a state folder that cannot be written is told', async () => {
  const state = join(scratch(), 'file/below')
  mkdirSync(join(state, '..'), { recursive: true })
  symlinkSync('/proc/nowhere', state)
  const { exitCode, all } = await run([NETLAB, 'up', 'flannel-vxlan'], { NETLAB_STATE: state })
  expect(exitCode).toBe(4)
  expect(all).toMatch(/state folder|NETLAB_STATE|below/)
})
