/** A cluster like labs/flannel-vxlan, for tests of probes. */

import { clusterWith, pod, service } from '#model/build.ts'
import type { Cluster } from '#model/cluster.ts'
import { ip } from '#net/net.ts'

const app = (name: string, at: string, node: string, of: string) => pod(name, { node, ip: at, labels: { app: of } })

export const lab: Cluster = clusterWith({
  hosts: [{ name: 'internet', ip: ip('203.0.113.10') }],
  objects: [
    pod('client', { node: 'node-1', ip: '10.244.0.2', labels: { app: 'client' } }),
    app('checkout-api-a', '10.244.0.3', 'node-1', 'checkout-api'),
    app('checkout-api-b', '10.244.1.2', 'node-2', 'checkout-api'),
    app('checkout-api-c', '10.244.2.2', 'node-3', 'checkout-api'),
    app('frontend-a', '10.244.1.3', 'node-2', 'frontend'),
    app('frontend-b', '10.244.2.3', 'node-3', 'frontend'),
    pod('payment-api-a', { namespace: 'production', node: 'node-3', ip: '10.244.2.4', labels: { app: 'payment-api' } }),
    ...service('frontend', { clusterIP: '10.96.0.20', endpoints: ['10.244.1.3:8080@node-2', '10.244.2.3:8080@node-3'] }),
    ...service('checkout-api-svc', { clusterIP: '10.96.0.30', endpoints: ['10.244.0.3:3000@node-1', '10.244.1.2:3000@node-2', '10.244.2.2:3000@node-3'] }),
    ...service('payment-api', { namespace: 'production', clusterIP: '10.96.0.40', endpoints: ['10.244.2.4:8080@node-3'] }),
  ],
})
