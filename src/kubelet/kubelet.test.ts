import { expect, test } from 'vitest'
import type { Container, PodObject } from '#api/kinds.ts'
import { prose } from '#kernel/text.ts'
import { clusterWith, object, pod, service } from '#model/build.ts'
import type { Cluster, Node, Pod } from '#model/cluster.ts'
import { initContainers, waitingReason } from './containers.ts'
import { kubelet } from './kubelet.ts'

const dns = service('kube-dns', { namespace: 'kube-system', clusterIP: '10.96.0.10' })
const first = <T>(list: readonly T[]): T => {
  const [one] = list
  if (one === undefined) throw new Error('there is none')
  return one
}
const clusterOf = (pods: readonly PodObject[], others: Parameters<typeof clusterWith>[0] = {}): Cluster =>
  clusterWith({ nodes: 2, ...others, objects: [...pods, ...dns, ...(others.objects ?? [])] })
const stepsOf = (cluster: Cluster, node: Node = first(cluster.nodes)) => kubelet.steps(cluster, node)
const processes = (cluster: Cluster) => stepsOf(cluster).flatMap((step) => (step.kind === 'process' ? [step] : []))
const file = (cluster: Cluster, path: string) => stepsOf(cluster).flatMap((step) => (step.kind === 'file' && step.path === path ? [step.text] : []))[0]
const web = (spec: object = {}, o: object = {}) => pod('web', { node: 'node-1', ip: '10.244.0.2', spec: { ...spec }, ...o })
const podOf = (cluster: Cluster): Pod => first(cluster.pods)
const containerOf = (cluster: Cluster): Container => first(podOf(cluster).object.spec.containers)

const settings = object('ConfigMap', { metadata: { name: 'settings' }, data: { color: 'blue', 'app.conf': 'listen 80\n' } })

test('a node holds its settings, its names, and a network, files and processes for each of its Pods', async () => {
  const spec = {
    containers: [
      { name: 'nginx', image: 'nginx:1.27', volumeMounts: [{ name: 'conf', mountPath: '/etc/nginx/conf.d' }] },
      { name: 'echo', image: 'netlab/echo', ports: [{ containerPort: 3000 }], volumeMounts: [{ name: 'scratch', mountPath: '/data' }] },
    ],
    initContainers: [{ name: 'wait', image: 'busybox', command: ['sh', '-c', 'true'] }],
    volumes: [
      { name: 'conf', configMap: { name: 'settings', items: [{ key: 'app.conf', path: 'sites/app.conf', mode: 0o600 }] } },
      { name: 'scratch', emptyDir: {} },
    ],
  }
  const objects = [
    settings,
    pod('agent', { node: 'node-1', ip: '192.168.0.10', spec: { hostNetwork: true } }),
    pod('other', { node: 'node-2', ip: '10.244.1.2' }),
  ]
  await expect(prose(stepsOf(clusterOf([web(spec)], { objects })))).toMatchFileSnapshot('kubelet.test.txt')
})

