/**
 * The root file system every machine of a lab sees: the host's programs read-only, an /etc without secrets, empty home folders.
 * It is made once as a tree of mounts in the lab's own mount namespace; a machine copies that namespace, adds its own /run, /tmp, /var, /proc and /sys, and pivots into it.
 * What is in it is said here as a list of parts, made by one perl program with system calls: the daemon has better things to do meanwhile.
 */
import { accessSync, constants, existsSync, lstatSync, readlinkSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { type HelperProcess, startHelperBehind } from '../helper.ts'
import { ROUTER_SETTINGS, SETTING } from '../router.ts'
import { HOST_SETTINGS, LAUNCH_SCRIPT, LAUNCHER, MACHINE_ENV } from './launcher.ts'
import { MACHINES, type Start, startArgs } from './machine.ts'

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
  'debian_version',
  'default',
  'ethertypes',
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
  'ssl/certs',
  'ssl/openssl.cnf',
  'terminfo',
  'timezone',
  'vim',
  'xtables.conf',
] as const

/** Of this host's devices a machine has those that every container has, and the one that tunnels are made with: no disks, no memory, no terminals. */
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty', 'net/tun'] as const
const DEVICE_LINKS = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
  ['ptmx', 'pts/ptmx'],
] as const

/** Folders a container may mount a volume on besides those of the host. */
const EMPTY_FOLDERS = ['dev', 'etc', 'home', 'mnt', 'media', 'opt', 'proc', 'root', 'run', 'srv', 'sys', 'tmp', 'var', 'app', 'config', 'data']

/** Files of a machine that live in its own /run, so that the template can stay read-only and shared. */
const OWN_ETC = ['hosts', 'hostname', 'resolv.conf', 'netns', 'cni', 'calico', 'bird'] as const

/** A part of the template, by its path there. A bind shows a file or folder of the host; `rbind` all that is mounted in it too. A setting is the lab's own router's. */
type Part =
  | readonly ['folder', path: string]
  | readonly ['file', path: string, mode: string, text: string]
  | readonly ['link', path: string, to: string]
  | readonly ['bind' | 'rbind', path: string, from: string]
  | readonly ['mount', path: string, type: string, options: string]
  /** Copied from the host as far as everybody may read it; shown when it is a folder of much that everybody may. */
  | readonly ['copy', path: string, from: string]
  | readonly ['setting', pair: string]

/** A helper that stands outside the machines, where their wires come together. Before all else it makes their template; the starter of machines is forked off before that. */
export type Lab = {
  readonly helper: HelperProcess
  /** The starter's file 3. */
  readonly starter: Duplex
  /** Resolves when the template is there, and read-only; rejects with what went wrong. */
  readonly ready: Promise<void>
}

