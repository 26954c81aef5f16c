/** The nodes' own network, and the machines outside the cluster: what there was before Kubernetes came. */
import type { Step } from '#kernel/step.ts'
import { machineResolvConf } from '#kubelet/dns.ts'
import { ECHO_PROGRAM } from '#kubelet/images.ts'
import { WIRE } from '#model/addresses.ts'
import type { Cluster, Host, Node, Router, RouterWire } from '#model/cluster.ts'
import { cidr, familyOf, ifName, prefixOf, withPrefix } from '#net/net.ts'
import { nameServerSteps } from './name-server.ts'

const by = 'underlay'

const LO = ifName('lo')

/** What a machine was given with its wires, by whoever built it. No plan holds it; said as steps, so that drift sees when it is gone. */
export const wireSteps = (machine: Node | Router | Host): readonly Step[] => [
  { by, why: 'a machine reaches itself', kind: 'up', dev: LO },
  ...('wires' in machine ? machine.wires.flatMap(wire) : [...wire({ ...machine, dev: WIRE }), wayOut(machine)]),
]

const wire = ({ dev, ip, segment }: Omit<RouterWire, 'rack'>): readonly Step[] => [
  { by, why: `the wire to segment ${segment.name} must be switched on`, kind: 'up', dev, mtu: segment.mtu },
  { by, why: `under this address the others of segment ${segment.name} find the machine`, kind: 'addr', dev, cidr: withPrefix(ip, prefixOf(segment.cidr)) },
]

const wayOut = ({ ip, segment }: Node | Host): Step => ({
  by,
  why: 'what is not on the segment goes by its router',
  kind: 'route',
  to: cidr(familyOf(ip) === 6 ? '::/0' : '0.0.0.0/0'),
  via: segment.gateway,
  dev: WIRE,
})

const HTTP = 80
/** RFC 862 and its UDP twin. */
const ECHO = 7

/** A machine outside answers on HTTP and echo and says whom it saw: that is how the address of what leaves the cluster becomes visible. */
export function hostSteps(cluster: Cluster, host: Host): readonly Step[] {
  const names = [`127.0.0.1\tlocalhost\n`, `::1\tlocalhost ip6-localhost ip6-loopback\n`, `${host.ip}\t${host.name}\n`]
  return [
    {
      by,
      why: `${host.name} knows its own name, and nothing of the cluster ${cluster.lab}`,
      kind: 'file',
      path: '/run/netlab/etc/hosts',
      text: names.join(''),
    },
    {
      by,
      why: cluster.nameservers.length > 0 ? 'whom the machines of this lab ask for names' : 'no name has an address out here',
      kind: 'file',
      path: '/run/netlab/etc/resolv.conf',
      text: machineResolvConf(cluster, host),
    },
    ...(host.dns === undefined ? [] : nameServerSteps(host, host.dns)),
    {
      by,
      why: `${host.name} answers on HTTP port ${HTTP} and echo port ${ECHO} and tells whom it saw`,
      kind: 'process',
      id: 'echo',
      argv: [ECHO_PROGRAM, '--http-port', `${HTTP}`, '--tcp-port', `${ECHO}`, '--udp-port', `${ECHO}`],
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        HOSTNAME: host.name,
        POD_NAME: host.name,
        NODE_NAME: host.name,
        POD_IP: host.ip,
      },
      mounts: [],
      onChange: 'restart',
      restart: 'Always',
    },
  ]
}