test('a container is told of itself, of the Services and of what its manifest says', () => {
  const env = [
    { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
    { name: 'ME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'NS', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
    { name: 'UID_OF_POD', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } },
    { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
    { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    { name: 'HOST', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } },
    { name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'color' } } },
    { name: 'NOTHING', valueFrom: { configMapKeyRef: { name: 'absent', key: 'x', optional: true } } },
    { name: 'URL', value: 'http://$(API_V1_SERVICE_HOST):$(API_V1_SERVICE_PORT)/$(COLOR)/$$(ME)/$(NEVER)' },
    { name: 'HOME', value: '/tmp' },
  ]
  const envFrom = [{ prefix: 'X_', configMapRef: { name: 'settings' } }]
  const api = service('api.v1', {
    clusterIP: '10.96.1.1',
    spec: {
      ports: [
        { name: 'http', port: 80 },
        { name: 'dns-udp', port: 53, protocol: 'UDP' },
      ],
    },
  })
  const made = web({ containers: [{ name: 'c', image: 'busybox', command: ['echo', '$(URL)'], env, envFrom }] }, { labels: { app: 'shop' } })
  const cluster = clusterOf([made], { objects: [settings, ...api, ...service('headless', { clusterIP: 'None' })] })
  expect(processes(cluster).map(({ env: seen, argv }) => ({ env: seen, argv }))).toEqual([
    {
      argv: ['echo', 'http://10.96.1.1:80/blue/$(ME)/$(NEVER)'],
      env: {
        PATH: '/opt/netlab/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        HOSTNAME: 'web',
        HOME: '/tmp',
        NODE: 'node-1',
        ME: 'web',
        NS: 'default',
        UID_OF_POD: 'uid-default-web',
        APP: 'shop',
        IP: '10.244.0.2',
        HOST: '192.168.0.10',
        COLOR: 'blue',
        X_color: 'blue',
        'X_app.conf': 'listen 80\n',
        URL: 'http://10.96.1.1:80/blue/$(ME)/$(NEVER)',
        API_V1_SERVICE_HOST: '10.96.1.1',
        API_V1_SERVICE_PORT: '80',
        API_V1_SERVICE_PORT_HTTP: '80',
        API_V1_SERVICE_PORT_DNS_UDP: '53',
        API_V1_PORT: 'tcp://10.96.1.1:80',
        API_V1_PORT_80_TCP: 'tcp://10.96.1.1:80',
        API_V1_PORT_80_TCP_PROTO: 'tcp',
        API_V1_PORT_80_TCP_PORT: '80',
        API_V1_PORT_80_TCP_ADDR: '10.96.1.1',
        API_V1_PORT_53_UDP: 'udp://10.96.1.1:53',
        API_V1_PORT_53_UDP_PROTO: 'udp',
        API_V1_PORT_53_UDP_PORT: '53',
        API_V1_PORT_53_UDP_ADDR: '10.96.1.1',
      },
    },
  ])
})

test('a Pod knows of its own namespace’s Services and of kubernetes, of those not younger than itself, and of kubernetes alone without links', () => {
  const at = (name: string, namespace: string, time: string, clusterIP: string) => {
    const [made] = service(name, { namespace, clusterIP })
    return { ...made, metadata: { ...made.metadata, creationTimestamp: time } }
  }
  const objects = [
    at('kubernetes', 'default', '2026-01-01T00:00:00Z', '10.96.0.1'),
    at('old', 'shop', '2026-01-01T00:00:00Z', '10.96.0.2'),
    at('young', 'shop', '2026-01-01T00:00:09Z', '10.96.0.3'),
    at('foreign', 'default', '2026-01-01T00:00:00Z', '10.96.0.4'),
  ]
  const hosts = (enableServiceLinks: boolean) => {
    const made = pod('web', { namespace: 'shop', node: 'node-1', ip: '10.244.0.2', spec: { enableServiceLinks } })
    const dated = { ...made, metadata: { ...made.metadata, creationTimestamp: '2026-01-01T00:00:05Z' } }
    return Object.keys(first(processes(clusterOf([dated], { objects }))).env).filter((name) => name.endsWith('_SERVICE_HOST'))
  }
  expect([hosts(true), hosts(false)]).toEqual([['KUBERNETES_SERVICE_HOST', 'OLD_SERVICE_HOST'], ['KUBERNETES_SERVICE_HOST']])
})

