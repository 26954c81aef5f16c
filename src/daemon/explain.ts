/** Gathers from store and kernels what `netlab explain` judges. */
import type { PodObject } from '#api/kinds.ts'
import { type Response, response } from '#api/message.ts'
import type { Engine } from '#engine/engine.ts'
import { checked, type Evidence, explain, type Finding, type Listener, type Lookup, readListeners } from '#probe/explain.ts'
import { driftOf } from './drift.ts'
import { failureStatus } from './serve.ts'

/** As `netlab explain -o json` prints it. */
export type Explained = {
  readonly service: string
  readonly endpoints: readonly string[]
  readonly findings: readonly Finding[]
  readonly checked: readonly string[]
}

export async function explained(engine: Engine, url: URL): Promise<Response> {
  const namespace = url.searchParams.get('namespace') ?? 'default'
  const name = url.searchParams.get('name') ?? ''
  const service = engine.store.get('Service', namespace, name)
  if (service === undefined) return json(failureStatus(404, `services "${name}" not found`), 404)
  const { store } = engine
  const [drift, listeners, forwarding, lookup] = await Promise.all([
    driftOf(engine),
    listenersIn(engine, behind(engine, namespace, service.spec.selector ?? {})),
    forwardingOf(engine),
    lookupOf(engine, `${name}.${namespace}.svc.${engine.cluster().domain}`),
  ])
  const slices = store.list('EndpointSlice', { namespace })
  const evidence: Evidence = {
    service,
    slices,
    pods: store.list('Pod'),
    events: store.list('Event'),
    listeners,
    drift,
    forwarding,
    dnsIP: engine.cluster().dnsIP,
    ...(lookup === undefined ? {} : { lookup }),
    nodes: engine.cluster().nodes.map((node) => node.name),
    nodeLabels: new Map(engine.cluster().nodes.map(({ name: node, labels }) => [node, labels])),
    proxyDown: engine.cluster().nodes.flatMap(({ name: node, proxyDown }) => (proxyDown ? [node] : [])),
    proxySet: store.get('DaemonSet', 'kube-system', 'kube-proxy'),
  }
  const own = slices.filter(({ metadata }) => metadata.labels['kubernetes.io/service-name'] === name)
  const ready = own.flatMap(({ endpoints }) => endpoints.filter(({ conditions }) => conditions.ready !== false).flatMap(({ addresses }) => addresses))
  return json({ service: `${namespace}/${name}`, endpoints: ready, findings: explain(evidence), checked: checked(evidence) } satisfies Explained)
}

const behind = ({ store }: Engine, namespace: string, selector: Readonly<Record<string, string>>): readonly PodObject[] =>
  Object.keys(selector).length === 0
    ? []
    : store.list('Pod', { namespace }).filter(({ metadata }) => Object.entries(selector).every(([key, value]) => metadata.labels[key] === value))

/** As many Pods as are asked what listens in them: the rest is like them. */
const ASKED_MAX = 20

async function listenersIn(engine: Engine, pods: readonly PodObject[]): Promise<Evidence['listeners']> {
  const known = new Map(engine.cluster().pods.map((pod) => [pod.object.metadata.uid, pod]))
  const asked = await Promise.all(
    pods.slice(0, ASKED_MAX).map(async ({ metadata }): Promise<readonly (readonly [string, readonly Listener[]])[]> => {
      const pod = known.get(metadata.uid)
      if (pod === undefined) return []
      const where = pod.sandbox === undefined ? {} : { in: pod.sandbox }
      const output = await engine.driver.run(pod.node, { kind: 'run', argv: ['ss', '-Hltun'], ...where, does: [] }, { timeoutMs: 3_000 })
      return output.code === 0 ? [[`${pod.namespace}/${pod.name}`, readListeners(output.stdout)]] : []
    }),
  )
  return new Map(asked.flat())
}

async function forwardingOf(engine: Engine): Promise<Evidence['forwarding']> {
  const argv = ['cat', '/proc/sys/net/ipv4/ip_forward']
  const nodes = engine.cluster().nodes
  const outputs = await Promise.all(nodes.map(({ name }) => engine.driver.run(name, { kind: 'run', argv, does: [] }, { timeoutMs: 3_000 })))
  return new Map(nodes.map(({ name }, at) => [name, outputs[at]?.stdout.trim() ?? '']))
}

/** Asked of a CoreDNS Pod at its own address, on its own node: no rule of any Service and no wire is on that way. */
async function lookupOf({ store, cluster, driver }: Engine, name: string): Promise<Lookup | undefined> {
  const server = cluster().pods.find(
    ({ object: { metadata, status } }) =>
      metadata.namespace === 'kube-system' &&
      metadata.labels['k8s-app'] === 'kube-dns' &&
      metadata.deletionTimestamp === undefined &&
      status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
  )
  if (server === undefined || store.get('Service', 'kube-system', 'kube-dns') === undefined) return undefined
  const argv = ['dig', '+short', '+time=1', '+tries=2', `@${server.ip}`, name]
  const output = await driver.run(server.node, { kind: 'run', argv, does: [] }, { timeoutMs: 3_000 })
  const answers = output.stdout.split('\n').filter((line) => line !== '' && !line.startsWith(';'))
  return { server: `${server.namespace}/${server.name}`, name, answers }
}

const json = (value: unknown, status = 200): Response => response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json' } })
