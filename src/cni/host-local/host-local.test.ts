import { expect, test } from 'vitest'
import { clusterWith, pod } from '#model/build.ts'
import { hostLocal } from './host-local.ts'

const objects = [
  pod('web', { node: 'node-2', ip: '10.244.1.10' }),
  pod('api', { namespace: 'shop', node: 'node-2', ip: '10.244.1.2' }),
  pod('agent', { node: 'node-2', ip: '192.168.0.11', spec: { hostNetwork: true } }),
  pod('far', { node: 'node-1', ip: '10.244.0.2' }),
]

test('each Pod with a network of its own has a lease named after its address, and the highest is remembered', () => {
  const cluster = clusterWith({ objects })
  const files = cluster.nodes.map((node) => hostLocal.steps(cluster, node).map((step) => (step.kind === 'file' ? [step.path, step.text] : [])))
  const dir = '/var/lib/cni/networks/cbr0'
  expect(files).toEqual([
    [
      [`${dir}/10.244.0.2`, 'default_far\r\neth0'],
      [`${dir}/last_reserved_ip.0`, '10.244.0.2'],
    ],
    [
      [`${dir}/10.244.1.2`, 'shop_api\r\neth0'],
      [`${dir}/10.244.1.10`, 'default_web\r\neth0'],
      [`${dir}/last_reserved_ip.0`, '10.244.1.10'],
    ],
    [],
  ])
})
