/** Faults between nodes: routes, neighbours, forwarding entries, BGP. */
import { vtepMac } from '#model/addresses.ts'
import type { Cluster, Node } from '#model/cluster.ts'
import { addressOf, network } from '#net/net.ts'
import type { Fault, Place } from './fault.ts'
import { onNode, type Pair, pairs, pings } from './ground.ts'

const vtepIp = (node: Node): string => addressOf(network(node.podCIDR))

/** Scripts for the node that one asks from. */
type Between = { readonly symptom?: string; readonly breaks: string; readonly mends: string; readonly hints: readonly string[] }

/** What is broken on one node of a pair, on its way to the other. */
const between = (cluster: Cluster, place: (pair: Pair) => Between | undefined): readonly Place[] =>
  pairs(cluster).flatMap((pair) => {
    const { from, to, here } = pair
    const made = place(pair)
    if (made === undefined) return []
    return [
      {
        where: here.name,
        symptom: made.symptom ?? `Since this morning \`${from.name}\` gets no answer from \`${to.name}\` any more:${pings(pair)}`,
        breaks: [onNode(here, made.breaks)],
        mends: [onNode(here, made.mends)],
        asks: [{ ping: { from: `pod/${from.name}`, to: `pod/${to.name}` } }],
        hints: made.hints,
      },
    ]
  })

const deviceOf = ({ cni }: Cluster): string | undefined => (cni.name === 'flannel-vxlan' && !cni.directRouting ? `flannel.${cni.vni}` : undefined)

/** The same where packets go through flannel's tunnel, by this device. */
function throughTunnel(cluster: Cluster, place: (pair: Pair, dev: string) => Between | undefined): readonly Place[] {
  const dev = deviceOf(cluster)
  return dev === undefined ? [] : between(cluster, (pair) => place(pair, dev))
}

export const wrongFdb: Fault = {
  name: 'wrong-fdb',
  concept: 'forwarding entries of a VXLAN',
  is: 'a forwarding entry (fdb) of the VXLAN device names the wrong node',
  why: `A VXLAN device knows by its forwarding entries at which node a MAC address is. With a wrong entry the packet travels, well wrapped, to a node whose tunnel end has
another MAC: it is dropped there without a word. Only the direction from the node with the wrong entry is hurt, yet a ping needs both.`,
  needs: 'flannel-vxlan, three nodes',
  places: (cluster) =>
    throughTunnel(cluster, ({ here, there }, dev) => {
      const other = cluster.nodes.find((node) => node !== here && node !== there)
      const entry = (node: Node) => `bridge fdb replace ${vtepMac(there.podCIDR)} dev ${dev} dst ${node.ip} self permanent`
      if (other === undefined) return undefined
      return {
        breaks: entry(other),
        mends: entry(there),
        hints: [
          `Packets leave ${here.name} in a tunnel. \`netlab capture ${here.name}\` shows the outer addresses: is that the node you would send them to?`,
          `How does a VXLAN device know at which node a MAC address is? \`netlab exec ${here.name} -- bridge fdb show dev ${dev}\``,
          `\`netlab exec ${here.name} -- ${entry(there)}\``,
        ],
      }
    }),
}

export const staleNeigh: Fault = {
  name: 'stale-neigh',
  concept: 'neighbour entries of a VXLAN',
  is: 'a neighbour entry holds a MAC address that is nobody’s',
  why: `flanneld writes the neighbour entry of each other node's tunnel end by hand, for ARP is not spoken in the tunnel. An entry left over from a node that was made anew has
the MAC address of before; the VXLAN device finds no forwarding entry for it and has nowhere to send the frame.`,
  needs: 'flannel-vxlan',
  places: (cluster) =>
    throughTunnel(cluster, ({ here, there }, dev) => {
      const entry = (mac: string) => `ip neigh replace ${vtepIp(there)} lladdr ${mac} dev ${dev} nud permanent`
      return {
        breaks: entry('0a:58:0a:f4:ff:fe'),
        mends: entry(vtepMac(there.podCIDR)),
        hints: [
          `The route of ${here.name} names a next hop. What must a kernel know of a next hop before it can send it a frame?`,
          `\`netlab exec ${here.name} -- ip neigh show dev ${dev}\` against \`netlab exec ${there.name} -- ip link show ${dev}\``,
          `\`netlab exec ${here.name} -- ${entry(vtepMac(there.podCIDR))}\``,
        ],
      }
    }),
}

