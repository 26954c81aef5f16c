/** From objects to the cluster: which Pod lives on which node under which address, and what stands behind each Service. */
import type { PodObject } from '#api/kinds.ts'
import type { Objects } from '#controllers/controller.ts'
import { named } from '#controllers/lookup.ts'
import { isFinished } from '#controllers/objects.ts'
import type { Cni, Lab } from '#lab/lab.ts'
import { ip, macOf, network, parseCidr, parseIp } from '#net/net.ts'
import { CLUSTER_DOMAIN, controlPlaneOf, hostDevOf, podRangeOf, sandboxOf, segmentOf, WIRE } from './addresses.ts'
import { blocksOf, tunnelAddressOf } from './blocks.ts'
import type { Cluster, Host, Node, Pod } from './cluster.ts'
import { nodesWithoutProxy } from './proxies.ts'
import { routersOf } from './routers.ts'
import { servicePortsOf } from './services.ts'

export function clusterOf(lab: Lab, objects: Objects): Cluster {
  const proxyless = nodesWithoutProxy(lab, objects)
  const dnsIP = parseIp(named(objects.Service, 'kube-system', 'kube-dns')?.spec.clusterIP ?? '')
  return {
    lab: lab.name,
    domain: CLUSTER_DOMAIN,
    podCIDR: lab.podCIDR,
    serviceCIDR: lab.serviceCIDR,
    cni: lab.cni,
    proxy: lab.proxy,
    policy: lab.policy,
    ...(dnsIP === undefined ? {} : { dnsIP }),
    nameservers: lab.nameservers,
    controlPlane: controlPlaneOf(lab),
    segments: lab.underlay.segments,
    nodes: lab.nodes.flatMap((_, index) => nodeOf(lab, objects, index)).map((node) => (proxyless.has(node.name) ? { ...node, proxyDown: true } : node)),
    routers: routersOf(lab),
    hosts: lab.hosts.map((host): Host => ({ ...host, segment: segmentOf(lab, host.ip) })),
    pods: objects.Pod.flatMap((pod) => podOf(lab.cni, pod) ?? []),
    services: servicePortsOf(objects),
    serviceObjects: objects.Service,
    configMaps: objects.ConfigMap,
    networkPolicies: objects.NetworkPolicy,
    namespaces: Object.fromEntries(objects.Namespace.map(({ metadata }) => [metadata.name, metadata.labels])),
  }
}

/** A machine whose Node object was deleted still runs, but takes no part in the cluster. */
function nodeOf(lab: Lab, objects: Objects, index: number): readonly Node[] {
  const from = lab.nodes[index]
  const object = from && named(objects.Node, undefined, from.name)
  if (object === undefined || from === undefined) return []
  const zone = object.metadata.labels['topology.kubernetes.io/zone']
  const range = parseCidr(object.spec.podCIDR ?? '')
  const tunnelIp = tunnelAddressOf(object)
  return [
    {
      name: from.name,
      index,
      ip: from.ip,
      segment: segmentOf(lab, from.ip),
      // Kernels refuse a route to a range with host bits.
      podCIDR: range === undefined ? podRangeOf(lab, index) : network(range),
      blocks: blocksOf(object),
      ...(tunnelIp === undefined ? {} : { tunnelIp }),
      labels: object.metadata.labels,
      ...(zone === undefined ? {} : { zone }),
    },
  ]
}

/** By CNI plugin, whose names of devices differ. */
const made: Record<string, WeakMap<PodObject, Pod>> = {}

function podOf(cni: Cni, object: PodObject): Pod | undefined {
  const { nodeName, hostNetwork } = object.spec
  const address = object.status.podIP ?? object.status.podIPs[0]?.ip
  if (!nodeName || !address || isFinished(object)) return undefined
  made[cni.name] ??= new WeakMap()
  const before = made[cni.name]?.get(object)
  if (before !== undefined) return before
  const { name, namespace = 'default' } = object.metadata
  const at = ip(address)
  const pod: Pod = {
    namespace,
    name,
    node: nodeName,
    ip: at,
    mac: macOf(at),
    ...(hostNetwork ? {} : { sandbox: sandboxOf(namespace, name) }),
    hostDev: hostNetwork ? WIRE : hostDevOf(cni, namespace, name),
    object,
  }
  made[cni.name]?.set(object, pod)
  return pod
}
