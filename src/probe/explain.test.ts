import { expect, test } from 'vitest'
import { object, pod } from '#model/build.ts'
import { type Evidence, explain, readListeners } from './explain.ts'

const service = (spec: object = {}) =>
  object('Service', { metadata: { name: 'web' }, spec: { clusterIP: '10.96.0.9', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }], ...spec } })
const web = pod('a', { labels: { app: 'web' }, node: 'node-1', ip: '10.244.0.2' })
const SS = 'tcp LISTEN 0 128 0.0.0.0:8080 0.0.0.0:*\n'
const evidence = (o: Partial<Evidence> = {}, ss = SS): Evidence => ({
  service: service(),
  pods: [web],
  slices: [],
  events: [],
  listeners: new Map([['default/a', readListeners(ss)]]),
  drift: [],
  forwarding: new Map([['node-1', '1']]),
  dnsIP: undefined,
  nodes: ['node-1', 'node-2'],
  nodeLabels: new Map(),
  proxyDown: [],
  ...o,
})
const says = (o?: Partial<Evidence>, ss?: string) => explain(evidence(o, ss)).map((one) => [one.says, ...one.evidence])

test('what ss says is read: families, wildcards, devices', () => {
  const text = 'tcp LISTEN 0 128 127.0.0.53%lo:53 0.0.0.0:*\nudp UNCONN 0 0 [::]:53 [::]:*\ntcp LISTEN 0 4096 *:8080 *:*\n\nNetid State\n'
  expect(readListeners(text)).toEqual([
    { protocol: 'TCP', address: '127.0.0.53', port: 53 },
    { protocol: 'UDP', address: '::', port: 53 },
    { protocol: 'TCP', address: '*', port: 8080 },
  ])
})

test('a Service that is well has nothing to explain', () => expect(says()).toEqual([]))

test('a selector that matches nobody is told with the nearest label, or with those there are, or with where they are', () => {
  const other = (labels: Record<string, string>, namespace = 'default') => [pod('a', { namespace, labels, node: 'node-1', ip: '10.244.0.2' })]
  const title = 'its selector app=web matches no Pod in namespace default'
  expect([other({ app: 'wbe' }), other({ app: 'shop' }), other({ apps: 'web' }), other({ app: 'web' }, 'shop')].map((pods) => says({ pods })[0])).toEqual([
    [title, 'there are Pods with app=wbe: is that the one meant?'],
    [title, 'Pods there have app=shop'],
    [title, 'Pods there have a label apps, not app'],
    [title, 'Pods with these labels are elsewhere: shop/a', 'there are no Pods in that namespace at all'],
  ])
})

test('of a Service without selector and endpoints that is said', () => {
  expect(says({ service: service({ selector: {} }) })).toEqual([
    ['it has no selector, and nobody wrote endpoints for it', 'no EndpointSlice is labelled kubernetes.io/service-name=web'],
  ])
})

test('Pods that are not ready are told with the probe that fails', () => {
  const spec = { containers: [{ name: 'c', image: 'nginx', readinessProbe: { httpGet: { path: '/healthz', port: 8080 } } }] }
  const status = {
    phase: 'Running',
    podIP: '10.244.0.2',
    conditions: [{ type: 'Ready', status: 'False' }],
    containerStatuses: [{ name: 'c', image: 'nginx', ready: false, restartCount: 0 }],
  }
  const sick = object('Pod', { metadata: { name: 'a', uid: 'u', labels: { app: 'web' } }, spec, status })
  const failed = object('Event', {
    metadata: { name: 'e' },
    involvedObject: { kind: 'Pod', name: 'a', uid: 'u' },
    reason: 'Unhealthy',
    message: 'Readiness probe failed: HTTP probe failed with statuscode: 500',
  })
  expect(says({ pods: [sick], events: [failed] })).toEqual([
    [
      'none of its 1 Pod is ready, so there is no endpoint to send to',
      'default/a: Running',
      '  container c is asked by GET /healthz on port 8080 every 10 s',
      '  Readiness probe failed: HTTP probe failed with statuscode: 500',
    ],
  ])
})

test('a target port nobody listens on, one with an unknown name, and an app that hears itself only', () => {
  expect([
    says({ service: service({ ports: [{ port: 80, targetPort: 9090 }] }) }),
    says({ service: service({ ports: [{ port: 80, targetPort: 'http' }] }) }),
    says({}, 'tcp LISTEN 0 128 127.0.0.1:8080 0.0.0.0:*\n'),
  ]).toEqual([
    [['nobody listens on targetPort 9090/TCP in default/a', 'open there: 8080/TCP']],
    [['no container of default/a has a TCP port named "http"', 'their ports have no names']],
    [['the app listens on port 8080/TCP for its own Pod only, in default/a', 'it listens on 127.0.0.1:8080; a Service sends to 10.244.0.2:8080']],
  ])
})