export const missingRoute: Fault = {
  name: 'missing-route',
  concept: 'routes to the Pods of another node',
  is: 'a node has no route to the Pods of another one',
  why: `Without a route to another node's Pods the default route takes the packet, and the router outside knows nothing of Pods. The network plugin wrote the route once, when the
node came; nobody looks after it until the node changes.`,
  needs: 'flannel-vxlan or host-gw',
  places: (cluster) => {
    const dev = deviceOf(cluster)
    if (dev === undefined && cluster.cni.name !== 'host-gw') return []
    return between(cluster, ({ to, here, there }) => {
      const range = network(there.podCIDR)
      const add = dev === undefined ? `ip route replace ${range} via ${there.ip} dev eth0` : `ip route replace ${range} via ${vtepIp(there)} dev ${dev} onlink`
      return {
        breaks: `ip route del ${range}`,
        mends: add,
        hints: [
          `Follow the packet: by which device does it leave ${here.name}?`,
          `\`netlab exec ${here.name} -- ip route get ${to.ip}\`, and the same on a node where it works`,
          `\`netlab exec ${here.name} -- ${add}\``,
        ],
      }
    })
  },
}

export const blackhole: Fault = {
  name: 'blackhole-route',
  concept: 'the longest prefix wins',
  is: 'a more specific route throws the packets of one Pod away',
  why: `The route to the whole range of Pods was there and right; a /32 is longer and wins. Somebody had put it there to keep a Pod quiet, and its address went to another Pod.`,
  needs: 'any network, two nodes with Pods that stay',
  places: (cluster) =>
    between(cluster, (pair) => {
      const { to, here, there } = pair
      return {
        symptom: `\`${pair.from.name}\` reaches everybody but \`${to.name}\`:${pings(pair)}`,
        breaks: `ip route replace blackhole ${to.ip}/32`,
        mends: `ip route del blackhole ${to.ip}/32`,
        hints: [
          `One Pod only, and its neighbours answer: on which node do the packets end? Captures on ${here.name} and ${there.name} tell.`,
          `What does ${here.name} say to \`ip route get ${to.ip}\`?`,
          `\`netlab exec ${here.name} -- ip route del blackhole ${to.ip}/32\``,
        ],
      }
    }),
}

const sessionOf = ({ there }: Pair): string => `Mesh_${there.ip.replaceAll('.', '_')}`
const whoTold = ({ here }: Pair): string => `Which routes to Pods does ${here.name} have, and who told it of them?`

export const peerDown: Fault = {
  name: 'bgp-session-down',
  concept: 'BGP sessions between nodes',
  is: 'a BGP session was switched off on one of its two ends',
  why: `Nodes tell one another by BGP where Pods are. A session that is switched off on one end is down on both, and with it go the routes in both directions; the other end keeps
trying and says so.`,
  needs: 'calico-bgp in a full mesh',
  places: (cluster) =>
    !isMesh(cluster)
      ? []
      : between(cluster, (pair) => ({
          breaks: `birdc disable ${sessionOf(pair)}`,
          mends: `birdc enable ${sessionOf(pair)}`,
          hints: [
            whoTold(pair),
            `\`netlab exec ${pair.here.name} -- birdc show protocols\`, and the same on the other end`,
            `\`netlab exec ${pair.here.name} -- birdc enable ${sessionOf(pair)}\``,
          ],
        })),
}

const CONFIG = '/run/netlab/etc/calico/confd/config/bird.cfg'

export const wrongAs: Fault = {
  name: 'bgp-wrong-as',
  concept: 'autonomous systems of BGP peers',
  is: 'a BGP peer is expected to be of an autonomous system that it is not of',
  why: `A session opens with each end telling the number of its autonomous system. What does not fit the configuration is refused with a notification, "bad peer AS", and tried again
for ever. TCP on port 179 is fine all the while.`,
  needs: 'calico-bgp in a full mesh',
  places: (cluster) => {
    if (cluster.cni.name !== 'calico-bgp' || !isMesh(cluster)) return []
    const { asn } = cluster.cni
    return between(cluster, (pair) => {
      const { here, there } = pair
      const change = (before: number, after: number) =>
        `sed -i 's/neighbor ${there.ip} as ${before};/neighbor ${there.ip} as ${after};/' ${CONFIG}\nbirdc configure`
      return {
        breaks: change(asn, asn + 1),
        mends: change(asn + 1, asn),
        hints: [
          whoTold(pair),
          `\`netlab exec ${here.name} -- birdc show protocols all ${sessionOf(pair)}\`: read the last error, and the numbers`,
          `${here.name} has ${asn + 1} for ${there.ip} in ${CONFIG}, ${asn} is right: mend it, then \`birdc configure\``,
        ],
      }
    })
  },
}

const isMesh = ({ cni }: Cluster): boolean => cni.name === 'calico-bgp' && cni.routeReflectors.length + cni.peers.length === 0
