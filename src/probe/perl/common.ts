/**
 * The probes' own programs are short Perl texts: perl-base is on every Debian, so nothing has to be copied into a machine, and it tells the exact
 * errno. They get their task on stdin, one `word value …` per line, and print one JSON object per line.
 */
export const COMMON = String.raw`
use strict; use warnings; use Socket qw(:all); use Errno; use Fcntl; use POSIX ();
# Seconds since some moment, in hundredths: perl-base brings no finer clock.
sub now { (POSIX::times())[0] / 100 }
# How long to wait for anything to happen, until the first of some moments: to look around without need costs a slow kernel more than all the rest.
sub wait_until { my ($first) = sort { $a <=> $b } @_; my $left = $first - now(); return $left > 0.01 ? $left : 0.01 }
sub task { my @lines = map { chomp; [split ' ', $_, -1] } <STDIN>; return @lines }
sub errname { my $n = 0 + shift; local $! = $n; for (sort keys %!) { return $_ if $!{$_} && $_ !~ /^(EWOULDBLOCK|EDEADLOCK|ENOTSUP)$/ } return "errno $n" }
sub outcome {
  my $e = errname(shift);
  return $e eq 'ECONNREFUSED' ? 'refused' : $e eq 'ECONNRESET' || $e eq 'EPIPE' ? 'reset' : $e eq 'ETIMEDOUT' ? 'timeout'
    : $e eq 'EHOSTUNREACH' || $e eq 'ENETUNREACH' || $e eq 'EACCES' || $e eq 'EPERM' ? 'unreachable' : 'error';
}
sub text { my $s = shift // ''; $s =~ s/([^ !#-\[\]-~])/sprintf '\\u%04x', ord $1/ge; return "\"$s\"" }
sub say_json { my %o = @_; print '{', join(',', map { my $v = $o{$_}; text($_) . ':' . (ref $v ? $$v : text($v)) } sort keys %o), "}\n" }
sub numeric { my ($e, $host, $port) = getnameinfo(shift, NI_NUMERICHOST | NI_NUMERICSERV); return $e ? ('', '') : ($host, $port) }
# The socket address of host and port, or the outcome that there is none.
sub address {
  my ($host, $port, $type) = @_;
  my ($e, @found) = getaddrinfo($host, $port, { socktype => $type });
  return ($found[0]{family}, $found[0]{addr}) unless $e || !@found;
  say_json(outcome => 'dns', errno => "$e"); exit 0;
}
sub nonblocking { my $s = shift; fcntl($s, F_SETFL, fcntl($s, F_GETFL, 0) | O_NONBLOCK) or die "fcntl: $!" }
$| = 1; $SIG{PIPE} = 'IGNORE';
`
