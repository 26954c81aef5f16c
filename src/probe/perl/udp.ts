/** One UDP exchange: sends until a datagram comes back. Task: `to HOST PORT` `within MS` `send TEXT…`. */
import { COMMON } from './common.ts'

export const UDP = `${COMMON}
my ($host, $port, $within, $send) = ('', 0, 2000, '');
for (task()) { my ($word, @rest) = @$_; ($host, $port) = @rest if $word eq 'to'; $within = $rest[0] if $word eq 'within'; $send = "@rest" if $word eq 'send' }
my ($family, $to) = address($host, $port, SOCK_DGRAM);
socket(my $s, $family, SOCK_DGRAM, 0) or die "socket: $!";
my ($ip, $p) = numeric($to);
sub end { my ($how, $errno, $reply) = @_; my ($own) = getsockname($s) ? numeric(getsockname($s)) : ('');
  say_json(outcome => $how, errno => $errno, reply => $reply, peer => "$ip", port => "$p", local => "$own"); exit 0 }
connect($s, $to) or end(outcome($!), errname($!), '');
my ($until, $sent) = (now() + $within / 1000, 0);
while (now() < $until) {
  if (now() >= $sent + 0.3) { $sent = now(); defined send($s, $send, 0) or end(outcome($!), errname($!), '') }
  my $r = ''; vec($r, fileno($s), 1) = 1;
  next unless select($r, undef, undef, 0.1) > 0;
  defined recv($s, my $reply, 65535, 0) or end(outcome($!), errname($!), '');
  end('reply', '', $reply);
}
end('timeout', '', '');
`
