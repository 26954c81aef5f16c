import { expect, test } from 'vitest'
import { objectsOf } from '#controllers/objects.ts'
import { settle } from '#controllers/settle.ts'
import { cidr } from '#net/net.ts'
import { vtepMac } from './addresses.ts'
import { clusterWith, labWith, NOW, object, pod, service } from './build.ts'
import { fixedChanges } from './fixed.ts'
import { clusterOf } from './model.ts'

test('a Pod is of the cluster while it has a node and an address and has not finished', () => {
  const finished = { ...pod('done', { node: 'node-1', ip: '10.244.0.5' }), status: { ...pod('x').status, phase: 'Succeeded' as const, podIP: '10.244.0.5' } }
  const { pods } = clusterWith({ objects: [pod('here', { node: 'node-1', ip: '10.244.0.2' }), pod('waits', { node: 'node-1' }), pod('homeless'), finished] })
  expect(pods.map(({ object: _, ...rest }) => rest)).toEqual([
    {
      namespace: 'default',
      name: 'here',
      node: 'node-1',
      ip: '10.244.0.2',
      mac: '0a:58:0a:f4:00:02',
      sandbox: 'default_here',
      hostDev: expect.stringMatching(/^veth[0-9a-f]{8}$/),
    },
  ])
})

test("a Pod on the host network is the node: no sandbox, the node's wire", () => {
  const { pods } = clusterWith({ objects: [pod('agent', { node: 'node-2', ip: '192.168.0.11', spec: { hostNetwork: true } })] })
  expect(pods.map(({ object: _, ...rest }) => rest)).toEqual([
    { namespace: 'default', name: 'agent', node: 'node-2', ip: '192.168.0.11', mac: '0a:58:c0:a8:00:0b', hostDev: 'eth0' },
  ])
})

test('nodes keep their place in lab.yaml, and leave the cluster with their Node object', () => {
  const lab = labWith({ nodes: 3 })
  const objects = settle(lab, { now: NOW })
  const without = { ...objects, Node: objects.Node.filter(({ metadata }) => metadata.name !== 'node-2') }
  const places = (of: typeof objects) => clusterOf(lab, of).nodes.map(({ name, index, podCIDR }) => [name, index, podCIDR])
  expect([places(objects), places(without)]).toEqual([
    [
      ['node-1', 0, '10.244.0.0/24'],
      ['node-2', 1, '10.244.1.0/24'],
      ['node-3', 2, '10.244.2.0/24'],
    ],
    [
      ['node-1', 0, '10.244.0.0/24'],
      ['node-3', 2, '10.244.2.0/24'],
    ],
  ])
})

test('the cluster knows the address of DNS when it has DNS', () => {
  const dnsOf = (dns: 'coredns' | 'none') => {
    const lab = labWith({ dns })
    return clusterOf(lab, settle(lab, { now: NOW })).dnsIP
  }
  expect([dnsOf('coredns'), dnsOf('none')]).toEqual(['10.96.0.10', undefined])
})

test('two nodes have two VTEP addresses, each as good for any address of its range', () => {
  const of = (text: string) => vtepMac(text as never)
  expect([of('10.244.0.0/24'), of('10.244.1.0/24'), of('10.244.1.7/24')]).toEqual(['0a:58:0a:f4:00:00', '0a:58:0a:f4:01:00', '0a:58:0a:f4:01:00'])
})

test('builders make what a manifest makes', () => {
  expect(object('ConfigMap', { metadata: { name: 'x' }, data: { a: '1' } })).toMatchObject({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'default' },
  })
  expect(objectsOf([...service('b'), ...service('a')]).Service.map(({ metadata }) => metadata.name)).toEqual(['a', 'b'])
})

test('kube-proxy is down where a lab has it as a DaemonSet and no Pod of it runs; elsewhere it is never down', () => {
  const set = object('DaemonSet', {
    metadata: { name: 'kube-proxy', namespace: 'kube-system' },
    spec: { selector: { matchLabels: {} }, template: { metadata: { labels: {} }, spec: { containers: [{ name: 'c', image: 'kube-proxy' }] } } },
  })
  const proxy = (node: string, state: object) => {
    const made = pod(`kube-proxy-${node}`, { namespace: 'kube-system', labels: { 'k8s-app': 'kube-proxy' }, node, ip: '192.168.0.10' })
    const status = { name: 'c', image: 'kube-proxy', ready: true, restartCount: 0, state }
    return object('Pod', { ...made, status: { ...made.status, containerStatuses: [status] } })
  }
  const pods = [proxy('node-1', { running: { startedAt: NOW } }), proxy('node-2', { waiting: { reason: 'CrashLoopBackOff' } })]
  const down = (objects: Parameters<typeof clusterWith>[0]) => clusterWith(objects).nodes.map(({ proxyDown = false }) => proxyDown)
  expect([down({ objects: [set, ...pods] }), down({ objects: pods })]).toEqual([
    [false, true, true],
    [false, false, false],
  ])
})

test('what a running lab cannot change is told with its old and its new value; a node more at the end is no such change', () => {
  const lab = labWith({ nodes: 2 })
  const [first, second] = lab.nodes
  const nodes = [second, first].flatMap((node) => node ?? [])
  expect([
    fixedChanges(lab, labWith({ nodes: 3 })),
    fixedChanges(lab, { ...lab, podCIDR: cidr('10.1.0.0/16'), nodePrefix: 26 }),
    fixedChanges(lab, { ...lab, nodes: nodes.slice(0, 1) }),
  ]).toEqual([
    [],
    ['podCIDR is 10.244.0.0/16 in the running lab and 10.1.0.0/16 in its files', 'nodePrefix is 24 in the running lab and 26 in its files'],
    ['node-2 has 10.244.1.0/24 in the running lab and would have 10.244.0.0/24: nodes get their ranges in order, new ones last'],
  ])
})

test('a Node’s podCIDR with host bits is the range that holds them', () => {
  const node = object('Node', { metadata: { name: 'node-1' }, spec: { podCIDR: '10.244.7.9/24' } })
  expect(clusterWith({ nodes: 1, objects: [node] }).nodes.map(({ podCIDR }) => podCIDR)).toEqual(['10.244.7.0/24'])
})
