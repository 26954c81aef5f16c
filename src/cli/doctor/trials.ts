/** What doctor tries of the kernel: each trial is a few lines of shell run as root of throw-away namespaces, and works when they end with 0. */
import type { Need } from './programs.ts'

export type Trial = {
  readonly id: string
  readonly title: string
  readonly need: Need
  readonly try: string
  /** What to do when it fails. */
  readonly fix: string
  /** Tried only where this program is. */
  readonly with?: string
}

export type Outcome = {
  readonly id: string
  readonly title: string
  readonly need: Need
  readonly works: boolean
  readonly says?: string
  readonly fix?: string
}

const module = (name: string): string => `sudo modprobe ${name}; a kernel without it cannot be mended by netlab`
/** What user-mode Linux has as well. */
const moduleOrOwn = (name: string): string => `sudo modprobe ${name}; where the kernel has no such module, --kernel uml gives a lab one that has it`

const KUBE_PROXY_RULES = `*nat
:T - [0:0]
-A T -m comment --comment "a b" -m statistic --mode random --probability 0.5000000000 -j RETURN
-A T -m recent --name T --rcheck --seconds 10800 --reap -j RETURN
-A T -m addrtype --dst-type LOCAL -j RETURN
-A T -m mark ! --mark 0x4000/0x4000 -j RETURN
-A T -j MARK --or-mark 0x4000
-A T -p tcp -m tcp -j DNAT --to-destination 10.0.0.1:80
-A POSTROUTING -j MASQUERADE --random-fully
COMMIT
*filter
:T - [0:0]
-A T -m conntrack --ctstate NEW -j REJECT
COMMIT`

const restore = (program: string): string => `${program} <<'RULES'\n${KUBE_PROXY_RULES}\nRULES`

/** Loads a two-instruction eBPF program of type sched_cls with the bare system call. */
const LOAD_BPF = `perl -e '
  my %nr = (x86_64 => 321, aarch64 => 280); my $nr = $nr{(POSIX::uname())[4]} or die "unknown machine\\n";
  my $code = pack("CCsl", 0xb7, 0, 0, 0) . pack("CCsl", 0x95, 0, 0, 0); my $license = "GPL\\0";
  my $attr = pack("LLQQLLQLL", 3, 2, unpack("Q", pack("P", $code)), unpack("Q", pack("P", $license)), 0, 0, 0, 0, 0);
  syscall($nr, 5, $attr, length $attr) >= 0 or die "$!\\n"' -MPOSIX`

/** A kernel whose first program ends at once with 1, which it says in its last words; its memory is a file system of its own. */
const BOOT_UML = `mount -t tmpfs -o size=104m tmpfs /dev/shm || exit
said=$(TMPDIR=/dev/shm timeout 15 linux.uml mem=96M rootfstype=hostfs rootflags=/ ro con=null con0=null,fd:1 uml_dir=/dev/shm/ umid=doctor quiet init=/bin/false 2>&1)
case $said in *exitcode=0x00000100*) exit 0 ;; esac
echo "$said" | grep -E '^Kernel panic|denied|not permitted|No space|Cannot allocate' | tail -n 1
exit 1`

