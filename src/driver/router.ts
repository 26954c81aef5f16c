/** What makes the lab's router one, as sysctl(8) writes it. A kernel that lacks IPv6, or has not loaded br_netfilter, lacks their settings too. */
export const ROUTER_SETTINGS: readonly string[] = [
  'net.ipv4.ip_forward=1',
  'net.ipv4.icmp_ratelimit=0',
  'net.ipv6.conf.all.disable_ipv6=1',
  'net.ipv6.conf.default.disable_ipv6=1',
  'net.bridge.bridge-nf-call-iptables=0',
]
