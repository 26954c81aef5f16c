/**
 * THE table of flows: who reaches whom through a Service, and whom the endpoint sees, in every mode of kube-proxy. Judged without a kernel in
 * test/flows.test.ts and in real labs in test/live/flows.live.test.ts.
 *
 * All flows meet the rules of one node: the Pods that ask live there, and what comes from outside comes in there. `near` is an endpoint on that node,
 * `far` one on another.
 *
 *     near far    either may answer and sees the sender as it is
 *     near* far*  … sees the node's address
 *     near@       … sees the Service's own address, which the node holds in IPVS mode
 *     near|far    one of the two, and that one again and again
 *     reject      refused at once
 *     drop        silence, by a rule
 *     none        nobody's business: it goes its own way, where nobody answers
 */

export type Mode = 'iptables' | 'nftables' | 'ipvs'

/** `self`: the near endpoint; `world`: a machine outside the cluster; `stranger`: one that no source range names; `localhost`: the node from 127.0.0.1. */
export type From = 'pod' | 'node' | 'world' | 'self' | 'stranger' | 'localhost'
/** `second`: the NodePort at another address of the node; `loopback`: at 127.0.0.1; `unserved`: a port of the ClusterIP that the Service does not have. */
export type To = 'clusterIP' | 'nodePort' | 'externalIP' | 'balancer' | 'second' | 'loopback' | 'unserved'

type Policy = 'Cluster' | 'Local'
/** How a Service's endpoints stand: ready or not, ending ones serving while they terminate. */
export type Endpoints = keyof typeof ENDPOINTS
type Standing = 'ready' | 'ending'
export const ENDPOINTS = {
  both: { near: 'ready', far: 'ready' },
  elsewhere: { far: 'ready' },
  none: {},
  'both ending': { near: 'ending', far: 'ending' },
  'elsewhere ending': { far: 'ending' },
  'here ending': { near: 'ending', far: 'ready' },
} as const satisfies Readonly<Record<string, Readonly<Partial<Record<'near' | 'far', Standing>>>>>

type Row = readonly [pod: string, node: string, world: string, self: string]
const SENDERS = ['pod', 'node', 'world', 'self'] as const satisfies readonly From[]

/** Of the ClusterIP, by internalTrafficPolicy; externalTrafficPolicy does not touch it. */
const INSIDE: Readonly<Record<Policy, Readonly<Record<Endpoints, Row>>>> = {
  Cluster: {
    both: ['near far', 'near* far*', 'near* far*', 'near* far'],
    elsewhere: ['far', 'far*', 'far*', 'far'],
    none: ['reject', 'reject', 'reject', 'reject'],
    'both ending': ['near far', 'near* far*', 'near* far*', 'near* far'],
    'elsewhere ending': ['far', 'far*', 'far*', 'far'],
    'here ending': ['far', 'far*', 'far*', 'far'],
  },
  Local: {
    both: ['near', 'near*', 'near*', 'near*'],
    elsewhere: ['drop', 'drop', 'drop', 'drop'],
    none: ['reject', 'reject', 'reject', 'reject'],
    'both ending': ['near', 'near*', 'near*', 'near*'],
    'elsewhere ending': ['drop', 'drop', 'drop', 'drop'],
    'here ending': ['near', 'near*', 'near*', 'near*'],
  },
}

/** Of NodePort, external IP and balancer's address alike, by externalTrafficPolicy; internalTrafficPolicy does not touch them. */
const OUTSIDE: Readonly<Record<Policy, Readonly<Record<Endpoints, Row>>>> = {
  Cluster: {
    both: ['near* far*', 'near* far*', 'near* far*', 'near* far*'],
    elsewhere: ['far*', 'far*', 'far*', 'far*'],
    none: ['reject', 'reject', 'reject', 'reject'],
    'both ending': ['near* far*', 'near* far*', 'near* far*', 'near* far*'],
    'elsewhere ending': ['far*', 'far*', 'far*', 'far*'],
    'here ending': ['far*', 'far*', 'far*', 'far*'],
  },
  Local: {
    both: ['near far', 'near* far*', 'near', 'near* far'],
    elsewhere: ['far', 'far*', 'drop', 'far'],
    none: ['reject', 'reject', 'reject', 'reject'],
    'both ending': ['near far', 'near* far*', 'near', 'near* far'],
    'elsewhere ending': ['far', 'far*', 'drop', 'far'],
    'here ending': ['far', 'far*', 'near', 'far'],
  },
}

