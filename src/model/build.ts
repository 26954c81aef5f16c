/**
 * Small labs and clusters for tests: say what matters, the rest is a lab of three nodes as in labs/flannel-vxlan.
 *
 *     clusterWith({ nodes: 2, objects: [pod('web', { node: 'node-2', ip: '10.244.1.2' }), ...service('web', { endpoints: ['10.244.1.2:80'] })] })
 */
import { withDefaults } from '#api/defaults.ts'
import type { EndpointSlice, Kind, KubeObject, ObjectOf, PodObject, ServiceObject } from '#api/kinds.ts'
import { objectsOf, object as said } from '#controllers/objects.ts'
import { providedObjects } from '#controllers/provided.ts'
import type { Lab, LabNode } from '#lab/lab.ts'
import { cidr, familyOf, ip, nthIp } from '#net/net.ts'
import type { Cluster } from './cluster.ts'
import { clusterOf } from './model.ts'

const NODES = cidr('192.168.0.0/24')
const FIRST_NODE = 10
/** The moment at which tests' clusters stand still. */
export const NOW = '2026-01-01T00:00:00Z'

type Json = Readonly<Record<string, unknown>>

/** An object as a manifest would say it, with what the API server fills in. */
export const object = <K extends Kind>(kind: K, input: object): ObjectOf<K> => withDefaults(said(kind, input)) as ObjectOf<K>

/** A lab of n nodes, 192.168.0.10 and on. */
export function labWith({ nodes = 3, ...o }: Partial<Omit<Lab, 'nodes'>> & { readonly nodes?: number | readonly LabNode[] } = {}): Lab {
  return {
    name: 'test',
    labels: {},
    nodes: typeof nodes === 'number' ? Array.from({ length: nodes }, (_, at) => labNode(at)) : nodes,
    podCIDR: cidr('10.244.0.0/16'),
    nodePrefix: 24,
    serviceCIDR: cidr('10.96.0.0/12'),
    cni: { name: 'flannel-vxlan', vni: 1, port: 8472, directRouting: false },
    proxy: { mode: 'iptables', masqueradeAll: false },
    policy: 'none',
    dns: 'none',
    nameservers: [],
    balancerPools: [],
    underlay: {
      routers: [],
      segments: [
        { name: 'nodes', cidr: NODES, gateway: nthIp(NODES, 1), mtu: 1500 },
        { name: 'outside', cidr: cidr('203.0.113.0/24'), gateway: ip('203.0.113.1'), mtu: 1500 },
      ],
    },
    hosts: [],
    needs: [],
    driver: 'auto',
    kernel: 'host',
    objects: [],
    ...o,
  }
}

/** The cluster that these objects make by themselves: no controller runs, so Pods come with node and address, Services with slices. */
export function clusterWith({ objects = [], ...o }: Parameters<typeof labWith>[0] & { readonly objects?: readonly KubeObject[] } = {}): Cluster {
  const lab = labWith({ ...o, objects })
  const nodes = providedObjects(lab, { now: NOW }).filter(({ kind }) => kind === 'Node')
  return clusterOf(lab, objectsOf([...nodes, ...objects]))
}

/** A Pod that runs and is ready; without `ip` it waits for one, with `hostNetwork` say the node's. */
export function pod(
  name: string,
  o: {
    readonly namespace?: string
    readonly node?: string
    readonly ip?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly ready?: boolean
    readonly spec?: Json
  } = {},
): PodObject {
  const { namespace = 'default', node, ip: podIP, labels = {}, ready = podIP !== undefined, spec = {} } = o
  return object('Pod', {
    metadata: { name, namespace, labels, uid: `uid-${namespace}-${name}` },
    spec: { containers: [{ name: 'app', image: 'netlab/echo' }], ...(node === undefined ? {} : { nodeName: node }), ...spec },
    status: {
      phase: podIP === undefined ? 'Pending' : 'Running',
      ...(podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] }),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  })
}

/** A Service on TCP port 80 and, with `endpoints` as `ip:port` (`ip:port@node` to say where), its one EndpointSlice of ready endpoints. */
export function service(
  name: string,
  o: { readonly namespace?: string; readonly clusterIP?: string; readonly endpoints?: readonly string[]; readonly spec?: Json } = {},
): readonly [ServiceObject] | readonly [ServiceObject, EndpointSlice] {
  const { namespace = 'default', clusterIP = '10.96.100.1', endpoints, spec = {} } = o
  const made = object('Service', {
    metadata: { name, namespace, uid: `uid-${namespace}-${name}` },
    spec: { clusterIP, clusterIPs: [clusterIP], ports: [{ port: 80 }], selector: { app: name }, ...spec },
  })
  return endpoints === undefined ? [made] : [made, endpointSlice(made, endpoints)]
}

/** All endpoints listen on the port number that the first one names; each port of the Service gets that number. */
export function endpointSlice(of: ServiceObject, endpoints: readonly string[], name = `${of.metadata.name}-abcde`): EndpointSlice {
  const read = endpoints.map((text) => /^\[?(?<address>[^\]]+?)\]?:(?<port>\d+)(@(?<node>.+))?$/.exec(text)?.groups ?? {})
  const first = read[0]?.['address'] ?? of.spec.clusterIP ?? '0.0.0.0'
  return object('EndpointSlice', {
    metadata: { name, namespace: of.metadata.namespace, labels: { 'kubernetes.io/service-name': of.metadata.name } },
    addressType: `IPv${familyOf(ip(first))}`,
    ports: of.spec.ports.map((port) => ({ name: port.name ?? '', protocol: port.protocol, port: Number(read[0]?.['port'] ?? port.port) })),
    endpoints: read.map(({ address, node }) => ({ addresses: [address], conditions: { ready: true }, ...(node === undefined ? {} : { nodeName: node }) })),
  })
}

const labNode = (at: number): LabNode => ({ name: `node-${at + 1}`, ip: nthIp(NODES, FIRST_NODE + at), labels: {} })
