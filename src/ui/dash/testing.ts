/** A lab at a moment, as the dashboard's tests watch it. */
import { nothing, type PodSeen, type Seen, type TableName } from './state.ts'

const pod = (namespace: string, name: string, node: number, ip: string, status = 'Running'): PodSeen => ({
  namespace,
  name,
  node: `node-${node}`,
  ip,
  status,
  ready: status === 'Running',
  dev: `veth${ip.replaceAll('.', '').slice(-8)}`,
})

const pods = [
  pod('default', 'client', 1, '10.244.0.3'),
  pod('default', 'checkout-api-5bb65594c-tp5vp', 1, '10.244.0.2', 'CrashLoopBackOff'),
  pod('default', 'frontend-7dbf5f789f-btssc', 2, '10.244.1.3'),
  pod('kube-system', 'coredns-6cf95f45bd-blhls', 2, '10.244.1.4'),
]

const tables: readonly TableName[] = ['routes', 'neigh', 'fdb', 'nat', 'filter', 'conntrack']

export const lab: Seen = {
  ...nothing,
  lab: 'flannel-vxlan',
  facts: 'cni flannel-vxlan, kube-proxy iptables, dns coredns',
  segments: [
    { name: 'nodes', cidr: '192.168.0.0/24', gateway: '192.168.0.1' },
    { name: 'outside', cidr: '203.0.113.0/24', gateway: '203.0.113.1' },
  ],
  machines: [
    ...[1, 2].map((n) => ({
      kind: 'node' as const,
      name: `node-${n}`,
      wires: [{ dev: 'eth0', ip: `192.168.0.1${n - 1}`, segment: 'nodes' }],
      ready: n === 1,
      tables,
      links: [
        { dev: 'lo', rx: 0, tx: 0 },
        { dev: 'eth0', rx: 1240 * n, tx: 340 },
        { dev: 'cni0', rx: 12_400_000, tx: 0 },
        { dev: 'flannel.1', rx: 999, tx: 1_000 },
        ...pods.filter(({ node }) => node === `node-${n}`).map(({ dev = '' }, i) => ({ dev, rx: 100 * i, tx: 2_000 })),
      ],
    })),
    { kind: 'ext', name: 'internet', wires: [{ dev: 'eth0', ip: '203.0.113.10', segment: 'outside' }], tables, links: [{ dev: 'eth0', rx: 0, tx: 0 }] },
  ],
  pods,
  tasks: {
    title: 'checks',
    says: '2 passed, 1 failed',
    list: [
      { id: 'a', group: 'Services', title: 'The client reaches frontend by its name', verdict: 'pass', tells: [], path: { from: 'client', to: 'frontend' } },
      { id: 'b', group: 'Services', title: 'And by its address', verdict: 'pass', tells: [], path: { from: 'client', to: 'frontend' } },
      {
        id: 'c',
        group: 'Services',
        title: 'A node reaches checkout-api',
        verdict: 'fail',
        tells: [
          'expected an answer',
          'observed nothing within 2 s: the packets went out at flannel.1 and nobody answered',
          'try: netlab exec node-1 -- curl 10.96.0.7',
        ],
        path: { from: 'node-1', to: 'checkout-api' },
      },
      { id: 'd', group: 'Names', title: 'wörld 世界 answers', running: true, tells: [] },
      { id: 'e', group: 'Names', title: 'A name outside', tells: [] },
    ],
  },
  table: {
    place: 'node/node-1',
    name: 'nat',
    command: 'netlab exec node/node-1 -- iptables-save -c -t nat',
    lines: [
      { text: 'PREROUTING policy ACCEPT', count: 12 },
      { text: 'PREROUTING /* kubernetes service portals */ -j KUBE-SERVICES', count: 120, more: 3 },
      { text: 'KUBE-SVC-ERIFXISQEP7F7OF4 /* default/web -> 10.244.1.3:8080 */ -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-A', count: 0 },
    ],
  },
  objects: {
    kind: 'pods',
    head: 'NAME                          READY  STATUS   RESTARTS  AGE',
    rows: ['client                        1/1    Running  0         2m'],
  },
  events: {
    head: 'LAST SEEN  TYPE     REASON   OBJECT                            MESSAGE',
    rows: [
      '2m         Normal   Pulled   pod/client                        Container image "netlab/netshoot" already present on machine',
      '5s         Warning  BackOff  pod/checkout-api-5bb65594c-tp5vp  Back-off restarting failed container \u001b[31m世界',
    ],
  },
  capture: {
    place: 'node/node-1/eth0',
    filter: 'udp port 8472',
    state: 'running',
    lines: [
      '05:46:01.000001 IP 192.168.0.10.59553 > 192.168.0.11.8472: VXLAN, flags [I] (0x08), vni 1',
      'IP 10.244.0.3 > 10.244.1.3: ICMP echo request, id 7, seq 1, length 64',
    ],
    packets: 1,
    bytes: 158,
  },
}

/** The same with more Pods than any screen has lines. */
export const crowd: Seen = { ...lab, pods: Array.from({ length: 100 }, (_, i) => pod('default', `web-${i}`, 1, `10.244.0.${i + 2}`)) }
