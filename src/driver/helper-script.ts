/**
 * The program that stands on a machine and does what it is told there, one command after the other.
 *
 * A command comes as a line of numbers, the lengths of the texts that follow it at once: the mark that ends its answer, the network namespace (empty:
 * the machine's own), then either nothing and path, mode and text of each file to write, or the program's stdin behind a `<` and its argv; a `q` in
 * its place: what the program prints is for nobody. With a + in front the line is that of a series, which the next one goes on with; it ends, with one
 * answer, at its last command or at the first that does not end with 0. The answer is how many commands were run, and the last one's exit code.
 *
 * Starting `ip` costs more than what it then asks of the kernel. The lines of its batches that netlab says most are therefore put to the kernel from
 * here, as netlink messages of the same content. This is a short cut for what goes well, and no second ip: at the first line that is not known here or
 * that the kernel refuses, the real program takes over from that line on, and the words of a failure are its own. The same holds for sysctl.
 *
 * Numbers of system calls come as arguments: perl has no names for them.
 */
export const HELPER_SCRIPT = String.raw`use strict;
$0 = 'netlab-helper';
my ($SETNS, $UNSHARE, $MOUNT, $MEMFD_CREATE) = map { 0 + $_ } @ARGV;
my $CLONE_NEWNET = 0x40000000;
my ($MS_BIND, $MS_REC, $MS_SHARED) = (0x1000, 0x4000, 0x100000);
my ($CREATE, $EXCL, $REPLACE, $APPEND) = (0x400, 0x200, 0x100, 0x800);
my ($NEWLINK, $NEWADDR, $NEWROUTE, $NEWNEIGH) = (16, 20, 24, 28);
my $PERMANENT = 0x80;
my %SCOPE = (global => 0, link => 253, host => 254);
my $CLOSE_ON_EXEC = 1;
my ($ENOENT, $ENOTDIR) = (2, 20);

umask 022;
binmode STDIN;
open my $home, '<', '/proc/self/ns/net' or die "/proc/self/ns/net: $!\n";

my ($unread, $CHUNK) = ('', 65536);
my ($mark, $ran, $skip) = ('', 0, 0);
while (defined(my $sizes = first_line())) {
    my $more = $sizes =~ s/^\+//;
    ($mark, my ($space, @texts)) = map { take($_) } split ' ', $sizes;
    if (!$skip) {
        $ran++;
        my $code = $texts[0] eq '' ? write_files(@texts[1 .. $#texts]) : command($space, @texts);
        answer("$ran $code") if $code != 0 or !$more;
        $skip = $code != 0;
    }
    ($ran, $skip) = (0, 0) if !$more;
}

sub take {
    my ($size) = @_;
    while (length $unread < $size) { hear() or exit }
    return substr $unread, 0, $size, '';
}

sub first_line {
    my $end;
    while (($end = index $unread, "\n") < 0) { hear() or return undef }
    return take($end + 1);
}

# Not by perl's own buffer: a program that is given another stdin would find it moved by what is still in there.
sub hear { return sysread STDIN, $unread, $CHUNK, length $unread }

sub answer { for my $out (*STDOUT, *STDERR) { syswrite $out, "\n$mark@_\n" } }

sub complain { syswrite STDERR, "@_\n"; return 1 }

# Files: an empty mode takes the file away.
sub write_files {
    while (@_) {
        my ($path, $mode, $text) = splice @_, 0, 3;
        if ($mode eq '') {
            unlink $path or $! == $ENOENT or $! == $ENOTDIR or return complain("$path: $!");
            next;
        }
        make_folder($path =~ s{/[^/]*$}{}r);
        open my $file, '>', $path or return complain("$path: $!");
        for (my $at = 0; $at < length $text;) { $at += syswrite $file, $text, length($text) - $at, $at or return complain("$path: $!") }
        chmod oct $mode, $file or return complain("$path: $!") if $mode ne '644';
    }
    return 0;
}

# What goes wrong is told by the first file in it.
sub make_folder {
    my ($folder) = @_;
    return if $folder eq '' or -d $folder;
    make_folder($folder =~ s{/[^/]*$}{}r);
    mkdir $folder;
}

sub command {
    my ($space, $stdin, @argv) = @_;
    my $quiet = 'q' eq substr $stdin, 0, 1, '';
    my $words = "@argv";
    if ($words eq 'ip -batch -' or $words eq 'bridge -batch -') {
        my @lines = split /\n/, $stdin;
        my $done = within($space, sub { batch($space, @lines) });
        return 0 if $done == @lines;
        # Blank lines keep the numbers of the others as they are.
        $stdin = "\n" x $done . join '', map { "$_\n" } @lines[$done .. $#lines];
    }
    return 0 if $words =~ /^sysctl -q (-e )?-w / and within($space, sub { settings($1, grep { !/^-/ } @argv[1 .. $#argv]) });
    return program($space, $stdin, $quiet, @argv);
}

# 0 when the namespace cannot be entered.
sub within {
    my ($space, $work) = @_;
    return $work->() if $space eq '';
    open my $file, '<', "/run/netns/$space" or return 0;
    syscall($SETNS, fileno $file, $CLONE_NEWNET) == 0 or return 0;
    my $result = $work->();
    go_home();
    return $result;
}

sub go_home { syscall($SETNS, fileno $home, $CLONE_NEWNET) == 0 or die "there is no way back: $!\n" }

sub program {
    my ($space, $stdin, $quiet, @argv) = @_;
    my $memory = $stdin eq '' ? undef : in_memory($stdin);
    answer($ran) if $ran > 1;
    my $pid = fork // return complain("fork: $!");
    if ($pid == 0) {
        if ($space ne '') {
            my $path = "/run/netns/$space";
            open my $file, '<', $path or exit complain("nsenter: cannot open $path: $!");
            syscall($SETNS, fileno $file, $CLONE_NEWNET) == 0 or exit complain("nsenter: $path: $!");
        }
        ($memory ? open STDIN, '<&', $memory : open STDIN, '<', '/dev/null') or exit complain("stdin: $!");
        open STDOUT, '>', '/dev/null' if $quiet;
        exec { $argv[0] } @argv;
        my $code = $! == $ENOENT ? 127 : 126;
        complain("$argv[0]: $!");
        exit $code;
    }
    waitpid $pid, 0;
    return $? & 127 ? 128 + ($? & 127) : $? >> 8;
}

# A pipe would have to be filled while the program reads it.
sub in_memory {
    my ($text) = @_;
    my $name = 'stdin';
    my $fd = syscall $MEMFD_CREATE, $name, $CLOSE_ON_EXEC;
    open my $file, '+<&=', $fd or die "memfd_create: $!\n";
    for (my $at = 0; $at < length $text;) { $at += syswrite $file, $text, length($text) - $at, $at or die "memfd: $!\n" }
    sysseek $file, 0, 0;
    return $file;
}

# Some may be missing from the kernel.
sub settings {
    my ($some, @pairs) = @_;
    for (@pairs) {
        my ($key, $value) = /^([^=]+)=(.*)$/s or return 0;
        # sysctl(8) writes a dot inside a device's name as a slash.
        $key =~ tr{./}{/.};
        open my $file, '>', "/proc/sys/$key" or $some && $! == $ENOENT && next or return 0;
        defined syswrite $file, "$value\n" or return 0;
    }
    return 1;
}

# How many of the lines the kernel has taken.
sub batch {
    my ($space, @lines) = @_;
    socket my $kernel, 16, 3, 0 or return 0;
    for my $at (0 .. $#lines) { eval { line($kernel, $space, split ' ', $lines[$at]); 1 } or return $at }
    return @lines;
}

sub unknown { die "unknown\n" }

sub line {
    my ($kernel, $space, $object, $verb, @words) = @_;
    my $flags = { add => $CREATE | $EXCL, replace => $CREATE | $REPLACE, append => $CREATE | $APPEND }->{$verb};
    my @open;
    if ($object eq 'netns') { $verb eq 'add' && $space eq '' && @words == 1 ? add_netns(@words) : unknown() }
    elsif ($object eq 'link' and $verb eq 'set') { message($kernel, $NEWLINK, 0, link_set($kernel, @words)) }
    elsif ($object eq 'link' and $verb eq 'add') { message($kernel, $NEWLINK, $flags, link_add($kernel, \@open, @words)) }
    elsif (!defined $flags) { unknown() }
    elsif ($object eq 'addr') { message($kernel, $NEWADDR, $flags, address($kernel, @words)) }
    elsif ($object eq 'route') { message($kernel, $NEWROUTE, $flags, route($kernel, @words)) }
    elsif ($object eq 'neigh') { message($kernel, $NEWNEIGH, $flags, neighbour($kernel, @words)) }
    elsif ($object eq 'fdb') { message($kernel, $NEWNEIGH, $flags, forwarding($kernel, @words)) }
    else { unknown() }
}

# As ip netns does it: a folder whose mounts are seen in copies of this mount namespace too, and in it a mount for each namespace.
my $is_shared;
sub add_netns {
    my ($name) = @_;
    my ($folder, $none, $own) = ('/run/netns', 'none', '/proc/self/ns/net');
    my $path = "$folder/$name";
    $name =~ /^[\w.-]+$/ or unknown();
    mkdir $folder;
    $is_shared ||= syscall($MOUNT, $none, $folder, $none, $MS_SHARED | $MS_REC, 0) == 0
        || syscall($MOUNT, $folder, $folder, $none, $MS_BIND | $MS_REC, 0) == 0 && syscall($MOUNT, $none, $folder, $none, $MS_SHARED | $MS_REC, 0) == 0
        || unknown();
    sysopen my $file, $path, 0x40 | 0x80, 0 or unknown();
    my $ok = syscall($UNSHARE, $CLONE_NEWNET) == 0 && syscall($MOUNT, $own, $path, $none, $MS_BIND, 0) == 0;
    go_home();
    return if $ok;
    unlink $path;
    unknown();
}

sub message {
    my ($kernel, $type, $flags, $body) = @_;
    my ($REQUEST, $ACK) = (1, 4);
    send $kernel, pack('LSSLL', 16 + length $body, $type, $REQUEST | $ACK | $flags, 0, 0) . $body, 0 or die "send: $!\n";
    recv $kernel, my $answer, 32768, 0 // die "recv: $!\n";
    my $error = unpack 'x16 l', $answer;
    die "refused\n" if $error;
}

sub attribute { my ($type, $body) = @_; return pack('SS', 4 + length $body, $type) . $body . "\0" x (-length($body) & 3) }
sub number { my ($word) = @_; $word =~ /^\d+$/ or unknown(); return pack 'L', $word }
sub mac { my ($word) = @_; $word =~ /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/ or unknown(); return pack '(H2)6', split /:/, $word }
sub ip4 { my ($word) = @_; $word =~ /^\d+(\.\d+){3}$/ or unknown(); return pack 'C4', split /\./, $word }
sub range { my ($ip, $prefix) = $_[0] =~ m{^([\d.]+)/(\d+)$} or unknown(); return (ip4($ip), $prefix) }
sub name { my ($word) = @_; length $word < 16 or unknown(); return "$word\0" }

sub index_of {
    my ($kernel, $dev) = @_;
    my $SIOCGIFINDEX = 0x8933;
    my $request = pack 'a16 x24', $dev;
    length $dev < 16 and ioctl $kernel, $SIOCGIFINDEX, $request or unknown();
    return unpack 'x16 L', $request;
}

sub interface { my ($up) = @_; return pack 'CxSlLL', 0, 0, 0, $up, $up }

sub link_set {
    my ($kernel, @words) = @_;
    my ($up, $with) = (0, '');
    while (@words) {
        my $word = shift @words;
        if ($word eq 'up') { $up = 1 }
        elsif ($word eq 'dev') { $with .= attribute(3, name(shift @words)) }
        elsif ($word eq 'mtu') { $with .= attribute(4, number(shift @words)) }
        elsif ($word eq 'address') { $with .= attribute(1, mac(shift @words)) }
        elsif ($word eq 'master') { $with .= attribute(10, pack 'L', index_of($kernel, shift @words)) }
        elsif ($word eq 'addrgenmode' and $words[0] eq 'none') { $with .= attribute(26, attribute(10, attribute(8, "\1"))); shift @words }
        elsif ($word eq 'type' and "@words" =~ /^bridge_slave hairpin (on|off)$/) {
            $with .= attribute(18, attribute(4, "bridge\0") . attribute(5, attribute(4, $1 eq 'on' ? "\1" : "\0")));
            @words = ();
        }
        else { unknown() }
    }
    return interface($up) . $with;
}

sub link_add {
    my ($kernel, $open, @words) = @_;
    my $with = '';
    while (@words) {
        my $word = shift @words;
        if ($word eq 'name') { $with .= attribute(3, name(shift @words)) }
        elsif ($word eq 'mtu') { $with .= attribute(4, number(shift @words)) }
        elsif ($word eq 'address') { $with .= attribute(1, mac(shift @words)) }
        elsif ($word eq 'type') {
            my $kind = shift @words;
            my $own = $kind eq 'veth' ? veth($open, @words) : $kind eq 'vxlan' ? vxlan($kernel, @words) : '';
            unknown() if $own eq '' and $kind ne 'bridge' || @words > 0;
            $with .= attribute(18, attribute(1, "$kind\0") . ($own eq '' ? '' : attribute(2, $own)));
            @words = ();
        }
        else { unknown() }
    }
    return interface(0) . $with;
}

sub veth {
    my ($open, @words) = @_;
    my $with = '';
    unknown() if shift @words ne 'peer';
    while (@words) {
        my $word = shift @words;
        if ($word eq 'name') { $with .= attribute(3, name(shift @words)) }
        elsif ($word eq 'mtu') { $with .= attribute(4, number(shift @words)) }
        elsif ($word eq 'address') { $with .= attribute(1, mac(shift @words)) }
        elsif ($word eq 'netns') {
            my $to = shift @words;
            if (open my $file, '<', "/run/netns/$to") { push @$open, $file; $with .= attribute(28, pack 'L', fileno $file) }
            else { $with .= attribute(19, number($to)) }
        }
        else { unknown() }
    }
    return attribute(1, interface(0) . $with);
}

sub vxlan {
    my ($kernel, @words) = @_;
    my $with = '';
    while (@words) {
        my $word = shift @words;
        if ($word eq 'id') { $with .= attribute(1, number(shift @words)) }
        elsif ($word eq 'dev') { $with .= attribute(3, pack 'L', index_of($kernel, shift @words)) }
        elsif ($word eq 'local') { $with .= attribute(4, ip4(shift @words)) }
        elsif ($word eq 'dstport') { $with .= attribute(15, pack 'n', unpack 'L', number(shift @words)) }
        elsif ($word eq 'learning' or $word eq 'nolearning') { $with .= attribute(7, $word eq 'learning' ? "\1" : "\0") }
        else { unknown() }
    }
    return $with;
}

sub address {
    my ($kernel, $cidr, @words) = @_;
    my ($ip, $prefix) = range($cidr);
    my ($index, $broadcast, $scope) = (0, '', ord $ip == 127 ? 'host' : 'global');
    while (@words) {
        my $word = shift @words;
        if ($word eq 'dev') { $index = index_of($kernel, shift @words) }
        elsif ($word eq 'scope') { $scope = shift @words }
        elsif ($word eq 'brd' and $words[0] eq '+' and $prefix < 31) { $broadcast = attribute(4, $ip | pack 'N', 0xffffffff >> $prefix); shift @words }
        else { unknown() }
    }
    return pack('C4L', 2, $prefix, 0, $SCOPE{$scope} // unknown(), $index) . attribute(2, $ip) . attribute(1, $ip) . $broadcast;
}

sub route {
    my ($kernel, $to, @words) = @_;
    my ($ip, $prefix) = $to eq 'default' ? ('', 0) : range($to);
    my ($scope, $flags, $with) = ('link', 0, $ip eq '' ? '' : attribute(1, $ip));
    my ($TABLE_MAIN, $BY_BOOT, $UNICAST, $ONLINK) = (254, 3, 1, 4);
    while (@words) {
        my $word = shift @words;
        if ($word eq 'via') { $with .= attribute(5, ip4(shift @words)); $scope = 'global' }
        elsif ($word eq 'dev') { $with .= attribute(4, pack 'L', index_of($kernel, shift @words)) }
        elsif ($word eq 'onlink') { $flags = $ONLINK }
        else { unknown() }
    }
    return pack('C8L', 2, $prefix, 0, 0, $TABLE_MAIN, $BY_BOOT, $SCOPE{$scope}, $UNICAST, $flags) . $with;
}

sub neighbour {
    my ($kernel, @words) = @_;
    my ($ip, $mac, $dev) = "@words" =~ /^(\S+) lladdr (\S+) dev (\S+) nud permanent$/ or unknown();
    return pack('CxxxlSCC', 2, index_of($kernel, $dev), $PERMANENT, 0, 0) . attribute(1, ip4($ip)) . attribute(2, mac($mac));
}

sub forwarding {
    my ($kernel, @words) = @_;
    my ($mac, $dev, $ip) = "@words" =~ /^(\S+) dev (\S+) dst (\S+) self permanent$/ or unknown();
    my ($BRIDGE, $SELF) = (7, 2);
    return pack('CxxxlSCC', $BRIDGE, index_of($kernel, $dev), $PERMANENT, $SELF, 0) . attribute(1, ip4($ip)) . attribute(2, mac($mac));
}
`