export const trials: readonly Trial[] = [
  {
    id: 'netns',
    title: 'named network namespaces',
    need: 'required',
    try: 'ip netns add t && ip netns exec t true',
    fix: 'needs a kernel with network namespaces (CONFIG_NET_NS)',
  },
  { id: 'veth', title: 'veth pairs', need: 'required', try: 'ip link add v0 type veth peer name v1', fix: module('veth') },
  { id: 'bridge', title: 'bridges', need: 'required', try: 'ip link add b0 type bridge && bridge fdb show br b0', fix: module('bridge') },
  {
    id: 'vxlan',
    title: 'VXLAN with its own forwarding entries',
    need: 'required',
    try: 'ip link add x0 type vxlan id 1 dstport 8472 local 127.0.0.1 nolearning && bridge fdb append 0a:00:00:00:00:01 dst 127.0.0.2 dev x0',
    fix: module('vxlan'),
  },
  {
    id: 'br_netfilter',
    title: 'bridged packets meet iptables (br_netfilter)',
    need: 'required',
    try: 'sysctl -qw net.bridge.bridge-nf-call-iptables=1',
    fix: 'sudo modprobe br_netfilter; echo br_netfilter | sudo tee /etc/modules-load.d/netlab.conf keeps it',
  },
  {
    id: 'forward',
    title: 'forwarding of packets',
    need: 'required',
    try: 'sysctl -qw net.ipv4.ip_forward=1',
    fix: '/proc/sys must be writable inside a namespace; in a container, start it without a read-only /proc',
  },
  {
    id: 'iptables',
    title: "iptables with kube-proxy's matches",
    need: 'required',
    try: restore('iptables-restore'),
    fix: module('-a nf_nat xt_statistic xt_recent xt_comment xt_addrtype xt_mark'),
  },
  { id: 'conntrack', title: 'the connection table', need: 'required', try: 'conntrack -L', fix: module('nf_conntrack_netlink') },
  {
    id: 'ping',
    title: 'ping',
    need: 'required',
    try: 'ip link set lo up && ping -c 1 -W 1 127.0.0.1',
    fix: 'sudo apt-get install -y --reinstall iputils-ping',
  },
  {
    id: 'tcpdump',
    title: 'tcpdump sees a packet',
    need: 'required',
    try: 'ip link set lo up; ping -i 0.2 -c 10 127.0.0.1 & timeout 3 tcpdump --immediate-mode -n -i lo -c 1; code=$?; kill $!; exit $code',
    fix: 'a lab without root needs a range of user ids for it, see the line on user ids',
  },
  {
    id: 'iptables-legacy',
    title: 'iptables-legacy',
    need: 'optional',
    try: restore('iptables-legacy-restore'),
    fix: module('-a ip_tables iptable_nat iptable_filter'),
  },
  { id: 'iptables-nft', title: 'iptables-nft', need: 'optional', try: restore('iptables-nft-restore'), fix: module('-a nf_tables nft_compat') },
  {
    id: 'nft',
    title: 'nftables with maps and random choice',
    need: 'optional',
    try: "nft 'table ip t { chain a { }; chain c { numgen random mod 2 vmap { 0 : goto a, 1 : goto a }; }; }'",
    fix: module('-a nf_tables nft_numgen'),
  },
  {
    id: 'ipset',
    title: 'sets of addresses',
    need: 'optional',
    try: 'ipset create s hash:ip,port && ipset add s 10.0.0.1,tcp:80',
    fix: module('-a ip_set ip_set_hash_ipport'),
  },
  {
    id: 'overlay',
    title: 'overlay mounts',
    need: 'optional',
    try: 'mkdir /run/l /run/u /run/w /run/m && mount -t overlay -o lowerdir=/run/l,upperdir=/run/u,workdir=/run/w overlay /run/m',
    fix: module('overlay'),
  },
  { id: 'tun', title: '/dev/net/tun', need: 'optional', try: 'ip tuntap add dev t0 mode tap', fix: 'sudo modprobe tun; sudo chmod a+rw /dev/net/tun' },
  { id: 'ip_vs', title: 'IPVS', need: 'optional', try: 'test -e /proc/net/ip_vs && ipvsadm -A -t 10.0.0.1:80 -s rr', fix: moduleOrOwn('-a ip_vs ip_vs_rr') },
  { id: 'dummy', title: 'dummy devices', need: 'optional', try: 'ip link add d0 type dummy', fix: moduleOrOwn('dummy') },
  { id: 'ipip', title: 'IP-in-IP tunnels', need: 'optional', try: 'ip link add i0 type ipip local 127.0.0.1 remote 127.0.0.2', fix: moduleOrOwn('ipip') },
  { id: 'geneve', title: 'Geneve tunnels', need: 'optional', try: 'ip link add g0 type geneve id 1 remote 127.0.0.2', fix: moduleOrOwn('geneve') },
  { id: 'wireguard', title: 'WireGuard', need: 'optional', try: 'ip link add w0 type wireguard', fix: module('wireguard') },
  { id: 'vrf', title: 'VRF', need: 'optional', try: 'ip link add r0 type vrf table 10', fix: moduleOrOwn('vrf') },
  {
    id: 'vlan',
    title: 'VLAN',
    need: 'optional',
    try: 'ip link add v0 type veth peer name v1 && ip link add link v0 name v0.5 type vlan id 5',
    fix: moduleOrOwn('8021q'),
  },
  { id: 'sctp', title: 'SCTP', need: 'optional', try: `perl -MSocket -e 'socket my $s, AF_INET, SOCK_STREAM, 132 or die "$!\\n"'`, fix: moduleOrOwn('sctp') },
  { id: 'netem', title: 'delay and loss (netem)', need: 'optional', try: 'tc qdisc add dev lo root netem delay 1ms', fix: moduleOrOwn('sch_netem') },
  { id: 'bpf', title: 'eBPF programs', need: 'optional', try: LOAD_BPF, fix: 'run netlab as root: the kernel loads eBPF for nobody else' },
  {
    id: 'uml',
    title: "a kernel of a lab's own boots (user-mode Linux)",
    need: 'optional',
    with: 'linux.uml',
    try: BOOT_UML,
    fix: 'it needs ptrace (sudo sysctl kernel.yama.ptrace_scope=1; in a container --cap-add SYS_PTRACE) and 100 MB of memory',
  },
  { id: 'ipv6', title: 'IPv6', need: 'optional', try: 'sysctl -qw net.ipv6.conf.all.disable_ipv6=0', fix: 'boot without ipv6.disable=1' },
]

/** One script for all: every trial runs in a network namespace of its own and prints `id exit-code last-words`. */
export function scriptOf(tried: readonly Trial[]): string {
  return `mount -t tmpfs tmpfs /run; export PATH="$PATH:/usr/sbin:/sbin"
t() {
  said=$(unshare --net sh -c "$2" 2>&1 </dev/null); code=$?
  printf '%s %s %s\\n' "$1" "$code" "$(printf %s "$said" | grep . | tail -n 1 | cut -c 1-160)"
}
${tried.map((trial) => `t ${trial.id} ${quoted(trial.try)}`).join('\n')}
`
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** What the script printed; a trial without a line was not tried, which is no success. */
export function readOutcomes(tried: readonly Trial[], printed: string): readonly Outcome[] {
  const lines = new Map(printed.split('\n').map((line) => [line.split(' ', 1)[0] ?? '', line]))
  return tried.map(({ id, title, need, fix }) => {
    const [, code, ...words] = lines.get(id)?.split(' ') ?? []
    if (code === '0') return { id, title, need, works: true }
    return { id, title, need, works: false, says: code === undefined ? 'could not be tried' : words.join(' ').trim() || `ended with ${code}`, fix }
  })
}
