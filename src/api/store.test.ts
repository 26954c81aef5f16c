import { expect, test } from 'vitest'
import type { KubeObject } from './kinds.ts'
import { type Answer, createStore, type Store, type StoreOptions, type WatchEvent } from './store.ts'

const NOW = '2026-01-01T00:00:00Z'
const newStore = (options: Partial<StoreOptions> = {}): Store => createStore({ now: () => NOW, ...options })
const pod = (name: string, more: object = {}, metadata: object = {}) => ({
  metadata: { name, ...metadata },
  spec: { containers: [{ name: 'c', image: 'netlab/echo' }], ...more },
})
const service = (name: string, spec: object = {}) => ({ metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } })
const configMap = (name: string, data: object = {}) => ({ metadata: { name }, data })

const value = (answer: Answer<KubeObject>): KubeObject => {
  if (!answer.ok) throw new Error(answer.status.message)
  return answer.value
}
const refusal = (answer: { readonly ok: boolean; readonly status?: { readonly code: number; readonly reason: string; readonly message: string } }) =>
  answer.ok ? 'accepted' : `${answer.status?.code} ${answer.status?.reason}: ${answer.status?.message}`
const line = (event: WatchEvent): string => `${event.type} ${event.object.kind} ${event.object.metadata.name} ${event.object.metadata.resourceVersion}`
const names = (store: Store, kind: 'Pod' | 'ReplicaSet' | 'Deployment' | 'ConfigMap' | 'Namespace') => store.list(kind).map((one) => one.metadata.name)

test('a cluster is born with its namespaces, and the same history gives the same bytes', () => {
  const run = () => {
    const store = newStore()
    store.create('Pod', undefined, pod('', {}, { generateName: 'web-' }))
    return store.snapshot()
  }
  expect(run().objects.map((object) => [object.metadata.namespace, object.metadata.name, object.metadata.resourceVersion])).toEqual([
    [undefined, 'default', '1'],
    [undefined, 'kube-node-lease', '2'],
    [undefined, 'kube-public', '3'],
    [undefined, 'kube-system', '4'],
    ['default', expect.stringMatching(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/), '5'],
  ])
  expect(run()).toEqual(run())
})

test('generated names differ, and a uid has the form of a UUID', () => {
  const store = newStore()
  const made = Array.from({ length: 200 }, () => value(store.create('Pod', undefined, pod('', {}, { generateName: 'web-' }))))
  expect(new Set(made.map((one) => one.metadata.name)).size).toBe(200)
  expect(made.every((one) => /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/.test(one.metadata.uid))).toBe(true)
})

test('refusals are those of the API server', () => {
  const store = newStore()
  store.create('ConfigMap', undefined, configMap('a'))
  expect([
    refusal(store.create('ConfigMap', undefined, configMap('a'))),
    refusal(store.create('ConfigMap', 'nowhere', configMap('a'))),
    refusal(store.create('ConfigMap', 'default', { metadata: { name: 'b', namespace: 'kube-system' } })),
    refusal(store.create('ConfigMap', undefined, { metadata: { name: 'b', resourceVersion: '5' } })),
    refusal(store.create('Pod', undefined, { kind: 'Service', metadata: { name: 'b' } })),
    refusal(store.create('Deployment', undefined, { metadata: { name: 'B' }, spec: { replica: 1, selector: {}, template: {} } })),
    refusal(store.update('ConfigMap', undefined, 'a', { metadata: { name: 'a', resourceVersion: '3' } })),
    refusal(store.update('ConfigMap', undefined, 'z', configMap('z'))),
    refusal(store.update('ConfigMap', undefined, 'a', configMap('z'))),
    refusal(store.patch('ConfigMap', undefined, 'a', { metadata: { uid: 'other' } }, 'merge')),
    refusal(store.delete('Deployment', undefined, 'z')),
    refusal(store.delete('Namespace', undefined, 'default')),
    refusal(store.delete('ConfigMap', undefined, 'a', { preconditions: { resourceVersion: '1' } })),
  ]).toEqual([
    '409 AlreadyExists: configmaps "a" already exists',
    '404 NotFound: namespaces "nowhere" not found',
    '400 BadRequest: the namespace of the provided object does not match the namespace sent on the request: "kube-system" and "default"',
    '400 BadRequest: resourceVersion should not be set on objects to be created',
    '400 BadRequest: the object is a Service, the address is that of a Pod',
    '422 Invalid: Deployment.apps "B" is invalid: [spec.template.spec: required: an object with containers, initContainers, volumes, nodeName …, spec.replica: unknown field "replica"; did you mean "replicas"?, metadata.name: "B" is not allowed here: lower-case letters, digits, "-" and ".", with a letter or digit at both ends of each part, spec.selector: an empty selector would match every Pod; give matchLabels or matchExpressions]',
    '409 Conflict: Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
    '404 NotFound: configmaps "z" not found',
    '400 BadRequest: the name of the object (z) does not match the name on the URL (a)',
    expect.stringContaining('409 Conflict: Operation cannot be fulfilled on configmaps "a": Precondition failed: UID in precondition: other'),
    '404 NotFound: deployments.apps "z" not found',
    '403 Forbidden: namespaces "default" is forbidden: this namespace may not be deleted',
    expect.stringContaining('409 Conflict'),
  ])
})

