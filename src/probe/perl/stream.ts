/**
 * Numbered datagrams at a steady pace, and who takes them down. The receiver tells the kernel's stamp of each, so a busy machine on which it runs late
 * does not look like a pause on the wire; the sender writes its own clock into each, so one on which it sends late does not either.
 * Arguments: `send IP PORT NONCE EVERY_MS` or `receive PORT NONCE FAMILY`. Runs until it is killed. Times are milliseconds since 1970.
 */
import { COMMON } from './common.ts'

export const STREAM = `${COMMON}${String.raw`
# perl-base brings no fine clock; the kernel's has one number on x86-64 and another on all younger processors.
my $call = (POSIX::uname())[4] eq 'x86_64' ? 228 : 113;
sub fine { my $t = pack 'l!l!', 0, 0; syscall($call, 0, $t); my ($s, $n) = unpack 'l!l!', $t; return $s * 1000 + $n / 1e6 }
sub stamp { my $t = pack 'l!l!', 0, 0; return fine() unless ioctl(shift, 0x8906, $t); my ($s, $u) = unpack 'l!l!', $t; return $s * 1000 + $u / 1000 }
sub ms { my $n = sprintf('%.2f', shift); return \$n }
my ($role, @rest) = @ARGV;
if ($role eq 'receive') {
  my ($port, $nonce, $family) = @rest;
  my $s; socket($s, $family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0) or die "socket: $!";
  unless (bind($s, $family == 6 ? pack_sockaddr_in6($port, IN6ADDR_ANY) : pack_sockaddr_in($port, INADDR_ANY))) { say_json(broken => "cannot listen on $port: $!"); exit 1 }
  stamp($s); say_json(listens => \$port);
  my $text;
  while (1) {
    defined recv($s, $text, 200, 0) or next;
    my ($n, $seq, $sent) = split / /, $text;
    say_json(seq => \$seq, sent => \$sent, at => ms(stamp($s))) if $n eq $nonce && defined $sent;
  }
}
my ($ip, $port, $nonce, $every) = @rest;
my ($family, $to) = address($ip, $port, SOCK_DGRAM);
socket(my $s, $family, SOCK_DGRAM, 0) or die "socket: $!"; nonblocking($s);
connect($s, $to) or do { say_json(broken => "cannot send to $ip: $!"); exit 1 };
my ($begin, $turn) = (fine(), 0);
for (my $seq = 0; ; $seq++) {
  # What was missed by running late is not made up for in a burst.
  my $now = fine(); $turn = POSIX::ceil(($now - $begin) / $every) if $begin + $turn * $every < $now - $every;
  my $left = $begin + $turn++ * $every - $now; select(undef, undef, undef, $left / 1000) if $left > 0;
  # An error told for an earlier one is told by the next call, which then sends nothing.
  for (1, 2) { last if syswrite $s, sprintf('%s %d %.2f', $nonce, $seq, fine()); my $how = outcome($!); say_json(told => $how, at => ms(fine())) }
}
`}`
