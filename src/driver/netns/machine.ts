/** A machine: a network, mount, pid and uts namespace held by its own pid 1, which ends with the lab. */
import { spawn } from 'node:child_process'
import { constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { allClosed, type HelperProcess, systemCalls } from '../helper.ts'
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
 * The starter forks all machines of a lab: to start a process costs the daemon milliseconds of its only thread, and perl reads its text once. Each fork is a
 * machine's keeper, which makes the namespaces; its first child is the machine's pid 1, which makes the view of the machine and becomes tini; its
 * second is the machine's helper, for whom serve() returns. Without the keeper pid 1 ends, and all of the machine with it; without the starter, or the
 * daemon, all keepers end.
 *
 * File 3 is the daemon's. Lines come from there: `make`, `taken` or `kill`, a machine's number, and its name. Lines go there, with the machine's number:
 * `ends`, the starter's pid, and those of its files that are the daemon's ends of stdin, stdout and stderr of the machine's helper, to be opened anew
 * and then told to be taken; `stands`, the pids of pid 1, helper and keeper, as the lab sees them; at last `ended`, and how. As arguments come, behind the system
 * calls, the template, how large the folders of a machine may grow, and what is to be read-only in its /proc.
 */
export const MACHINES = String.raw`package Machines {
use strict;
# The file that is given ends when there is a template.
sub serve {
    my ($made) = @_;
    my ($UNSHARE, $MOUNT, $UMOUNT2, $PIVOT_ROOT, $SETHOSTNAME, $PRCTL) = map { 0 + $_ } @ARGV[1, 2, 4 .. 7];
    my ($root, $size, $settings) = @ARGV[8 .. 10];
    my @settings = split / /, $settings;
    my ($MS_RDONLY, $MS_NODEV, $MS_REMOUNT, $MS_BIND, $MS_REC, $MS_PRIVATE, $MNT_DETACH) = (0x1, 0x4, 0x20, 0x1000, 0x4000, 0x40000, 2);
    my ($NEWNET, $NEWNS, $NEWPID, $NEWUTS) = (0x40000000, 0x20000, 0x20000000, 0x4000000);
    my ($SET_PDEATHSIG, $SIGKILL, $WNOHANG, $CHUNK) = (1, 9, 1, 65536);
    my $must = sub { my ($what, $answer) = @_; $answer == 0 or die "$what: $!\n" };
    my $mount = sub {
        my ($from, $to, $type, $flags, $data) = @_;
        $must->("mount $to", syscall $MOUNT, $from, $to, $type, $flags, $data);
    };
    my $put = sub { my ($path, $text) = @_; open my $file, '>', $path or die "$path: $!\n"; print $file $text; close $file or die "$path: $!\n" };
    my $quiet = sub { open STDIN, '<', '/dev/null'; open STDOUT, '>', '/dev/null'; open STDERR, '>', '/dev/null' };

    $0 = 'netlab-machines';
    umask 022;
    setpgrp 0, 0;
    # A working folder elsewhere would keep the host's files in reach.
    chdir '/';
    $quiet->();
    open my $daemon, '+<&=', 3 or die "3: $!\n";
    pipe my $woken, my $wake or die "pipe: $!\n";
    local $SIG{CHLD} = sub { syswrite $wake, '.' };
    my ($starter, $unread) = ($$, '');
    my (%keepers, %ends, $number, $name);
    until (defined $name) {
        my $ready = '';
        vec($ready, fileno $_, 1) = 1 for $daemon, $woken;
        next if select($ready, undef, undef, undef) <= 0;
        if (vec $ready, fileno $woken, 1) {
            sysread $woken, my $any, $CHUNK;
            while ((my $ended = waitpid -1, $WNOHANG) > 0) {
                my $its = delete $keepers{$ended};
                syswrite $daemon, "ended $its $?\n";
            }
        }
        if (vec $ready, fileno $daemon, 1) { sysread $daemon, $unread, $CHUNK, length $unread or exit }
        while (!defined $name and $unread =~ s/^(\w+) (\d+) (\S+)\n//) {
            my ($what, $its, $called) = ($1, $2, $3);
            if ($what eq 'taken') { delete $ends{$its}; next }
            if ($what eq 'kill') { kill KILL => grep { $keepers{$_} == $its } keys %keepers; next }
            my ($in, $feed, $output, $out, $errors, $err);
            # Those that stand are not to end because there is no room for one more.
            unless (pipe $in, $feed and pipe $output, $out and pipe $errors, $err) { syswrite $daemon, "ended $its pipe: $!\n"; next }
            syswrite $daemon, "ends $its $$ @{[map { fileno $_ } $feed, $output, $errors]}\n";
            $ends{$its} = [$feed, $output, $errors];
            my $keeper = fork;
            if (!defined $keeper) { syswrite $daemon, "ended $its fork: $!\n"; next }
            if ($keeper > 0) { $keepers{$keeper} = $its; next }
            $SIG{CHLD} = 'DEFAULT';
            open STDIN, '<&', $in and open STDOUT, '>&', $out and open STDERR, '>&', $err or die "outputs: $!\n";
            %ends = ();
            setpgrp 0, 0;
            ($number, $name) = ($its, $called);
        }
    }
    close $_ for $woken, $wake;
    $must->('prctl', syscall $PRCTL, $SET_PDEATHSIG, $SIGKILL, 0, 0, 0);
    exit 1 if getppid != $starter;
    $must->('unshare', syscall $UNSHARE, $NEWNET | $NEWPID | $NEWUTS);
    sysread $made, my $nothing, 1 if $made;
    $must->('unshare', syscall $UNSHARE, $NEWNS);
    pipe my $heard, my $told or die "pipe: $!\n";
    my $init = fork // die "fork: $!\n";
    if ($init == 0) {
        close $_ for $daemon, $heard;
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
        # A keeper that ended before its death was a signal to this one hears nothing any more.
        syswrite $told, 'ready' or exit 1;
        $quiet->();
        exec 'tini', '-g', '--', 'sleep', 'infinity';
    }
    close $told;
    exit 1 if !sysread $heard, my $ready, 5;
    my $helper = fork // die "fork: $!\n";
    if ($helper > 0) {
        setpgrp $helper, $helper;
        syswrite $daemon, "stands $number $init $helper $$\n";
        $quiet->();
        while ((my $ended = wait) > 0) {
            # What it left running would keep its outputs open.
            kill KILL => -$helper if $ended == $helper;
            exit if $ended == $init;
        }
        exit;
    }
    close $daemon;
    setpgrp 0, 0;
}
}
`

/** What a starter makes machines from. */
export type Start = {
  readonly template: string
  /** Of /proc, to be read-only. */
  readonly settings: readonly string[]
  /** How large each folder that can be written to may grow, in MiB; as the kernel has it when not told. */
  readonly disk?: number | undefined
}

/** As arguments of the perl that serves. */
export const startArgs = ({ template, settings, disk }: Start): readonly string[] => [template, disk === undefined ? '' : `,size=${disk}m`, settings.join(' ')]

/** A starter by itself. @returns its file 3 */
export function spawnStarter(start: Start): Duplex {
  const child = spawn('perl', ['-e', `${MACHINES}Machines::serve();\n${HELPER_SCRIPT}`, '--', ...systemCalls(), ...startArgs(start)], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    detached: true,
    env: MACHINE_ENV,
  })
  child.on('error', () => {})
  return child.stdio[3] as Duplex
}

