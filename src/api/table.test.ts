import { expect, test } from 'vitest'
import { duration } from './age.ts'
import type { Kind, KubeObject } from './kinds.ts'
import { createStore, type Store } from './store.ts'
import { printTable, type TableOptions, tableOf } from './table.ts'
import { tabbed } from './tabs.ts'

const BORN = '2026-01-01T00:00:00Z'
const NOW = '2026-01-01T00:05:00Z'

/** A store with the objects, statuses included. */
function holding(
  ...objects: readonly (Readonly<Record<string, unknown>> & {
    readonly kind: Kind
    readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: object }
  })[]
): Store {
  const store = createStore({ now: () => BORN })
  for (const object of objects) {
    const { kind, metadata } = object
    const made = store.create(kind, metadata.namespace, object)
    const status = 'status' in object ? store.update(kind, metadata.namespace, metadata.name, object, 'status') : made
    if (!made.ok || !status.ok) throw new Error(JSON.stringify([made, status]))
  }
  return store
}
const printed = (store: Store, kind: Kind, options: Partial<TableOptions> = {}, only: (object: KubeObject) => boolean = () => true): string =>
  printTable(tableOf(kind, store.list(kind).filter(only), { now: NOW, ...options }))

const pod = (name: string, status: object, spec: object = {}, metadata: object = {}) => ({
  kind: 'Pod' as const,
  metadata: { name, ...metadata },
  spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'netlab/echo' }], ...spec },
  status,
})
const container = (state: object, more: object = {}) => ({ name: 'c', image: 'netlab/echo', ready: false, restartCount: 0, state, ...more })
const running = { running: { startedAt: BORN } }

test('a Pod shows its phase, or what keeps a container from running', () => {
  const init = {
    initContainers: [
      { name: 'i', image: 'x' },
      { name: 'j', image: 'x' },
    ],
  }
  const store = holding(
    pod('a', { phase: 'Running', podIP: '10.244.1.2', podIPs: [{ ip: '10.244.1.2' }], containerStatuses: [container(running, { ready: true })] }),
    pod('b', {
      phase: 'Running',
      containerStatuses: [
        container({ waiting: { reason: 'CrashLoopBackOff' } }, { restartCount: 3, lastState: { terminated: { exitCode: 1, finishedAt: BORN } } }),
      ],
    }),
    pod('c', { phase: 'Failed', containerStatuses: [container({ terminated: { exitCode: 3 } })] }),
    pod('d', { phase: 'Succeeded', containerStatuses: [container({ terminated: { exitCode: 0, reason: 'Completed' } })] }),
    pod('e', { phase: 'Pending' }, { ...init, nodeName: '' }),
    pod(
      'f',
      {
        phase: 'Pending',
        initContainerStatuses: [
          { ...container({ terminated: { exitCode: 0 } }), name: 'i' },
          { ...container(running), name: 'j' },
        ],
      },
      init,
    ),
    pod('g', { phase: 'Pending', initContainerStatuses: [{ ...container({ terminated: { exitCode: 9, signal: 9 } }), name: 'i' }] }, init),
    pod('h', { phase: 'Running', containerStatuses: [container(running, { ready: true })] }),
  )
  store.delete('Pod', undefined, 'h')
  expect(printed(store, 'Pod', { wide: true })).toBe(`\
NAME   READY   STATUS             RESTARTS     AGE   IP           NODE     NOMINATED NODE   READINESS GATES
a      1/1     Running            0            5m    10.244.1.2   n1       <none>           <none>
b      0/1     CrashLoopBackOff   3 (5m ago)   5m    <none>       n1       <none>           <none>
c      0/1     ExitCode:3         0            5m    <none>       n1       <none>           <none>
d      0/1     Completed          0            5m    <none>       n1       <none>           <none>
e      0/1     Pending            0            5m    <none>       <none>   <none>           <none>
f      0/1     Init:1/2           0            5m    <none>       n1       <none>           <none>
g      0/1     Init:Signal:9      0            5m    <none>       n1       <none>           <none>
h      1/1     Terminating        0            5m    <none>       n1       <none>           <none>
`)
})

test('a Service shows its addresses and ports, for inside and outside', () => {
  const service = (name: string, spec: object, status?: object) => ({
    kind: 'Service' as const,
    metadata: { name },
    spec,
    ...(status === undefined ? {} : { status }),
  })
  const store = holding(
    service('cluster', {
      clusterIP: '10.96.0.1',
      selector: { app: 'web', a: 'b' },
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 53, protocol: 'UDP' },
      ],
    }),
    service('external', { type: 'ExternalName', externalName: 'example.com' }),
    service('headless', { clusterIP: 'None' }),
    service(
      'lb',
      { type: 'LoadBalancer', clusterIP: '10.96.0.3', ports: [{ port: 80, nodePort: 30001 }] },
      { loadBalancer: { ingress: [{ ip: '203.0.113.200' }] } },
    ),
    service('pending', { type: 'LoadBalancer', clusterIP: '10.96.0.4', ports: [{ port: 80 }] }),
  )
  expect(printed(store, 'Service', { wide: true })).toBe(`\
NAME       TYPE           CLUSTER-IP   EXTERNAL-IP     PORT(S)         AGE   SELECTOR
cluster    ClusterIP      10.96.0.1    <none>          80/TCP,53/UDP   5m    a=b,app=web
external   ExternalName   <none>       example.com     <none>          5m    <none>
headless   ClusterIP      None         <none>          <none>          5m    <none>
lb         LoadBalancer   10.96.0.3    203.0.113.200   80:30001/TCP    5m    <none>
pending    LoadBalancer   10.96.0.4    <pending>       80/TCP          5m    <none>
`)
})

