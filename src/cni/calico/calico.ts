/**
 * Calico's CNI plugin and its agent Felix: every Pod hangs on its node by a cable of its own, and the node is a router between them. No switch, no
 * common network: each Pod has a /32, and all it knows is that everything is behind 169.254.1.1.
 *
 *   in the Pod     default via 169.254.1.1 dev eth0, which is nobody's address: the node answers for it (proxy ARP) with ee:ee:ee:ee:ee:ee
 *   on the node    one route per Pod, dev cali…; how the other nodes come to know theirs is BIRD's part, or that of the tunnel
 */
import type { Component, Step } from '#kernel/step.ts'
import type { Cluster, Pod } from '#model/cluster.ts'
import { type Sandboxed, sandboxedOn } from '#model/pods.ts'
import { lastOf } from '#model/remember.ts'
import { type Cidr, cidr, familyOf, hostCidr, ifName, ip, mac, network } from '#net/net.ts'
import { POD_DEV, podMtu } from '../network.ts'
import { vxlan } from './vxlan.ts'

const by = 'cni/calico'

export const calico: Component = {
  name: by,
  wanted: ({ cni }) => cni.name === 'calico-bgp' || cni.name === 'calico-vxlan',
  steps: (cluster, node) => [
    ...(cluster.cni.name === 'calico-vxlan' ? vxlan(cluster.cni, cluster, node) : []),
    ...sandboxedOn(cluster, node).flatMap((pod) => connected(pod, [podMtu(cluster, node)], () => connect(pod, podMtu(cluster, node)))),
    ...natOutgoing(cluster),
    configuration(cluster, podMtu(cluster, node)),
  ],
}

/** Every workload's way out, on no machine at all. */
const GATEWAY = ip('169.254.1.1')
/** All cables' near ends have it: a Pod never meets two of them. */
const NODE_END = mac('ee:ee:ee:ee:ee:ee')
const EVERYTHING = cidr('0.0.0.0/0')
const LO = ifName('lo')

/** Of a thousand Pods nearly all are the same as at the last turn, and so are their Steps. */
const connected = lastOf<Pod, readonly Step[]>()

function connect(pod: Sandboxed, mtu: number): readonly Step[] {
  const { sandbox } = pod
  const who = `${pod.namespace}/${pod.name}`
  const cable = `the cable of ${who}: one end in the Pod, the other is a port of the node`
  const inside = { by, in: sandbox }
  const out = `${who} sends everything to an address that its node answers for`
  const setting = (key: string, value: string, why: string): Step => ({ by, why, kind: 'sysctl', key, value, dev: pod.hostDev })
  const conf = `net.ipv4.conf.${pod.hostDev}`
  return [
    { by, why: cable, kind: 'veth', dev: pod.hostDev, mac: NODE_END, mtu, peer: POD_DEV, peerIn: sandbox, peerMac: pod.mac },
    { by, why: cable, kind: 'up', dev: pod.hostDev },
    setting(`${conf}.proxy_arp`, '1', `the node answers ${who} for every address it has a way to`),
    setting(`net.ipv4.neigh.${pod.hostDev}.proxy_delay`, '0', 'and at once'),
    setting(`${conf}.forwarding`, '1', `the node forwards what ${who} sends`),
    setting(`${conf}.route_localnet`, '1', 'a NodePort may lead from 127.0.0.1 to a Pod'),
    { by, why: `${who} is at the end of this cable`, kind: 'route', to: hostCidr(pod.ip), dev: pod.hostDev },
    { ...inside, why: `localhost of ${who}, shared by its containers`, kind: 'up', dev: LO },
    { ...inside, why: `the address of ${who}, and nobody else’s on this wire`, kind: 'addr', dev: POD_DEV, cidr: hostCidr(pod.ip) },
    { ...inside, why: `the address of ${who}, and nobody else’s on this wire`, kind: 'up', dev: POD_DEV },
    { ...inside, why: out, kind: 'route', to: hostCidr(GATEWAY), dev: POD_DEV },
    { ...inside, why: out, kind: 'route', to: EVERYTHING, via: GATEWAY, dev: POD_DEV },
  ]
}

const AS_ITS_NODE = 'a Pod that talks to the outside does so as its node, since nobody out there knows the way to Pods'
const POOLS = {
  'cali40all-ipam-pools': 'all Pod addresses: towards them nothing is rewritten',
  'cali40masq-ipam-pools': 'the Pod addresses that are hidden from the outside',
}

/** Between Pods addresses stay; what leaves all pools leaves as its node. Felix writes all of its rules for one filter of the kernel. */
const natOutgoing = (cluster: Cluster): readonly Step[] => (cluster.policy === 'calico-nftables' ? natByNftables(cluster) : natByIptables(cluster))

function natByIptables({ podCIDR }: Cluster): readonly Step[] {
  const family = familyOf(podCIDR)
  const pools: readonly Cidr[] = [network(podCIDR)]
  const chain = (name: string, rules: readonly string[]): Step => ({ by, why: AS_ITS_NODE, kind: 'chain', family, table: 'nat', chain: name, rules })
  return [
    ...Object.entries(POOLS).map(([name, why]): Step => ({ by, why, kind: 'ipset', name, type: 'hash:net', family, members: pools })),
    chain('cali-nat-outgoing', ['-m set --match-set cali40masq-ipam-pools src -m set ! --match-set cali40all-ipam-pools dst -j MASQUERADE --random-fully']),
    chain('cali-POSTROUTING', ['-j cali-nat-outgoing']),
    { by, why: AS_ITS_NODE, kind: 'jump', family, table: 'nat', chain: 'POSTROUTING', rule: '-j cali-POSTROUTING', place: 'first' },
  ]
}

/** Behind kube-proxy's chain, which stands at 100. */
const NAT_PRIORITY = 110

function natByNftables({ podCIDR }: Cluster): readonly Step[] {
  const of = { by, kind: 'nft', family: familyOf(podCIDR), table: 'calico' } as const
  const ip = of.family === 6 ? 'ip6' : 'ip'
  const chain = (name: string, rule: string, declared = ''): Step => ({ ...of, why: AS_ITS_NODE, object: 'chain', name, declared, rules: [rule] })
  const declared = `type ipv${of.family}_addr ; flags interval ;`
  return [
    { ...of, why: 'everything of Calico on this node', object: 'table', declared: '' },
    ...Object.entries(POOLS).map(([name, why]): Step => ({ ...of, why, object: 'set', name, declared, elements: [network(podCIDR)] })),
    chain('nat-cali-nat-outgoing', `${ip} saddr @cali40masq-ipam-pools ${ip} daddr != @cali40all-ipam-pools counter masquerade fully-random`),
    chain('nat-cali-POSTROUTING', 'counter jump nat-cali-nat-outgoing'),
    chain('nat-POSTROUTING', 'counter jump nat-cali-POSTROUTING', `type nat hook postrouting priority ${NAT_PRIORITY} ;`),
  ]
}

/** What kubelet calls for each Pod. */
const configuration = ({ lab }: Cluster, mtu: number): Step => ({
  by,
  why: `what kubelet calls for each Pod of ${lab}: calico, which asks calico-ipam for an address`,
  kind: 'file',
  path: '/run/netlab/etc/cni/net.d/10-calico.conflist',
  text: `${JSON.stringify(
    {
      name: 'k8s-pod-network',
      cniVersion: '0.3.1',
      plugins: [
        { type: 'calico', mtu, ipam: { type: 'calico-ipam' }, policy: { type: 'k8s' } },
        { type: 'portmap', snat: true, capabilities: { portMappings: true } },
      ],
    },
    null,
    2,
  )}\n`,
})
