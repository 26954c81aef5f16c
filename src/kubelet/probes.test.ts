import { expect, test } from 'vitest'
import { type Container, schemas } from '#api/kinds.ts'
import { ip } from '#net/net.ts'
import { isHttpSuccess, judgeContainer, judgeProbe, nextProbe, noAnswerYet, type ProbeKind, type ProbeOutcome, type ProbeState, probeTarget } from './probes.ts'

const probeOf = (o: object) => {
  const made = schemas.Pod.parse({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'c', image: 'x', ports: [{ name: 'web', containerPort: 3000 }], readinessProbe: o }] },
  }).spec.containers[0] as Container
  const { readinessProbe } = made
  if (readinessProbe === undefined) throw new Error('no probe')
  return { container: made, probe: readinessProbe }
}
const after = (outcomes: readonly (ProbeOutcome | boolean)[], o: object = {}) =>
  outcomes.reduce(
    (state: ProbeState, outcome) => judgeProbe(state, typeof outcome === 'boolean' ? { ok: outcome } : outcome, probeOf({ ...o }).probe),
    noAnswerYet,
  )

test('a verdict turns only after as many equal outcomes in a row as the threshold says', () => {
  const three = { failureThreshold: 3, successThreshold: 2 }
  expect([
    after([], three).verdict,
    after([true], three).verdict,
    after([true, true], three).verdict,
    after([true, false, true], three).verdict,
    after([true, true, false, false], three).verdict,
    after([true, true, false, false, false], three).verdict,
    after([false, false, false, true], three).verdict,
  ]).toEqual(['unknown', 'unknown', 'success', 'unknown', 'success', 'failure', 'failure'])
})

test('early failures do not count, early successes do', () => {
  const early = { ok: false, early: true }
  expect(after([early, early, early, early])).toEqual({ verdict: 'unknown', successes: 0, failures: 0, attempts: 4 })
  expect(after([early, { ok: true, early: true }])).toEqual({ verdict: 'success', successes: 1, failures: 0, attempts: 2 })
})

test('the first attempt comes after the initial delay; until the first verdict the pauses double up to the period, for liveness they never shorten', () => {
  const { probe } = probeOf({ initialDelaySeconds: 2, periodSeconds: 1 })
  const pauses = (kind: ProbeKind) =>
    Array.from({ length: 9 }, (_, attempts) => {
      const { afterMs, early } = nextProbe(kind, { ...noAnswerYet, attempts }, probe)
      return early ? afterMs : -afterMs
    })
  expect(pauses('readiness')).toEqual([2000, 20, 40, 80, 160, 320, 640, -1000, -1000])
  expect(pauses('startup')).toEqual(pauses('readiness'))
  expect(pauses('liveness')).toEqual([-2000, -1000, -1000, -1000, -1000, -1000, -1000, -1000, -1000])
  expect(nextProbe('readiness', after([true]), probe)).toEqual({ afterMs: 1000, early: false })
})

test('without probes a container is ready and alive; until startup succeeds nothing else counts; what fails liveness or startup is killed', () => {
  const probe = probeOf({}).probe
  const unknown = noAnswerYet
  const good = after([true])
  const bad = after([false, false, false])
  const judge = (container: object, readiness: ProbeState, liveness: ProbeState, startup: ProbeState) =>
    judgeContainer(container, { readiness, liveness, startup })
  const all = { readinessProbe: probe, livenessProbe: probe, startupProbe: probe }
  expect([
    judge({}, unknown, unknown, unknown),
    judge(all, unknown, unknown, unknown),
    judge(all, good, bad, unknown),
    judge(all, good, unknown, good),
    judge(all, bad, good, good),
    judge(all, good, bad, good),
    judge(all, unknown, unknown, bad),
  ]).toEqual([
    { started: true, ready: true, kill: false },
    { started: false, ready: false, kill: false },
    { started: false, ready: false, kill: false },
    { started: true, ready: true, kill: false },
    { started: true, ready: false, kill: false },
    { started: true, ready: true, kill: true },
    { started: false, ready: false, kill: true },
  ])
})

test('a probe goes to the Pod’s address, to a port by number or by its name', () => {
  const target = (o: object, at = '10.244.0.2') => {
    const { container, probe } = probeOf(o)
    return probeTarget(container, probe, ip(at))
  }
  expect([
    target({ httpGet: { port: 8080 } }),
    target({ httpGet: { port: 'web', path: 'ready?x=1', httpHeaders: [{ name: 'Host', value: 'shop' }] } }),
    target({ httpGet: { port: 443, scheme: 'HTTPS', host: 'shop.example', path: '/' } }),
    target({ httpGet: { port: 80 } }, 'fd00::2'),
    target({ tcpSocket: { port: 'web' } }),
    target({ exec: { command: ['true'] } }),
    target({ tcpSocket: { port: 'none' } }),
    target({}),
  ]).toEqual([
    { kind: 'http', url: 'http://10.244.0.2:8080/', headers: [] },
    { kind: 'http', url: 'http://10.244.0.2:3000/ready?x=1', headers: [{ name: 'Host', value: 'shop' }] },
    { kind: 'http', url: 'https://shop.example:443/', headers: [] },
    { kind: 'http', url: 'http://[fd00::2]:80/', headers: [] },
    { kind: 'tcp', ip: '10.244.0.2', port: 3000 },
    { kind: 'exec', argv: ['true'] },
    { kind: 'none', says: 'no port of the container is named "none"' },
    { kind: 'none', says: 'the probe names no action' },
  ])
})

test('from 200 to 399 is good', () => {
  expect([199, 200, 204, 302, 399, 400, 503].filter(isHttpSuccess)).toEqual([200, 204, 302, 399])
})
