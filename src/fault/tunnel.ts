/** Faults between nodes: routes, neighbours, forwarding entries, BGP. */
import { vtepMac } from '#model/addresses.ts'
import type { Cluster, Node } from '#model/cluster.ts'
import { addressOf, network } from '#net/net.ts'
import type { Fault } from './fault.ts'
import { onNode, type Pair, pairs, pings } from './ground.ts'

const lost = (pair: Pair): string => `Since this morning \`${pair.from.name}\` gets no answer from \`${pair.to.name}\` any more:${pings(pair)}`
const reach = ({ from, to }: Pair) => [{ ping: { from: `pod/${from.name}`, to: `pod/${to.name}` } }]
const vtepIp = (node: Node): string => addressOf(network(node.podCIDR))
const deviceOf = ({ cni }: Cluster): string | undefined => (cni.name === 'flannel-vxlan' && !cni.directRouting ? `flannel.${cni.vni}` : undefined)

export const wrongFdb: Fault = {
  name: 'wrong-fdb',
  concept: 'forwarding entries of a VXLAN',
  is: 'a forwarding entry (fdb) of the VXLAN device names the wrong node',
  why: `A VXLAN device knows by its forwarding entries at which node a MAC address is. With a wrong entry the packet travels, well wrapped, to a node whose tunnel end has
another MAC: it is dropped there without a word. Only the direction from the node with the wrong entry is hurt, yet a ping needs both.`,
  needs: 'flannel-vxlan, three nodes',
  places: (cluster) => {
    const dev = deviceOf(cluster)
    return dev === undefined
      ? []
      : pairs(cluster).flatMap((pair) => {
          const other = cluster.nodes.find((node) => node !== pair.here && node !== pair.there)
          const entry = (node: Node) => `bridge fdb replace ${vtepMac(pair.there.podCIDR)} dev ${dev} dst ${node.ip} self permanent`
          if (other === undefined) return []
          return [
            {
              where: pair.here.name,
              symptom: lost(pair),
              breaks: [onNode(pair.here, entry(other))],
              mends: [onNode(pair.here, entry(pair.there))],
              asks: reach(pair),
              hints: [
                `Packets leave ${pair.here.name} in a tunnel. \`netlab capture ${pair.here.name}\` shows the outer addresses: is that the node you would send them to?`,
                `How does a VXLAN device know at which node a MAC address is? \`netlab exec ${pair.here.name} -- bridge fdb show dev ${dev}\``,
                `\`netlab exec ${pair.here.name} -- ${entry(pair.there)}\``,
              ],
            },
          ]
        })
  },
}

export const staleNeigh: Fault = {
  name: 'stale-neigh',
  concept: 'neighbour entries of a VXLAN',
  is: 'a neighbour entry holds a MAC address that is nobody’s',
  why: `flanneld writes the neighbour entry of each other node's tunnel end by hand, for ARP is not spoken in the tunnel. An entry left over from a node that was made anew has
the MAC address of before; the VXLAN device finds no forwarding entry for it and has nowhere to send the frame.`,
  needs: 'flannel-vxlan',
  places: (cluster) => {
    const dev = deviceOf(cluster)
    return dev === undefined
      ? []
      : pairs(cluster).map((pair) => {
          const entry = (mac: string) => `ip neigh replace ${vtepIp(pair.there)} lladdr ${mac} dev ${dev} nud permanent`
          return {
            where: pair.here.name,
            symptom: lost(pair),
            breaks: [onNode(pair.here, entry('0a:58:0a:f4:ff:fe'))],
            mends: [onNode(pair.here, entry(vtepMac(pair.there.podCIDR)))],
            asks: reach(pair),
            hints: [
              `The route of ${pair.here.name} names a next hop. What must a kernel know of a next hop before it can send it a frame?`,
              `\`netlab exec ${pair.here.name} -- ip neigh show dev ${dev}\` against \`netlab exec ${pair.there.name} -- ip link show ${dev}\``,
              `\`netlab exec ${pair.here.name} -- ${entry(vtepMac(pair.there.podCIDR))}\``,
            ],
          }
        })
  },
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
    return pairs(cluster).map((pair) => {
      const range = network(pair.there.podCIDR)
      const add =
        dev === undefined ? `ip route replace ${range} via ${pair.there.ip} dev eth0` : `ip route replace ${range} via ${vtepIp(pair.there)} dev ${dev} onlink`
      return {
        where: pair.here.name,
        symptom: lost(pair),
        breaks: [onNode(pair.here, `ip route del ${range}`)],
        mends: [onNode(pair.here, add)],
        asks: reach(pair),
        hints: [
          `Follow the packet: by which device does it leave ${pair.here.name}?`,
          `\`netlab exec ${pair.here.name} -- ip route get ${pair.to.ip}\`, and the same on a node where it works`,
          `\`netlab exec ${pair.here.name} -- ${add}\``,
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
    pairs(cluster).map((pair) => ({
      where: pair.here.name,
      symptom: `\`${pair.from.name}\` reaches everybody but \`${pair.to.name}\`:${pings(pair)}`,
      breaks: [onNode(pair.here, `ip route replace blackhole ${pair.to.ip}/32`)],
      mends: [onNode(pair.here, `ip route del blackhole ${pair.to.ip}/32`)],
      asks: reach(pair),
      hints: [
        `One Pod only, and its neighbours answer: on which node do the packets end? Captures on ${pair.here.name} and ${pair.there.name} tell.`,
        `What does ${pair.here.name} say to \`ip route get ${pair.to.ip}\`?`,
        `\`netlab exec ${pair.here.name} -- ip route del blackhole ${pair.to.ip}/32\``,
      ],
    })),
}

const sessionOf = ({ there }: Pair): string => `Mesh_${there.ip.replaceAll('.', '_')}`

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
      : pairs(cluster).map((pair) => ({
          where: pair.here.name,
          symptom: lost(pair),
          breaks: [onNode(pair.here, `birdc disable ${sessionOf(pair)}`)],
          mends: [onNode(pair.here, `birdc enable ${sessionOf(pair)}`)],
          asks: reach(pair),
          hints: [
            `Which routes to Pods does ${pair.here.name} have, and who told it of them?`,
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
    return pairs(cluster).map((pair) => {
      const change = (from: number, to: number) =>
        `sed -i 's/neighbor ${pair.there.ip} as ${from};/neighbor ${pair.there.ip} as ${to};/' ${CONFIG}\nbirdc configure`
      return {
        where: pair.here.name,
        symptom: lost(pair),
        breaks: [onNode(pair.here, change(asn, asn + 1))],
        mends: [onNode(pair.here, change(asn + 1, asn))],
        asks: reach(pair),
        hints: [
          `Which routes to Pods does ${pair.here.name} have, and who told it of them?`,
          `\`netlab exec ${pair.here.name} -- birdc show protocols all ${sessionOf(pair)}\`: read the last error, and the numbers`,
          `${pair.here.name} has ${asn + 1} for ${pair.there.ip} in ${CONFIG}, ${asn} is right: mend it, then \`birdc configure\``,
        ],
      }
    })
  },
}

const isMesh = ({ cni }: Cluster): boolean => cni.name === 'calico-bgp' && cni.routeReflectors.length + cni.peers.length === 0
