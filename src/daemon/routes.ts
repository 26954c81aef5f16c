/** What the lab daemon answers: Kubernetes' own paths, container logs, and netlab's verbs under /netlab/v1. */
import { setTimeout as sleep } from 'node:timers/promises'
import { handleApi } from '#api/http.ts'
import { type Request, type Response, response } from '#api/message.ts'
import type { Engine } from '#engine/engine.ts'
import type { Lab } from '#lab/lab.ts'
import { unenforced } from '#lab/unenforced.ts'
import { podsOn } from '#model/pods.ts'
import { topologyOf } from '#model/topology.ts'
import type { Event } from '#report/event.ts'
import { driftOf, repairAll } from './drift.ts'
import { enter } from './enter.ts'
import { explained } from './explain.ts'
import { podLog } from './logs.ts'
import { changeNodes, type NodeAsked } from './nodes.ts'
import { failureStatus, type Handler, lines } from './serve.ts'
import { bringUp } from './up.ts'

export type Daemon = {
  readonly name: string
  /** Whether the first `up` has succeeded. */
  standing: boolean
  /** RFC 3339. */
  readonly now: () => string
  /** Undefined until the lab was named by the first `up`. */
  readonly engine: () => Engine | undefined
  readonly begin: (lab: Lab) => Engine
  /** Serves the API inside the lab too. */
  readonly listen: (at: { readonly ip: string; readonly port: number }) => Promise<void>
  /** Ends the daemon, and the lab with it. */
  readonly end: () => void
  /** Bytes of memory in use. */
  readonly memory: () => number
}

/** What is needed of probes and YAML loads when the lab is up: until then it would be in the way. */
export const checks = () => import('./check.ts')

type Handle = (request: Request, url: URL) => Promise<Response> | Response

/** `verbs` are answered to the user of the lab only: what runs inside it finds Kubernetes, and cannot take the lab down. */
export function routes(daemon: Daemon): { readonly verbs: Handler; readonly kubernetes: Handler } {
  /** The events of the present or last `up`, for whoever asks for them later. */
  let told: Event[] = []
  let queue: Promise<unknown> = Promise.resolve()

  /** The lab comes read and checked: who asks is the same netlab, on the user's own socket. */
  const up: Handle = async (request) => {
    const { lab, wait = true, made } = (await request.json()) as { lab: Lab; wait?: boolean; made: string }
    return lines<Event>((send) => {
      // One `up` after the other: a second one finds the first one's lab and converges it.
      const work = queue.then(() => raise({ lab, wait, made, signal: request.signal }, send))
      queue = work.catch(() => {})
      return work
    })
  }

  const changeNode: Handle = (request) =>
    withEngine(daemon, async (engine) => {
      const asked = (await request.json()) as NodeAsked
      const work = queue.then(() => changeNodes(engine, asked, request.signal))
      queue = work.catch(() => {})
      const told = await work
      return 'errors' in told ? json(failureStatus(400, told.errors.join('\n')), 400) : json(told)
    })

  const raise = async (
    { lab, wait, made, signal }: { lab: Lab; wait: boolean; made: string; signal: AbortSignal },
    send: (event: Event) => void,
  ): Promise<void> => {
    const fresh = !daemon.standing
    const engine = daemon.engine() ?? daemon.begin(lab)
    told = []
    const emit = (event: Event): void => {
      told.push(event)
      send(event)
    }
    // The control plane's address is there when the machines are.
    const standing = fresh ? () => daemon.listen(engine.cluster().controlPlane) : async () => {}
    const stands = await bringUp({ engine, lab, made, fresh, standing, wait, emit, signal, clock: () => performance.now() })
    daemon.standing ||= stands
    // Whoever started the lab and does not hear how it ended gets nothing: not even half a lab.
    if (!daemon.standing) setTimeout(daemon.end, 50)
  }

  const table: Readonly<Record<string, Handle>> = {
    'GET status': () => json(status(daemon)),
    'GET events': () => lines<Event>(async (send) => told.forEach(send)),
    'POST up': up,
    'POST node': changeNode,
    'POST check': (request) => looking(daemon, async (engine) => (await checks()).check(engine, request)),
    'POST watch': (request) => withEngine(daemon, async (engine) => (await checks()).watch(engine, request)),
    'POST fill': (request) => withEngine(daemon, async (engine) => (await checks()).fill(engine, request)),
    'GET drift': () => looking(daemon, async (engine) => json({ drift: await driftOf(engine) })),
    'POST repair': (request) => withEngine(daemon, (engine) => repairAll(engine, request)),
    'GET explain': (_, url) => looking(daemon, (engine) => explained(engine, url)),
    'POST policy': (request) => looking(daemon, async (engine) => (await import('./policy.ts')).policyTable(engine, request)),
    'POST machines': (request) => withEngine(daemon, (engine) => standAgain(engine, request)),
    'GET enter': (_, url) => looking(daemon, (engine) => enter(engine, url)),
    'GET topology': () => withEngine(daemon, (engine) => json(topologyOf(engine.cluster()))),
    'GET programs': () => looking(daemon, (engine) => json(Object.fromEntries(engine.programs()))),
    'POST down': () => {
      setTimeout(daemon.end, 20)
      return json({})
    },
  }

  const kubernetes: Handler = (request) => {
    const url = new URL(request.url)
    return withEngine(
      daemon,
      async (engine) =>
        podLog(engine, url) ??
        (await handleApi(engine.store, request, {
          now: daemon.now,
          warning: (kind) => (kind === 'NetworkPolicy' ? unheeded(engine, request.method !== 'GET') : undefined),
        })) ??
        json(failureStatus(404, nothingAt(url.pathname)), 404),
    )
  }

  const verbs: Handler = async (request) => {
    const url = new URL(request.url)
    const own = /^\/netlab\/v1\/(\w+)$/.exec(url.pathname)
    if (own === null) return kubernetes(request)
    return table[`${request.method} ${own[1]}`]?.(request, url) ?? json(failureStatus(404, `no ${request.method} ${url.pathname}`), 404)
  }

  return { verbs, kubernetes }
}

