/** The lab in which the table of flows is judged: two nodes, an endpoint on each, and Services whose slices are written by hand. */
import { ENDPOINTS, type Flow, type From, type Mode, type Service, services, type To } from './table.ts'

const NODE = '192.168.0.10'
const WORLD = '192.168.0.100'
/** Under which addresses the senders speak. Pods get theirs in the order of their names. */
export const SENDER: Readonly<Record<From, string>> = {
  ...{ pod: '10.244.0.2', node: NODE, world: WORLD, self: '10.244.0.3', stranger: '192.168.0.200', localhost: '127.0.0.1' },
}
/** Where netlab's verbs find them. */
export const PLACE: Readonly<Record<From, string>> = {
  ...{ pod: 'client', node: 'node-1', world: 'ext/world', self: 'near', stranger: 'ext/stranger', localhost: 'node-1' },
}
export const ENDPOINT = { near: '10.244.0.3', far: '10.244.1.2' } as const
const BRIDGE = '10.244.0.1'
/** The node's own addresses, of which a masqueraded connection bears one. */
export const NODE_IPS: readonly string[] = [NODE, BRIDGE, '10.244.0.0']

/** What leads from outside to the node's rules. */
export const RANGES = ['10.96.0.0/16', '198.51.100.0/24', '198.18.0.0/24'] as const
export const ROUTES: readonly string[] = RANGES.map((range) => `ip route add ${range} via ${NODE}`)

type Addresses = Readonly<Record<To, readonly [ip: string, port: number]>>
export function addressesOf(service: Service): Addresses {
  const at = services.indexOf(service) + 10
  return {
    clusterIP: [`10.96.1.${at}`, 80],
    unserved: [`10.96.1.${at}`, 81],
    nodePort: [NODE, 30_000 + at],
    second: [BRIDGE, 30_000 + at],
    loopback: ['127.0.0.1', 30_000 + at],
    externalIP: [`198.18.0.${at}`, 80],
    balancer: [`198.51.100.${at}`, 80],
  }
}
export const targetOf = ({ service, to }: Flow): readonly [ip: string, port: number] => addressesOf(service)[to]

/** What a cloud would say of a Service: the address that its load balancer has. */
export const statusOf = (service: Service) => ({ loadBalancer: { ingress: [{ ip: addressesOf(service).balancer[0], ipMode: 'VIP' as const }] } })

/** Path in the lab's folder → text. JSON is YAML. */
export const labFiles = (mode: Mode): ReadonlyMap<string, string> =>
  new Map([
    [
      'lab.yaml',
      JSON.stringify({
        ...{ apiVersion: 'netlab.dev/v1', kind: 'Lab', metadata: { name: `flows-${mode}` } },
        spec: {
          ...{ nodes: 2, dns: 'none', proxy: mode },
          hosts: [
            { name: 'world', ip: WORLD },
            { name: 'stranger', ip: SENDER.stranger },
          ],
        },
      }),
    ],
    ['manifests/all.yaml', [...PODS, ...services.flatMap(objectsOf)].map((object) => JSON.stringify(object)).join('\n---\n')],
  ])

const echo = { name: 'echo', image: 'netlab/echo', args: ['netexec', '--http-port=8080', '--udp-port=8080'] }
/** The Services have every port for both. */
const PORTS = [
  { name: 'tcp', protocol: 'TCP' },
  { name: 'udp', protocol: 'UDP' },
]
const pod = (name: string, nodeName: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { nodeName, containers: [echo] } })
const PODS = [pod('client', 'node-1'), pod('near', 'node-1'), pod('far', 'node-2')]

function objectsOf(service: Service): readonly object[] {
  const { name, inside, outside, endpoints, ranges, affinity } = service
  const at = addressesOf(service)
  const external = {
    type: 'LoadBalancer',
    externalTrafficPolicy: outside,
    externalIPs: [at.externalIP[0]],
    ...(ranges === undefined ? {} : { loadBalancerSourceRanges: [`${SENDER[ranges]}/32`] }),
  }
  return [
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name } },
      spec: {
        ...{ clusterIP: at.clusterIP[0], internalTrafficPolicy: inside },
        ports: PORTS.map((one) => ({ ...one, port: 80, targetPort: 8080, ...(outside === undefined ? {} : { nodePort: at.nodePort[1] }) })),
        ...(affinity === undefined ? {} : { sessionAffinity: 'ClientIP' }),
        ...(outside === undefined ? {} : external),
      },
    },
    {
      ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
      metadata: { name: `${name}-by-hand`, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: PORTS.map((one) => ({ ...one, port: 8080 })),
      endpoints: Object.entries(ENDPOINTS[endpoints]).map(([who, standing]) => ({
        addresses: [ENDPOINT[who as keyof typeof ENDPOINT]],
        nodeName: who === 'near' ? 'node-1' : 'node-2',
        conditions: { ready: standing === 'ready', serving: true, terminating: standing === 'ending' },
      })),
    },
  ]
}
