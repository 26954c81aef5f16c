/** What makes the lab's router one, as sysctl(8) writes it. A kernel that lacks IPv6, or has not loaded br_netfilter, lacks their settings too. */
export const ROUTER_SETTINGS: readonly string[] = [
  'net.ipv4.ip_forward=1',
  'net.ipv4.icmp_ratelimit=0',
  'net.ipv6.conf.all.disable_ipv6=1',
  'net.ipv6.conf.default.disable_ipv6=1',
  'net.bridge.bridge-nf-call-iptables=0',
]

/** Perl's way to write one of them: `setting(KEY, VALUE)`. What this kernel lacks (2: ENOENT) cannot be set. */
export const SETTING = String.raw`
sub setting {
    my ($key, $value) = @_;
    open my $file, '>', '/proc/sys/' . $key =~ tr{.}{/}r or $! == 2 ? return : die "$key: $!\n";
    syswrite $file, "$value\n" or die "$key: $!\n";
}
`