/** Programs in Pods are entered by netlab itself, not through the API. */
function nothingAt(path: string): string {
  const [, name, what] = /\/pods\/([^/]+)\/(exec|attach|portforward)$/.exec(path) ?? []
  return what === undefined ? `no ${path}` : `there is no ${what} in this API; outside of the lab: netlab exec ${name} -- PROGRAM`
}

/** `written`: a policy is under way. */
const unheeded = (engine: Engine, written: boolean): string | undefined =>
  written || engine.store.list('NetworkPolicy').length > 0 ? unenforced(engine.lab().policy) : undefined

/** Machines that have died are made anew and hold what they should; objects and the other machines stay as they are. */
async function standAgain(engine: Engine, { signal }: Request): Promise<Response> {
  await engine.build(engine.lab(), signal)
  await engine.settled()
  return json({})
}

async function withEngine(daemon: Daemon, answer: (engine: Engine) => Promise<Response> | Response): Promise<Response> {
  const engine = daemon.engine()
  return engine === undefined ? json(failureStatus(503, 'the lab is not up yet'), 503) : answer(engine)
}

/** How long whoever looks waits at most for the kernels to follow. */
const FOLLOW_MS = 10_000

/** For who looks at kernels: they hold what was said before, if they can and do so soon. */
const looking = (daemon: Daemon, answer: (engine: Engine) => Promise<Response> | Response): Promise<Response> =>
  withEngine(daemon, async (engine) => {
    const waited = new AbortController()
    const late = sleep(FOLLOW_MS * engine.slowness, undefined, { signal: waited.signal }).catch(() => {})
    await Promise.race([engine.followed(), late])
    waited.abort()
    return answer(engine)
  })

const json = (value: unknown, status = 200): Response => response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json' } })

function status(daemon: Daemon): object {
  const engine = daemon.engine()
  if (engine === undefined) return { lab: daemon.name, state: 'starting' }
  const cluster = engine.cluster()
  return {
    lab: daemon.name,
    state: daemon.standing ? 'up' : 'starting',
    cni: cluster.cni.name,
    proxy: cluster.proxy.mode,
    dns: cluster.dnsIP ?? 'none',
    podCIDR: cluster.podCIDR,
    serviceCIDR: cluster.serviceCIDR,
    controlPlane: cluster.controlPlane,
    nodes: cluster.nodes.map((node) => ({
      name: node.name,
      ip: node.ip,
      podCIDR: node.podCIDR,
      pods: podsOn(cluster, node).length,
      runs: !engine.off().has(node.name),
    })),
    routers: cluster.routers.map(({ name, ip, asn }) => ({ name, ip, asn })),
    hosts: cluster.hosts.map(({ name, ip }) => ({ name, ip })),
    pods: {
      total: cluster.pods.length,
      ready: engine.store.list('Pod').filter(({ status: { conditions } }) => conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True'))
        .length,
    },
    services: engine.store.list('Service').length,
    memory: daemon.memory(),
  }
}
