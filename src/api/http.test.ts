import { expect, test } from 'vitest'
import { handleApi } from './http.ts'
import { createStore, type Store } from './store.ts'

const now = () => '2026-01-01T00:01:30Z'
const newStore = () => createStore({ now: () => '2026-01-01T00:00:00Z' })

const send = (store: Store, method: string, path: string, body?: unknown, headers: Record<string, string> = {}, signal?: AbortSignal) => {
  const text = body === undefined ? {} : { body: body instanceof Uint8Array ? body : typeof body === 'string' ? body : JSON.stringify(body) }
  const request = new Request(`http://api${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...text,
    ...(signal === undefined ? {} : { signal }),
  } as RequestInit)
  return handleApi(store, request, { now })?.then(({ body: said, ...rest }) => new Response(said, rest))
}
const ask = async (...call: Parameters<typeof send>) => {
  const response = await send(...call)
  // biome-ignore lint/suspicious/noExplicitAny: answers are read field by field
  return { code: response?.status, body: (await response?.json()) as any, warning: response?.headers.get('warning') }
}
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const configMap = (name: string, more: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...more })
const PODS = '/api/v1/namespaces/default/pods'
const pod = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'netlab/echo:1' }] },
})
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'netlab/echo:1' }] } },
  },
}

/** Reads events from a watch until `count` of them are there. */
async function events(response: Response | undefined, count: number): Promise<readonly string[]> {
  const reader = response?.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (reader !== undefined && text.split('\n').length <= count) {
    const { value, done } = await reader.read()
    if (done) break
    text += value
  }
  await reader?.cancel()
  const lines = text.split('\n').filter((line) => line !== '')
  return lines
    .map((line) => JSON.parse(line))
    .map(({ type, object }) => `${type} ${object.metadata?.name ?? object.code ?? ''}@${object.metadata?.resourceVersion ?? object.reason}`)
}

test('an object is created, read, replaced, patched and deleted over HTTP', async () => {
  const store = newStore()
  const answers = [
    await ask(store, 'POST', CONFIG_MAPS, configMap('a', { data: { k: '1' } })),
    await ask(store, 'GET', `${CONFIG_MAPS}/a`),
    await ask(store, 'PUT', `${CONFIG_MAPS}/a`, configMap('a', { data: { k: '2' } })),
    await ask(store, 'PATCH', `${CONFIG_MAPS}/a`, { data: { l: '3' } }, { 'content-type': 'application/merge-patch+json' }),
    await ask(store, 'PATCH', `${CONFIG_MAPS}/a`, [{ op: 'remove', path: '/data/k' }], { 'content-type': 'application/json-patch+json' }),
    await ask(store, 'GET', CONFIG_MAPS),
    await ask(store, 'DELETE', `${CONFIG_MAPS}/a`),
  ]
  const made = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', namespace: 'default', uid: expect.any(String), creationTimestamp: '2026-01-01T00:00:00Z' },
  }
  const at = (resourceVersion: string, data: object) => ({ ...made, metadata: { ...made.metadata, resourceVersion }, data })
  expect(answers.map(({ code, body }) => [code, body])).toEqual([
    [201, at('5', { k: '1' })],
    [200, at('5', { k: '1' })],
    [200, at('6', { k: '2' })],
    [200, at('7', { k: '2', l: '3' })],
    [200, at('8', { l: '3' })],
    [200, { kind: 'ConfigMapList', apiVersion: 'v1', metadata: { resourceVersion: '8' }, items: [at('8', { l: '3' })] }],
    [200, { apiVersion: 'v1', kind: 'Status', metadata: {}, status: 'Success', details: { name: 'a', kind: 'configmaps', uid: expect.any(String) } }],
  ])
})

test('refusals carry the code, the reason and every cause', async () => {
  const store = newStore()
  await ask(store, 'POST', CONFIG_MAPS, configMap('a'))
  const answers = [
    await ask(store, 'GET', '/api/v1/nothings'),
    await ask(store, 'GET', `${CONFIG_MAPS}/z`),
    await ask(store, 'POST', CONFIG_MAPS, configMap('a')),
    await ask(store, 'PUT', `${CONFIG_MAPS}/a`, { ...configMap('a'), metadata: { name: 'a', resourceVersion: '1' } }),
    await ask(store, 'POST', '/api/v1/configmaps', configMap('b')),
    await ask(store, 'PUT', CONFIG_MAPS, configMap('b')),
    await ask(store, 'POST', CONFIG_MAPS, '{"a":'),
    await ask(store, 'PATCH', `${CONFIG_MAPS}/a`, {}, { 'content-type': 'application/json' }),
    await ask(store, 'GET', `${CONFIG_MAPS}?labelSelector=a=b=c`),
    await ask(store, 'GET', CONFIG_MAPS, undefined, { accept: 'application/vnd.kubernetes.protobuf' }),
  ]
  expect(answers.map(({ code, body }) => `${code} ${body.code} ${body.reason}`)).toEqual([
    '404 404 NotFound',
    '404 404 NotFound',
    '409 409 AlreadyExists',
    '409 409 Conflict',
    '405 405 MethodNotAllowed',
    '405 405 MethodNotAllowed',
    '400 400 BadRequest',
    '415 415 UnsupportedMediaType',
    '400 400 BadRequest',
    '406 406 NotAcceptable',
  ])
  const { body } = await ask(store, 'POST', CONFIG_MAPS, configMap('B', { dat: {}, data: { k: 1 } }))
  expect([body.code, body.details.causes]).toEqual([
    422,
    [
      { reason: 'FieldValueInvalid', field: 'data.k', message: 'expected text, found 1; put it in quotes' },
      { reason: 'FieldValueForbidden', field: 'dat', message: 'unknown field "dat"; did you mean "data"?' },
      { reason: 'FieldValueInvalid', field: 'metadata.name', message: expect.stringContaining('"B" is not allowed here') },
    ],
  ])
})

test('a range with host bits is taken with a warning that offers both things it may mean', async () => {
  const store = newStore()
  const service = (range: string) => ({
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' } },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }], loadBalancerSourceRanges: ['10.0.0.0/8', range] },
  })
  const SERVICES = '/api/v1/namespaces/default/services'
  const warned = await ask(store, 'POST', SERVICES, service('2001:db8::1/64'))
  const [again, well] = [await ask(store, 'PUT', `${SERVICES}/a`, service('10.0.0.1/8')), await ask(store, 'PUT', `${SERVICES}/a`, service('10.0.0.1/32'))]
  expect([warned, again, well].map(({ code, warning }) => [code, warning])).toEqual([
    [
      201,
      String.raw`299 - "spec.loadBalancerSourceRanges[1]: CIDR value \"2001:db8::1/64\" is ambiguous in this context (should be \"2001:db8::/64\" or \"2001:db8::1/128\"?)"`,
    ],
    [
      200,
      String.raw`299 - "spec.loadBalancerSourceRanges[1]: CIDR value \"10.0.0.1/8\" is ambiguous in this context (should be \"10.0.0.0/8\" or \"10.0.0.1/32\"?)"`,
    ],
    [200, null],
  ])
})

test('an unknown field is a mistake, a warning or nothing, as the client asks', async () => {
  const store = newStore()
  const make = (mode: string) => ask(store, 'POST', `${CONFIG_MAPS}?dryRun=All&fieldValidation=${mode}`, configMap('a', { dat: {}, data: { k: 'v' } }))
  const answers = [await make('Strict'), await make('Warn'), await make('Ignore'), await ask(store, 'GET', `${CONFIG_MAPS}/a`)]
  expect(answers.map(({ code, warning }) => [code, warning])).toEqual([
    [422, null],
    [201, '299 - "unknown field \\"dat\\""'],
    [201, null],
    [404, null],
  ])
})

test('a watch begins with what there is, then tells changes, until its deadline', async () => {
  const store = newStore()
  await ask(store, 'POST', PODS, pod('a'))
  const fresh = await send(store, 'GET', `${PODS}?watch=1`)
  const later = await send(store, 'GET', `${PODS}?watch=true&resourceVersion=5&labelSelector=app%3Db`)
  await ask(store, 'POST', PODS, pod('b'))
  await ask(store, 'DELETE', `${PODS}/b?gracePeriodSeconds=0`)
  expect(await events(fresh, 3)).toEqual(['ADDED a@5', 'ADDED b@6', 'DELETED b@7'])
  expect(await events(later, 2)).toEqual(['ADDED b@6', 'DELETED b@7'])
  const short = await send(store, 'GET', `${PODS}?watch=1&timeoutSeconds=0.01&allowWatchBookmarks=true`)
  expect(await events(short, 9)).toEqual(['ADDED a@5', 'BOOKMARK @7'])
})

test('a watch that asks for the beginning is told where it ends', async () => {
  const store = newStore()
  await ask(store, 'POST', PODS, pod('a'))
  const path = `${PODS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=3&allowWatchBookmarks=true`
  expect(await events(await send(store, 'GET', path), 2)).toEqual(['ADDED a@5', 'BOOKMARK @5'])
})

test('a watch too far in the past is told 410 in its own language', async () => {
  const store = createStore({ now, history: 2 })
  for (const name of ['a', 'b', 'c']) await ask(store, 'POST', CONFIG_MAPS, configMap(name))
  expect(await events(await send(store, 'GET', `${CONFIG_MAPS}?watch=1&resourceVersion=4`), 1)).toEqual(['ERROR 410@Expired'])
})

test('a client that goes away ends its watch', async () => {
  const store = newStore()
  const abort = new AbortController()
  const response = await send(store, 'GET', `${PODS}?watch=1`, undefined, {}, abort.signal)
  abort.abort()
  expect(await events(response, 1)).toEqual([])
  expect((await ask(store, 'POST', PODS, pod('a'))).code).toBe(201)
})

test('a Pod on a node ends in its own time; a body of options may hasten it; a collection goes by selection', async () => {
  const store = newStore()
  for (const name of ['a', 'b', 'c']) await ask(store, 'POST', PODS, pod(name))
  const graceful = await ask(store, 'DELETE', `${PODS}/a`)
  const forced = await ask(store, 'DELETE', `${PODS}/b`, { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 })
  const wrong = await ask(store, 'DELETE', `${PODS}/c`, { preconditions: { uid: 'x' } })
  const many = await ask(store, 'DELETE', `${PODS}?labelSelector=app!=a`, { gracePeriodSeconds: 0 })
  expect([
    graceful.body.metadata.deletionTimestamp,
    forced.body.kind,
    wrong.code,
    many.body.items.length,
    store.list('Pod').map((one) => one.metadata.name),
  ]).toEqual(['2026-01-01T00:00:30Z', 'Pod', 409, 1, ['a']])
})

test('status and scale are doors of their own', async () => {
  const store = newStore()
  await ask(store, 'POST', DEPLOYMENTS, deployment)
  const status = await ask(store, 'PUT', `${DEPLOYMENTS}/web/status`, {
    ...deployment,
    spec: { ...deployment.spec, replicas: 9 },
    status: { replicas: 2, readyReplicas: 1 },
  })
  const scale = await ask(store, 'GET', `${DEPLOYMENTS}/web/scale`)
  const scaled = await ask(store, 'PATCH', `${DEPLOYMENTS}/web/scale`, { spec: { replicas: 5 } }, { 'content-type': 'application/merge-patch+json' })
  const bad = await ask(store, 'PUT', `${DEPLOYMENTS}/web/scale`, { ...scale.body, metadata: {}, spec: { replicas: -1 } })
  const stale = await ask(store, 'PUT', `${DEPLOYMENTS}/web/scale`, scale.body)
  expect([status.body.spec.replicas, status.body.status, scale.body.spec, scale.body.status, scaled.body.spec, bad.code, stale.code]).toEqual([
    2,
    { replicas: 2, readyReplicas: 1 },
    { replicas: 2 },
    { replicas: 2, selector: 'app=web' },
    { replicas: 5 },
    422,
    409,
  ])
})

test('a Pod is bound and evicted by its subresources', async () => {
  const store = newStore()
  await ask(store, 'POST', PODS, { ...pod('a'), spec: { containers: [{ name: 'c', image: 'netlab/echo:1' }] } })
  const bound = await ask(store, 'POST', `${PODS}/a/binding`, { target: { kind: 'Node', name: 'n7' } })
  const node = store.get('Pod', undefined, 'a')?.spec.nodeName
  const evicted = await ask(store, 'POST', `${PODS}/a/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'a' } })
  expect([bound.code, node, evicted.code, store.get('Pod', undefined, 'a')?.metadata.deletionGracePeriodSeconds]).toEqual([201, 'n7', 201, 30])
})

