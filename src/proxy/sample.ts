/** A small cluster with a Service of each kind, for tests: the situations that kube-proxy's own tests know as svc1 to svc6. */
import { clusterWith, service } from '#model/build.ts'
import type { Cluster } from '#model/cluster.ts'
import { cidr } from '#net/net.ts'

type KubeObject = NonNullable<NonNullable<Parameters<typeof clusterWith>[0]>['objects']>[number]
type ServiceObject = ReturnType<typeof service>[0]

export const sampleCluster = (objects: readonly KubeObject[] = sampleObjects): Cluster => clusterWith({ podCIDR: cidr('10.180.0.0/16'), objects })

/** A Service with one TCP port 80 named p80, and the addresses its load balancer gave it. */
export function exposed(
  name: string,
  { balancer = [], nodePort, ...o }: Parameters<typeof service>[1] & { readonly balancer?: readonly string[]; readonly nodePort?: number } = {},
): readonly KubeObject[] {
  const ports = [{ name: 'p80', port: 80, ...(nodePort === undefined ? {} : { nodePort }) }]
  const [made, ...slices] = service(name, { ...o, spec: { ports, ...o.spec } })
  return [balanced(made, balancer), ...slices]
}

const balanced = (made: ServiceObject, ips: readonly string[]): ServiceObject =>
  ips.length === 0
    ? made
    : { ...made, status: { ...made.status, loadBalancer: { ...made.status.loadBalancer, ingress: ips.map((ip) => ({ ip, ipMode: 'VIP' as const })) } } }

export const sampleObjects: readonly KubeObject[] = [
  ...exposed('svc1', { namespace: 'ns1', clusterIP: '10.96.0.41', endpoints: ['10.180.0.1:80'] }),
  ...exposed('svc2', {
    ...{ namespace: 'ns2', clusterIP: '10.96.0.42', nodePort: 30001, balancer: ['1.2.3.4'], endpoints: ['10.180.0.2:80'] },
    spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', externalIPs: ['192.168.99.22'], healthCheckNodePort: 30000 },
  }),
  ...exposed('svc3', { namespace: 'ns3', clusterIP: '10.96.0.43', nodePort: 30003, endpoints: ['10.180.0.3:80'], spec: { type: 'NodePort' } }),
  ...exposed('svc4', {
    ...{ namespace: 'ns4', clusterIP: '10.96.0.44', endpoints: ['10.180.0.4:80', '10.180.0.5:80@node-1'] },
    spec: { externalIPs: ['192.168.99.33'] },
  }),
  ...exposed('svc5', {
    ...{ namespace: 'ns5', clusterIP: '10.96.0.45', nodePort: 30002, balancer: ['5.6.7.8'], endpoints: ['10.180.0.3:80'] },
    spec: {
      ...{ type: 'LoadBalancer', loadBalancerSourceRanges: ['203.0.113.0/25'], sessionAffinity: 'ClientIP' },
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } },
    },
  }),
  ...exposed('svc6', { namespace: 'ns6', clusterIP: '10.96.0.46', endpoints: [] }),
]
