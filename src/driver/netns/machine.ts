/** A machine: a network, mount, pid and uts namespace held by its own pid 1, which ends with the lab. */
import { type ChildProcess, spawn } from 'node:child_process'
import { MACHINE_ENV } from './launcher.ts'

export type MachineProcess = {
  /** Pid of the machine's pid 1 as the lab sees it. */
  readonly pid: number
  readonly keeper: ChildProcess
}

/**
 * Runs as the first program inside the new namespaces; $1 is the template, $2 the fstab file, $3 the machine's name.
 * The pid it prints is read from the lab's /proc, before the pivot, so that the daemon can find the machine.
 */
const SCRIPT = `set -eu
read -r pid _ < /proc/self/stat
mount --all --fstab "$2"
# Answers such as "refused" and "unreachable" come every time, not only once a second: a lab asks more often than life does.
echo 0 > /proc/sys/net/ipv4/icmp_ratelimit
cd "$1"
mkdir -p run/netlab/etc/netns run/netlab/etc/cni/net.d run/netns run/lock var/run var/log var/lib var/tmp var/cache
printf '%s\\n' "$3" > run/netlab/etc/hostname
printf '127.0.0.1\\tlocalhost\\n' > run/netlab/etc/hosts
: > run/netlab/etc/resolv.conf
hostname "$3"
pivot_root . mnt
cd /
umount -l /mnt
echo "$pid"
exec tini -g -- sleep infinity >/dev/null 2>&1 </dev/null
`

/** @throws with what the set-up printed when it fails. */
export function startMachine(name: string, template: string, fstab: string, signal: AbortSignal): Promise<MachineProcess> {
  const argv = ['--net', '--mount', '--pid', '--uts', '--fork', '--kill-child', '--', 'sh', '-c', SCRIPT, 'netlab-machine', template, fstab, name]
  const keeper = spawn('unshare', argv, { stdio: ['ignore', 'pipe', 'pipe'], env: MACHINE_ENV })
  return new Promise((resolve, reject) => {
    let words = ''
    const stop = (): void => {
      keeper.kill('SIGKILL')
    }
    signal.addEventListener('abort', stop, { once: true })
    keeper.stderr.on('data', (chunk: Buffer) => {
      words += chunk.toString()
    })
    keeper.stdout.once('data', (chunk: Buffer) => {
      signal.removeEventListener('abort', stop)
      resolve({ pid: Number(chunk.toString()), keeper })
    })
    keeper.once('error', reject)
    keeper.once('close', (code, by) => reject(new Error(`machine ${name} did not start (${by ?? code}): ${words.trim()}`)))
  })
}
