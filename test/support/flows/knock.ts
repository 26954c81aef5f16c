/**
 * Connects or sends to many targets at once, to each again and again, and asks the echo server who it is and whom it sees.
 *
 *     perl -e … tcp:10.96.1.10:80/2 …    asks until two different answers came, and some times more; prints a line per target
 *               udp:10.96.1.11:80/0      silence is expected, and soon believed
 *     near/10.244.0.2 far/10.244.0.2
 *     reject | drop | unreachable
 */
export const KNOCK = String.raw`
use strict; use warnings; use Socket; use IO::Select; use Errno; use Time::HiRes 'time'; use Fcntl;
# Enough that one of two is missed once in a thousand million flows; and that an answer which should not come is met if it is one of two.
my ($least, $most, $width) = (8, 30, 24);
my @targets = map {
  my ($proto, $ip, $port, $wanted) = m{^(tcp|udp):(.+):(\d+)/(\d+)$} or die "no target: $_";
  { type => $proto eq 'udp' ? SOCK_DGRAM : SOCK_STREAM, to => pack_sockaddr_in($port, inet_aton($ip)), wanted => $wanted, tries => 0, answers => {} }
} @ARGV;
my @waiting = (@targets, @targets);
my %open;
# No port is used twice: IPVS finds an answer's connection by endpoint and client, so that two from one port to one endpoint are taken for each other.
my $port = 33_000;
sub begin {
  my ($target) = @_;
  $target->{tries}++;
  socket(my $socket, PF_INET, $target->{type}, 0) or die "socket: $!";
  until (bind $socket, pack_sockaddr_in($port++, INADDR_ANY)) { die "bind: $!" if $port > 60_000 }
  fcntl($socket, F_SETFL, fcntl($socket, F_GETFL, 0) | O_NONBLOCK);
  $open{fileno $socket} = { socket => $socket, target => $target, until => time + ($target->{wanted} ? 20 : 2), text => '' };
  connect($socket, $target->{to}) or $!{EINPROGRESS} or finish(fileno $socket, failure($!));
}
sub failure { my ($errno) = @_; local $! = $errno; $!{ECONNREFUSED} ? 'reject' : $!{ETIMEDOUT} ? 'drop' : 'unreachable' }
sub finish {
  my ($key, $answer) = @_;
  my $target = delete($open{$key})->{target};
  $target->{answers}{$answer} = 1;
  my $met = keys %{ $target->{answers} };
  return if $answer !~ m{/} && $target->{tries} >= 2 || $target->{tries} >= $most || $target->{tries} >= $least && $met >= $target->{wanted};
  push @waiting, $target;
}
while (@waiting || %open) {
  begin(shift @waiting) while @waiting && keys(%open) < $width;
  my ($read, $write) = (IO::Select->new, IO::Select->new);
  ($_->{asked} ? $read : $write)->add($_->{socket}) for values %open;
  my ($readable, $writable) = IO::Select->select($read, $write, undef, 0.1);
  for my $socket (@{ $writable // [] }) {
    my $one = $open{fileno $socket};
    my $errno = unpack 'i', getsockopt($socket, SOL_SOCKET, SO_ERROR);
    if ($errno) { finish(fileno $socket, failure($errno)); next }
    syswrite $socket, "GET / HTTP/1.0\r\n\r\n";
    $one->{asked} = time;
  }
  for my $socket (@{ $readable // [] }) {
    my $one = $open{fileno $socket};
    my $count = sysread $socket, $one->{text}, 65536, length $one->{text};
    if (!defined $count) { finish(fileno $socket, failure($!)); next }
    next if $count && $one->{target}{type} == SOCK_STREAM;
    my ($pod, $client) = map { $one->{text} =~ /"$_":"([^"]*)"/ ? $1 : '?' } 'pod', 'client';
    finish(fileno $socket, "$pod/$client");
  }
  # A datagram may get lost on its way; who sends them asks again.
  for my $one (grep { $_->{asked} && $_->{target}{type} == SOCK_DGRAM && $_->{asked} + 1 < time } values %open) {
    $one->{asked} = time;
    syswrite $one->{socket}, "who";
  }
  for my $key (grep { $open{$_}{until} < time } keys %open) { finish($key, 'drop') }
}
print join(' ', sort keys %{ $_->{answers} }), "\n" for @targets;
`
