/**
 * A router of the underlay: a machine that runs BIRD and nothing of Kubernetes. With other routers it speaks eBGP, with the Calico nodes of its racks, which
 * are in its own autonomous system, iBGP: what one of these tells, it tells the others (a route reflector), and what comes from elsewhere with itself as next hop.
 */
import { bfdProtocol, daemon, PATIENCE, SCAN, underscored } from '#bgp/bird.ts'
import type { Step } from '#kernel/step.ts'
import { machineResolvConf } from '#kubelet/dns.ts'
import { machineHosts } from '#kubelet/hosts.ts'
import type { Cluster, Router } from '#model/cluster.ts'
import { torsOf } from '#model/routers.ts'
import { type Cidr, type Ip, network } from '#net/net.ts'

const by = 'underlay'
/** /etc/bird/bird.conf, where Debian's bird2 looks by itself. */
const CONFIG = '/run/netlab/etc/bird/bird.conf'

export function routerSteps(cluster: Cluster, router: Router): readonly Step[] {
  const nodes = cluster.nodes.flatMap(({ name, ip, segment }) =>
    torsOf(cluster, { segment }).flatMap((tor) => (tor.name === router.name ? [{ name, ip, from: tor.ip }] : [])),
  )
  const speaks = [...router.peers, ...nodes].map(({ name }) => name).join(', ') || 'nobody'
  const file = (path: string, text: string, why: string): Step => ({ by, why, kind: 'file', path, text })
  return [
    ...SETTINGS.map(([key, value, why]): Step => ({ by, why, kind: 'sysctl', key, value })),
    file('/run/netlab/etc/hosts', machineHosts(cluster, router), `${router.name} knows the machines of its lab by name`),
    file('/run/netlab/etc/resolv.conf', machineResolvConf(cluster, router), 'whom a router asks for names'),
    file(CONFIG, config(cluster, router, nodes), `AS ${router.asn}, and with whom ${router.name} speaks BGP: ${speaks}`),
    daemon({ by, why: 'tells its neighbours what it is the way to, and puts what they tell into the kernel', files: [CONFIG] }),
  ]
}

const SETTINGS = [
  ['net.ipv4.ip_forward', '1', 'a router forwards'],
  [
    'net.ipv4.fib_multipath_hash_policy',
    '1',
    'of several equally good ways each connection takes one, by addresses and ports: not all between two machines the same',
  ],
  ['net.ipv4.conf.all.rp_filter', '2', 'an answer may come another way than the question went'],
  ['net.ipv6.conf.all.disable_ipv6', '1', 'a lab of IPv4 only'],
  ['net.ipv6.conf.default.disable_ipv6', '1', 'a lab of IPv4 only'],
] as const

/** `from`: the router's own address. */
type Neighbour = { readonly name: string; readonly ip: Ip; readonly from?: Ip }

function config({ cni, podCIDR }: Cluster, router: Router, nodes: readonly Neighbour[]): string {
  const racks = router.wires.filter(({ rack }) => rack)
  const bfd = cni.name === 'calico-bgp' && cni.bfd
  return [
    `# ${router.name}: a router of AS ${router.asn}\nlog stderr all;\nrouter id ${router.ip};\n`,
    KERNEL,
    `protocol device {\n  scan time ${SCAN};\n}\n`,
    ...(racks.length === 0
      ? []
      : [`# What this router is the way to: ${racks.map(({ segment }) => segment.name).join(', ')}.\n${direct(racks.map(({ dev }) => dev))}`]),
    ...(router.uplink === undefined ? [] : [`# And to all the world.\nprotocol static {\n  ipv4;\n  route 0.0.0.0/0 via ${router.uplink};\n}\n`]),
    ...(bfd ? [bfdProtocol('interface "*"', 'multihop')] : []),
    ...(router.peers.length === 0 ? [] : [template('fabric', router, bfd, FABRIC_CHANNEL)]),
    // Of two the one whose name comes first waits to be called.
    ...router.peers.map((peer) => session('Fabric', peer, { asn: peer.asn, passive: peer.name > router.name })),
    ...(nodes.length === 0 ? [] : [template('rack', router, bfd, rackChannel(router, network(podCIDR)))]),
    ...nodes.map((node) => session('Rack', node, { asn: router.asn, passive: true })),
  ].join('\n')
}

/** Of several equally good ways the kernel gets all. */
const KERNEL = `protocol kernel {
  scan time ${SCAN};
  merge paths on;
  ipv4 {
    import none;
    export where source != RTS_DEVICE;
  };
}
`

const direct = (devices: readonly string[]): string => `protocol direct {
  interface ${devices.map((dev) => `"${dev}"`).join(', ')};
  ipv4;
}
`

const template = (name: string, { asn }: Router, bfd: boolean, channel: string): string => `template bgp ${name} {
  local as ${asn};
${PATIENCE}${bfd ? '  bfd on;\n' : ''}${channel}}
`

const FABRIC_CHANNEL = `  ipv4 {
    import all;
    export all;
  };
`

/** Nodes tell of Pods and nothing else, and have their default route already. */
const rackChannel = ({ ip }: Router, pods: Cidr): string => `  multihop;
  rr client;
  rr cluster id ${ip};
  ipv4 {
    import where net ~ [ ${pods}+ ];
    export where net != 0.0.0.0/0;
    next hop self ebgp;
  };
`

const session = (kind: 'Fabric' | 'Rack', { name, ip, from }: Neighbour, o: { readonly asn: number; readonly passive: boolean }): string =>
  `protocol bgp ${kind}_${underscored(name)} from ${kind.toLowerCase()} {
  neighbor ${ip} as ${o.asn};
${from === undefined ? '' : `  source address ${from};\n`}${o.passive ? '  passive on;\n' : ''}}
`
