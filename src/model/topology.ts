/** Who is wired to whom, for those who draw it: the part of a cluster that a map shows. */
import type { Cluster } from './cluster.ts'

export type Topology = {
  readonly lab: string
  /** CNI, mode of kube-proxy, who answers names. */
  readonly cni: string
  readonly proxy: string
  readonly dns: string
  readonly segments: readonly { readonly name: string; readonly cidr: string; readonly gateway: string }[]
  readonly machines: readonly {
    readonly kind: 'node' | 'router' | 'ext'
    readonly name: string
    /** Of a router the first of its addresses, and the segment that is on. */
    readonly ip: string
    readonly segment: string
    readonly podCIDR?: string
  }[]
  /** `dev`: the node's end of the Pod's cable; `sandbox`: its network namespace there. Both are absent with hostNetwork. */
  readonly pods: readonly {
    readonly namespace: string
    readonly name: string
    readonly node: string
    readonly ip: string
    readonly dev?: string
    readonly sandbox?: string
  }[]
}

export const topologyOf = (cluster: Cluster): Topology => ({
  lab: cluster.lab,
  cni: cluster.cni.name,
  proxy: cluster.proxy.mode,
  dns: cluster.dnsIP === undefined ? 'none' : 'coredns',
  segments: cluster.segments.map(({ name, cidr, gateway }) => ({ name, cidr, gateway })),
  machines: [
    ...cluster.nodes.map(({ name, ip, segment, podCIDR }) => ({ kind: 'node' as const, name, ip, segment: segment.name, podCIDR })),
    ...cluster.routers.map(({ name, ip, segment }) => ({ kind: 'router' as const, name, ip, segment: segment.name })),
    ...cluster.hosts.map(({ name, ip, segment }) => ({ kind: 'ext' as const, name, ip, segment: segment.name })),
  ],
  pods: cluster.pods.map(({ namespace, name, node, ip, hostDev, sandbox }) => ({
    namespace,
    name,
    node,
    ip,
    ...(sandbox === undefined ? {} : { dev: hostDev, sandbox }),
  })),
})