test('a generation counts changes of the spec only; status has its own door', () => {
  const store = newStore()
  const facts = (one: KubeObject) => [one.metadata.generation, 'status' in one ? one.status : undefined, one.metadata.labels]
  const made = value(store.create('Pod', undefined, { ...pod('a'), status: { phase: 'Running' } }))
  const labelled = value(store.patch('Pod', undefined, 'a', { metadata: { labels: { x: 'y' } }, status: { phase: 'Failed' } }, 'merge'))
  const running = value(
    store.patch('Pod', undefined, 'a', { metadata: { labels: { x: 'z' } }, status: { phase: 'Running', podIP: '10.0.0.1' } }, 'merge', 'status'),
  )
  const bound = value(store.patch('Pod', undefined, 'a', { spec: { nodeName: 'n1' } }, 'merge'))
  const fresh = { phase: 'Pending', podIPs: [], conditions: [], containerStatuses: [] }
  expect([made, labelled, running, bound].map(facts)).toEqual([
    [1, fresh, {}],
    [1, fresh, { x: 'y' }],
    [1, { ...fresh, phase: 'Running', podIP: '10.0.0.1' }, { x: 'y' }],
    [2, { ...fresh, phase: 'Running', podIP: '10.0.0.1' }, { x: 'y' }],
  ])
})

test('an update that changes nothing writes nothing', () => {
  const store = newStore()
  const made = value(store.create('Service', undefined, service('s')))
  const seen: string[] = []
  store.onChange((event) => seen.push(line(event)))
  expect([store.update('Service', undefined, 's', service('s')), store.update('Service', undefined, 's', made), store.resourceVersion(), seen]).toEqual([
    { ok: true, value: made },
    { ok: true, value: made },
    5,
    [],
  ])
})

test('what may not change is refused field by field', () => {
  const store = newStore()
  store.create('Pod', undefined, pod('p', { nodeName: 'n1' }))
  store.create('Service', undefined, service('s', { clusterIP: '10.96.0.7' }))
  store.create('ConfigMap', undefined, { ...configMap('c', { a: '1' }), immutable: true })
  expect([
    refusal(store.patch('Pod', undefined, 'p', { spec: { hostname: 'h', nodeName: 'n2' } }, 'merge')),
    refusal(store.patch('Pod', undefined, 'p', { spec: { containers: [{ name: 'c', image: 'netlab/other' }] } }, 'strategic')),
    refusal(store.patch('Service', undefined, 's', { spec: { clusterIP: '10.96.0.8' } }, 'merge')),
    refusal(store.patch('ConfigMap', undefined, 'c', { data: { a: '2' } }, 'merge')),
  ]).toEqual([
    `422 Invalid: Pod "p" is invalid: [spec.nodeName: a Pod's spec may not change after creation, its images excepted; delete the Pod and create it anew, spec.hostname: a Pod's spec may not change after creation, its images excepted; delete the Pod and create it anew]`,
    'accepted',
    '422 Invalid: Service "s" is invalid: spec.clusterIP: field is immutable: it is 10.96.0.7',
    '422 Invalid: ConfigMap "c" is invalid: data: field is immutable when immutable is set',
  ])
})