export type Starter = {
  /** `ready` rejects when there will be no template. By name; each rejects with what its set-up printed when it fails. */
  readonly start: (names: readonly string[], ready: Promise<void>, signal: AbortSignal) => ReadonlyMap<string, Promise<MachineProcess>>
  /** Ends it and its machines. */
  readonly close: () => void
}

/** Was it killed, its machines ended with it, and the next ones get another: `again` is its file 3. */
export function openStarter(first: Duplex, again: () => Duplex): Starter {
  let line = listen(first)
  return {
    start(names, ready, signal) {
      if (line.isOver()) line = listen(again())
      const { make } = line
      const births = names.map(make)
      const stop = (): void => {
        for (const birth of births) birth.stop()
      }
      ready.catch((error: unknown) => {
        for (const birth of births) birth.fail(error)
      })
      signal.addEventListener('abort', stop, { once: true })
      void Promise.allSettled(births.map(({ machine }) => machine)).then(() => signal.removeEventListener('abort', stop))
      return new Map(births.map(({ name, machine }) => [name, machine]))
    },
    close: () => line.close(),
  }
}

type Line = { readonly make: (name: string) => Birth & { readonly stop: () => void }; readonly isOver: () => boolean; readonly close: () => void }
type Birth = ReturnType<typeof birth>