/** Services beside those of the two tables above, each with the flows that are said of it. */
const MORE: readonly (readonly [service: Service, flows: readonly (readonly [from: From, to: To, fate: string])[]])[] = [
  [
    { name: 'ranges', inside: 'Cluster', outside: 'Cluster', endpoints: 'both', ranges: 'world' },
    [
      ['world', 'balancer', 'near* far*'],
      ['stranger', 'balancer', 'drop'],
      ['pod', 'balancer', 'drop'],
      ['node', 'balancer', 'drop'],
      ['self', 'balancer', 'drop'],
      ['stranger', 'nodePort', 'near* far*'],
      ['stranger', 'externalIP', 'near* far*'],
      ['pod', 'clusterIP', 'near far'],
    ],
  ],
  [
    { name: 'ranges-local', inside: 'Cluster', outside: 'Local', endpoints: 'both', ranges: 'world' },
    [
      ['world', 'balancer', 'near'],
      ['stranger', 'balancer', 'drop'],
      ['stranger', 'nodePort', 'near'],
    ],
  ],
  [
    { name: 'ranges-node', inside: 'Cluster', outside: 'Cluster', endpoints: 'both', ranges: 'node' },
    [
      ['node', 'balancer', 'near* far*'],
      ['world', 'balancer', 'drop'],
    ],
  ],
  [
    { name: 'sticky', inside: 'Cluster', outside: 'Cluster', endpoints: 'both', affinity: true },
    [
      ['pod', 'clusterIP', 'near|far'],
      ['node', 'clusterIP', 'near*|far*'],
      ['world', 'clusterIP', 'near*|far*'],
      ['self', 'clusterIP', 'near*|far'],
      ['world', 'nodePort', 'near*|far*'],
      ['pod', 'balancer', 'near*|far*'],
    ],
  ],
  [
    { name: 'inward', inside: 'Local', endpoints: 'elsewhere' },
    [
      ['pod', 'clusterIP', 'drop'],
      ['node', 'clusterIP', 'drop'],
      ['world', 'clusterIP', 'drop'],
    ],
  ],
  [
    { name: 'places', inside: 'Cluster', outside: 'Cluster', endpoints: 'both' },
    [
      ['localhost', 'loopback', 'near* far*'],
      ['pod', 'second', 'near* far*'],
      ['node', 'second', 'near* far*'],
      ['pod', 'unserved', 'none'],
      ['node', 'unserved', 'none'],
      ['world', 'unserved', 'none'],
    ],
  ],
]

/** Where a mode is known to answer otherwise than the tables say; kube-proxy of that mode does the same in a real cluster. Of several the last counts. */
const UNLIKE: readonly (Where & { readonly mode: Mode; readonly fate: string; readonly because: string })[] = [
  {
    ...{ mode: 'iptables', from: ['node'], to: ['externalIP', 'balancer'], endpoints: ['none'], fate: 'none' },
    because: 'KUBE-EXTERNAL-SERVICES is asked in INPUT and FORWARD; what the node itself sends passes neither',
  },
  {
    ...{ mode: 'nftables', from: ['node'], to: ['externalIP', 'balancer'], outside: 'Local', endpoints: ['elsewhere', 'elsewhere ending'], fate: 'drop' },
    because: 'filter-output asks no-endpoint-services before nat-output could take the short way',
  },
  { ...{ mode: 'nftables', to: ['loopback', 'second'], fate: 'none' }, because: 'NodePorts answer on the node’s first address only' },
  { ...{ mode: 'nftables', to: ['unserved'], fate: 'reject' }, because: 'cluster-ips-check refuses what nothing else took' },
  { ...{ mode: 'ipvs', to: ['loopback'], fate: 'none' }, because: 'there is no virtual server on 127.0.0.1' },
  { ...{ mode: 'ipvs', to: ['unserved'], fate: 'reject' }, because: 'the node holds the ClusterIP, and KUBE-IPVS-FILTER guards it' },
  { ...{ mode: 'ipvs', service: 'inward', fate: 'reject' }, because: 'a virtual server without real servers' },
  ...among(['elsewhere', 'elsewhere ending'], {
    ...{ mode: 'ipvs', to: ['clusterIP'], inside: 'Local', external: true },
    because: 'with policy Local and nobody here IPVS goes to the others, if the Service has external addresses',
    fates: { pod: 'far', self: 'far', node: 'far*', world: 'far*' },
  }),
  ...among(['both', 'both ending', 'here ending'], {
    ...{ mode: 'ipvs', to: ['nodePort', 'externalIP', 'balancer'], outside: 'Local' },
    because: 'one virtual server for all senders: with policy Local it has the endpoints here only',
    fates: { pod: 'near', self: 'near*', node: 'near*' },
  }),
  {
    ...{
      mode: 'ipvs',
      from: ['world'],
      to: ['nodePort', 'externalIP', 'balancer'],
      outside: 'Local',
      endpoints: ['elsewhere', 'elsewhere ending'],
      fate: 'far*',
    },
    because: 'with policy Local and nobody here IPVS goes to the others; flannel masquerades what comes from no Pod, without that the answer would go astray',
  },
  {
    ...{ mode: 'ipvs', from: ['node'], to: ['externalIP', 'balancer'], outside: 'Local', endpoints: ['both', 'both ending', 'here ending'], fate: 'near@' },
    because: 'the node holds the address, speaks to it from it, and policy Local does not mark',
  },
]

