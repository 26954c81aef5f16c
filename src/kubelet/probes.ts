/** Container probes, decided without asking: what to ask, when next, and what the answers so far mean. Asking is the engine's part. */
import type { Container, ContainerProbe } from '#api/kinds.ts'
import { hostPort, type Ip, parseIp } from '#net/net.ts'

export type ProbeKind = 'readiness' | 'liveness' | 'startup'

/** `early` attempts are extra ones, made so that a Pod is ready soon: their failures do not count. */
export type ProbeOutcome = { readonly ok: boolean; readonly early?: boolean }

export type ProbeState = {
  readonly verdict: 'unknown' | 'success' | 'failure'
  /** Outcomes of the same sort in a row. */
  readonly successes: number
  readonly failures: number
  readonly attempts: number
}

export const noAnswerYet: ProbeState = { verdict: 'unknown', successes: 0, failures: 0, attempts: 0 }

/** The verdict turns only after as many equal outcomes in a row as the threshold says. */
export function judgeProbe(state: ProbeState, outcome: ProbeOutcome, spec: Pick<ContainerProbe, 'successThreshold' | 'failureThreshold'>): ProbeState {
  const attempts = state.attempts + 1
  if (outcome.ok) {
    const successes = state.successes + 1
    return { attempts, successes, failures: 0, verdict: successes >= spec.successThreshold ? 'success' : state.verdict }
  }
  if (outcome.early === true) return { ...state, attempts, successes: 0 }
  const failures = state.failures + 1
  return { attempts, successes: 0, failures, verdict: failures >= spec.failureThreshold ? 'failure' : state.verdict }
}

/** What a container's probes make of it. Without a probe it is ready, alive and started; until startup has succeeded the others do not count. */
export function judgeContainer(
  container: Pick<Container, 'readinessProbe' | 'livenessProbe' | 'startupProbe'>,
  states: { readonly readiness: ProbeState; readonly liveness: ProbeState; readonly startup: ProbeState },
): { readonly started: boolean; readonly ready: boolean; readonly kill: boolean } {
  const started = container.startupProbe === undefined || states.startup.verdict === 'success'
  const ready = started && (container.readinessProbe === undefined || states.readiness.verdict === 'success')
  const dead = container.livenessProbe !== undefined && started && states.liveness.verdict === 'failure'
  const neverStarted = container.startupProbe !== undefined && states.startup.verdict === 'failure'
  return { started, ready, kill: dead || neverStarted }
}

const EARLY_MS = 20
const SECOND = 1_000

/**
 * When to ask next, counted from the container's start for the first attempt and from the last attempt after that. Kubernetes too may ask
 * more often than the period says while a Pod is not ready; here that begins at 20 ms and doubles up to the period.
 */
export function nextProbe(kind: ProbeKind, state: ProbeState, spec: ContainerProbe): { readonly afterMs: number; readonly early: boolean } {
  const period = spec.periodSeconds * SECOND
  if (state.attempts === 0) return { afterMs: spec.initialDelaySeconds * SECOND, early: kind !== 'liveness' }
  const early = kind !== 'liveness' && state.verdict === 'unknown' ? EARLY_MS * 2 ** (state.attempts - 1) : period
  return early < period ? { afterMs: early, early: true } : { afterMs: period, early: false }
}

export type ProbeTarget =
  | { readonly kind: 'http'; readonly url: string; readonly headers: readonly { readonly name: string; readonly value: string }[] }
  | { readonly kind: 'tcp'; readonly ip: string; readonly port: number }
  | { readonly kind: 'exec'; readonly argv: readonly string[] }
  /** A port name that no port of the container has, or a probe without an action. */
  | { readonly kind: 'none'; readonly says: string }

/** What to ask: from the node, at the Pod's address; `exec` in the container. */
export function probeTarget(container: Pick<Container, 'ports'>, probe: ContainerProbe, podIP: Ip): ProbeTarget {
  const { httpGet, tcpSocket, exec } = probe
  if (exec !== undefined) return { kind: 'exec', argv: exec.command }
  const action = httpGet ?? tcpSocket
  if (action === undefined) return { kind: 'none', says: 'the probe names no action' }
  const port = typeof action.port === 'number' ? action.port : container.ports.find(({ name }) => name === action.port)?.containerPort
  if (port === undefined) return { kind: 'none', says: `no port of the container is named "${action.port}"` }
  const host = action.host || podIP
  if (httpGet === undefined) return { kind: 'tcp', ip: host, port }
  const address = parseIp(host)
  const path = httpGet.path.startsWith('/') ? httpGet.path : `/${httpGet.path}`
  const authority = address === undefined ? `${host}:${port}` : hostPort(address, port)
  return { kind: 'http', url: `${httpGet.scheme.toLowerCase()}://${authority}${path}`, headers: httpGet.httpHeaders ?? [] }
}

/** Any answer from 200 to 399 is good; a redirect is an answer and not followed. */
export const isHttpSuccess = (status: number): boolean => status >= 200 && status < 400
