/** What makes the lab's router one. A kernel that lacks IPv6, or has not loaded br_netfilter, lacks their settings too, hence -e. */
export const ROUTER_SETTINGS: readonly string[] = [
  ...['sysctl', '-q', '-e', '-w'],
  'net.ipv4.ip_forward=1',
  'net.ipv4.icmp_ratelimit=0',
  'net.ipv6.conf.all.disable_ipv6=1',
  'net.ipv6.conf.default.disable_ipv6=1',
  'net.bridge.bridge-nf-call-iptables=0',
]
