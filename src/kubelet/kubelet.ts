/** kubelet: makes the node ready for Pods, gives each Pod a network of its own and the files it expects, and runs its containers. */
import { printResolvConf } from '#dns/resolver/resolver.ts'
import type { Component, Step } from '#kernel/step.ts'
import type { Cluster, Node, Pod } from '#model/cluster.ts'
import { podsOn } from '#model/pods.ts'
import { lastOf, sameItems } from '#model/remember.ts'
import { familyOf } from '#net/net.ts'
import { containerSteps, etcFiles } from './containers.ts'
import { machineResolvConf, podDns } from './dns.ts'
import { machineHosts, podHosts } from './hosts.ts'
import { volumeFiles } from './volumes.ts'

const by = 'kubelet'

export const kubelet: Component = {
  name: by,
  wanted: () => true,
  steps: (cluster, node) => {
    const inputs = inputsOf(cluster, node)
    return [...nodeSteps(cluster, node), ...podsOn(cluster, node).flatMap((pod) => podSteps(cluster, node, pod, inputs))]
  },
}

const ETC = '/run/netlab/etc'

function nodeSteps(cluster: Cluster, node: Node): readonly Step[] {
  return [
    ...settings(cluster).map(([key, value, why]): Step => ({ by, why, kind: 'sysctl', key, value })),
    { by, why: 'the node knows the machines of its lab by name', kind: 'file', path: `${ETC}/hosts`, text: machineHosts(cluster, node) },
    {
      by,
      why:
        cluster.nameservers.length > 0
          ? 'the node asks a name server outside the cluster, and so do Pods with dnsPolicy Default, CoreDNS among them'
          : 'names from outside would come from here; a lab has no resolver of its own outside the cluster, so nobody answers',
      kind: 'file',
      path: `${ETC}/resolv.conf`,
      text: machineResolvConf(cluster, node),
    },
  ]
}

type Setting = readonly [key: string, value: string, why: string]

function settings(cluster: Cluster): readonly Setting[] {
  const v6 = familyOf(cluster.podCIDR) === 6
  const noIpv6 = 'a lab of IPv4 only: without IPv6 no device floods the bridge looking for neighbours'
  const bridged = 'a frame from Pod to Pod over the bridge passes the IP rules too: a Service answered on the same node needs that'
  return [
    ['net.ipv4.ip_forward', '1', 'the node is a router: its Pods are networks behind it'],
    [`net.bridge.bridge-nf-call-${v6 ? 'ip6' : 'ip'}tables`, '1', bridged],
    ['net.ipv4.conf.default.rp_filter', '2', 'as Debian has it: a packet is taken if its sender can be reached at all, through whichever device'],
    ...(v6
      ? [['net.ipv6.conf.all.forwarding', '1', 'the node is a router for IPv6 too'] as const]
      : [['net.ipv6.conf.all.disable_ipv6', '1', noIpv6] as const, ['net.ipv6.conf.default.disable_ipv6', '1', noIpv6] as const]),
  ]
}

type Inputs = readonly unknown[]
let last: ReadonlyMap<string, Inputs> = new Map()

/** All that a Pod's Steps follow from, the Pod itself left out; the same list again as long as nothing in it changes. */
function inputsOf(cluster: Cluster, node: Node): Inputs {
  const inputs = [
    cluster.domain,
    cluster.dnsIP,
    machineHosts(cluster, node),
    node.segment.gateway,
    cluster.nameservers.join(),
    ...cluster.serviceObjects,
    ...cluster.configMaps,
  ]
  const before = last.get(node.name)
  if (before !== undefined && sameItems(before, inputs)) return before
  last = new Map([...last, [node.name, inputs]])
  return inputs
}

/** A Pod that nothing has changed for keeps its very Steps: in a big cluster most Pods are spared the thinking at every change. */
const stepsOf = lastOf<Pod, readonly Step[]>()
const podSteps = (cluster: Cluster, node: Node, pod: Pod, inputs: Inputs): readonly Step[] =>
  stepsOf(pod, [inputs], () => [...sandbox(cluster, node, pod), ...volumes(cluster, pod), ...containerSteps(cluster, node, pod)])

function sandbox(cluster: Cluster, node: Node, pod: Pod): readonly Step[] {
  const who = `${pod.namespace}/${pod.name}`
  const etc = etcFiles(pod)
  return [
    ...(pod.sandbox === undefined
      ? []
      : [{ by, why: `the sandbox of ${who}: a network of its own, shared by the Pod’s containers`, kind: 'netns', name: pod.sandbox } as const]),
    { by, why: `/etc/hosts of ${who}: the Pod knows its own name`, kind: 'file', path: etc.hosts, text: podHosts(cluster, node, pod) },
    {
      by,
      why: `/etc/resolv.conf of ${who}: whom it asks for names, and how short ones are completed`,
      kind: 'file',
      path: etc.resolvConf,
      text: printResolvConf(podDns(cluster, node, pod)),
    },
  ]
}

function volumes(cluster: Cluster, pod: Pod): readonly Step[] {
  const files = volumeFiles(cluster, pod)
  return files.ok ? files.value : []
}
