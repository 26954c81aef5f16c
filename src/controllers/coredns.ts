/** CoreDNS as kubeadm installs it. Where lab.yaml names no name servers, it answers for the cluster only. */
import type { KubeObject } from '#api/kinds.ts'
import type { Lab } from '#lab/lab.ts'
import { CLUSTER_DOMAIN } from '#model/addresses.ts'
import { nthIp } from '#net/net.ts'
import { object } from './objects.ts'

/** kubeadm's convention: DNS is the tenth address of the Service range. */
const DNS_INDEX = 10
const MAX_REPLICAS = 2
const LABELS = { 'k8s-app': 'kube-dns' }
const NAMESPACE = 'kube-system'

export function corednsObjects(lab: Lab, apiUrl: string): readonly KubeObject[] {
  const clusterIP = nthIp(lab.serviceCIDR, DNS_INDEX)
  const ports = [
    { name: 'dns', protocol: 'UDP', port: 53 },
    { name: 'dns-tcp', protocol: 'TCP', port: 53 },
    { name: 'metrics', protocol: 'TCP', port: 9153 },
  ]
  return [
    object('ConfigMap', {
      metadata: { name: 'coredns', namespace: NAMESPACE },
      data: lab.nameservers.length > 0 ? { Corefile: corefile(apiUrl, FORWARD) } : { Corefile: corefile(apiUrl, NOTHING), [OUTSIDE]: NOTHING_OUTSIDE },
    }),
    object('Service', {
      metadata: {
        name: 'kube-dns',
        namespace: NAMESPACE,
        labels: { ...LABELS, 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' },
      },
      spec: { clusterIP, clusterIPs: [clusterIP], selector: LABELS, ports: ports.map((port) => ({ ...port, targetPort: port.port })) },
    }),
    object('Deployment', {
      metadata: { name: 'coredns', namespace: NAMESPACE, labels: LABELS },
      spec: {
        replicas: Math.min(lab.nodes.length, MAX_REPLICAS),
        selector: { matchLabels: LABELS },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
        template: {
          metadata: { labels: LABELS },
          spec: {
            dnsPolicy: 'Default',
            containers: [
              {
                name: 'coredns',
                image: 'coredns/coredns',
                args: ['-conf', '/etc/coredns/Corefile'],
                ports: ports.map(({ name, protocol, port }) => ({ name, protocol, containerPort: port })),
                volumeMounts: [{ name: 'config-volume', mountPath: '/etc/coredns', readOnly: true }],
                livenessProbe: { httpGet: { path: '/health', port: 8080 }, initialDelaySeconds: 60, timeoutSeconds: 5, failureThreshold: 5 },
                readinessProbe: { httpGet: { path: '/ready', port: 8181 }, periodSeconds: 1 },
              },
            ],
            volumes: [{ name: 'config-volume', configMap: { name: 'coredns' } }],
          },
        },
      },
    }),
  ]
}

/** Where a real cluster forwards to the node's resolver, a lab without one says for every other name that it does not exist. */
const OUTSIDE = 'outside.db'
const NOTHING_OUTSIDE = `. 60 IN SOA ns.outside. hostmaster.outside. 1 7200 1800 86400 60
. 60 IN NS ns.outside.
`

const NOTHING = `file /etc/coredns/${OUTSIDE} .`
/** Its own /etc/resolv.conf is the node's, since its Pods have dnsPolicy Default. */
const FORWARD = `forward . /etc/resolv.conf {
       max_concurrent 1000
    }`

const corefile = (apiUrl: string, outside: string): string => `.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes ${CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {
       endpoint ${apiUrl}
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    ${outside}
    prometheus :9153
    cache 30
    loop
    reload 2s
    loadbalance
}
`