type Where = {
  readonly service?: string
  readonly from?: readonly From[]
  readonly to?: readonly To[]
  readonly inside?: Policy
  readonly outside?: Policy
  readonly external?: true
  readonly endpoints?: readonly Endpoints[]
}

function among(
  endpoints: readonly Endpoints[],
  o: Omit<Where, 'from'> & { readonly mode: Mode; readonly because: string; readonly fates: Readonly<Partial<Record<From, string>>> },
) {
  const { fates, ...rest } = o
  return (Object.entries(fates) as [From, string][]).map(([from, fate]) => ({ ...rest, endpoints, from: [from], fate }))
}

export type Service = {
  readonly name: string
  readonly inside: Policy
  /** Absent: it has no external addresses. */
  readonly outside?: Policy
  readonly endpoints: Endpoints
  /** Whose address loadBalancerSourceRanges name. */
  readonly ranges?: 'world' | 'node'
  readonly affinity?: true
}

/** The same for both, but that UDP has no connection that could be refused: an ICMP message says so. */
const PROTOCOLS = ['tcp', 'udp'] as const

export type Flow = {
  readonly proto: (typeof PROTOCOLS)[number]
  readonly service: Service
  readonly from: From
  readonly to: To
  readonly fate: string
}
type Said = Omit<Flow, 'proto'>

const POLICIES: readonly Policy[] = ['Cluster', 'Local']
const EXTERNAL = ['nodePort', 'externalIP', 'balancer'] as const satisfies readonly To[]

const said: readonly Said[] = [
  ...POLICIES.flatMap((inside) =>
    POLICIES.flatMap((outside) =>
      (Object.keys(ENDPOINTS) as Endpoints[]).flatMap((endpoints) => {
        const name = [inside === 'Local' ? 'in-' : '', outside === 'Local' ? 'out-' : '', endpoints.replace(' ', '-')].join('')
        const service: Service = { name, inside, outside, endpoints }
        return SENDERS.flatMap((from, at): readonly Said[] => [
          { service, from, to: 'clusterIP', fate: INSIDE[inside][endpoints][at] ?? '' },
          ...EXTERNAL.map((to) => ({ service, from, to, fate: OUTSIDE[outside][endpoints][at] ?? '' })),
        ])
      }),
    ),
  ),
  ...MORE.flatMap(([service, flows]) => flows.map(([from, to, fate]) => ({ service, from, to, fate }))),
]

export const services: readonly Service[] = [...new Set(said.map(({ service }) => service))]

export const flowsIn = (mode: Mode): readonly Flow[] =>
  PROTOCOLS.flatMap((proto) =>
    said.map((flow) => ({ ...flow, proto, fate: UNLIKE.findLast((one) => one.mode === mode && isAbout(one, flow))?.fate ?? flow.fate })),
  )

const isAbout = (where: Where, { service, from, to }: Said): boolean =>
  (where.service ?? service.name) === service.name &&
  (where.from ?? [from]).includes(from) &&
  (where.to ?? [to]).includes(to) &&
  (where.inside ?? service.inside) === service.inside &&
  (where.outside ?? service.outside) === service.outside &&
  (where.external === undefined || service.outside !== undefined) &&
  (where.endpoints ?? [service.endpoints]).includes(service.endpoints)

/** `in-out-both: world to nodePort udp` */
export const nameOf = ({ proto, service, from, to }: Flow): string => `${service.name}: ${from} to ${to} ${proto}`