test('a policy Local is told when nodes are left without a Pod', () => {
  expect(says({ service: service({ internalTrafficPolicy: 'Local' }) })).toEqual([
    ['internalTrafficPolicy Local: it does not answer on node-2, where none of its Pods is', 'its ready Pods are on node-1'],
  ])
})

test('the kernel: a node that does not forward, and rules of this Service that are gone, not those of another', () => {
  const row = (name: string) => ({
    machine: 'node-1',
    by: 'kube-proxy/iptables',
    what: 'missing',
    wanted: `chain nat KUBE-SVC-X: -m comment --comment "default/${name} cluster IP" -j X`,
  })
  expect([says({ forwarding: new Map([['node-2', '0']]) }), says({ drift: [row('other')] }), says({ drift: [row('web')] })]).toEqual([
    [['node-2 does not forward packets', 'node-2: net.ipv4.ip_forward is 0']],
    [],
    [['the kernel of node-1 does not hold what the plan says', `node-1: kube-proxy/iptables: missing: ${row('web').wanted}`]],
  ])
})

test('names that nobody answers for', () => {
  const [first] = explain(evidence({ dnsIP: '10.96.0.10' }))
  expect(first).toEqual({
    says: 'CoreDNS is down: the name web cannot be looked up, its address 10.96.0.9 can still be used',
    evidence: ['there is no Pod labelled k8s-app=kube-dns in kube-system'],
    next: 'netlab get deployments,pods -n kube-system',
  })
})

test('a CoreDNS that runs and does not know the name is told apart', () => {
  const server = pod('coredns-1', { namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' }, node: 'node-1', ip: '10.244.0.9' })
  const asked = (...answers: string[]) =>
    says({ dnsIP: '10.96.0.10', pods: [web, server], lookup: { server: 'kube-system/coredns-1', name: 'web.default.svc.cluster.local', answers } })
  expect([asked('10.96.0.9'), asked()]).toEqual([
    [],
    [
      [
        'CoreDNS runs, but the name web does not lead to it, its address 10.96.0.9 can still be used',
        'kube-system/coredns-1 says of web.default.svc.cluster.local: nothing',
      ],
    ],
  ])
})

test('a node without kube-proxy is told with what keeps it away, and what is missing there is not told twice', () => {
  const set = object('DaemonSet', {
    metadata: { name: 'kube-proxy', namespace: 'kube-system' },
    spec: {
      selector: { matchLabels: { 'k8s-app': 'kube-proxy' } },
      template: { metadata: { labels: {} }, spec: { nodeSelector: { zone: 'a' }, containers: [{ name: 'c', image: 'kube-proxy' }] } },
    },
  })
  const gone = { machine: 'node-2', by: 'kube-proxy/iptables', what: 'missing', wanted: 'jump nat PREROUTING KUBE-SERVICES' }
  expect(says({ proxyDown: ['node-2'], proxySet: set, nodeLabels: new Map([['node-2', { zone: 'b' }]]), drift: [gone] })).toEqual([
    [
      'kube-proxy does not run on node-2: nobody writes the rules of Services there',
      'node-2: no Pod labelled k8s-app=kube-proxy is there',
      'its DaemonSet wants nodes with zone=a, which node-2 has not',
      'node-2: rules it once wrote are gone',
    ],
  ])
})

test('whose rule is gone is read from its comment, its chain in nftables or its address in IPVS; those of kube-dns are everybody’s', () => {
  const concerned = (wanted: string) => says({ dnsIP: undefined, drift: [{ machine: 'node-1', by: 'kube-proxy/x', what: 'missing', wanted }] }).length > 0
  const rows = (name: string, ip: string) => [
    `chain nat KUBE-SERVICES: -d ${ip}/32 -p tcp -m comment --comment "${name}:http cluster IP" -m tcp --dport 80 -j KUBE-SVC-X`,
    `chain nat KUBE-SEP-X: -m comment --comment ${name} -m tcp -p tcp -j DNAT --to-destination 10.244.0.2:80`,
    `nft map ip kube-proxy service-ips { type verdict ; }: ${ip} . tcp . 80 : goto service-SUSTUHLJ-${name}/tcp/http`,
    `virtual-server tcp ${ip}:80 rr`,
  ]
  expect([rows('default/web', '10.96.0.9').map(concerned), rows('default/other', '10.96.0.8').map(concerned)]).toEqual([
    [true, true, true, true],
    [false, false, false, false],
  ])
  expect(concerned('chain nat KUBE-SERVICES: -m comment --comment "kube-system/kube-dns:dns cluster IP" -j X')).toBe(true)
})

test('of a chain that lacks many rules those of this Service are told', () => {
  const rule = (name: string) => `chain nat KUBE-SERVICES: -m comment --comment "default/${name} cluster IP" -j X`
  const row = { machine: 'node-1', by: 'kube-proxy/iptables', what: 'changed', wanted: rule('other'), lacks: [rule('other'), rule('web')] }
  expect(says({ drift: [row] })).toEqual([['the kernel of node-1 does not hold what the plan says', `node-1: kube-proxy/iptables: changed: ${rule('web')}`]])
})
