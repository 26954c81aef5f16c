import { expect, test } from 'vitest'
import { describe, type Related } from './describe.ts'
import type { Kind } from './kinds.ts'
import { createStore, type Store } from './store.ts'

const BORN = '2026-01-01T00:00:00Z'
const related = (store: Store): Related => ({
  now: '2026-01-01T00:05:00Z',
  events: store.list('Event'),
  pods: store.list('Pod'),
  slices: store.list('EndpointSlice'),
  services: store.list('Service'),
  replicaSets: store.list('ReplicaSet'),
})
const holding = (
  ...objects: readonly (Readonly<Record<string, unknown>> & {
    readonly kind: Kind
    readonly metadata: { readonly name: string; readonly [field: string]: unknown }
  })[]
): Store => {
  const store = createStore({ now: () => BORN })
  for (const object of objects) {
    const made = store.create(object.kind, undefined, object)
    const status = 'status' in object ? store.update(object.kind, undefined, object.metadata.name, object, 'status') : made
    if (!made.ok || !status.ok) throw new Error(JSON.stringify([made, status]))
  }
  return store
}
const told = (store: Store, kind: Kind, name: string): string => {
  const object = store.get(kind, undefined, name)
  return object === undefined ? '' : describe(object, related(store))
}

const template = {
  metadata: { labels: { app: 'web' } },
  spec: {
    volumes: [{ name: 'conf', configMap: { name: 'conf' } }],
    containers: [
      {
        name: 'c',
        image: 'netlab/echo:1',
        args: ['--port', '8080'],
        ports: [{ containerPort: 8080, name: 'http' }],
        env: [
          { name: 'COLOUR', value: 'blue' },
          { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        ],
        readinessProbe: { httpGet: { port: 'http', path: '/ready' } },
        volumeMounts: [{ name: 'conf', mountPath: '/etc/conf', readOnly: true }],
      },
    ],
  },
}

// the expected texts are those kubectl 1.33 prints for the same objects

test('a Pod is told with its containers, conditions, volumes and events', () => {
  const store = holding(
    {
      kind: 'Pod',
      metadata: { name: 'web', ...template.metadata, ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'x', controller: true }] },
      spec: { ...template.spec, nodeName: 'n1' },
      status: {
        phase: 'Running',
        podIP: '10.244.1.2',
        podIPs: [{ ip: '10.244.1.2' }],
        hostIP: '192.168.0.10',
        startTime: BORN,
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [
          {
            name: 'c',
            image: 'netlab/echo:1',
            containerID: 'netlab://c',
            ready: true,
            restartCount: 1,
            state: { running: { startedAt: BORN } },
            lastState: { terminated: { exitCode: 1, reason: 'Error', startedAt: BORN, finishedAt: BORN } },
          },
        ],
      },
    },
    {
      kind: 'Event',
      metadata: { name: 'b' },
      involvedObject: { kind: 'Pod', name: 'web', namespace: 'default' },
      type: 'Warning',
      reason: 'BackOff',
      message: 'restarting',
      count: 3,
      firstTimestamp: BORN,
      lastTimestamp: '2026-01-01T00:04:00Z',
      source: { component: 'kubelet' },
    },
    {
      kind: 'Event',
      metadata: { name: 'a' },
      involvedObject: { kind: 'Pod', name: 'web', namespace: 'default' },
      type: 'Normal',
      reason: 'Scheduled',
      message: 'assigned to n1',
      firstTimestamp: BORN,
      lastTimestamp: BORN,
      source: { component: 'default-scheduler' },
    },
    { kind: 'Event', metadata: { name: 'z' }, involvedObject: { kind: 'Pod', name: 'other', namespace: 'default' }, reason: 'Other' },
  )
  expect(told(store, 'Pod', 'web')).toBe(`\
Name:         web
Namespace:    default
Node:         n1/192.168.0.10
Start Time:   Thu, 01 Jan 2026 00:00:00 +0000
Labels:       app=web
Annotations:  <none>
Status:       Running
IP:           10.244.1.2
IPs:
  IP:           10.244.1.2
Controlled By:  ReplicaSet/rs
Containers:
  c:
    Container ID:  netlab://c
    Image:         netlab/echo:1
    Image ID:      
    Port:          8080/TCP
    Host Port:     0/TCP
    Args:
      --port
      8080
    State:          Running
      Started:      Thu, 01 Jan 2026 00:00:00 +0000
    Last State:     Terminated
      Reason:       Error
      Exit Code:    1
      Started:      Thu, 01 Jan 2026 00:00:00 +0000
      Finished:     Thu, 01 Jan 2026 00:00:00 +0000
    Ready:          True
    Restart Count:  1
    Readiness:      http-get http://:http/ready delay=0s timeout=1s period=10s #success=1 #failure=3
    Environment:
      COLOUR:  blue
      NAME:    web (v1:metadata.name)
    Mounts:
      /etc/conf from conf (ro)
Conditions:
  Type    Status
  Ready   True 
Volumes:
  conf:
    Type:        ConfigMap (a volume populated by a ConfigMap)
    Name:        conf
    Optional:    false
QoS Class:       BestEffort
Node-Selectors:  <none>
Tolerations:     <none>
Events:
  Type     Reason     Age               From               Message
  ----     ------     ----              ----               -------
  Normal   Scheduled  5m                default-scheduler  assigned to n1
  Warning  BackOff    60s (x3 over 5m)  kubelet            restarting
`)
})