test('a replaced Service keeps the addresses and ports it was given', () => {
  const store = newStore({
    admit: (verb, candidate) => ({
      ok: true,
      value:
        verb === 'create' && candidate.kind === 'Service'
          ? { ...candidate, spec: { ...candidate.spec, clusterIP: '10.96.0.9', ports: candidate.spec.ports.map((port) => ({ ...port, nodePort: 30007 })) } }
          : candidate,
    }),
  })
  store.create('Service', undefined, service('s', { type: 'NodePort' }))
  const replaced = value(store.update('Service', undefined, 's', service('s', { type: 'NodePort', selector: { app: 'x' } })))
  expect(replaced.kind === 'Service' && [replaced.spec.clusterIP, replaced.spec.ports]).toEqual([
    '10.96.0.9',
    [{ port: 80, protocol: 'TCP', targetPort: 80, nodePort: 30007 }],
  ])
})

test('admission may refuse', () => {
  const store = newStore({
    admit: (_verb, candidate, _old, objects) => (objects('Pod').length > 0 ? { ok: false, status: { ...REFUSED } } : { ok: true, value: candidate }),
  })
  expect([refusal(store.create('Pod', undefined, pod('a'))), refusal(store.create('Pod', undefined, pod('b')))]).toEqual(['accepted', '403 Forbidden: full'])
})
const REFUSED = { apiVersion: 'v1', kind: 'Status', status: 'Failure', code: 403, reason: 'Forbidden', message: 'full' } as const

test('a watch tells every change after its beginning, in order, past ones first', () => {
  const store = newStore()
  store.create('ConfigMap', undefined, configMap('a'))
  const since = store.resourceVersion()
  store.create('ConfigMap', undefined, configMap('b'))
  const seen: string[] = []
  const watch = store.watch('ConfigMap', {}, since, (event) => seen.push(line(event)))
  store.create('Pod', undefined, pod('other'))
  store.patch('ConfigMap', undefined, 'a', { data: { k: 'v' } }, 'merge')
  store.delete('ConfigMap', undefined, 'b')
  if (watch.ok) watch.stop()
  store.delete('ConfigMap', undefined, 'a')
  expect(seen).toEqual(['ADDED ConfigMap b 6', 'MODIFIED ConfigMap a 8', 'DELETED ConfigMap b 9'])
})

test('an object that enters a selection is added to its watch, one that leaves is deleted', () => {
  const store = newStore()
  const seen: string[] = []
  store.watch('Pod', { namespace: 'default', labelSelector: 'app=x' }, store.resourceVersion(), (event) => seen.push(line(event)))
  store.create('Pod', undefined, pod('a'))
  for (const app of ['x', 'x', 'y', 'x'])
    store.patch('Pod', undefined, 'a', { metadata: { labels: { app }, annotations: { n: String(store.resourceVersion()) } } }, 'merge')
  store.delete('Pod', undefined, 'a')
  expect(seen).toEqual(['ADDED Pod a 6', 'MODIFIED Pod a 7', 'DELETED Pod a 8', 'ADDED Pod a 9', 'DELETED Pod a 10'])
})

test('a watch that begins before the remembered history is refused with 410', () => {
  const store = newStore({ history: 3 })
  for (const name of ['a', 'b', 'c', 'd']) store.create('ConfigMap', undefined, configMap(name))
  const seen: string[] = []
  const begin = (since: number) => refusal(store.watch('ConfigMap', {}, since, (event) => seen.push(line(event))))
  expect([begin(4), begin(5), seen]).toEqual([
    '410 Expired: too old resource version: 4 (5)',
    'accepted',
    ['ADDED ConfigMap b 6', 'ADDED ConfigMap c 7', 'ADDED ConfigMap d 8'],
  ])
})

