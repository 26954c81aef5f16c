/** Who is wired to whom, and who stands behind which Service, for those who draw it: the part of a cluster that a map shows. */
import { matchesMap } from '#api/selectors.ts'
import { servicePorts } from '#api/show.ts'
import { WIRE } from './addresses.ts'
import type { Cluster } from './cluster.ts'

export type Topology = {
  readonly lab: string
  /** CNI, mode of kube-proxy, who enforces NetworkPolicies, who answers names. */
  readonly cni: string
  readonly proxy: string
  readonly policy: string
  readonly dns: string
  readonly podCIDR: string
  readonly serviceCIDR: string
  /** Where the API is, on the lab's own router. */
  readonly api: string
  readonly segments: readonly TopologySegment[]
  readonly machines: readonly TopologyMachine[]
  readonly pods: readonly TopologyPod[]
  readonly services: readonly TopologyService[]
}

/** `router`: whose address the gateway is; absent when it is the lab's own router. */
export type TopologySegment = { readonly name: string; readonly cidr: string; readonly gateway: string; readonly mtu: number; readonly router?: string }

export type TopologyMachine = {
  readonly kind: 'node' | 'router' | 'ext'
  readonly name: string
  /** Of a router the first of its addresses, and the segment that is on. */
  readonly ip: string
  readonly segment: string
  readonly wires: readonly { readonly dev: string; readonly ip: string; readonly segment: string }[]
  /** Of a node: where its Pods' addresses are from, and its zone. */
  readonly ranges?: readonly string[]
  readonly zone?: string
  /** Of a router: its autonomous system. */
  readonly asn?: number
  /** Of a name server outside: what it knows. */
  readonly zones?: readonly string[]
  /** Of a node of a running lab. */
  readonly ready?: boolean
}

/** `dev`: the node's end of the Pod's cable, absent where no CNI plugin makes one; `sandbox`: its network namespace there. Both are absent with hostNetwork. */
export type TopologyPod = {
  readonly namespace: string
  readonly name: string
  readonly node: string
  readonly ip: string
  readonly dev?: string
  readonly sandbox?: string
  /** In a running lab, as kubectl says it, Running, CrashLoopBackOff …, or `not ready` */
  readonly status?: string
  readonly ready?: boolean
}

export type TopologyService = {
  readonly namespace: string
  readonly name: string
  readonly type: string
  /** ClusterIP, then addresses outside; of an ExternalName the name; none when headless. */
  readonly addresses: readonly string[]
  /** As kubectl says it: `80/TCP`, `80:30080/TCP`. */
  readonly ports: string
  /** Who is ready behind it: `NAMESPACE/NAME` of a Pod, else the address and port. */
  readonly behind: readonly string[]
}

export const topologyOf = (cluster: Cluster): Topology => ({
  lab: cluster.lab,
  cni: cluster.cni.name,
  proxy: cluster.proxy.mode,
  policy: cluster.policy,
  dns: cluster.dnsIP === undefined ? 'none' : 'coredns',
  podCIDR: cluster.podCIDR,
  serviceCIDR: cluster.serviceCIDR,
  api: `${cluster.controlPlane.ip}:${cluster.controlPlane.port}`,
  segments: cluster.segments.map(({ name, cidr, gateway, mtu }) => {
    const router = cluster.routers.find(({ wires }) => wires.some(({ ip }) => ip === gateway))
    return { name, cidr, gateway, mtu, ...(router && { router: router.name }) }
  }),
  machines: machinesOf(cluster),
  pods: cluster.pods.map(({ namespace, name, node, ip, hostDev, sandbox }) => ({
    namespace,
    name,
    node,
    ip,
    ...(sandbox !== undefined && { sandbox, ...(cluster.cni.name !== 'none' && { dev: hostDev }) }),
  })),
  services: servicesOf(cluster),
})

function machinesOf({ cni, nodes, routers, hosts }: Cluster): readonly TopologyMachine[] {
  const isCalico = cni.name.startsWith('calico')
  return [
    ...nodes.map(({ name, ip, segment, podCIDR, blocks, zone }) => ({
      ...{ kind: 'node' as const, name, ...wired(ip, segment.name), ranges: isCalico ? blocks : [podCIDR] },
      ...(zone !== undefined && { zone }),
    })),
    ...routers.map(({ name, ip, segment, asn, wires }) => ({
      ...{ kind: 'router' as const, name, ip, segment: segment.name, asn },
      wires: wires.map((wire) => ({ dev: wire.dev, ip: wire.ip, segment: wire.segment.name })),
    })),
    ...hosts.map(({ name, ip, segment, dns }) => ({
      ...{ kind: 'ext' as const, name, ...wired(ip, segment.name) },
      ...(dns && { zones: dns.zones.map((zone) => zone.name) }),
    })),
  ]
}

const wired = (ip: string, segment: string) => ({ ip, segment, wires: [{ dev: WIRE, ip, segment }] })

function servicesOf({ serviceObjects, services, pods }: Cluster): readonly TopologyService[] {
  const podAt = new Map(pods.filter(({ sandbox }) => sandbox !== undefined).map((pod) => [pod.ip, `${pod.namespace}/${pod.name}`]))
  return serviceObjects.map((service) => {
    const { name, namespace = 'default' } = service.metadata
    const { type, clusterIP, externalIPs, externalName, selector } = service.spec
    const vips = (service.status.loadBalancer.ingress ?? []).flatMap(({ ip }) => ip ?? [])
    const proxied = services.filter((one) => one.namespace === namespace && one.name === name)
    const behind =
      clusterIP === 'None'
        ? pods.filter((pod) => pod.namespace === namespace && matchesMap(selector, pod.object.metadata.labels)).map((pod) => podAt.get(pod.ip) ?? pod.ip)
        : proxied.flatMap(({ endpoints }) => endpoints.filter(({ ready }) => ready).map(({ ip, port }) => podAt.get(ip) ?? `${ip}:${port}`))
    return {
      ...{ namespace, name, type },
      addresses: type === 'ExternalName' ? [externalName ?? ''] : [...(clusterIP === 'None' || !clusterIP ? [] : [clusterIP]), ...vips, ...externalIPs],
      ports: servicePorts(service),
      behind: [...new Set(behind)].sort(),
    }
  })
}
