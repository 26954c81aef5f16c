/** Steps: what a kernel should hold, said and not done. The whole of netlab's data plane is a list of these per machine. */
import type { Cluster, Node } from '#model/cluster.ts'
import type { Cidr, Family, IfName, Ip, Mac } from '#net/net.ts'
import type { Run } from './command.ts'

/** One thing a kernel should hold. `by` names the component, `why` is a sentence a learner can read, `in` a network namespace of the machine. */
export type Step = { readonly by: string; readonly why: string; readonly in?: string } & What

export type What =
  | { readonly kind: 'netns'; readonly name: string }
  | { readonly kind: 'bridge'; readonly dev: IfName; readonly mac?: Mac; readonly mtu: number }
  | {
      readonly kind: 'vxlan'
      readonly dev: IfName
      readonly vni: number
      readonly port: number
      readonly local: Ip
      readonly underlay: IfName
      readonly mac: Mac
      readonly mtu: number
      readonly learning: boolean
    }
  /** A device that leads nowhere: addresses on it are the machine's own. */
  | { readonly kind: 'dummy'; readonly dev: IfName }
  /** A veth pair made from the node's side with its peer already in its final namespace. */
  | {
      readonly kind: 'veth'
      readonly dev: IfName
      readonly mac?: Mac
      readonly mtu: number
      readonly peer: IfName
      readonly peerIn: string
      readonly peerMac: Mac
    }
  /** Settings of a bridge port; gives `dev` its master. */
  | { readonly kind: 'port'; readonly dev: IfName; readonly master: IfName; readonly hairpin: boolean }
  | { readonly kind: 'addr'; readonly dev: IfName; readonly cidr: Cidr; readonly scope?: 'global' | 'link' | 'host' }
  /** The device is switched on. */
  /** With an `mtu` where the device is one that no Step made. */
  | { readonly kind: 'up'; readonly dev: IfName; readonly mtu?: number }
  | {
      readonly kind: 'route'
      readonly to: Cidr
      readonly via?: Ip
      readonly dev?: IfName
      readonly onlink?: boolean
      readonly src?: Ip
      readonly scope?: 'global' | 'link' | 'host'
      readonly type?: 'blackhole' | 'unreachable'
    }
  | { readonly kind: 'neigh'; readonly ip: Ip; readonly mac: Mac; readonly dev: IfName }
  | { readonly kind: 'fdb'; readonly mac: Mac; readonly dst: Ip; readonly dev: IfName }
  /** `key` with dots, as sysctl(8) prints it; `dev` when the key belongs to a device that must exist first. */
  | { readonly kind: 'sysctl'; readonly key: string; readonly value: string; readonly dev?: IfName }
  | Chain
  /** A rule in a built-in chain that leads into ours: ensured once, the rest of the chain is not touched. `rule` is without `-A CHAIN`. */
  | { readonly kind: 'jump'; readonly family: Family; readonly table: Table; readonly chain: string; readonly rule: string; readonly place: 'first' | 'last' }
  | { readonly kind: 'ipset'; readonly name: string; readonly type: string; readonly family: Family; readonly members: readonly string[] }
  | ({ readonly kind: 'nft'; readonly family: Family; readonly table: string } & NftObject)
  | VirtualServer
  | { readonly kind: 'file'; readonly path: string; readonly text: string; readonly mode?: number }
  | Process

/** A chain of our own with its whole content; `rules` are iptables-restore lines without `-A CHAIN`. Chains `of` the same change over in one go. */
type Chain = {
  readonly kind: 'chain'
  readonly family: Family
  readonly table: Table
  readonly chain: string
  readonly rules: readonly string[]
  readonly of?: string
} & Canary

/** A table of nftables or one thing in it with its whole content; `declared` is what stands between its braces. */
export type NftObject =
  | { readonly object: 'table'; readonly declared: string }
  /** `rules` as nft takes them after `add rule FAMILY TABLE CHAIN`. */
  | { readonly object: 'chain'; readonly name: string; readonly declared: string; readonly rules: readonly string[] }
  /** An element is `key`, or `key : value` in a map, perhaps with `comment "…"` behind the key. */
  | { readonly object: 'set' | 'map'; readonly name: string; readonly declared: string; readonly elements: readonly string[] }

/**
 * An address and port whose connections IPVS gives to real servers by masquerading. A real server that goes is first given weight 0, which
 * lets its connections end; it is taken away when none is left.
 */
export type VirtualServer = {
  readonly kind: 'virtual-server'
  readonly proto: 'tcp' | 'udp' | 'sctp'
  readonly vip: Ip
  readonly port: number
  readonly scheduler: string
  /** What the scheduler is to do besides, as ipvsadm names it: `mh-port`. */
  readonly flags?: string
  /** For how many seconds a sender keeps its real server; absent: not at all. */
  readonly persistence?: number
  readonly reals: readonly RealServer[]
}
export type RealServer = { readonly ip: Ip; readonly port: number; readonly weight: number }

/** Where netlab puts the programs it brings itself, on every machine. */
export const NETLAB_BIN = '/opt/netlab/bin'

/** A long-lived program. With `in` it runs inside that network namespace. */
export type Process = {
  readonly kind: 'process'
  /** Unique on its machine, `<sandbox>/<container>` for containers. */
  readonly id: string
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly hostname?: string
  /** Directories and files of the machine bound into the program's view: container volumes, /etc/hosts, /etc/resolv.conf. A `from` that ends in a slash is a directory, made where it is missing. */
  readonly mounts: readonly { readonly from: string; readonly to: string; readonly readOnly: boolean }[]
  /** What a changed argv, env or mount means: containers are immutable, a daemon is started anew. */
  readonly onChange: 'keep' | 'restart'
  readonly restart: 'Always' | 'OnFailure' | 'Never'
  /** What makes the running program read its files again when one of them changed. */
  readonly reload?: { readonly argv: readonly string[]; readonly files: readonly string[] }
  /** The program reads what the engine writes to it; without it stdin is /dev/null. */
  readonly stdin?: true
}

/** Nothing leads into a canary: when it is gone, somebody flushed the table, and whoever wrote it writes all of its rules anew. */
type Canary = { readonly canary?: true }

export type Table = 'filter' | 'nat' | 'mangle' | 'raw'
export type NodeProgram = readonly Step[]

/** A part of Kubernetes networking: what it wants in one node's kernel. */
export type Component = {
  readonly name: string
  readonly wanted: (cluster: Cluster) => boolean
  /** `there` is what the components before it want in the same kernel, for a program that looks at its machine's interfaces. */
  readonly steps: (cluster: Cluster, node: Node, there?: readonly Step[]) => readonly Step[]
  /** What every node is to forget once it holds the steps of `now`: nothing that stays, hence no Step. `before` is what it held last, absent at first. */
  readonly forgets?: (before: Cluster | undefined, now: Cluster) => readonly Run[]
}