test('a Service is told with its endpoints that are ready', () => {
  const store = holding(
    {
      kind: 'Service',
      metadata: { name: 'web' },
      spec: {
        selector: { app: 'web' },
        clusterIP: '10.96.0.10',
        clusterIPs: ['10.96.0.10'],
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
        ports: [{ name: 'http', port: 80, targetPort: 'http' }],
      },
    },
    {
      kind: 'EndpointSlice',
      metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080 }],
      endpoints: [2, 3, 4, 5, 6].map((n) => ({ addresses: [`10.244.1.${n}`], conditions: { ready: n !== 3 } })),
    },
  )
  expect(told(store, 'Service', 'web')).toBe(`\
Name:                     web
Namespace:                default
Labels:                   <none>
Annotations:              <none>
Selector:                 app=web
Type:                     ClusterIP
IP Family Policy:         SingleStack
IP Families:              IPv4
IP:                       10.96.0.10
IPs:                      10.96.0.10
Port:                     http  80/TCP
TargetPort:               http/TCP
Endpoints:                10.244.1.2:8080,10.244.1.4:8080,10.244.1.5:8080 + 1 more...
Session Affinity:         None
Internal Traffic Policy:  Cluster
Events:                   <none>
`)
})

test('a Deployment is told with its strategy, template and ReplicaSets', () => {
  const spec = { replicas: 2, selector: { matchLabels: { app: 'web' } }, template }
  const store = holding({
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec,
    status: {
      replicas: 2,
      updatedReplicas: 2,
      readyReplicas: 1,
      availableReplicas: 1,
      unavailableReplicas: 1,
      conditions: [{ type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable' }],
    },
  })
  const uid = store.get('Deployment', undefined, 'web')?.metadata.uid
  store.create('ReplicaSet', undefined, {
    metadata: { name: 'web-1', ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid, controller: true }] },
    spec,
  })
  expect(told(store, 'Deployment', 'web')).toBe(`\
Name:                   web
Namespace:              default
CreationTimestamp:      Thu, 01 Jan 2026 00:00:00 +0000
Labels:                 app=web
Annotations:            <none>
Selector:               app=web
Replicas:               2 desired | 2 updated | 2 total | 1 available | 1 unavailable
StrategyType:           RollingUpdate
MinReadySeconds:        0
RollingUpdateStrategy:  25% max unavailable, 25% max surge
Pod Template:
  Labels:  app=web
  Containers:
   c:
    Image:      netlab/echo:1
    Port:       8080/TCP
    Host Port:  0/TCP
    Args:
      --port
      8080
    Readiness:  http-get http://:http/ready delay=0s timeout=1s period=10s #success=1 #failure=3
    Environment:
      COLOUR:  blue
      NAME:     (v1:metadata.name)
    Mounts:
      /etc/conf from conf (ro)
  Volumes:
   conf:
    Type:          ConfigMap (a volume populated by a ConfigMap)
    Name:          conf
    Optional:      false
  Node-Selectors:  <none>
  Tolerations:     <none>
Conditions:
  Type           Status  Reason
  ----           ------  ------
  Available      True    MinimumReplicasAvailable
OldReplicaSets:  <none>
NewReplicaSet:   web-1 (0/2 replicas created)
Events:          <none>
`)
})

test('a ConfigMap is told in full, long annotations are cut', () => {
  const store = holding({
    kind: 'ConfigMap',
    metadata: { name: 'conf', annotations: { long: 'x'.repeat(150), short: '1' } },
    data: { b: '2', a: 'one\ntwo' },
    binaryData: { bin: 'aGVsbG8=' },
  })
  expect(told(store, 'ConfigMap', 'conf')).toBe(`\
Name:         conf
Namespace:    default
Labels:       <none>
Annotations:  long:
                ${'x'.repeat(138)}...
              short: 1

Data
====
a:
----
one
two

b:
----
2


BinaryData
====
bin: 5 bytes

Events:  <none>
`)
})
