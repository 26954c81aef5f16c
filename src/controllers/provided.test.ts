import { expect, test } from 'vitest'
import type { ConfigMap, NodeObject } from '#api/kinds.ts'
import { labWith, NOW, object } from '#model/build.ts'
import { type Ip, ip } from '#net/net.ts'
import { providedObjects } from './provided.ts'
import { settle } from './settle.ts'

const names = (lab: Parameters<typeof providedObjects>[0]) =>
  providedObjects(lab, { now: NOW }).map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`)

test('a lab has its namespaces, nodes and API, and CoreDNS when it wants DNS', () => {
  const always = [
    'Namespace /default',
    'Namespace /kube-node-lease',
    'Namespace /kube-public',
    'Namespace /kube-system',
    'Node /node-1',
    'Service default/kubernetes',
    'Endpoints default/kubernetes',
    'EndpointSlice default/kubernetes',
  ]
  expect([names(labWith({ nodes: 1 })), names(labWith({ nodes: 1, dns: 'coredns' }))]).toEqual([
    always,
    [...always, 'ConfigMap kube-system/coredns', 'Service kube-system/kube-dns', 'Deployment kube-system/coredns'],
  ])
})

test('what the author wrote under the same name takes its place', () => {
  const mine = object('ConfigMap', { metadata: { name: 'coredns', namespace: 'kube-system' }, data: { Corefile: '.:53 {\n}\n' } })
  const lab = labWith({ dns: 'coredns', objects: [mine] })
  expect([names(lab).includes('ConfigMap kube-system/coredns'), settle(lab, { now: NOW }).ConfigMap.map(({ data }) => data)]).toEqual([false, [mine.data]])
})

test('a Node tells its address, its share of the Pod range, its zone, and its flannel lease', () => {
  const lab = labWith({ nodes: [{ name: 'n', ip: '192.168.0.10' as never, labels: { disk: 'ssd' }, zone: 'west' }] })
  const node = providedObjects(lab, { now: NOW }).find(({ kind }) => kind === 'Node') as NodeObject
  expect([node.metadata.labels, node.metadata.annotations, node.spec, node.status.addresses]).toEqual([
    { 'kubernetes.io/hostname': 'n', 'kubernetes.io/os': 'linux', 'topology.kubernetes.io/zone': 'west', disk: 'ssd' },
    {
      'flannel.alpha.coreos.com/backend-data': '{"VNI":1,"VtepMAC":"0a:58:0a:f4:00:00"}',
      'flannel.alpha.coreos.com/backend-type': 'vxlan',
      'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
      'flannel.alpha.coreos.com/public-ip': '192.168.0.10',
    },
    { podCIDR: '10.244.0.0/24', podCIDRs: ['10.244.0.0/24'] },
    [
      { type: 'InternalIP', address: '192.168.0.10' },
      { type: 'Hostname', address: 'n' },
    ],
  ])
})

test('CoreDNS asks the API behind its Service, or directly where no proxy translates', () => {
  const endpoint = (proxy: Parameters<typeof labWith>[0]) => {
    const map = providedObjects(labWith({ dns: 'coredns', ...proxy }), { now: NOW }).find(({ kind }) => kind === 'ConfigMap') as ConfigMap
    return /endpoint (.*)/.exec(map.data['Corefile'] ?? '')?.[1]
  }
  expect([endpoint({}), endpoint({ proxy: { mode: 'none' } })]).toEqual(['http://10.96.0.1:443', 'http://192.168.0.1:6443'])
})

test('where lab.yaml names name servers, CoreDNS forwards to those of its own resolv.conf; elsewhere no other name exists', () => {
  const outside = (nameservers: readonly Ip[]) => {
    const map = providedObjects(labWith({ dns: 'coredns', nameservers }), { now: NOW }).find(({ kind }) => kind === 'ConfigMap') as ConfigMap
    return [Object.keys(map.data), /^ +(forward|file) .*$/m.exec(map.data['Corefile'] ?? '')?.[0].trim()]
  }
  expect([outside([ip('203.0.113.53')]), outside([])]).toEqual([
    [['Corefile'], 'forward . /etc/resolv.conf {'],
    [['Corefile', 'outside.db'], 'file /etc/coredns/outside.db .'],
  ])
})

test('DNS runs twice where there are two nodes for it', () => {
  const replicas = [1, 2, 5].map((nodes) => settle(labWith({ nodes, dns: 'coredns' }), { now: NOW }).Pod.map(({ spec }) => spec.nodeName))
  expect(replicas).toEqual([['node-1'], ['node-1', 'node-2'], ['node-1', 'node-2']])
})
