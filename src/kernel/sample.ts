/** A node of the flannel lab with two Pods, written by hand: every kind of Step in small, for tests. */
import { cidr, type Family, ifName, ip, mac } from '#net/net.ts'
import type { NodeProgram, Step } from './step.ts'

const eth0 = ifName('eth0')
const cni0 = ifName('cni0')
const vtep = ifName('flannel.1')
const MTU = 1450

export const sampleNode: NodeProgram = [
  { by: 'kubelet', why: 'a node forwards between its Pods and the world', kind: 'sysctl', key: 'net.ipv4.ip_forward', value: '1' },
  ...pod('default_client', 'veth0a', 2),
  ...pod('default_web', 'veth0b', 3),
  { by: 'kubelet', why: 'the names web sees', kind: 'file', path: '/run/netlab/pods/default_web/etc-hosts', text: '127.0.0.1\tlocalhost\n10.244.0.3\tweb\n' },
  { by: 'cni/bridge', why: 'the switch between the Pods of this node', kind: 'bridge', dev: cni0, mac: mac('0a:58:0a:f4:00:01'), mtu: MTU },
  { by: 'cni/bridge', why: 'the gateway of the Pods', kind: 'addr', dev: cni0, cidr: cidr('10.244.0.1/24') },
  { by: 'cni/bridge', why: 'a switch must be on', kind: 'up', dev: cni0 },
  {
    by: 'cni/flannel',
    why: 'the tunnel to the other nodes',
    kind: 'vxlan',
    dev: vtep,
    vni: 1,
    port: 8472,
    local: ip('192.168.0.10'),
    underlay: eth0,
    mac: mac('0a:58:0a:f4:00:00'),
    mtu: MTU,
    learning: false,
  },
  { by: 'cni/flannel', why: 'the tunnel to the other nodes', kind: 'addr', dev: vtep, cidr: cidr('10.244.0.0/32') },
  { by: 'cni/flannel', why: 'the tunnel to the other nodes', kind: 'up', dev: vtep },
  ...peer(1),
  ...peer(2),
  {
    by: 'cni/flannel',
    why: 'the settings the CNI plugin reads',
    kind: 'file',
    path: '/run/flannel/subnet.env',
    text: 'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_MTU=1450\n',
    mode: 0o644,
  },
  ...masquerade(4),
  {
    by: 'proxy/iptables',
    why: 'Services are found here',
    kind: 'jump',
    family: 4,
    table: 'nat',
    chain: 'PREROUTING',
    rule: '-m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    place: 'first',
  },
  {
    by: 'proxy/iptables',
    why: 'marked packets leave as the node',
    kind: 'jump',
    family: 4,
    table: 'nat',
    chain: 'POSTROUTING',
    rule: '-m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    place: 'first',
  },
  {
    by: 'proxy/iptables',
    why: 'every Service by its address',
    kind: 'chain',
    family: 4,
    table: 'nat',
    chain: 'KUBE-SERVICES',
    rules: ['-d 10.96.0.10/32 -p tcp -m comment --comment "default/web cluster IP" -m tcp --dport 80 -j KUBE-SVC-WEB'],
  },
  {
    by: 'proxy/iptables',
    why: 'one endpoint of default/web is drawn',
    kind: 'chain',
    family: 4,
    table: 'nat',
    chain: 'KUBE-SVC-WEB',
    rules: ['-m comment --comment "default/web -> 10.244.0.3:8080" -m statistic --mode random --probability 0.3333333333 -j KUBE-SEP-A', '-j KUBE-SEP-B'],
  },
  {
    by: 'proxy/iptables',
    why: 'an endpoint of default/web',
    kind: 'chain',
    family: 4,
    table: 'nat',
    chain: 'KUBE-SEP-A',
    rules: ['-p tcp -m tcp -j DNAT --to-destination 10.244.0.3:8080'],
  },
  {
    by: 'proxy/iptables',
    why: 'an endpoint of default/web',
    kind: 'chain',
    family: 4,
    table: 'nat',
    chain: 'KUBE-SEP-B',
    rules: ['-p tcp -m tcp -j DNAT --to-destination 10.244.1.3:8080'],
  },
  {
    by: 'proxy/iptables',
    why: 'marked packets leave as the node',
    kind: 'chain',
    family: 4,
    table: 'nat',
    chain: 'KUBE-POSTROUTING',
    rules: ['-m mark ! --mark 0x4000/0x4000 -j RETURN', '-j MARK --xor-mark 0x4000', '-j MASQUERADE --random-fully'],
  },
  { by: 'policy', why: 'the Pods that may reach web', kind: 'ipset', name: 'WEB-FROM', type: 'hash:ip', family: 4, members: ['10.244.0.2', '10.244.1.2'] },
  {
    by: 'policy',
    why: 'only they may',
    kind: 'chain',
    family: 4,
    table: 'filter',
    chain: 'WEB-IN',
    rules: ['-m set --match-set WEB-FROM src -j ACCEPT', '-j DROP'],
  },
  ...table(),
]

