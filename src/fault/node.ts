/** Faults inside of a node or a Pod: forwarding, rules, the cable. */
import type { Cluster } from '#model/cluster.ts'
import { network, nthIp } from '#net/net.ts'
import type { Fault } from './fault.ts'
import { type Called, called, clients, curls, inPod, manned, onNode, pairs, typed } from './ground.ts'

/** Flannel's Pods hang on a bridge; Calico's on cables of their own. */
const hasBridge = ({ cni }: Cluster): boolean => cni.name === 'flannel-vxlan' || cni.name === 'host-gw'

export const ipForwardOff: Fault = {
  name: 'ip-forward-off',
  concept: 'a node is a router for its Pods',
  is: 'a node does not forward packets',
  why: `A node is a router for its Pods. With net.ipv4.ip_forward at 0 it takes what is for itself and drops the rest: Pods of the same bridge still reach one another, nobody else does.
A hardening script or a \`sysctl --system\` after a boot is the usual author.`,
  needs: 'any network, two nodes with Pods that stay',
  places: (cluster) =>
    pairs(cluster).flatMap((pair, at, all) => {
      const set = (value: number) => [onNode(pair.there, `sysctl -qw net.ipv4.ip_forward=${value}`)]
      // It is the same from wherever one looks.
      if (all.findIndex(({ there }) => there === pair.there) !== at) return []
      return [
        {
          where: pair.there.name,
          symptom: `\`${pair.to.name}\` is cut off: it reaches nobody far away, not even a Service, and \`${pair.from.name}\` does not reach it.${typed(`netlab exec ${pair.to.name} -- ping -c 2 -W 1 ${pair.from.ip}`)}`,
          breaks: set(0),
          mends: set(1),
          asks: [
            { ping: { from: `pod/${pair.to.name}`, to: `pod/${pair.from.name}` } },
            { ping: { from: `pod/${pair.from.name}`, to: `pod/${pair.to.name}` } },
          ],
          hints: [
            `Packets arrive on ${pair.there.name} and do not leave it. What makes a Linux machine pass on what is not for itself?`,
            `\`netlab exec ${pair.there.name} -- sysctl -a --pattern 'ip_forward$'\``,
            `\`netlab exec ${pair.there.name} -- sysctl -w net.ipv4.ip_forward=1\``,
          ],
        },
      ]
    }),
}

const SMALL = 1000
/** Larger than the small one, smaller than what any of netlab's networks carries. */
const LARGE = 1300

export const smallMtu: Fault = {
  name: 'small-mtu',
  concept: 'one device with a smaller MTU',
  is: 'a device on the way has a smaller MTU than its neighbours',
  why: `The node's end of a Pod's cable took packets of up to ${SMALL} bytes only. No router stands between the two ends of a cable, so nobody sends "fragmentation needed": the packet is
dropped, and the sender never learns of it. Small questions are answered, large answers are not: "it connects and then hangs".`,
  needs: 'flannel (where a node is a router up to the cable, the sender is told), two nodes with Pods that stay',
  places: (cluster) =>
    pairs(cluster).flatMap(({ from, to, there }) => {
      if (to.sandbox === undefined || !hasBridge(cluster)) return []
      return [
        {
          where: there.name,
          symptom: `\`${to.name}\` answers \`${from.name}\` as long as little is said; larger packets are lost:${typed(`netlab exec ${from.name} -- ping -c 2 -W 1 -M do -s ${LARGE} ${to.ip}`)}`,
          breaks: [onNode(there, `ip link set dev ${to.hostDev} mtu ${SMALL}`)],
          mends: [onNode(there, `ip link set dev ${to.hostDev} mtu "$(ip -n ${to.sandbox} link show eth0 | sed -n 's/.* mtu \\([0-9]*\\) .*/\\1/p')"`)],
          asks: [{ ping: { from: `pod/${from.name}`, to: `pod/${to.name}`, size: LARGE, df: true } }],
          hints: [
            `How large may a packet be that \`${to.name}\` still answers? Where on the way is that number written?`,
            `\`ip link\` in \`${to.name}\`, on ${there.name} and on \`${from.name}\`'s node: two ends of one cable should agree`,
            `\`netlab exec ${there.name} -- ip link set dev ${to.hostDev} mtu …\`, as large as eth0 in \`${to.name}\``,
          ],
        },
      ]
    }),
}

const MASQ = '! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully'

export const noMasquerade: Fault = {
  name: 'no-masquerade',
  concept: 'the way out of the cluster',
  is: 'the rule that masquerades what leaves the cluster is missing on a node',
  why: `Outside of the cluster nobody has a route to Pods. On its way out a packet gets the node's address as its source (MASQUERADE); without that rule it arrives all the same, and the answer
goes nowhere.`,
  needs: 'flannel, a host outside, Pods that stay',
  places: (cluster) => {
    const host = cluster.hosts.find(({ dns }) => dns === undefined)
    if (host === undefined || !hasBridge(cluster)) return []
    const rule = `FLANNEL-POSTRTG -s ${network(cluster.podCIDR)} ${MASQ}`
    return manned(cluster).map(({ node, pod }) => ({
      where: node.name,
      symptom: `\`${pod.name}\` does not reach \`${host.name}\`, which is outside of the cluster:${typed(`netlab exec ${pod.name} -- curl -sS -m 3 -o /dev/null http://${host.ip}/`)}`,
      breaks: [onNode(node, `iptables -t nat -D ${rule}`)],
      mends: [onNode(node, `iptables -t nat -A ${rule}`)],
      asks: [{ tcp: { from: `pod/${pod.name}`, to: `ext/${host.name}`, port: 80 } }],
      hints: [
        `The packet gets to \`${host.name}\`. Which source address does it have there, and where would an answer to it go?`,
        `\`netlab exec ${node.name} -- iptables -t nat -S FLANNEL-POSTRTG\`, beside that of another node`,
        `\`netlab exec ${node.name} -- iptables -t nat -A ${rule}\``,
      ],
    }))
  },
}

