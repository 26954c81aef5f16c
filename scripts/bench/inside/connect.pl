# How long connect(2) takes, in µs: the median for each address:port, which take turns. argv: rounds, then address:port …; or `serve PORT`.
use strict;
use Socket qw(:all);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my ($rounds, @places) = @ARGV;
if ($rounds eq 'serve') {
    socket my $listener, PF_INET, SOCK_STREAM, 0 or die "socket: $!\n";
    setsockopt $listener, SOL_SOCKET, SO_REUSEADDR, 1;
    bind $listener, pack_sockaddr_in($places[0], INADDR_ANY) or die "bind: $!\n";
    listen $listener, 1024;
    while (accept my $one, $listener) { close $one }
    exit;
}
my @addresses = map { my ($ip, $port) = split /:/; pack_sockaddr_in($port, inet_aton($ip)) } @places;
my @took = map { [] } @places;
for (0 .. $rounds) {
    my $round = $_;
    for my $at (0 .. $#addresses) {
        socket my $one, PF_INET, SOCK_STREAM, 0 or die "socket: $!\n";
        # Reset at the end: no port waits.
        setsockopt $one, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
        my $begin = clock_gettime(CLOCK_MONOTONIC);
        connect $one, $addresses[$at] or die "$places[$at]: $!\n";
        my $end = clock_gettime(CLOCK_MONOTONIC);
        close $one;
        # The first round finds cold caches and no neighbour.
        push @{ $took[$at] }, $end - $begin if $round;
    }
}
print join(' ', map { my @sorted = sort { $a <=> $b } @$_; sprintf '%.2f', 1e6 * $sorted[@sorted / 2] } @took), "\n";
