/**
 * Machines meet each other: every one runs this program, listens on the same port and calls the others, who answer with the address they saw.
 * So a connection is proved from both ends, and neither end needs a server of the lab. A machine leaves when its calls are answered and all who
 * were expected have called, or when time is up.
 * Task: `nonce N` `me NAME` `port P` `within MS` `bulk BYTES` (also sent back) `expect COUNT` `call NAME IP` …
 */
import { COMMON } from './common.ts'

export const MEET = `${COMMON}${String.raw`
my ($nonce, $me, $port, $within, $bulk, $expect, @calls) = ('', '', 0, 3000, 0, 0);
for (task()) { my ($word, @rest) = @$_; $nonce = $rest[0] if $word eq 'nonce'; $me = $rest[0] if $word eq 'me'; $port = $rest[0] if $word eq 'port';
  $within = $rest[0] if $word eq 'within'; $bulk = $rest[0] if $word eq 'bulk'; $expect = $rest[0] if $word eq 'expect'; push @calls, { name => $rest[0], ip => $rest[1] } if $word eq 'call' }
my $until = now() + $within / 1000;
my @servers;
for my $family (AF_INET, AF_INET6) {
  socket(my $s, $family, SOCK_STREAM, 0) or next;
  setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
  setsockopt($s, IPPROTO_IPV6, IPV6_V6ONLY, 1) if $family == AF_INET6;
  my $at = $family == AF_INET ? pack_sockaddr_in($port, INADDR_ANY) : pack_sockaddr_in6($port, IN6ADDR_ANY);
  unless (bind($s, $at) && listen($s, 128)) { next if $family == AF_INET6; say_json(broken => "cannot listen on $port: $!"); exit 1 }
  nonblocking($s); push @servers, $s;
}
my (%open, %served);
sub call {
  my $c = shift;
  my ($e, @found) = getaddrinfo($c->{ip}, $port, { socktype => SOCK_STREAM, flags => AI_NUMERICHOST });
  die "address $c->{ip}" if $e;
  socket(my $s, $found[0]{family}, SOCK_STREAM, 0) or die "socket: $!"; nonblocking($s);
  @$c{qw(s in out next errno)} = ($s, "", "$nonce $me\n" . ("x" x $bulk), undef, "");
  return missed($c, $!) if !connect($s, $found[0]{addr}) && !$!{EINPROGRESS};
  $open{fileno $s} = $c;
}
# The other may not listen yet: call again, at longer and longer intervals, until time is up.
sub missed { my ($c, $e) = @_; $c->{errno} = errname($e); $c->{outcome} = outcome($e); leave($c); my $pause = 0.03 * 1.5 ** $c->{missed}++; $c->{next} = now() + ($pause < 0.3 ? $pause : 0.3) }
sub leave { my $c = shift; if ($c->{s}) { delete $open{fileno $c->{s}}; close $c->{s}; delete $c->{s} } }
sub answered { my $c = shift; my ($line) = $c->{in} =~ /^(.*)\n/ or return;
  return if length($c->{in}) < length($line) + 1 + $bulk;
  my ($n, $name, $saw) = split / /, $line;
  my ($own) = numeric(getsockname($c->{s}));
  $c->{done} = 1;
  say_json(call => $c->{name}, ip => $c->{ip}, outcome => $n eq $nonce ? 'answer' : 'stranger', by => $name, saw => $saw, local => $own, bytes => \(length($c->{in}) - length($line) - 1));
  leave($c) }
sub serve { my $c = shift; my ($line) = $c->{in} =~ /^(.*)\n/ or return;
  return if $c->{replied} || length($c->{in}) < length($line) + 1 + $bulk;
  my ($n, $name) = split / /, $line;
  return leave($c) if $n ne $nonce;
  my ($saw) = numeric(getpeername($c->{s}));
  $c->{out} = "$nonce $me $saw\n" . ('y' x $bulk); $c->{replied} = $name }
call($_) for @calls;
while (now() < $until) {
  last if !grep({ !$_->{done} } @calls) && keys %served >= $expect && !%open;
  for (@calls) { call($_) if !$_->{done} && !$_->{s} && now() >= ($_->{next} // 0) }
  my ($r, $w) = ('', ''); vec($r, fileno $_, 1) = 1 for @servers;
  for (values %open) { vec($r, fileno $_->{s}, 1) = 1; vec($w, fileno $_->{s}, 1) = 1 if length $_->{out} }
  select($r, $w, undef, wait_until($until, map { $_->{done} || $_->{s} ? () : $_->{next} } @calls)) > 0 or next;
  for my $l (@servers) { next unless vec($r, fileno $l, 1); while (accept(my $s, $l)) { nonblocking($s); $open{fileno $s} = { s => $s, in => '', out => '', server => 1 } } }
  for my $c (values %open) {
    my $fd = fileno $c->{s};
    if (length $c->{out} && vec($w, $fd, 1)) {
      my $n = syswrite $c->{s}, $c->{out};
      if (!defined $n) { next if $!{EAGAIN}; $c->{server} ? leave($c) : missed($c, $!); next }
      substr($c->{out}, 0, $n) = '';
      if ($c->{replied} && !length $c->{out}) { $served{$c->{replied}} = 1; shutdown($c->{s}, 1) }
    }
    if ($c->{s} && vec($r, $fd, 1)) {
      my $n = sysread $c->{s}, $c->{in}, 65536, length $c->{in};
      if (!defined $n) { next if $!{EAGAIN}; $c->{server} ? leave($c) : missed($c, $!) }
      elsif ($n == 0) { $c->{server} ? leave($c) : missed($c, Errno::ECONNRESET()) }
      else { $c->{server} ? serve($c) : answered($c) }
    }
  }
}
# A connection that still waits is silence; one that got through but whose data did not is a stall.
for (grep { !$_->{done} } @calls) {
  my $peer = $_->{s} && getpeername($_->{s});
  say_json(call => $_->{name}, ip => $_->{ip}, outcome => $_->{s} ? ($peer ? 'stalled' : 'timeout') : $_->{outcome} // 'timeout', errno => $_->{errno} // '', bytes => \(length($_->{in} // '')));
}
say_json(done => \(scalar keys %served));
`}`
