/** The cluster as it should be at this moment: who lives where, under which address. Components read this and nothing else. */
import type { ConfigMap, NetworkPolicy, PodObject, ServiceObject } from '#api/kinds.ts'
import type { Scheduler } from '#api/schedulers.ts'
import type { Cni, DnsServer, KubeProxy, PolicyEngine, Segment } from '#lab/lab.ts'
import type { Cidr, Family, IfName, Ip, Mac } from '#net/net.ts'

export type Cluster = {
  readonly lab: string
  readonly domain: string
  readonly podCIDR: Cidr
  readonly serviceCIDR: Cidr
  readonly cni: Cni
  readonly proxy: KubeProxy
  readonly policy: PolicyEngine
  /** ClusterIP of kube-dns; absent when the lab has no DNS. */
  readonly dnsIP?: Ip
  /** Whom the machines themselves ask for names; empty when nobody is there. */
  readonly nameservers: readonly Ip[]
  readonly controlPlane: { readonly ip: Ip; readonly port: number }
  readonly segments: readonly Segment[]
  readonly nodes: readonly Node[]
  readonly routers: readonly Router[]
  readonly hosts: readonly Host[]
  /** Pods that have a node and an address (or the node's own), terminating ones included, until they are gone. */
  readonly pods: readonly Pod[]
  /** One entry per Service, port and family: what kube-proxy calls a ServicePort. */
  readonly services: readonly ServicePort[]
  readonly serviceObjects: readonly ServiceObject[]
  readonly configMaps: readonly ConfigMap[]
  readonly networkPolicies: readonly NetworkPolicy[]
  /** Labels of the namespaces there are, by name. */
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>
}

export type Node = {
  readonly name: string
  /** Counted from 0 in the order of lab.yaml. */
  readonly index: number
  readonly ip: Ip
  readonly segment: Segment
  readonly podCIDR: Cidr
  /** Blocks of Pod addresses that Calico has given to the node; empty with others. */
  readonly blocks: readonly Cidr[]
  /** The address of the node's own end of Calico's VXLAN tunnel. */
  readonly tunnelIp?: Ip
  readonly labels: Readonly<Record<string, string>>
  readonly zone?: string
  /** kube-proxy does not run here: what the kernel holds of Services stays as it is. */
  readonly proxyDown?: true
}

/** A machine outside the cluster. */
export type Host = { readonly name: string; readonly ip: Ip; readonly segment: Segment; readonly dns?: DnsServer }

/** A machine of the underlay that joins segments and speaks BGP. */
export type Router = {
  readonly name: string
  /** The first of its addresses, by which it is known; it is also its router id. */
  readonly ip: Ip
  readonly segment: Segment
  /** Its autonomous system. */
  readonly asn: number
  readonly wires: readonly RouterWire[]
  /** The other routers it speaks with. */
  readonly peers: readonly RouterPeer[]
  /** The lab's own router on one of its segments, behind which the API and the world outside are. */
  readonly uplink?: Ip
}
/** `rack`: the router is the way out of that segment. */
export type RouterWire = { readonly dev: IfName; readonly ip: Ip; readonly segment: Segment; readonly rack: boolean }
export type RouterPeer = { readonly name: string; readonly ip: Ip; readonly asn: number }

export type Pod = {
  readonly namespace: string
  readonly name: string
  readonly node: string
  readonly ip: Ip
  readonly mac: Mac
  /** The network namespace's name on its node, `<namespace>_<name>`; absent with hostNetwork. */
  readonly sandbox?: string
  /** The node's end of the Pod's veth pair. */
  readonly hostDev: IfName
  readonly object: PodObject
}

export type ServicePort = {
  readonly namespace: string
  readonly name: string
  /** Empty when the Service's only port has no name. */
  readonly portName: string
  readonly protocol: 'TCP' | 'UDP' | 'SCTP'
  readonly family: Family
  readonly clusterIP: Ip
  readonly port: number
  readonly nodePort?: number
  readonly externalIPs: readonly Ip[]
  readonly loadBalancerIPs: readonly Ip[]
  readonly sourceRanges: readonly Cidr[]
  readonly internalLocal: boolean
  readonly externalLocal: boolean
  readonly healthCheckNodePort?: number
  /** ClientIP affinity, in seconds; absent without affinity. */
  readonly affinitySeconds?: number
  /** How IPVS shall choose among the endpoints, where the Service says it. */
  readonly scheduler?: Scheduler
  /** All endpoints of this port, in `ip:port` string order, not ready ones included. */
  readonly endpoints: readonly ServiceEndpoint[]
}

export type ServiceEndpoint = {
  readonly ip: Ip
  readonly port: number
  readonly node?: string
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
  /** Zones of the endpoint's topology hints; empty without hints. */
  readonly zones: readonly string[]
  /** Nodes of the endpoint's hints (trafficDistribution PreferSameNode); empty without. */
  readonly forNodes: readonly string[]
}
