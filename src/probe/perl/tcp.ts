/** One TCP connection, told apart by errno. Task: `to HOST PORT` `within MS`. */
import { COMMON } from './common.ts'

export const TCP = `${COMMON}
my ($host, $port, $within) = ('', 0, 2000);
for (task()) { ($host, $port) = @$_[1, 2] if $$_[0] eq 'to'; $within = $$_[1] if $$_[0] eq 'within' }
my ($family, $to) = address($host, $port, SOCK_STREAM);
socket(my $s, $family, SOCK_STREAM, 0) or die "socket: $!";
nonblocking($s);
sub end { my ($how, $errno) = @_; my ($ip, $p) = numeric($to); my ($own, $from) = getsockname($s) ? numeric(getsockname($s)) : ('', '');
  say_json(outcome => $how, errno => $errno, peer => "$ip", port => "$p", local => "$own"); exit 0 }
if (!connect($s, $to) && !$!{EINPROGRESS}) { end(outcome($!), errname($!)) }
my $w = ''; vec($w, fileno($s), 1) = 1;
select(undef, $w, undef, $within / 1000) or end('timeout', '');
my $e = unpack 'i', getsockopt($s, SOL_SOCKET, SO_ERROR);
end(outcome($e), errname($e)) if $e;
# A server that takes the connection back at once has not accepted it.
my $r = ''; vec($r, fileno($s), 1) = 1;
if (select($r, undef, undef, 0.05)) { my $n = sysread $s, my $byte, 1; end(outcome($!), errname($!)) unless defined $n }
end('connected', '');
`
