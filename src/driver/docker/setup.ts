/**
 * What makes a container a machine or the lab's router, done by one perl program with system calls: a shell would start a program for each of its lines,
 * and the agent, which is perl, starts none for this.
 */
import { type Ip, macOf, prefixOf } from '#net/net.ts'
import type { Machine, WiredSegment } from '../driver.ts'
import { systemCalls } from '../helper.ts'
import { ROUTER_SETTINGS, SETTING } from '../router.ts'

/** `mac` is the one that Docker gave; empty: the wire is the container's only one. */
export type Port = { readonly mac: string; readonly segment: WiredSegment }

export type Setup = { readonly argv: readonly string[]; readonly stdin: string }

export function machineSetup({ name, gateway, wires }: Machine, ports: readonly Port[]): Setup {
  const wired = wires.flatMap((wire, at) => ports.slice(at, at + 1).map((port) => ({ ...wire, ...port })))
  // By way of names that Docker does not give.
  const names = wired.length > 1 ? [...wired.map(({ mac, dev }) => renaming(mac, dev)), ...wired.map(({ dev }) => `link set dev new-${dev} name ${dev}\n`)] : []
  const way = gateway === undefined ? '' : `route add default via ${gateway} dev ${wires[0]?.dev}\n`
  const lines = ['link set dev lo up\n', ...names, ...wired.map((port) => addressLines(port.dev, port.ip, port.segment)), way]
  return setup(name, ['net.ipv4.icmp_ratelimit=0'], lines)
}

/** Of all its wires, or of those that it was given later. */
export function routerSetup(ports: readonly (Port & { readonly gateway: Ip })[]): Setup {
  const lines = ports.map(({ mac, gateway, segment }) => addressLines(`@${mac}`, gateway, segment))
  return setup('', ROUTER_SETTINGS, lines)
}

const renaming = (mac: string, dev: string): string => `link set dev @${mac} down\nlink set dev @${mac} name new-${dev}\n`

/** What leads over Docker's address, its default route too, goes with it. */
const addressLines = (dev: string, ip: Ip, { cidr, mtu }: WiredSegment): string => `link set dev ${dev} addrgenmode none
link set dev ${dev} mtu ${mtu}
link set dev ${dev} address ${macOf(ip)}
link set dev ${dev} up
address flush dev ${dev}
address add ${ip}/${prefixOf(cidr)} dev ${dev}
`

const setup = (name: string, settings: readonly string[], lines: readonly string[]): Setup => ({
  argv: ['perl', '-e', SCRIPT, systemCalls()[2] ?? '', name, ...settings],
  stdin: lines.join(''),
})

/**
 * As arguments come the number of mount, the machine's name (empty: the router) and the settings; on stdin what `ip` is to do, where an @ and a MAC
 * stand for the device that has it. Docker shows /proc/sys read-only; a machine's own network settings are its own. Files that Docker keeps for itself
 * (hosts, resolv.conf) are the machine's here.
 */
const SCRIPT = String.raw`use strict;
${SETTING}
my ($MOUNT, $name, @settings) = @ARGV;
my ($NOSUID, $NODEV, $NOEXEC, $REMOUNT, $BIND) = (0x2, 0x4, 0x8, 0x20, 0x1000);
my ($own, $etc) = ('/proc/sys/net', '/run/netlab/etc');
sub mounted {
    my ($from, $to, $flags, $type, $options) = (@_, 'none', '');
    syscall(0 + $MOUNT, $from, $to, $type, $flags, $options) == 0 or die "mount $to: $!\n";
}
sub put { my ($path, $text) = @_; open my $file, '>', $path or die "$path: $!\n"; print $file $text; close $file or die "$path: $!\n" }

umask 022;
mounted($own, $own, $BIND);
# In a user namespace a remount has to repeat what the mount has.
mounted('none', $own, $REMOUNT | $BIND | $NOSUID | $NODEV | $NOEXEC);
setting(split /=/) for @settings;
if ($name ne '') {
    -d or mkdir or die "$_: $!\n"
        for '/run/netlab', $etc, map({ "$etc/$_" } qw(netns cni cni/net.d)), qw(/run/netns /run/lock), map { "/var/$_" } qw(run log lib tmp cache);
    put("$etc/hostname", "$name\n");
    put("$etc/hosts", "127.0.0.1\tlocalhost\n");
    put("$etc/resolv.conf", '');
    mounted("$etc/$_", "/etc/$_", $BIND) for qw(hosts hostname resolv.conf);
}
my %dev;
# To load what perl's glob is made of takes longer than all of this.
opendir my $devices, '/sys/class/net' or die "/sys/class/net: $!\n";
for my $name (readdir $devices) {
    open my $file, '<', "/sys/class/net/$name/address" or next;
    chomp(my $mac = <$file> // '');
    $dev{$mac} = $name;
}
local $/;
my $lines = <STDIN>;
$lines =~ s/@([\da-f:]+)/$dev{$1} \/\/ die "no device has the MAC $1\n"/ge;
# What a pipe takes at once is more than all of it.
pipe my $read, my $write or die "pipe: $!\n";
syswrite $write, $lines;
close $write;
open STDIN, '<&', $read or die "stdin: $!\n";
exec 'ip', '-batch', '-' or die "ip: $!\n";
`
