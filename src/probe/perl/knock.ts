/**
 * One place knocks at many doors and keeps its own open: who else knocks there meets this program where no server of the lab has the port. A refusal
 * may only mean that the other has not opened yet, so it knocks again until time is up.
 * Task: `nonce N` `within MS` `open tcp|udp PORT` … `knock ID IP PORT tcp|udp` …
 */
import { COMMON } from './common.ts'

export const KNOCK = `${COMMON}${String.raw`
my ($nonce, $within, @doors, @calls) = ('', 1500);
for (task()) { my ($word, @rest) = @$_; $nonce = $rest[0] if $word eq 'nonce'; $within = $rest[0] if $word eq 'within';
  push @doors, [@rest] if $word eq 'open'; push @calls, { id => $rest[0], ip => $rest[1], port => $rest[2], proto => $rest[3], outcome => 'timeout' } if $word eq 'knock' }
my $until = now() + $within / 1000;
my (%tcp, %udp, %open, @kept, @own);
for (@doors) {
  my ($proto, $port) = @$_;
  socket(my $s, AF_INET, $proto eq 'tcp' ? SOCK_STREAM : SOCK_DGRAM, 0) or die "socket: $!";
  setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1) if $proto eq 'tcp';
  # A server of the lab has it: who knocks meets that one. Whether it answers datagrams at all is found out by asking it from inside.
  unless (bind($s, pack_sockaddr_in($port, INADDR_ANY)) && ($proto eq 'udp' || listen($s, 256))) { say_json(held => "$proto $port");
    push @own, { ip => '127.0.0.1', port => $port, proto => 'udp', outcome => 'timeout' } if $proto eq 'udp'; next }
  nonblocking($s);
  ($proto eq 'tcp' ? \%tcp : \%udp)->{fileno $s} = $s;
}
sub knock {
  my $c = shift;
  socket(my $s, AF_INET, $c->{proto} eq 'tcp' ? SOCK_STREAM : SOCK_DGRAM, 0) or die "socket: $!";
  nonblocking($s); $c->{s} = $s; $c->{next} = undef;
  return missed($c, $!) if !connect($s, pack_sockaddr_in($c->{port}, inet_aton($c->{ip}))) && !$!{EINPROGRESS};
  $open{fileno $s} = $c;
  # A datagram may be lost or come too early: it is sent again.
  if ($c->{proto} eq 'udp') { $c->{next} = now() + 0.2; syswrite $s, "$nonce\n" }
}
sub leave { my $c = shift; if ($c->{s}) { delete $open{fileno $c->{s}}; close $c->{s}; delete $c->{s} } }
sub missed { my ($c, $e) = @_; $c->{outcome} = outcome($e); leave($c); $c->{next} = now() + 0.1 }
# A datagram from a port that was used a minute ago may pass as part of that conversation: an answer counts when a second port gets one too.
sub opened { my $c = shift; leave($c); return knock($c) if $c->{proto} eq 'udp' && !$c->{again}++; $c->{outcome} = 'open'; $c->{done} = 1 }
knock($_) for @calls, @own;
while (now() < $until) {
  for (@calls, @own) { next if $_->{done} || !defined $_->{next} || now() < $_->{next}; leave($_); knock($_) }
  my ($r, $w) = ('', ''); vec($r, $_, 1) = 1 for keys %tcp, keys %udp, keys %open;
  for (values %open) { vec($w, fileno $_->{s}, 1) = 1 if $_->{proto} eq 'tcp' }
  select($r, $w, undef, wait_until($until, map { $_->{done} ? () : $_->{next} // () } @calls, @own)) > 0 or next;
  for (grep { vec($r, $_, 1) } keys %tcp) { while (accept(my $s, $tcp{$_})) { push @kept, $s; shift @kept if @kept > 200 } }
  for (grep { vec($r, $_, 1) } keys %udp) { while (my $from = recv($udp{$_}, my $text, 2000, 0)) { send $udp{$_}, $text, 0, $from } }
  for my $c (values %open) {
    my $fd = fileno $c->{s};
    next unless vec($r, $fd, 1) || vec($w, $fd, 1);
    if ($c->{proto} eq 'udp') { my $n = sysread $c->{s}, my $text, 2000; defined $n ? opened($c) : $!{EAGAIN} ? 0 : missed($c, $!); next }
    my $error = unpack 'i', getsockopt($c->{s}, SOL_SOCKET, SO_ERROR);
    $error ? missed($c, $error) : getpeername($c->{s}) ? opened($c) : 0;
  }
}
say_json(knock => $_->{id}, outcome => $_->{outcome}) for @calls;
say_json(answers => "udp $_->{port}") for grep { $_->{done} } @own;
say_json(done => \scalar @calls);
`}`