test('a listener that writes or begins a watch does not disturb the order in which others see changes', () => {
  const store = newStore()
  const seen: string[] = []
  store.onChange((event) => {
    if (event.object.metadata.name === 'a') for (const name of ['b', 'c']) store.create('ConfigMap', undefined, configMap(name))
    if (event.object.metadata.name === 'b') store.watch('ConfigMap', {}, 4, (late) => seen.push(`late ${line(late)}`))
  })
  store.onChange((event) => seen.push(line(event)))
  store.create('ConfigMap', undefined, configMap('a'))
  expect(seen).toEqual([
    'ADDED ConfigMap a 5',
    'late ADDED ConfigMap a 5',
    'late ADDED ConfigMap b 6',
    'late ADDED ConfigMap c 7',
    'ADDED ConfigMap b 6',
    'ADDED ConfigMap c 7',
  ])
})

test('listeners see a change with all that follows from it', () => {
  const store = family()
  const seen: string[] = []
  store.onChange((event) => seen.push(`${line(event)}, left: ${members(store).join(' ')}`))
  store.delete('Deployment', undefined, 'd')
  expect(seen).toEqual(['DELETED Deployment d 8, left: ', 'DELETED ReplicaSet rs 9, left: ', 'DELETED Pod p 10, left: '])
})

test('a Pod with a node ends in its own time, one without at once', () => {
  const store = newStore()
  store.create('Pod', undefined, pod('waiting'))
  store.create('Pod', undefined, pod('running', { nodeName: 'n1', terminationGracePeriodSeconds: 5 }))
  const [gone, going] = [store.delete('Pod', undefined, 'waiting'), value(store.delete('Pod', undefined, 'running'))]
  expect([gone.ok, names(store, 'Pod'), going.metadata.deletionTimestamp, going.metadata.deletionGracePeriodSeconds]).toEqual([
    true,
    ['running'],
    '2026-01-01T00:00:05Z',
    5,
  ])
  store.delete('Pod', undefined, 'running', { gracePeriodSeconds: 0 })
  expect(names(store, 'Pod')).toEqual([])
})

test('a finalizer holds an object until it is taken away', () => {
  const store = newStore()
  store.create('ConfigMap', undefined, { metadata: { name: 'a', finalizers: ['netlab.dev/hold'] } })
  store.delete('ConfigMap', undefined, 'a')
  const held = store.get('ConfigMap', undefined, 'a')?.metadata.deletionTimestamp
  store.patch('ConfigMap', undefined, 'a', { metadata: { finalizers: null } }, 'merge')
  expect([held, names(store, 'ConfigMap')]).toEqual([NOW, []])
})

/** A Deployment that owns a ReplicaSet that owns a Pod. */
const family = (nodeName?: string): Store => {
  const store = newStore()
  const workload = { selector: { matchLabels: { app: 'd' } }, template: { metadata: { labels: { app: 'd' } }, spec: pod('').spec } }
  const owner = (object: KubeObject) => [
    { apiVersion: object.apiVersion, kind: object.kind, name: object.metadata.name, uid: object.metadata.uid, controller: true },
  ]
  const deployment = value(store.create('Deployment', undefined, { metadata: { name: 'd' }, spec: workload }))
  const set = value(store.create('ReplicaSet', undefined, { metadata: { name: 'rs', ownerReferences: owner(deployment) }, spec: workload }))
  store.create('Pod', undefined, pod('p', nodeName === undefined ? {} : { nodeName }, { ownerReferences: owner(set) }))
  return store
}
const members = (store: Store) => [...names(store, 'Deployment'), ...names(store, 'ReplicaSet'), ...names(store, 'Pod')]