test('what is missing makes a container wait, with kubelet’s words, and it has no process until it is there', () => {
  const wait = (container: object, volumes: readonly object[] = []) => {
    const cluster = clusterOf([web({ containers: [{ name: 'c', image: 'busybox', ...container }], volumes })], { objects: [settings] })
    return [waitingReason(cluster, podOf(cluster), containerOf(cluster)), processes(cluster).length]
  }
  const key = (name: string, of: string) => ({ env: [{ name: 'X', valueFrom: { configMapKeyRef: { name, key: of } } }] })
  expect([
    wait({}),
    wait(key('absent', 'x')),
    wait(key('settings', 'x')),
    wait({ envFrom: [{ configMapRef: { name: 'absent' } }] }),
    wait({}, [{ name: 'v', configMap: { name: 'absent' } }]),
    wait({}, [{ name: 'v', configMap: { name: 'settings', items: [{ key: 'x', path: 'x' }] } }]),
    wait({}, [{ name: 'v', configMap: { name: 'absent', optional: true } }]),
    wait({ image: 'postgres:16' }),
  ]).toEqual([
    [undefined, 1],
    [{ reason: 'CreateContainerConfigError', message: 'configmap "absent" not found' }, 0],
    [{ reason: 'CreateContainerConfigError', message: "couldn't find key x in ConfigMap default/settings" }, 0],
    [{ reason: 'CreateContainerConfigError', message: 'configmap "absent" not found' }, 0],
    [{ reason: 'ContainerCreating', message: 'MountVolume.SetUp failed for volume "v" : configmap "absent" not found' }, 0],
    [{ reason: 'ContainerCreating', message: 'MountVolume.SetUp failed for volume "v" : references non-existent config key: x' }, 0],
    [undefined, 1],
    [
      {
        reason: 'ErrImagePull',
        message:
          'no image "postgres:16" in netlab; there are netlab/echo, netlab/netshoot, nginx, busybox, nicolaka/netshoot, registry.k8s.io/e2e-test-images/agnhost, registry.k8s.io/coredns/coredns, registry.k8s.io/kube-proxy, registry.k8s.io/pause',
      },
      0,
    ],
  ])
})

test('/etc/hosts is written as kubelet writes it: own name, full name with a subdomain, aliases last', () => {
  const hosts = (spec: object) => file(clusterOf([web(spec)]), '/run/netlab/etc/netns/default_web/hosts')?.split('fe00::2\tip6-allrouters\n')[1]
  expect([
    hosts({}),
    hosts({ hostname: 'db-0', subdomain: 'db' }),
    hosts({
      hostAliases: [
        { ip: '10.1.2.3', hostnames: ['foo.local', 'bar.local'] },
        { ip: '10.1.2.4', hostnames: ['x'] },
      ],
    }),
  ]).toEqual([
    '10.244.0.2\tweb\n',
    '10.244.0.2\tdb-0.db.default.svc.cluster.local\tdb-0\n',
    '10.244.0.2\tweb\n\n# Entries added by HostAliases.\n10.1.2.3\tfoo.local\tbar.local\n10.1.2.4\tx\n',
  ])
})

test('a hostname longer than a kernel takes is cut, and does not end in a dash', () => {
  const long = `${'a'.repeat(62)}-${'b'.repeat(20)}`
  const cluster = clusterOf([pod(long, { node: 'node-1', ip: '10.244.0.2' })])
  expect(processes(cluster).map(({ hostname, env }) => [hostname, env['HOSTNAME']])).toEqual([['a'.repeat(62), 'a'.repeat(62)]])
})

test('dnsPolicy and dnsConfig say what resolv.conf says', () => {
  const resolv = (spec: object, name = 'netns/default_web/resolv.conf') => file(clusterOf([web(spec)]), name.startsWith('/') ? name : `/run/netlab/etc/${name}`)
  const onHost = '/run/netlab/pods/default_web/resolv.conf'
  const cluster = 'nameserver 10.96.0.10\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n'
  const own = { nameservers: ['192.0.2.1'], searches: ['my.dns'], options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }] }
  expect([
    resolv({}),
    resolv({ dnsPolicy: 'Default' }),
    resolv({ dnsPolicy: 'None', dnsConfig: own }),
    resolv({ dnsConfig: own }),
    resolv({ hostNetwork: true }, onHost),
    resolv({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }, onHost),
    resolv({ dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1', '1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4'], searches: ['x'.repeat(254), 'ok'] } }),
  ]).toEqual([
    cluster,
    'nameserver 192.168.0.1\n',
    'nameserver 192.0.2.1\nsearch my.dns\noptions ndots:2 edns0\n',
    'nameserver 10.96.0.10\nnameserver 192.0.2.1\nsearch default.svc.cluster.local svc.cluster.local cluster.local my.dns\noptions ndots:2 edns0\n',
    'nameserver 192.168.0.1\n',
    cluster,
    'nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nsearch ok\n',
  ])
})