/** Where every node has the rule: a Service without a ready endpoint is refused by another one, and with internalTrafficPolicy Local some nodes have none. */
const led = (cluster: Cluster): readonly Called[] =>
  called(cluster).filter(({ port: { endpoints, internalLocal } }) => !internalLocal && endpoints.some(({ ready }) => ready))

export const lostServiceRule: Fault = {
  name: 'lost-service-rule',
  concept: 'kube-proxy’s rules on each node',
  is: 'kube-proxy’s rule for a Service is missing on one node',
  why: `A ClusterIP is no address of any machine: each node's own rules lead it to a Pod. Without the Service's rule the packet keeps that address, takes the default route and is lost. kube-proxy
writes rules when something changes, or at its next full sync; until then a rule that somebody deleted stays deleted.`,
  needs: 'kube-proxy in iptables mode, Pods that stay, a Service with a ready endpoint that every node leads to one of all its endpoints',
  places: (cluster) =>
    cluster.proxy.mode !== 'iptables'
      ? []
      : manned(cluster).flatMap(({ node, pod }) =>
          led(cluster).map((one) => {
            const { port } = one
            const label = `${port.namespace}/${port.name}${port.portName === '' ? '' : `:${port.portName}`}`
            const match = `-d ${port.clusterIP}/32 -p tcp -m comment --comment "${label} cluster IP" -m tcp --dport ${port.port}`
            const chain = `$(iptables -t nat -S | sed -n 's#^-A \\(KUBE-SVC-[A-Z0-9]*\\) .*"${label} -> .*#\\1#p' | head -n 1)`
            return {
              where: node.name,
              symptom: `\`${pod.name}\` gets no answer from the Service \`${port.name}\`; its Pods answer at their own addresses:${curls(pod, one)}`,
              breaks: [onNode(node, `iptables -t nat -D KUBE-SERVICES ${match} -j "${chain}"`)],
              mends: [onNode(node, `iptables -t nat -I KUBE-SERVICES ${match} -j "${chain}"`)],
              asks: [{ tcp: { from: `pod/${pod.name}`, to: `svc/${port.name}` } }],
              hints: [
                `The network is well, the Service too: ask from another node. What is different on ${node.name}?`,
                `\`netlab exec ${node.name} -- iptables -t nat -S KUBE-SERVICES\`, beside that of another node`,
                `Put the rule back, or let \`netlab repair ${node.name}\` do it: KUBE-SERVICES ${match}`,
              ],
            }
          }),
        ),
}

export const handMadeDrop: Fault = {
  name: 'hand-made-drop',
  concept: 'order of rules in a chain',
  is: 'a rule by hand at the head of FORWARD drops what one Pod sends to one port',
  why: `A rule at the head of FORWARD comes before all of those that network plugin, kube-proxy and policies have written, and a verdict ends the walk. Ping still worked: the rule named TCP and a port.`,
  needs: 'any network, Pods that stay, a Service',
  places: (cluster) =>
    manned(cluster).flatMap(({ node, pod }) =>
      called(cluster).flatMap((one) => {
        const target = one.port.endpoints[0]?.port
        const rule = `-s ${pod.ip} -p tcp --dport ${target} -j DROP`
        if (target === undefined) return []
        return [
          {
            where: node.name,
            symptom: `\`${pod.name}\` gets no answer from the Service \`${one.port.name}\`, nor from its Pods, though it can ping them:${curls(pod, one)}`,
            breaks: [onNode(node, `iptables -I FORWARD 1 ${rule}`)],
            mends: [onNode(node, `iptables -D FORWARD ${rule}`)],
            asks: [{ tcp: { from: `pod/${pod.name}`, to: `svc/${one.port.name}` } }],
            hints: [
              `Ping gets through and TCP does not: who tells them apart? And is it so from another node?`,
              `\`netlab exec ${node.name} -- iptables -L FORWARD -v -n --line-numbers\`: whose counter moves while you try?`,
              `\`netlab exec ${node.name} -- iptables -D FORWARD ${rule}\``,
            ],
          },
        ]
      }),
    ),
}

export const noGateway: Fault = {
  name: 'no-default-route',
  concept: 'the route out of a Pod',
  is: 'a Pod has no default route',
  why: `What is not on a Pod's own link or in a route it has leaves by its default route, and an address of a Service is such a thing: the Pod's own kernel refuses before a packet exists.`,
  needs: 'flannel, Pods that stay, a Service',
  places: (cluster) => {
    if (!hasBridge(cluster)) return []
    const [one] = called(cluster)
    return one === undefined
      ? []
      : clients(cluster).flatMap((pod) => {
          const node = cluster.nodes.find(({ name }) => name === pod.node)
          const add = node === undefined ? '' : `ip route add default via ${nthIp(network(node.podCIDR), 1)} dev eth0`
          return [
            {
              where: `pod/${pod.name}`,
              symptom: `\`${pod.name}\` reaches no Service any more, \`${one.port.name}\` for one:${curls(pod, one)}`,
              breaks: [inPod(pod, 'ip route del default')],
              mends: [inPod(pod, add)],
              asks: [{ tcp: { from: `pod/${pod.name}`, to: `svc/${one.port.name}` } }],
              hints: [
                `Who says no, and how soon? An error at once comes from near by.`,
                `\`netlab exec ${pod.name} -- ip route\`, beside that of another Pod`,
                `\`netlab exec ${pod.name} -- ${add}\``,
              ],
            },
          ]
        })
  },
}
