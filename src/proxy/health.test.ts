import { expect, test } from 'vitest'
import { clusterWith } from '#model/build.ts'
import type { Cluster } from '#model/cluster.ts'
import { healthSteps } from './health.ts'
import { exposed } from './sample.ts'

const asked = (cluster: Cluster, at: number): unknown =>
  cluster.nodes
    .slice(at, at + 1)
    .flatMap((node) =>
      healthSteps('kube-proxy', cluster, node).map((step) => (step.kind === 'file' ? step.text : step.kind === 'process' ? step.argv.join(' ') : step)),
    )
const PROGRAM = '/opt/netlab/bin/netlab-kube-proxy --mode iptables --health-file /run/netlab/kube-proxy/health'

test('without a healthCheckNodePort kube-proxy speaks for itself only', () => {
  expect(asked(clusterWith({ objects: exposed('web', { endpoints: ['10.244.0.2:80@node-1'] }) }), 0)).toEqual([PROGRAM])
})

test('each node counts its own ready endpoints', () => {
  const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 31_000 }
  const endpoints = ['10.244.0.2:80@node-1', '10.244.0.3:80@node-1', '10.244.1.2:80@node-2']
  const cluster = clusterWith({ objects: exposed('web', { namespace: 'shop', spec, endpoints }) })
  const [service] = cluster.services
  if (service === undefined) throw new Error('no Service')
  const ending = { ...service, endpoints: service.endpoints.map((one) => ({ ...one, ready: one.ip !== '10.244.0.2' })) }
  const told = [0, 1, 2].map((at) => asked({ ...cluster, services: [ending] }, at))
  expect(told).toEqual([1, 1, 0].map((count) => [`31000 shop web ${count}\n`, `${PROGRAM} --health-check-node-port 31000`]))
})
