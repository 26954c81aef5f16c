/** A machine: a network, mount, pid and uts namespace held by its own pid 1, which ends with the lab. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { type HelperProcess, systemCalls } from '../helper.ts'
import { HELPER_SCRIPT } from '../helper-script.ts'
import { killOrphans } from '../kill.ts'
import { MACHINE_ENV } from './launcher.ts'

export type MachineProcess = {
  /** Pid of the machine's pid 1 as the lab sees it. */
  readonly pid: number
  readonly keeper: ChildProcess
  /** Stands on the machine from the beginning. */
  readonly helper: HelperProcess
}

/**
 * The keeper makes the namespaces; its first child is the machine's pid 1, which makes the view of the machine and becomes tini; its second is the
 * machine's helper. Their pids, as the lab sees them, are told on 3. Without the keeper pid 1 ends, and all of the machine with it.
 * As arguments come the system calls, the template, the machine's name, how large its folders may grow, and what is to be read-only in its /proc.
 */
// biome-ignore lint/complexity/noUselessStringRaw: the backslashes are perl’s
const SCRIPT = String.raw`use strict;
{
    my ($UNSHARE, $MOUNT, $UMOUNT2, $PIVOT_ROOT, $SETHOSTNAME, $PRCTL) = map { 0 + $_ } @ARGV[1, 2, 4 .. 7];
    my ($root, $name, $size, @settings) = @ARGV[8 .. $#ARGV];
    my ($MS_RDONLY, $MS_NODEV, $MS_REMOUNT, $MS_BIND, $MS_REC, $MS_PRIVATE, $MNT_DETACH) = (0x1, 0x4, 0x20, 0x1000, 0x4000, 0x40000, 2);
    my ($NEWNET, $NEWNS, $NEWPID, $NEWUTS) = (0x40000000, 0x20000, 0x20000000, 0x4000000);
    my ($SET_PDEATHSIG, $SIGKILL) = (1, 9);
    my $must = sub { my ($what, $answer) = @_; $answer == 0 or die "$what: $!
" };
    my $mount = sub {
        my ($from, $to, $type, $flags, $data) = @_;
        $must->("mount $to", syscall $MOUNT, $from, $to, $type, $flags, $data);
    };
    my $put = sub { my ($path, $text) = @_; open my $file, '>', $path or die "$path: $!
"; print $file $text; close $file or die "$path: $!
" };
    my $quiet = sub { open STDIN, '<', '/dev/null'; open STDOUT, '>', '/dev/null'; open STDERR, '>', '/dev/null' };

    umask 022;
    open my $report, '>&=', 3 or die "3: $!
";
    # A working folder elsewhere would keep the host's files in reach.
    chdir '/';
    $must->('unshare', syscall $UNSHARE, $NEWNET | $NEWPID | $NEWUTS);
    # The template is there.
    exit 1 if !defined <STDIN>;
    $must->('unshare', syscall $UNSHARE, $NEWNS);
    pipe my $heard, my $told or die "pipe: $!
";
    my $init = fork // die "fork: $!
";
    if ($init == 0) {
        close $report;
        $must->('prctl', syscall $PRCTL, $SET_PDEATHSIG, $SIGKILL, 0, 0, 0);
        $mount->('none', '/', 'none', $MS_REC | $MS_PRIVATE, '');
        $mount->('tmpfs', "$root/$_", 'tmpfs', $MS_NODEV, "mode=755$size") for qw(run var);
        $mount->('tmpfs', "$root/$_", 'tmpfs', $MS_NODEV, "mode=1777$size") for qw(tmp dev/shm);
        $mount->('proc', "$root/proc", 'proc', 0, '');
        $mount->('sysfs', "$root/sys", 'sysfs', 0, '');
        for my $path (map { "$root$_" } @settings) {
            $mount->($path, $path, 'none', $MS_BIND, '');
            $mount->('none', $path, 'none', $MS_REMOUNT | $MS_BIND | $MS_RDONLY, '');
        }
        # Answers such as "refused" and "unreachable" come every time, not only once a second: a lab asks more often than life does.
        $put->('/proc/sys/net/ipv4/icmp_ratelimit', 0);
        chdir $root or die "$root: $!
";
        mkdir $_ or die "$_: $!
"
            for qw(run/netlab run/netlab/sys run/netlab/etc run/netlab/etc/netns run/netlab/etc/cni run/netlab/etc/cni/net.d run/netns run/lock),
            qw(var/run var/log var/lib var/tmp var/cache);
        # ip netns exec puts a sysfs of its own in place of /sys; in a user namespace the kernel allows that only while another one is in sight.
        $mount->('sysfs', "$root/run/netlab/sys", 'sysfs', 0, '');
        $put->('run/netlab/etc/hostname', "$name
");
        $put->('run/netlab/etc/hosts', "127.0.0.1	localhost
");
        $put->('run/netlab/etc/resolv.conf', '');
        $must->('sethostname', syscall $SETHOSTNAME, $name, length $name);
        my ($here, $old) = ('.', 'mnt');
        $must->('pivot_root', syscall $PIVOT_ROOT, $here, $old);
        chdir '/';
        my $mnt = '/mnt';
        $must->('umount', syscall $UMOUNT2, $mnt, $MNT_DETACH);
        syswrite $told, 'ready';
        $quiet->();
        exec 'tini', '-g', '--', 'sleep', 'infinity';
    }
    close $told;
    exit 1 if !sysread $heard, my $ready, 5;
    my $helper = fork // die "fork: $!
";
    if ($helper > 0) {
        setpgrp $helper, $helper;
        syswrite $report, "$init $helper
";
        $quiet->();
        while ((my $ended = wait) > 0) {
            # What it left running would keep its outputs open.
            kill KILL => -$helper if $ended == $helper;
            exit if $ended == $init;
        }
        exit;
    }
    close $report;
    setpgrp 0, 0;
}
`