/** The folder of the template need not be there. */
export function startLab(start: Start, programs: Programs): Lab {
  const parts: readonly Part[] = [
    // Before there is any machine: while the kernel makes namespaces it keeps others waiting who set such things.
    ...ROUTER_SETTINGS.map((pair) => ['setting', pair] as const),
    ...EMPTY_FOLDERS.map((name) => ['folder', name] as const),
    ...ETC.map((name) => ['copy', `etc/${name}`, `/etc/${name}`] as const),
    ...OWN_ETC.map((name) => ['link', `etc/${name}`, `/run/netlab/etc/${name}`] as const),
    ['link', 'etc/mtab', '/proc/self/mounts'],
    ['file', LAUNCHER.slice(1), '755', LAUNCH_SCRIPT],
    ...SYSTEM_FOLDERS.filter((name) => existsSync(`/${name}`)).map(systemPart),
    ...['pts', 'shm', 'net'].map((name) => ['folder', `dev/${name}`] as const),
    ...DEVICE_LINKS.map(([name, to]) => ['link', `dev/${name}`, to] as const),
    ['mount', 'dev/pts', 'devpts', 'newinstance,ptmxmode=0666,mode=0620'],
    ...DEVICES.filter((name) => existsSync(`/dev/${name}`)).map((name) => ['bind', `dev/${name}`, `/dev/${name}`] as const),
    ...Object.entries(programs).map(([name, file]) => ['bind', `opt/netlab/bin/${name}`, file] as const),
  ]
  const text = Buffer.from(parts.map(([kind, path, a = '', b = '']) => `${kind}\0${path}\0${a}\0${b}\0`).join(''))
  const { helper, side } = startHelperBehind({ text: `${MACHINES}${TEMPLATE}`, args: startArgs(start) }, MACHINE_ENV)
  const { stdin, stdout, stderr } = helper
  const ready = new Promise<void>((resolve, reject) => {
    let words = ''
    const hear = (chunk: Buffer): void => {
      words += chunk.toString()
    }
    stdin.on('error', () => {})
    stdin.write(Buffer.concat([Buffer.from(`${text.length}\n`), text]))
    stderr.on('data', hear)
    stdout.once('data', () => {
      stderr.off('data', hear)
      resolve()
    })
    void helper.ended.then((error) => reject(new Error(`the machines’ file system could not be made: ${(error?.message ?? words).trim()}`)))
  })
  return { helper, starter: side, ready }
}

function systemPart(name: string): Part {
  const host = `/${name}`
  return lstatSync(host).isSymbolicLink() ? ['link', name, readlinkSync(host)] : ['rbind', name, host]
}

/**
 * As arguments come the system calls and what the starter needs, of which the root is the first; on stdin the size of the parts and the parts, four texts each; the end of it is told on stdout. At
 * last all is made read-only but the terminals: the host's devices can be written to all the same, but no longer be given to another owner
 * (tcpdump -w /dev/null does that). A remount repeats the flags that a mount has: in a user namespace they are locked.
 */