test('other kinds have the columns kubectl has', () => {
  const template = {
    metadata: { labels: { app: 'web' } },
    spec: {
      containers: [
        { name: 'c', image: 'netlab/echo' },
        { name: 'd', image: 'x' },
      ],
    },
  }
  const store = holding(
    {
      kind: 'Node',
      metadata: { name: 'n1', labels: { 'node-role.kubernetes.io/control-plane': '' } },
      spec: { unschedulable: true },
      status: {
        addresses: [{ type: 'InternalIP', address: '192.168.0.10' }],
        conditions: [{ type: 'Ready', status: 'True' }],
        nodeInfo: { kubeletVersion: 'v1.32.0', osImage: 'Debian' },
      },
    },
    {
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template },
      status: { readyReplicas: 2, updatedReplicas: 3, availableReplicas: 2 },
    },
    {
      kind: 'ReplicaSet',
      metadata: { name: 'web-1' },
      spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template },
      status: { replicas: 3, readyReplicas: 2 },
    },
    {
      kind: 'EndpointSlice',
      metadata: { name: 'web-x' },
      addressType: 'IPv4',
      ports: [{ port: 80 }],
      endpoints: [2, 3, 4, 5].map((n) => ({ addresses: [`10.244.1.${n}`] })),
    },
    { kind: 'ConfigMap', metadata: { name: 'conf', labels: { x: 'y' } }, data: { a: '1', b: '2' } },
    {
      kind: 'Event',
      metadata: { name: 'e' },
      involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
      type: 'Normal',
      reason: 'Started',
      message: 'up\nand running\n',
      firstTimestamp: BORN,
      lastTimestamp: '2026-01-01T00:04:00Z',
    },
  )
  expect(
    [
      printed(store, 'Node'),
      printed(store, 'Deployment', { wide: true }),
      printed(store, 'ReplicaSet'),
      printed(store, 'EndpointSlice'),
      printed(store, 'ConfigMap', { showNamespace: true, showLabels: true }),
      printed(store, 'Event'),
      printed(store, 'Namespace', {}, ({ metadata }) => metadata.name === 'default'),
    ].join('\n'),
  ).toBe(
    `\
NAME   STATUS                     ROLES           AGE   VERSION
n1     Ready,SchedulingDisabled   control-plane   5m    v1.32.0

NAME   READY   UP-TO-DATE   AVAILABLE   AGE   CONTAINERS   IMAGES          SELECTOR
web    2/3     3            2           5m    c,d          netlab/echo,x   app=web

NAME    DESIRED   CURRENT   READY   AGE
web-1   3         3         2       5m

NAME    ADDRESSTYPE   PORTS   ENDPOINTS                                      AGE
web-x   IPv4          80      10.244.1.2,10.244.1.3,10.244.1.4 + 1 more...   5m

NAMESPACE   NAME   DATA   AGE   LABELS
default     conf   2      5m    x=y

LAST SEEN   TYPE     REASON    OBJECT   MESSAGE
60s         Normal   Started   pod/p    up...

NAME      STATUS   AGE
default   Active   5m
`,
  )
})

test('an age has two units at most', () => {
  const cases: readonly (readonly [number, string])[] = [
    [-5, '<invalid>'],
    [-1, '0s'],
    [0, '0s'],
    [119.9, '119s'],
    [120, '2m'],
    [185, '3m5s'],
    [599, '9m59s'],
    [600, '10m'],
    [10_799, '179m'],
    [10_800, '3h'],
    [11_100, '3h5m'],
    [28_800, '8h'],
    [172_799, '47h'],
    [172_800, '2d'],
    [180_000, '2d2h'],
    [691_200, '8d'],
    [63_072_000, '2y'],
    [63_158_400, '2y1d'],
    [252_288_000, '8y'],
  ]
  expect(cases.map(([seconds]) => [seconds, duration(seconds)])).toEqual(cases)
})

test('a column reaches over neighbouring lines that have it, and no further', () => {
  expect(tabbed('a\tb\nlong\tc\nplain\nx\ty\tz\n\tq\tr', { least: 0, padding: 2 })).toBe('a     b\nlong  c\nplain\nx  y  z\n   q  r')
})