/** A table of nftables with a hook, a map that leads to a chain, and a set that packets write to. */
function table(): readonly Step[] {
  const [by, family, table] = ['proxy/nftables', 4, 'sample'] as const
  const to = 'service-A-default/web'
  const common = { by, kind: 'nft', family, table } as const
  const chain = (name: string, why: string, rules: readonly string[], declared = ''): Step => ({ ...common, why, object: 'chain', name, declared, rules })
  return [
    { ...common, why: 'rules of one owner', object: 'table', declared: 'comment "a sample" ;' },
    chain('in', 'every new connection asks the map', ['ip daddr . th dport vmap @services'], 'type nat hook prerouting priority -100 ;'),
    chain(to, 'default/web', ['update @seen { ip saddr }', 'meta l4proto tcp dnat to 10.244.0.3:8080']),
    chain('refuse', 'refuses at once', ['drop']),
    {
      ...{ ...common, why: 'every Service by its address', object: 'map', name: 'services' },
      declared: 'type ipv4_addr . inet_service : verdict ;',
      elements: [`10.96.0.10 . 80 : goto ${to}`, '10.96.0.11 . 80 comment "default/none" : goto refuse'],
    },
    { ...common, why: 'who came', object: 'set', name: 'seen', declared: 'type ipv4_addr ; flags dynamic,timeout ; timeout 60s ;', elements: [] },
  ]
}

/** A Pod's namespace and cable; `host` is the last octet of its address. */
export function pod(name: string, dev: string, host: number): readonly Step[] {
  const by = 'kubelet'
  return [
    { by, why: `the network of Pod ${name}`, kind: 'netns', name },
    {
      by: 'cni/bridge',
      why: `the cable of Pod ${name}`,
      kind: 'veth',
      dev: ifName(dev),
      mtu: MTU,
      peer: eth0,
      peerIn: name,
      peerMac: mac(`0a:58:0a:f4:00:0${host}`),
    },
    { by: 'cni/bridge', why: `the cable of Pod ${name}`, kind: 'port', dev: ifName(dev), master: cni0, hairpin: true },
    { by: 'cni/bridge', why: `the cable of Pod ${name}`, kind: 'up', dev: ifName(dev) },
    { by, why: 'localhost', in: name, kind: 'up', dev: ifName('lo') },
    { by: 'cni/bridge', why: `the address of Pod ${name}`, in: name, kind: 'addr', dev: eth0, cidr: cidr(`10.244.0.${host}/24`) },
    { by: 'cni/bridge', why: `the address of Pod ${name}`, in: name, kind: 'up', dev: eth0 },
    { by: 'cni/bridge', why: 'all else is behind the node', in: name, kind: 'route', to: cidr('0.0.0.0/0'), via: ip('10.244.0.1'), dev: eth0 },
  ]
}

function peer(index: number): readonly Step[] {
  const by = 'cni/flannel'
  const why = `the Pods of node-${index + 1}`
  const address = ip(`10.244.${index}.0`)
  const its = mac(`0a:58:0a:f4:0${index}:00`)
  return [
    { by, why, kind: 'route', to: cidr(`10.244.${index}.0/24`), via: address, dev: vtep, onlink: true },
    { by, why, kind: 'neigh', ip: address, mac: its, dev: vtep },
    { by, why, kind: 'fdb', mac: its, dst: ip(`192.168.0.1${index}`), dev: vtep },
  ]
}

function masquerade(family: Family): readonly Step[] {
  const by = 'cni/flannel'
  const why = 'Pods reach the world as their node'
  return [
    {
      by,
      why,
      kind: 'chain',
      family,
      table: 'nat',
      chain: 'FLANNEL-POSTRTG',
      rules: ['-s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE'],
    },
    { by, why, kind: 'jump', family, table: 'nat', chain: 'POSTROUTING', rule: '-m comment --comment "flanneld masq" -j FLANNEL-POSTRTG', place: 'last' },
  ]
}

/** So many Services, each with three chains that change over together; `mark` in the name of their endpoints. */
export function manyServices(count: number, mark = 'SEP'): NodeProgram {
  const chain = (name: string, rules: readonly string[], of?: string): Step => ({
    ...{ by: 'x', why: 'y', kind: 'chain', family: 4, table: 'nat', chain: name, rules },
    ...(of === undefined ? {} : { of }),
  })
  const numbers = Array.from({ length: count }, (_, at) => at)
  return [
    chain(
      'SERVICES',
      numbers.flatMap((at) => [`-d 10.96.0.${at} -j SVC-${at}`, `--dport ${at} -j EXT-${at}`]),
    ),
    ...numbers.flatMap((at) => [
      chain(`EXT-${at}`, ['-j MASQ', `-j SVC-${at}`], `default/${at}`),
      chain(`SVC-${at}`, [`-j ${mark}-${at}`], `default/${at}`),
      chain(`${mark}-${at}`, ['-j MASQ', '-j DNAT'], `default/${at}`),
    ]),
    chain('MASQ', ['-j MARK']),
    { ...chain('CANARY', []), canary: true } as Step,
    { by: 'x', why: 'y', kind: 'jump', family: 4, table: 'nat', chain: 'OUTPUT', rule: '-j SERVICES', place: 'first' },
  ]
}