test('at most 32 search domains of 2048 characters together are kept, without DNS in the cluster its node’s resolver is asked', () => {
  const searches = Array.from({ length: 40 }, (_, at) => `${'d'.repeat(70)}${at}`)
  const [line = ''] = [
    file(clusterOf([web({ dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1'], searches } })]), '/run/netlab/etc/netns/default_web/resolv.conf'),
  ]
  const kept = line.split('\n')[1]?.split(' ').slice(1) ?? []
  expect([kept.length, kept.join(' ').length <= 2048, [...kept, searches[kept.length]].join(' ').length > 2048]).toEqual([28, true, true])
  const cluster = clusterWith({ nodes: 1, objects: [web()] })
  expect(file(cluster, '/run/netlab/etc/netns/default_web/resolv.conf')).toBe('nameserver 192.168.0.1\n')
})

test('a volume is a folder under the Pod’s own, a subPath one file of it, a ConfigMap cannot be written to', () => {
  const volumeMounts = [
    { name: 'conf', mountPath: '/conf' },
    { name: 'conf', mountPath: '/etc/app.conf', subPath: 'app.conf' },
    { name: 'scratch', mountPath: '/data' },
    { name: 'scratch', mountPath: '/sub', subPath: 'a/b', readOnly: true },
    { name: 'conf', mountPath: '/etc/hosts', subPath: 'color' },
  ]
  const volumes = [
    { name: 'conf', configMap: { name: 'settings' } },
    { name: 'scratch', emptyDir: {} },
  ]
  const cluster = clusterOf([web({ containers: [{ name: 'c', image: 'busybox', volumeMounts }], volumes })], { objects: [settings] })
  const dir = '/run/netlab/pods/default_web/volumes'
  expect(first(processes(cluster)).mounts).toEqual([
    { from: '/run/netlab/etc/netns/default_web/resolv.conf', to: '/etc/resolv.conf', readOnly: false },
    { from: `${dir}/conf/`, to: '/conf', readOnly: true },
    { from: `${dir}/conf/app.conf`, to: '/etc/app.conf', readOnly: true },
    { from: `${dir}/scratch/`, to: '/data', readOnly: false },
    { from: `${dir}/scratch/a/b/`, to: '/sub', readOnly: true },
    { from: `${dir}/conf/color`, to: '/etc/hosts', readOnly: true },
  ])
})

test('init containers come first and are known by their process ids; Always means for them until they succeed', () => {
  const spec = {
    initContainers: [
      { name: 'a', image: 'busybox' },
      { name: 'b', image: 'busybox' },
    ],
    containers: [{ name: 'c', image: 'netlab/echo' }],
  }
  const cluster = clusterOf([web(spec)])
  expect(processes(cluster).map(({ id, restart }) => [id, restart])).toEqual([
    ['default_web/a', 'OnFailure'],
    ['default_web/b', 'OnFailure'],
    ['default_web/c', 'Always'],
  ])
  expect(initContainers(podOf(cluster).object)).toEqual(['default_web/a', 'default_web/b'])
})

test('a Pod that nothing changed for keeps its very Steps, one whose ConfigMap changed does not', () => {
  const made = web()
  const other = object('ConfigMap', { metadata: { name: 'settings' }, data: { color: 'red' } })
  const [before, again, after] = [[settings], [settings], [other]].map((objects) => stepsOf(clusterWith({ nodes: 1, objects: [made, ...objects] })).at(-1))
  expect([before === again, before === after]).toEqual([true, false])
})
