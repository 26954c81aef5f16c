/** The CNI plugin bridge, as flannel delegates to it: the node's Pods plug into one switch, cni0, which is also their gateway. */
import type { Component, Step } from '#kernel/step.ts'
import type { Cluster, Node, Pod } from '#model/cluster.ts'
import { type Sandboxed, sandboxedOn } from '#model/pods.ts'
import { lastOf } from '#model/remember.ts'
import { type Cidr, cidr, familyOf, ifName, macOf } from '#net/net.ts'
import { BRIDGE, gatewayOf, hasBridge, inNodeRange, POD_DEV, podMtu } from '../network.ts'

const by = 'cni/bridge'

export const bridge: Component = {
  name: by,
  wanted: hasBridge,
  steps: (cluster, node) => [
    ...theSwitch(cluster, node),
    ...sandboxedOn(cluster, node).flatMap((pod) => plugged(pod, [podMtu(cluster, node), node.podCIDR, cluster.podCIDR], () => plug(cluster, node, pod))),
  ],
}

function theSwitch(cluster: Cluster, node: Node): readonly Step[] {
  const gateway = gatewayOf(node)
  const why = 'the node’s own address in its Pod range, which its Pods use as gateway'
  return [
    { by, why: 'a switch for the Pods of this node', kind: 'bridge', dev: BRIDGE, mac: macOf(gateway), mtu: podMtu(cluster, node) },
    { by, why, kind: 'addr', dev: BRIDGE, cidr: inNodeRange(node, gateway) },
    { by, why, kind: 'up', dev: BRIDGE },
  ]
}

/** Of a thousand Pods nearly all are the same as at the last turn, and so are their Steps. */
const plugged = lastOf<Pod, readonly Step[]>()

const LO = ifName('lo')

function plug(cluster: Cluster, node: Node, pod: Sandboxed): readonly Step[] {
  const { sandbox } = pod
  const who = `${pod.namespace}/${pod.name}`
  const cable = `the cable of ${who}: one end in the Pod, the other in the switch`
  const inside = { by, in: sandbox }
  const gateway = gatewayOf(node)
  const out = `${who} sends everything that is not on its own node’s range to the gateway`
  const own = `${who} has its address in its node’s range`
  return [
    { by, why: cable, kind: 'veth', dev: pod.hostDev, mtu: podMtu(cluster, node), peer: POD_DEV, peerIn: sandbox, peerMac: pod.mac },
    { by, why: cable, kind: 'up', dev: pod.hostDev },
    {
      by,
      why: 'hairpin: a Pod that reaches itself through a Service gets its packet back through the port it came from',
      kind: 'port',
      dev: pod.hostDev,
      master: BRIDGE,
      hairpin: true,
    },
    { ...inside, why: `localhost of ${who}, shared by its containers`, kind: 'up', dev: LO },
    { ...inside, why: own, kind: 'addr', dev: POD_DEV, cidr: inNodeRange(node, pod.ip) },
    { ...inside, why: own, kind: 'up', dev: POD_DEV },
    { ...inside, why: out, kind: 'route', to: everything(node.podCIDR), via: gateway, dev: POD_DEV },
    { ...inside, why: out, kind: 'route', to: cluster.podCIDR, via: gateway, dev: POD_DEV },
  ]
}

const everything = (like: Cidr): Cidr => cidr(familyOf(like) === 4 ? '0.0.0.0/0' : '::/0')