test('what an object owns goes with it, unless it is orphaned', () => {
  const background = family()
  background.delete('Deployment', undefined, 'd')
  const orphan = family()
  orphan.delete('Deployment', undefined, 'd', { propagationPolicy: 'Orphan' })
  expect([members(background), members(orphan), orphan.get('ReplicaSet', undefined, 'rs')?.metadata.ownerReferences]).toEqual([[], ['rs', 'p'], []])
})

test('deleted in the foreground, an owner goes last', () => {
  const store = family('n1')
  store.delete('Deployment', undefined, 'd', { propagationPolicy: 'Foreground' })
  const meanwhile = members(store)
  store.delete('Pod', undefined, 'p', { gracePeriodSeconds: 0 })
  expect([meanwhile, members(store)]).toEqual([['d', 'rs', 'p'], []])
})

test('a namespace is terminating until it is empty, and takes nothing new', () => {
  const store = newStore()
  store.create('Namespace', undefined, { metadata: { name: 'lab' } })
  store.create('ConfigMap', 'lab', configMap('a'))
  store.create('Pod', 'lab', pod('p', { nodeName: 'n1' }))
  store.delete('Namespace', undefined, 'lab')
  expect([
    store.get('Namespace', undefined, 'lab')?.status.phase,
    store.list('ConfigMap', { namespace: 'lab' }),
    refusal(store.create('ConfigMap', 'lab', configMap('b'))),
    refusal(store.patch('Namespace', undefined, 'lab', { metadata: { labels: { x: 'y' } } }, 'merge')),
  ]).toEqual([
    'Terminating',
    [],
    '403 Forbidden: configmaps "b" is forbidden: unable to create new content in namespace lab because it is being terminated',
    'accepted',
  ])
  store.delete('Pod', 'lab', 'p', { gracePeriodSeconds: 0 })
  expect(store.get('Namespace', undefined, 'lab')).toBeUndefined()
})

test('a dry run says what would be, and writes nothing', () => {
  const store = newStore()
  const answers = [
    store.create('ConfigMap', undefined, configMap('a'), { dryRun: true }),
    store.delete('Namespace', undefined, 'kube-node-lease', { dryRun: true }),
  ]
  expect([answers.map((one) => one.ok), store.resourceVersion()]).toEqual([[true, true], 4])
})

test('a store restored from its snapshot goes on where it was, and remembers no history', () => {
  const first = family('n1')
  const store = newStore({ snapshot: structuredClone(first.snapshot()) })
  expect([store.snapshot(), refusal(store.watch('Pod', {}, 3, () => {}))]).toEqual([first.snapshot(), '410 Expired: too old resource version: 3 (7)'])
  store.delete('Deployment', undefined, 'd')
  expect([names(store, 'Pod'), store.get('Pod', undefined, 'p')?.metadata.deletionGracePeriodSeconds]).toEqual([['p'], 30])
})

test('selections choose by namespace, labels and fields, in the order of names', () => {
  const store = newStore()
  for (const [namespace, name, nodeName] of [
    ['kube-system', 'z', 'n1'],
    ['default', 'b', 'n1'],
    ['default', 'a', 'n2'],
    ['default', 'a-b', 'n1'],
  ])
    store.create('Pod', namespace, pod(name ?? '', { nodeName }, { labels: { on: nodeName } }))
  const chosen = (selection: object) => store.list('Pod', selection).map((one) => `${one.metadata.namespace}/${one.metadata.name}`)
  expect([
    chosen({}),
    chosen({ namespace: 'default' }),
    chosen({ labelSelector: 'on in (n1)' }),
    chosen({ fieldSelector: 'spec.nodeName!=n1,status.phase=Pending' }),
  ]).toEqual([
    ['default/a', 'default/a-b', 'default/b', 'kube-system/z'],
    ['default/a', 'default/a-b', 'default/b'],
    ['default/a-b', 'default/b', 'kube-system/z'],
    ['default/a'],
  ])
})

test('objects in the store cannot be changed from outside', () => {
  const store = newStore()
  const made = value(store.create('ConfigMap', undefined, configMap('a', { k: 'v' })))
  expect(() => Object.assign(made.metadata.labels, { x: 'y' })).toThrow(TypeError)
})
