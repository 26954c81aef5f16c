/** What the dashboard shows: what is known of the lab (`Seen`), and where on the screen its user is (`Look`). */
import type { Verdict } from '#probe/probe.ts'

/** Bytes a second over the last second, as the machine counts them. */
export type Link = { readonly dev: string; readonly rx: number; readonly tx: number }

export type MachineSeen = {
  readonly kind: 'node' | 'router' | 'ext'
  readonly name: string
  /** Each on a segment; most machines have one. */
  readonly wires: readonly { readonly dev: string; readonly ip: string; readonly segment: string }[]
  /** What else there is to be said of it. */
  readonly more?: string
  /** Of routers and machines outside the cluster nobody says it. */
  readonly ready?: boolean
  readonly links: readonly Link[]
  /** What its kernel and its BIRD can be asked for. */
  readonly tables: readonly TableName[]
}

export type PodSeen = {
  readonly namespace: string
  readonly name: string
  readonly node: string
  readonly ip: string
  /** In a lab that runs, as kubectl says it, Running, CrashLoopBackOff …, or `not ready` */
  readonly status?: string
  readonly ready?: boolean
  /** The node's end of its cable; absent where no CNI plugin makes one, and with hostNetwork, as its network namespace then is too. */
  readonly dev?: string
  readonly sandbox?: string
}

/** One probe of the lab or one task of an exercise. */
export type Task = {
  readonly id: string
  readonly group: string
  readonly title: string
  readonly verdict?: Verdict
  readonly running?: true
  /** Once passed, and what was seen last is something else. */
  readonly was?: 'pass'
  /** What to read about it, a line each: expected, observed, hints. */
  readonly tells: readonly string[]
  /** Between which places it goes. */
  readonly path?: { readonly from: string; readonly to: string }
}

/** A line of a program's output; `count` is a counter's packets and `more` how far it has moved since the last look. */
export type Line = { readonly text: string; readonly count?: number; readonly more?: number }

export const TABLES = ['routes', 'neigh', 'fdb', 'nat', 'filter', 'conntrack', 'ipvs', 'bgp'] as const
export type TableName = (typeof TABLES)[number]
/** What a Pod's network namespace has of them. */
export const POD_TABLES: readonly TableName[] = ['routes', 'neigh']

export type TableSeen = {
  readonly place: string
  readonly name: TableName
  /** As one would type it there. */
  readonly command: string
  readonly lines: readonly Line[]
  /** Why there is nothing to be seen. */
  readonly failed?: string
}

export const KINDS = ['pods', 'services', 'endpoints', 'endpointslices', 'deployments', 'networkpolicies', 'nodes', 'configmaps'] as const
export type KindName = (typeof KINDS)[number]

export type Listing = { readonly head: string; readonly rows: readonly string[] }

export type CaptureSeen = {
  readonly place: string
  readonly filter: string
  readonly state: 'running' | 'over'
  readonly lines: readonly string[]
  readonly packets: number
  readonly bytes: number
  readonly says?: string
}

export type Seen = {
  readonly lab: string
  /** CNI, kube-proxy and DNS, in words. */
  readonly facts: string
  /** How the lab ended. */
  readonly gone?: string
  readonly segments: readonly { readonly name: string; readonly cidr: string; readonly gateway: string }[]
  readonly machines: readonly MachineSeen[]
  readonly pods: readonly PodSeen[]
  /** `title` says whose they are: an exercise's, or the lab's own checks. */
  readonly tasks: { readonly title: string; readonly says: string; readonly list: readonly Task[] }
  readonly table?: TableSeen
  readonly objects: Listing & { readonly kind: KindName }
  readonly events: Listing
  readonly capture?: CaptureSeen
  readonly note?: { readonly level: 'info' | 'error'; readonly says: string }
}

export const nothing: Seen = {
  lab: '',
  facts: '',
  segments: [],
  machines: [],
  pods: [],
  tasks: { title: 'checks', says: '', list: [] },
  objects: { kind: 'pods', head: '', rows: [] },
  events: { head: '', rows: [] },
}

export const PANES = ['topology', 'tasks', 'tables', 'capture', 'objects', 'events'] as const
export type Pane = (typeof PANES)[number]

export type Prompt = { readonly sign: ':' | '/' | 'capture'; readonly text: string }

export type Look = {
  readonly pane: Pane
  /** The line of each pane one is at; past the end means the last one, whatever comes. */
  readonly at: Readonly<Record<Pane, number>>
  readonly filter: Readonly<Record<Pane, string>>
  /** `node/x`, `ext/x` or `pod/ns/x`: whose tables are shown, where `s` and `p` go. */
  readonly place?: string
  readonly table: TableName
  readonly kind: KindName
  readonly prompt?: Prompt
  readonly help?: true
  /** The chosen pane alone. */
  readonly zoom?: true
  /** So many lines of the capture are shown, and no new ones. */
  readonly frozen?: number
}

const ofPanes = <T>(value: (pane: Pane) => T): Readonly<Record<Pane, T>> => Object.fromEntries(PANES.map((pane) => [pane, value(pane)])) as Record<Pane, T>

const LAST = Number.MAX_SAFE_INTEGER

export const begin: Look = {
  pane: 'topology',
  at: ofPanes((pane) => (pane === 'capture' || pane === 'events' ? LAST : 0)),
  filter: ofPanes(() => ''),
  table: 'routes',
  kind: 'pods',
}

export type Size = { readonly columns: number; readonly rows: number }