export type Start = {
  readonly name: string
  readonly template: string
  /** Resolves when the template is there: what needs it not is done meanwhile. */
  readonly ready: Promise<void>
  /** Of /proc, to be read-only. */
  readonly settings: readonly string[]
  /** How large each folder that can be written to may grow, in MiB; as the kernel has it when not told. */
  readonly disk?: number | undefined
}

/** @throws with what the set-up printed when it fails. */
export function startMachine({ name, template, ready, settings, disk }: Start, signal: AbortSignal): Promise<MachineProcess> {
  const keeper = spawn(
    'perl',
    ['-e', `${SCRIPT}${HELPER_SCRIPT}`, '--', ...systemCalls(), template, name, disk === undefined ? '' : `,size=${disk}m`, ...settings],
    {
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      detached: true,
      env: MACHINE_ENV,
    },
  )
  const { stdin, stdout, stderr } = keeper
  return new Promise((resolve, reject) => {
    let words = ''
    const hear = (chunk: Buffer): void => {
      words += chunk.toString()
    }
    const stop = (): void => {
      keeper.kill('SIGKILL')
    }
    const ended = Promise.all([stdout, stderr].map((output) => new Promise((closed) => output.once('close', closed)))).then(() => undefined)
    signal.addEventListener('abort', stop, { once: true })
    stdin.on('error', () => {})
    ready.then(
      () => stdin.write('\n'),
      (error) => {
        stop()
        reject(error)
      },
    )
    stderr.on('data', hear)
    ;(keeper.stdio[3] as Readable).once('data', (chunk: Buffer) => {
      signal.removeEventListener('abort', stop)
      stderr.off('data', hear)
      const [pid = 0, helper = 0] = chunk.toString().split(' ').map(Number)
      resolve({ pid, keeper, helper: { stdin, stdout, stderr, kill: () => killOrphans(helper), ended } })
    })
    keeper.once('error', reject)
    keeper.once('close', (code, by) => reject(new Error(`machine ${name} did not start (${by ?? code}): ${words.trim()}`)))
  })
}