const TEMPLATE = String.raw`package Template {
use strict;
my ($MOUNT, $root) = (0 + $ARGV[2], $ARGV[8]);
my ($MS_RDONLY, $MS_REMOUNT, $MS_BIND, $MS_REC) = (0x1, 0x20, 0x1000, 0x4000);
my %FLAG = (nosuid => 0x2, nodev => 0x4, noexec => 0x8, noatime => 0x400, nodiratime => 0x800, relatime => 0x200000);
my ($READABLE, $MANY) = (04, 20);
${SETTING}

sub mounted {
    my ($from, $to, $type, $flags, $options) = @_;
    syscall($MOUNT, $from, $to, $type, $flags, $options) == 0 or die "mount $from on $to: $!\n";
}

my %is_there;
sub folder {
    my ($path) = @_;
    return if $is_there{$path}++ or -d $path;
    folder($path =~ s{/[^/]*$}{}r);
    mkdir $path or die "$path: $!\n";
}

sub file {
    my ($path, $mode, $text) = @_;
    open my $file, '>:unix', $path or die "$path: $!\n";
    for (my $at = 0; $at < length $text;) { $at += syswrite $file, $text, length($text) - $at, $at or die "$path: $!\n" }
    chmod oct $mode, $path or die "$path: $!\n" if $mode ne '644';
}

sub names { opendir my $folder, $_[0] or return; return grep { $_ ne '.' && $_ ne '..' } readdir $folder }

# Also when root asks: what not everybody may read can hold a secret.
sub readable { return ((lstat $_[0])[2] // 0) & $READABLE }

# How much is in a folder, at all depths; undefined where something in it is not for everybody. What a link leads to is judged there.
sub open_entries {
    my ($folder) = @_;
    readable($folder) or return undef;
    my $count = 0;
    for my $path (map { "$folder/$_" } names($folder)) {
        readable($path) or return undef;
        $count++;
        next if -l _ or !-d _;
        my $below = open_entries($path) // return undef;
        $count += $below;
    }
    return $count;
}

# What cannot be copied is what no program of the lab can need.
sub copy {
    my ($from, $to) = @_;
    if (defined(my $target = readlink $from)) { symlink $target, $to; return }
    my ($mode, $size) = (lstat $from)[2, 7];
    $mode & $READABLE or return;
    if (-d _) { mkdir $to; copy("$from/$_", "$to/$_") for names($from) }
    elsif (-f _ and open my $in, '<:unix', $from) {
        sysread $in, my $text, $size;
        file($to, sprintf('%o', $mode & 07777), $text // '');
    }
}

sub make {
    umask 022;
    binmode STDIN;
    read STDIN, my $text, <STDIN>;
    my @parts = split /\0/, $text, -1;
    -d $root or mkdir $root or die "$root: $!\n";
    mounted('netlab-root', $root, 'tmpfs', 0, 'mode=755');
    # From here on by names in there. Whoever removes the folder of a lab that dies takes the mount away too: what went by the whole name would land in its
    # place, on the host.
    chdir $root or die "$root: $!\n";
    (stat '.')[0] != (stat '..')[0] or die "$root: another one is there\n";
    while (@parts > 1) {
        my ($kind, $path, $from, $options) = splice @parts, 0, 4;
        my $to = "./$path";
        if ($kind eq 'copy') {
            -e $from or next;
            my $open = !-l $from && -d $from ? open_entries($from) : undef;
            $kind = 'bind' if ($open // 0) >= $MANY;
        }
        if ($kind eq 'setting') { setting(split /=/, $path); next }
        folder($to =~ s{/[^/]*$}{}r);
        if ($kind eq 'folder') { folder($to) }
        elsif ($kind eq 'file') { file($to, $from, $options) }
        elsif ($kind eq 'link') { symlink $from, $to or die "$to: $!\n" }
        elsif ($kind eq 'mount') { mounted($from, $to, $from, 0, $options) }
        elsif ($kind eq 'copy') { copy($from, $to) }
        else {
            -d $from ? folder($to) : file($to, '644', '');
            mounted($from, $to, 'none', $MS_BIND | ($kind eq 'rbind' ? $MS_REC : 0), '');
        }
    }

    chdir '/';
    open my $mounts, '<', '/proc/self/mountinfo' or die "/proc/self/mountinfo: $!\n";
    my (%flags, $is_shown);
    while (<$mounts>) {
        my ($point, $options) = (split ' ')[4, 5];
        $point =~ s/\\([0-7]{3})/chr oct $1/ge;
        $is_shown = 1 if $point eq '/sys' and / netlab-sys /;
        $flags{$point} = $options if index("$point/", "$root/") == 0 and $point ne "$root/dev/pts";
    }
    # What was here before shows the host's network.
    mounted('netlab-sys', '/sys', 'sysfs', $MS_RDONLY | $FLAG{nosuid} | $FLAG{nodev} | $FLAG{noexec}, '') if !$is_shown;
    for my $point (keys %flags) {
        my $flags = $MS_REMOUNT | $MS_BIND | $MS_RDONLY;
        $flags |= $FLAG{$_} // 0 for split /,/, $flags{$point};
        mounted('none', $point, 'none', $flags, '');
    }
    syswrite STDOUT, 'made';
}
}
{
    pipe my $made, my $making or die "pipe: $!\n";
    my $machines = fork // die "fork: $!\n";
    if ($machines == 0) {
        close $making;
        Machines::serve($made);
    } else {
        # That is the starter's alone: with it it ends.
        open my $side, '+<&=', 3 or die "3: $!\n";
        close $side;
        Template::make();
    }
}
`

/** Root may write these, user namespaces may not: outside of one they are shown read-only. */
export const hostSettings = (): readonly string[] => (isWritable(`${HOST_SETTINGS[0]}/core_pattern`) ? HOST_SETTINGS.filter((path) => existsSync(path)) : [])

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}
