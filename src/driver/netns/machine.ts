/** A machine: a network, mount, pid and uts namespace held by its own pid 1, which ends with the lab. */
import { spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { type HelperProcess, systemCalls } from '../helper.ts'
import { HELPER_SCRIPT } from '../helper-script.ts'
import { killOrphans } from '../kill.ts'
import { MACHINE_ENV } from './launcher.ts'

export type MachineProcess = {
  /** Pid of the machine's pid 1 as the lab sees it. */
  readonly pid: number
  /** Ends the machine and all that runs on it. */
  readonly kill: () => void
  /** Resolves when it has ended. */
  readonly ended: Promise<void>
  /** Stands on the machine from the beginning. */
  readonly helper: HelperProcess
}

/**
 * One starter forks all machines that come to be at once: it costs the daemon's thread one start of a process, and perl reads its text once. Each
 * fork is a machine's keeper, which makes the namespaces; its first child is the machine's pid 1, which makes the view of the machine and becomes tini;
 * its second is the machine's helper. Without the keeper pid 1 ends, and all of the machine with it; without the starter all its keepers end.
 * On 3 is told of each machine, by its number, the pids of pid 1, helper and keeper, as the lab sees them, and later how it ended. From 4 on come
 * stdin, stdout and stderr of each machine's helper. As arguments come the system calls, the template, how large the folders of a machine may grow,
 * what is to be read-only in its /proc, and the machines' names.
 */
const SCRIPT = String.raw`use strict;
{
    my ($UNSHARE, $MOUNT, $UMOUNT2, $PIVOT_ROOT, $SETHOSTNAME, $PRCTL) = map { 0 + $_ } @ARGV[1, 2, 4 .. 7];
    my ($root, $size, $settings, @names) = @ARGV[8 .. $#ARGV];
    my @settings = split / /, $settings;
    my ($MS_RDONLY, $MS_NODEV, $MS_REMOUNT, $MS_BIND, $MS_REC, $MS_PRIVATE, $MNT_DETACH) = (0x1, 0x4, 0x20, 0x1000, 0x4000, 0x40000, 2);
    my ($NEWNET, $NEWNS, $NEWPID, $NEWUTS) = (0x40000000, 0x20000, 0x20000000, 0x4000000);
    my ($SET_PDEATHSIG, $SIGKILL, $EROFS) = (1, 9, 30);
    my $MOMENT = 0.0005;
    my $must = sub { my ($what, $answer) = @_; $answer == 0 or die "$what: $!\n" };
    my $mount = sub {
        my ($from, $to, $type, $flags, $data) = @_;
        $must->("mount $to", syscall $MOUNT, $from, $to, $type, $flags, $data);
    };
    my $put = sub { my ($path, $text) = @_; open my $file, '>', $path or die "$path: $!\n"; print $file $text; close $file or die "$path: $!\n" };
    my $quiet = sub { open STDIN, '<', '/dev/null'; open STDOUT, '>', '/dev/null'; open STDERR, '>', '/dev/null' };

    umask 022;
    open my $report, '>&=', 3 or die "3: $!\n";
    # A working folder elsewhere would keep the host's files in reach.
    chdir '/';

    $0 = 'netlab-machines';
    my $starter = $$;
    my ($at, $name) = (0);
    my @ends = map { open my $end, '+<&=', $_ or die "$_: $!\n"; $end } 4 .. 3 + 3 * @names;
    my %keepers;
    while (@ends) {
        my @its = splice @ends, 0, 3;
        my $keeper = fork // die "fork: $!\n";
        if ($keeper == 0) {
            $name = $names[$at];
            open STDIN, '<&', $its[0] and open STDOUT, '>&', $its[1] and open STDERR, '>&', $its[2] or die "outputs: $!\n";
            @ends = ();
            setpgrp 0, 0;
            last;
        }
        $keepers{$keeper} = $at++;
    }
    while (!defined $name) {
        my $ended = wait;
        exit if $ended < 0;
        syswrite $report, "$keepers{$ended} $?\n";
    }
    $must->('prctl', syscall $PRCTL, $SET_PDEATHSIG, $SIGKILL, 0, 0, 0);
    exit 1 if getppid != $starter;
    $must->('unshare', syscall $UNSHARE, $NEWNET | $NEWPID | $NEWUTS);
    # Last of all the template is made read-only.
    until (!utime(undef, undef, $root) and $! == $EROFS) { select undef, undef, undef, $MOMENT }
    $must->('unshare', syscall $UNSHARE, $NEWNS);
    pipe my $heard, my $told or die "pipe: $!\n";
    my $init = fork // die "fork: $!\n";
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
        chdir $root or die "$root: $!\n";
        mkdir $_ or die "$_: $!\n"
            for qw(run/netlab run/netlab/sys run/netlab/etc run/netlab/etc/netns run/netlab/etc/cni run/netlab/etc/cni/net.d run/netns run/lock),
            qw(var/run var/log var/lib var/tmp var/cache);
        # ip netns exec puts a sysfs of its own in place of /sys; in a user namespace the kernel allows that only while another one is in sight.
        $mount->('sysfs', "$root/run/netlab/sys", 'sysfs', 0, '');
        $put->('run/netlab/etc/hostname', "$name\n");
        $put->('run/netlab/etc/hosts', "127.0.0.1\tlocalhost\n");
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
    my $helper = fork // die "fork: $!\n";
    if ($helper > 0) {
        setpgrp $helper, $helper;
        syswrite $report, "$at $init $helper $$\n";
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
  readonly template: string
  /** Rejects when there will be no template. Machines see for themselves when it is there, and do meanwhile what needs it not. */
  readonly ready: Promise<void>
  /** Of /proc, to be read-only. */
  readonly settings: readonly string[]
  /** How large each folder that can be written to may grow, in MiB; as the kernel has it when not told. */
  readonly disk?: number | undefined
}

/** By name; each rejects with what its set-up printed when it fails. */
export function startMachines(names: readonly string[], o: Start, signal: AbortSignal): ReadonlyMap<string, Promise<MachineProcess>> {
  if (names.length === 0) return new Map()
  const { template, ready, settings, disk } = o
  const size = disk === undefined ? '' : `,size=${disk}m`
  const starter = spawn('perl', ['-e', `${SCRIPT}${HELPER_SCRIPT}`, '--', ...systemCalls(), template, size, settings.join(' '), ...names], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', ...names.flatMap(() => ['pipe', 'pipe', 'pipe'] as const)],
    detached: true,
    env: MACHINE_ENV,
  })
  const [report, ...ends] = starter.stdio.slice(3) as readonly unknown[] as readonly [Duplex, ...Duplex[]]
  const births = names.map((name, at) => birth(name, ends.slice(3 * at, 3 * at + 3) as readonly unknown[] as Ends, ready))
  const stop = (): void => {
    starter.kill('SIGKILL')
  }
  ready.catch(stop)
  signal.addEventListener('abort', stop, { once: true })
  const machines = new Map(births.map(({ machine }, at) => [names[at] ?? '', machine]))
  void Promise.allSettled(machines.values()).then(() => signal.removeEventListener('abort', stop))
  let text = ''
  report.on('data', (chunk: Buffer) => {
    const lines = `${text}${chunk}`.split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) {
      const [at = 0, first = 0, ...others] = line.split(' ').map(Number)
      if (others.length === 0) births[at]?.end(`${first}`)
      else births[at]?.begin(first, others)
    }
  })
  // Its machines end with it.
  const endAll = (why: string): void => {
    for (const { end } of births) end(why)
  }
  starter.once('error', ({ message }) => endAll(message))
  starter.once('exit', (code, by) => endAll(`${by ?? code}`))
  return machines
}

/** Of a machine's helper. */
type Ends = readonly [stdin: Duplex, stdout: Duplex, stderr: Duplex]

type Birth = {
  readonly machine: Promise<MachineProcess>
  readonly begin: (pid: number, others: readonly number[]) => void
  readonly end: (why: string) => void
}

function birth(name: string, [stdin, stdout, stderr]: Ends, ready: Promise<void>): Birth {
  const born = Promise.withResolvers<MachineProcess>()
  const ended = Promise.withResolvers<void>()
  const closed = Promise.all([stdout, stderr].map((output) => new Promise((resolve) => output.once('close', resolve)))).then(() => undefined)
  let words = ''
  let over = false
  const hear = (chunk: Buffer): void => {
    words += chunk.toString()
  }
  stderr.on('data', hear)
  stdout.resume()
  for (const stream of [stdin, stdout, stderr]) stream.on('error', () => {})
  ready.catch(born.reject)
  return {
    machine: born.promise,
    begin(pid, [helper, keeper = 0]) {
      stderr.off('data', hear)
      const kill = (): void => {
        if (!over) killOrphans(keeper)
      }
      born.resolve({ pid, kill, ended: ended.promise, helper: { stdin, stdout, stderr, kill: () => killOrphans(helper), ended: closed } })
    },
    end(why) {
      over = true
      ended.resolve()
      void closed.then(() => {
        stdin.destroy()
        born.reject(new Error(`machine ${name} did not start (${why}): ${words.trim()}`))
      })
    },
  }
}
