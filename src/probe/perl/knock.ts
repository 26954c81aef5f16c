/**
 * One program for all places of a machine: it opens doors in each of their network namespaces, says so, and knocks at others' doors when it is told that all
 * are open. So a refusal is somebody's answer and never means that the other has not opened yet; only silence takes time. It goes on answering those who
 * knock here until its input ends. Where a server of the lab has a port for datagrams, it need not answer such as these: there a raw socket beside it, which the kernel
 * hands what has passed all rules, tells of each that came.
 * Task: `nonce N` `within MS` and for each place `at NETNS` (`-` for the machine itself) `open tcp|udp PORT IP` … `knock ID IP PORT tcp|udp` …, ended by a line `.`.
 */
import { COMMON } from './common.ts'

export const KNOCK = `${COMMON}${String.raw`
my $setns = (POSIX::uname())[4] eq 'x86_64' ? 308 : 268;
my ($nonce, $within, $at, @doors, @calls, %space) = ('', 1000, '-');
while (defined(my $line = <STDIN>)) { chomp $line; my ($word, @rest) = split ' ', $line; last if $word eq '.';
  $nonce = $rest[0] if $word eq 'nonce'; $within = $rest[0] if $word eq 'within'; $at = $rest[0] if $word eq 'at';
  push @doors, [$at, @rest] if $word eq 'open';
  # A datagram from a port that was used a minute ago may pass as part of that conversation: only what two ports find counts.
  if ($word eq 'knock') { for my $try ($rest[3] eq 'udp' ? (0, 1) : 0) {
    push @calls, { at => $at, id => $rest[0], try => $try, to => pack_sockaddr_in($rest[2], inet_aton($rest[1])), proto => $rest[3], outcome => 'timeout' } } } }
# A socket belongs for good to the namespace it was made in.
sub enter { my $to = shift; return if $at eq $to; $at = $to;
  unless ($space{$to}) { open $space{$to}, '<', $to eq '-' ? '/proc/self/ns/net' : "/run/netns/$to" or die "no namespace $to: $!" }
  syscall($setns, fileno $space{$to}, 0x40000000) == 0 or die "setns $to: $!" }
$at = '-'; open $space{'-'}, '<', '/proc/self/ns/net' or die "namespace: $!";
sub made { my $c = shift; enter($c->{at}); socket(my $s, AF_INET, $c->{proto} eq 'tcp' ? SOCK_STREAM : SOCK_DGRAM, 0) or return undef; nonblocking($s); return $s }
my (%tcp, %udp, %open, %raw, %heard, @kept, @own);
for (@doors) {
  my ($where, $proto, $port, $ip) = @$_;
  my $s = made({ at => $where, proto => $proto }) or die "socket: $!";
  setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1) if $proto eq 'tcp';
  # Of a machine with several addresses the answer to a datagram bears the one that was knocked at only where the door is bound to it.
  # A server of the lab has it: who knocks meets that one. Whether datagrams to it can be heard of at all is found out by sending one from inside.
  unless (bind($s, pack_sockaddr_in($port, inet_aton($ip))) && ($proto eq 'udp' || listen($s, 512))) { next if $proto eq 'tcp'; say_json(at => $where, held => "$proto $port");
    if (!grep { $_->{at} eq $where } values %raw) { socket(my $ear, AF_INET, SOCK_RAW, 17) or next; nonblocking($ear); $raw{fileno $ear} = { s => $ear, at => $where } }
    push @own, { at => $where, port => $port, id => "own-$port", try => 0, to => pack_sockaddr_in($port, inet_aton('127.0.0.1')), proto => 'udp', outcome => 'timeout' }; next }
  ($proto eq 'tcp' ? \%tcp : \%udp)->{fileno $s} = $s;
}
say_json(opened => \scalar @doors);
my ($until, $said, @waiting);
sub knock {
  my $c = shift;
  # Of too many at once the others come when some are done.
  my $s = made($c); unless ($s) { push @waiting, $c; return } $c->{s} = $s;
  return over($c, outcome($!)) if !connect($s, $c->{to}) && !$!{EINPROGRESS};
  $open{fileno $s} = $c;
  if ($c->{proto} eq 'udp') { $c->{next} = now() + 0.2; datagram($c) }
}
sub datagram { my $c = shift; syswrite $c->{s}, "$nonce $c->{id} $c->{try}\n" }
sub leave { my $c = shift; if ($c->{s}) { delete $open{fileno $c->{s}}; close $c->{s}; delete $c->{s} } }
sub over { my ($c, $how) = @_; leave($c); $c->{outcome} = $how; $c->{done} = 1; knock(shift @waiting) if @waiting }
# A datagram of an IP packet (RFC 791, 768): its port, and what it says.
sub hear {
  my $ear = shift;
  while (defined recv($ear->{s}, my $packet, 65535, 0)) {
    my ($port, $text) = unpack 'x2 n x4 a*', substr($packet, 4 * (15 & ord $packet));
    my ($id, $try) = ($text // '') =~ /^$nonce (\S+) (\d)\n/ or next; next if $heard{"$ear->{at} $id $try"}++;
    if ($id =~ /^own-/) { say_json(at => $ear->{at}, hears => "udp $port"); over($_, 'open') for grep { !$_->{done} && $_->{at} eq $ear->{at} && $_->{id} eq $id } @own }
    else { say_json(heard => $id, try => $try) }
  }
}
while (1) {
  my ($r, $w) = ('', ''); vec($r, $_, 1) = 1 for fileno STDIN, keys %tcp, keys %udp, keys %raw, keys %open;
  for (values %open) { vec($w, fileno $_->{s}, 1) = 1 if $_->{proto} eq 'tcp' }
  my $late = defined $until && now() >= $until;
  my $found = select($r, $w, undef, $late && !$said ? 0 : 0.02);
  if ($found > 0) {
    for (grep { vec($r, $_, 1) } keys %tcp) { while (accept(my $s, $tcp{$_})) { push @kept, $s; shift @kept if @kept > 200 } }
    for (grep { vec($r, $_, 1) } keys %udp) { while (my $from = recv($udp{$_}, my $text, 2000, 0)) { send $udp{$_}, $text, 0, $from } }
    hear($raw{$_}) for grep { vec($r, $_, 1) } keys %raw;
    for my $c (values %open) {
      next unless $c->{s}; my $fd = fileno $c->{s};
      next unless vec($r, $fd, 1) || vec($w, $fd, 1);
      if ($c->{proto} eq 'udp') { my $n = sysread $c->{s}, my $text, 2000; defined $n ? over($c, 'open') : $!{EAGAIN} ? 0 : over($c, outcome($!)); next }
      my $error = unpack 'i', getsockopt($c->{s}, SOL_SOCKET, SO_ERROR);
      $error ? over($c, outcome($error)) : getpeername($c->{s}) ? over($c, 'open') : 0;
    }
    if (vec($r, fileno STDIN, 1)) { sysread(STDIN, my $word, 100) or last; $until = now() + $within / 1000; knock($_) for @calls, @own; next }
  }
  next if $said || !defined $until;
  # A datagram may be lost: it is sent again.
  for (values %open) { if ($_->{next} && now() >= $_->{next}) { $_->{next} = now() + 0.2; datagram($_) } }
  # What the kernel had in hand when time was up was looked at above, also by a program that ran late.
  next unless $late || !grep { !$_->{done} } @calls, @own;
  leave($_) for @calls, @own;
  say_json(knock => $_->{id}, try => $_->{try}, outcome => $_->{outcome}) for @calls;
  say_json(done => \scalar @calls); $said = 1;
}
`}`