function listen(starter: Duplex): Line {
  const births = new Map<number, Birth>()
  let last = 0
  let over = false
  let text = ''
  starter.on('error', () => {})
  starter.on('data', (chunk: Buffer) => {
    const lines = `${text}${chunk}`.split('\n')
    text = lines.pop() ?? ''
    for (const [what, its, ...words] of lines.map((line) => line.split(' '))) {
      const number = Number(its)
      const machine = births.get(number)
      if (what === 'ends') {
        machine?.take(words.map(Number))
        starter.write(`taken ${number} -\n`)
      } else if (what === 'stands') machine?.begin(words.map(Number))
      else {
        births.delete(number)
        machine?.end(words.join(' '))
      }
    }
  })
  starter.on('close', () => {
    over = true
    for (const { end } of births.values()) end('its starter ended')
  })
  return {
    make(name) {
      const number = ++last
      const machine = birth(name)
      births.set(number, machine)
      starter.write(`make ${number} ${name}\n`)
      return { ...machine, stop: () => starter.write(`kill ${number} -\n`) }
    },
    isOver: () => over,
    close: () => starter.destroy(),
  }
}

function birth(name: string) {
  const born = Promise.withResolvers<MachineProcess>()
  const ended = Promise.withResolvers<void>()
  let ends: Pick<HelperProcess, 'stdin' | 'stdout' | 'stderr'> | undefined
  let closed: Promise<undefined> = Promise.resolve(undefined)
  let words = ''
  let over = false
  const hear = (chunk: Buffer): void => {
    words += chunk.toString()
  }
  return {
    name,
    machine: born.promise,
    fail: born.reject,
    take([starter = 0, ...files]: readonly number[]) {
      const [stdin, stdout, stderr] = files.map((file, at) => openEnd(`/proc/${starter}/fd/${file}`, at === 0))
      if (stdin === undefined || stdout === undefined || stderr === undefined) return
      ends = { stdin, stdout, stderr }
      closed = allClosed([stdout, stderr])
      stderr.on('data', hear)
      stdout.resume()
    },
    begin([pid = 0, helper, keeper]: readonly number[]) {
      if (ends === undefined) return
      ends.stderr.off('data', hear)
      const kill = (): void => {
        if (!over) killOrphans(keeper)
      }
      born.resolve({ pid, kill, ended: ended.promise, helper: { ...ends, kill: () => killOrphans(helper), ended: closed } })
    },
    end(why: string) {
      over = true
      ended.resolve()
      void closed.then(() => {
        ends?.stdin.destroy()
        born.reject(new Error([`machine ${name} did not start (${why})`, ...(words === '' ? [] : [words.trim()])].join(': ')))
      })
    },
  }
}

/** A pipe's other end. Nothing where the starter was killed just now: that is told by itself. */
function openEnd(path: string, isWritten: boolean): Socket | undefined {
  try {
    const fd = openSync(path, constants.O_NONBLOCK | (isWritten ? constants.O_WRONLY : constants.O_RDONLY))
    return new Socket({ fd, readable: !isWritten, writable: isWritten }).on('error', () => {})
  } catch {
    return undefined
  }
}