test('server-side apply creates, then merges', async () => {
  const store = newStore()
  const apply = (body: string) => ask(store, 'PATCH', `${CONFIG_MAPS}/a?fieldManager=x`, body, { 'content-type': 'application/apply-patch+yaml' })
  const [made, merged] = [
    await apply('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: "1"}\n'),
    await apply('{"apiVersion":"v1","kind":"ConfigMap","data":{"l":"2"}}'),
  ]
  expect([made.code, merged.code, merged.body.data]).toEqual([201, 200, { k: '1', l: '2' }])
})

test('a table has the columns of the server, the wide ones with priority 1', async () => {
  const store = newStore()
  await ask(store, 'POST', PODS, pod('a'))
  const { body } = await ask(store, 'GET', PODS, undefined, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' })
  expect([
    body.kind,
    body.columnDefinitions.map((one: { name: string; priority: number }) => `${one.name} ${one.priority}`),
    body.rows[0].cells,
    body.rows[0].object.kind,
  ]).toEqual([
    'Table',
    ['Name 0', 'Ready 0', 'Status 0', 'Restarts 0', 'Age 0', 'IP 1', 'Node 1', 'Nominated Node 1', 'Readiness Gates 1'],
    ['a', '0/1', 'Pending', '0', '90s', '<none>', 'n1', '<none>', '<none>'],
    'PartialObjectMetadata',
  ])
})

test('discovery names every resource, and aggregated discovery falls back to it', async () => {
  const store = newStore()
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json'
  const [api, apis, core] = [
    await ask(store, 'GET', '/api', undefined, { accept }),
    await ask(store, 'GET', '/apis', undefined, { accept }),
    await ask(store, 'GET', '/api/v1'),
  ]
  expect([api.body.kind, apis.body.groups.map((one: { name: string }) => one.name), core.body.resources.map((one: { name: string }) => one.name)]).toEqual([
    'APIVersions',
    ['apps', 'discovery.k8s.io', 'networking.k8s.io'],
    [
      'namespaces',
      'namespaces/status',
      'nodes',
      'nodes/status',
      'pods',
      'pods/status',
      'pods/binding',
      'pods/eviction',
      'pods/exec',
      'pods/log',
      'services',
      'services/status',
      'configmaps',
      'events',
      'endpoints',
    ],
  ])
  expect([
    (await ask(store, 'GET', '/version')).body.minor,
    await (await send(store, 'GET', '/readyz'))?.text(),
    send(store, 'GET', '/netlab/v1/status'),
    send(store, 'GET', `${PODS}/a/log`),
  ]).toEqual(['32', 'ok', undefined, undefined])
})

test('a body in protobuf is read for the kinds kubectl creates that way', async () => {
  const store = newStore()
  // what `kubectl create configmap a --from-literal=k=v` sends
  const field = (number: number, bytes: readonly number[]) => [number * 8 + 2, bytes.length, ...bytes]
  const text = (value: string) => [...new TextEncoder().encode(value)]
  const meta = [...field(1, text('v1')), ...field(2, text('ConfigMap'))]
  const object = [
    ...field(1, [...field(1, text('a')), ...field(2, []), 7 * 8, 0, ...field(8, [])]),
    ...field(2, [...field(1, text('k')), ...field(2, text('v'))]),
  ]
  const body = new Uint8Array([...text('k8s'), 0, ...field(1, meta), ...field(2, object), ...field(3, []), ...field(4, [])])
  const type = { 'content-type': 'application/vnd.kubernetes.protobuf' }
  const made = await ask(store, 'POST', CONFIG_MAPS, body, type)
  const cut = await ask(store, 'POST', CONFIG_MAPS, body.subarray(0, 20), type)
  expect([made.code, made.body.data, cut.code, cut.body.message]).toEqual([201, { k: 'v' }, 400, 'the body cannot be read: the protobuf body ends too early'])
})
