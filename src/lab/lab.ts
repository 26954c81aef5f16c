/** A lab as read: every default filled in, every address parsed. */
import type { KubeObject } from '#api/kinds.ts'
import type { Scheduler } from '#api/schedulers.ts'
import type { Cidr, Ip } from '#net/net.ts'

export type Lab = {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly nodes: readonly LabNode[]
  readonly podCIDR: Cidr
  /** How long the prefix of one node's share of podCIDR is (kube-controller-manager's --node-cidr-mask-size). */
  readonly nodePrefix: number
  readonly serviceCIDR: Cidr
  readonly cni: Cni
  readonly proxy: KubeProxy
  /** Who enforces NetworkPolicies; with `none` they are accepted and do nothing, as with plain flannel. */
  readonly policy: PolicyEngine
  readonly dns: 'coredns' | 'none'
  /** Whom the machines' own /etc/resolv.conf names, and so CoreDNS asks for what is not the cluster's; empty when nobody is asked. */
  readonly nameservers: readonly Ip[]
  /** Where Services of type LoadBalancer get their addresses, in this order; without pools they wait, or are given one by hand. */
  readonly balancerPools: readonly BalancerPool[]
  readonly underlay: Underlay
  /** Machines outside the cluster, reachable through the gateway. */
  readonly hosts: readonly LabHost[]
  /** Kernel features and programs the lab cannot do without. */
  readonly needs: readonly string[]
  readonly driver: 'auto' | 'netns' | 'docker'
  /** This host's, one of the lab's own (user-mode Linux), or that only where this host's lacks what the lab needs. */
  readonly kernel: 'auto' | 'host' | 'uml'
  /** The manifests' objects, validated and defaulted: namespaces first, else in the order they were read. */
  readonly objects: readonly KubeObject[]
}

export type LabNode = {
  readonly name: string
  readonly ip: Ip
  readonly labels: Readonly<Record<string, string>>
  readonly zone?: string
  /** Which share of podCIDR the node has, counted from 0; its place in the list when not said. Only nodes that came or stayed while others left say it. */
  readonly share?: number
  /** Blocks of Pod addresses that are its own before its first Pod comes; only with Calico. */
  readonly blocks?: readonly Cidr[]
}
export type LabHost = { readonly name: string; readonly ip: Ip; readonly dns?: DnsServer }
/** A name server outside the cluster, authoritative for these zones; of every other name it says that it does not exist. */
export type DnsServer = { readonly zones: readonly Zone[] }
/** Records are lines of a master file (RFC 1035 §5); SOA and NS are not among them unless the author delegates. */
export type Zone = { readonly name: string; readonly records: readonly string[] }

export type Cni =
  | {
      readonly name: 'flannel-vxlan'
      readonly vni: number
      readonly port: number
      /** Nodes on the same segment reach each other's Pods by plain routes. */
      readonly directRouting: boolean
    }
  | { readonly name: 'host-gw' }
  | CalicoBgp
  | CalicoVxlan
  | { readonly name: 'none' }

/** Calico without encapsulation: nodes tell one another by BGP where which Pods are. */
export type CalicoBgp = {
  readonly name: 'calico-bgp'
  /** How long the prefix of a block of Pod addresses is. */
  readonly blockSize: number
  /** The autonomous system that all nodes are in. */
  readonly asn: number
  /** Routers of the underlay: a node speaks with those of its own segment and is in their autonomous system, in place of `asn`; empty: nodes speak with one another. */
  readonly peers: readonly string[]
  /** Nodes that pass on what they are told, so that the others need no session with one another; empty: everybody speaks with everybody. */
  readonly routeReflectors: readonly string[]
  /** Notices within a fraction of a second that a peer is silent. */
  readonly bfd: boolean
  /** Whether the routes of a peer whose BIRD has gone stay for a while, for it may come back. */
  readonly gracefulRestart: boolean
}
export type CalicoVxlan = {
  readonly name: 'calico-vxlan'
  readonly blockSize: number
  readonly vni: number
  readonly port: number
  /** Only what leaves the node's own segment travels in the tunnel. */
  readonly crossSubnet: boolean
}
export type KubeProxy =
  | (ProxyFlags & { readonly mode: 'iptables' /** NodePorts answer on 127.0.0.1 too, unless false. */; readonly localhostNodePorts?: boolean })
  | (ProxyFlags & { readonly mode: 'nftables' })
  | (ProxyFlags & { readonly mode: 'ipvs'; readonly scheduler: Scheduler; readonly strictARP: boolean })
  | { readonly mode: 'none' }

export type PolicyEngine = 'none' | 'calico' | 'calico-nftables' | 'kube-router' | 'kube-router-nftables'

/** kube-proxy's flags that hold in every mode. */
type ProxyFlags = {
  readonly masqueradeAll: boolean
  /** The node's addresses on which NodePorts answer: those in the ranges, or its first one; absent: what the mode does by itself. */
  readonly nodePortAddresses?: readonly Cidr[] | 'primary'
  /** How often kube-proxy looks whether somebody flushed its rules; absent: never by itself. */
  readonly resyncSeconds?: number
}

/** Addresses for Services of type LoadBalancer. */
export type BalancerPool = { readonly name: string; readonly ranges: readonly Cidr[] }

export type Underlay = { readonly segments: readonly Segment[]; readonly routers: readonly LabRouter[] }
/** A machine with a wire on several segments that tells others by BGP what it is the way to. */
export type LabRouter = {
  readonly name: string
  /** Its autonomous system. */
  readonly asn: number
  /** One on each of its segments. */
  readonly addresses: readonly Ip[]
  /** Routers on one of these segments that it speaks with. One of two needs to say so. */
  readonly peers: readonly string[]
}
/** One layer-2 network; its gateway is an address of a router or, where none has it, of the lab's own router, which also carries the control plane. */
export type Segment = {
  readonly name: string
  readonly cidr: Cidr
  readonly gateway: Ip
  /** What its machines take for the largest packet. */
  readonly mtu: number
  /** The largest that really passes, where that is less: a larger one vanishes, and nobody is told. */
  readonly carries?: number
}

/** A mistake of the author's, with its place. */
export type Issue = {
  /** `labs/x/lab.yaml:4:24`: file, line and column, both counted from 1. */
  readonly at: string
  /** The field, as in `spec.nodes[1].ip`. */
  readonly path: string
  readonly says: string
  readonly severity?: 'error' | 'warning'
}

/** What a reading is given: file name as the author knows it → text. Reading the disk is cli/'s part. */
export type Files = ReadonlyMap<string, string>
