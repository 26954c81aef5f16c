/** Fresh HTTP connections, one request each, at most 16 at a time; counts the bodies. Task: `to HOST PORT` `path PATH` `times N` `wait MS` `within MS` `host NAME`. */
import { COMMON } from './common.ts'

export const BALANCE = `${COMMON}${String.raw`
my ($host, $port, $path, $times, $wait, $within, $name) = ('', 80, '/', 1, 2000, 10000, '');
for (task()) { my ($word, @rest) = @$_; ($host, $port) = @rest if $word eq 'to'; $path = $rest[0] if $word eq 'path'; $times = $rest[0] if $word eq 'times';
  $wait = $rest[0] if $word eq 'wait'; $within = $rest[0] if $word eq 'within'; $name = $rest[0] if $word eq 'host' }
my ($family, $to) = address($host, $port, SOCK_STREAM);
my (%answers, %failed, %open); my ($begun, $until) = (0, now() + $within / 1000);
sub done { my ($s, $how) = @_; delete $open{fileno $s}; close $s; $failed{$how}++ if $how }
sub finish { my $c = shift; my ($head, $body) = split /\r?\n\r?\n/, $c->{in}, 2;
  my ($status) = ($head // '') =~ m{^HTTP/\S+ (\d+)}; $body =~ s/\s+$// if defined $body;
  if (!defined $status || !defined $body) { done($c->{s}, 'empty') } elsif ($status != 200) { done($c->{s}, "status $status") } else { $answers{$body}++; done($c->{s}) } }
while (($begun < $times || %open) && now() < $until) {
  while ($begun < $times && keys %open < 16) {
    $begun++;
    socket(my $s, $family, SOCK_STREAM, 0) or die "socket: $!"; nonblocking($s);
    if (!connect($s, $to) && !$!{EINPROGRESS}) { $failed{outcome($!)}++; close $s; next }
    $open{fileno $s} = { s => $s, until => now() + $wait / 1000, in => '', out => "GET $path HTTP/1.1\r\nHost: $name\r\nConnection: close\r\n\r\n" };
  }
  for (values %open) { done($_->{s}, 'timeout') if now() > $_->{until} }
  my ($r, $w) = ('', ''); for (values %open) { vec($r, fileno $_->{s}, 1) = 1; vec($w, fileno $_->{s}, 1) = 1 if length $_->{out} }
  select($r, $w, undef, 0.1) > 0 or next;
  for my $c (values %open) {
    my $fd = fileno $c->{s};
    if (length $c->{out} && vec($w, $fd, 1)) {
      my $e = unpack 'i', getsockopt($c->{s}, SOL_SOCKET, SO_ERROR);
      if ($e) { done($c->{s}, outcome($e)); next }
      my $n = syswrite $c->{s}, $c->{out}; substr($c->{out}, 0, $n) = '' if $n;
    } elsif (vec($r, $fd, 1)) {
      my $n = sysread $c->{s}, $c->{in}, 65536, length $c->{in};
      if (!defined $n) { done($c->{s}, outcome($!)) unless $!{EAGAIN} } elsif ($n == 0) { finish($c) }
      elsif ($c->{in} =~ /^Content-Length: *(\d+)\r?\n.*?\r?\n\r?\n(.*)/ims && length $2 >= $1) { finish($c) }
    }
  }
}
$failed{timeout} += keys(%open) + $times - $begun if %open || $begun < $times;
say_json(backend => $_, times => \$answers{$_}) for sort keys %answers;
say_json(failed => $_, times => \$failed{$_}) for sort keys %failed;
say_json(done => \$begun);
`}`
