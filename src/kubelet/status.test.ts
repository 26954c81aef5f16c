import { expect, test } from 'vitest'
import { pod } from '#model/build.ts'
import { type ContainerRuntime, crashLoop, podStatus } from './status.ts'

const T0 = '2026-01-01T00:00:00Z'
const T1 = '2026-01-01T00:00:01Z'
const running: ContainerRuntime = { state: { kind: 'running', startedAt: T0 }, restarts: 0, ready: true, started: true }
const unready: ContainerRuntime = { ...running, ready: false }
const ended = (code: number): ContainerRuntime => ({
  state: { kind: 'terminated', code, startedAt: T0, finishedAt: T1 },
  restarts: 0,
  ready: false,
  started: false,
})
const two = (spec: object = {}) =>
  pod('web', {
    node: 'node-1',
    ip: '10.244.0.2',
    ready: false,
    spec: {
      containers: [
        { name: 'a', image: 'nginx:1.27' },
        { name: 'b', image: 'busybox' },
      ],
      ...spec,
    },
  })
const statusOf = (runtimes: Record<string, ContainerRuntime>, spec: object = {}) => podStatus(two(spec), new Map(Object.entries(runtimes)), T1)
const short = (runtimes: Record<string, ContainerRuntime>, spec: object = {}) => {
  const { phase, conditions } = statusOf(runtimes, spec)
  return [phase, ...conditions.map(({ type, status, reason }) => `${type}=${status}${reason ? ` ${reason}` : ''}`)]
}

test('a running Pod’s status is what kubelet writes', () => {
  expect(statusOf({ a: running, b: unready })).toEqual({
    phase: 'Running',
    podIP: '10.244.0.2',
    podIPs: [{ ip: '10.244.0.2' }],
    startTime: T1,
    conditions: [
      { type: 'Initialized', status: 'True', lastTransitionTime: T1 },
      { type: 'Ready', status: 'False', reason: 'ContainersNotReady', message: 'containers with unready status: [b]', lastTransitionTime: T1 },
      { type: 'ContainersReady', status: 'False', reason: 'ContainersNotReady', message: 'containers with unready status: [b]', lastTransitionTime: T1 },
      { type: 'PodScheduled', status: 'True', lastTransitionTime: T1 },
    ],
    containerStatuses: [
      { name: 'a', image: 'nginx:1.27', imageID: 'nginx', ready: true, started: true, restartCount: 0, state: { running: { startedAt: T0 } }, lastState: {} },
      { name: 'b', image: 'busybox', imageID: 'busybox', ready: false, started: true, restartCount: 0, state: { running: { startedAt: T0 } }, lastState: {} },
    ],
    qosClass: 'BestEffort',
  })
})

test('a status told again at another time is the same, a condition that turned has the new time', () => {
  const first = statusOf({ a: running, b: unready })
  const made = { ...two(), status: first }
  const later = '2026-01-01T00:00:09Z'
  expect(
    podStatus(
      made,
      new Map([
        ['a', running],
        ['b', unready],
      ]),
      later,
    ),
  ).toEqual(first)
  const ready = podStatus(
    made,
    new Map([
      ['a', running],
      ['b', running],
    ]),
    later,
  )
  expect(ready.conditions.map(({ type, status, lastTransitionTime }) => [type, status, lastTransitionTime])).toEqual([
    ['Initialized', 'True', T1],
    ['Ready', 'True', later],
    ['ContainersReady', 'True', later],
    ['PodScheduled', 'True', T1],
  ])
})

test('the phase follows from what the containers do and the restart policy', () => {
  const crashing: ContainerRuntime = { ...ended(1), state: crashLoop(two(), 'b', 2000), lastEnd: { code: 1 }, restarts: 3 }
  const phase = (runtimes: Record<string, ContainerRuntime>, restartPolicy = 'Always') => statusOf(runtimes, { restartPolicy }).phase
  expect([
    phase({}),
    phase({ a: running }),
    phase({ a: running, b: running }),
    phase({ a: running, b: crashing }),
    phase({ a: crashing, b: crashing }),
    phase({ a: ended(0), b: ended(0) }, 'OnFailure'),
    phase({ a: ended(0), b: ended(1) }, 'Never'),
    phase({ a: ended(0), b: running }, 'Never'),
    phase({ a: ended(0), b: crashing }, 'OnFailure'),
  ]).toEqual(['Pending', 'Pending', 'Running', 'Running', 'Running', 'Succeeded', 'Failed', 'Running', 'Running'])
})

test('a container that waits for its next start says so, and how its last run ended', () => {
  const crashing: ContainerRuntime = {
    state: crashLoop(two(), 'b', 64_000),
    lastEnd: { signal: 9, startedAt: T0, finishedAt: T1 },
    restarts: 7,
    ready: false,
    started: false,
  }
  expect(statusOf({ a: running, b: crashing }).containerStatuses[1]).toEqual({
    name: 'b',
    image: 'busybox',
    imageID: 'busybox',
    ready: false,
    started: false,
    restartCount: 7,
    state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 1m4s restarting failed container=b pod=web_default(uid-default-web)' } },
    lastState: { terminated: { exitCode: 137, signal: 9, reason: 'Error', startedAt: T0, finishedAt: T1 } },
  })
})

test('init containers keep a Pod pending until all have ended well', () => {
  const spec = {
    initContainers: [
      { name: 'i', image: 'busybox' },
      { name: 'j', image: 'busybox' },
    ],
  }
  expect([
    short({ i: running }, spec),
    short({ i: ended(0), j: ended(0), a: running, b: running }, spec),
    short({ i: ended(1) }, { ...spec, restartPolicy: 'Never' })[0],
    statusOf({ i: running }, spec).containerStatuses.map(({ state }) => state.waiting?.reason),
  ]).toEqual([
    [
      'Pending',
      'Initialized=False ContainersNotInitialized',
      'Ready=False ContainersNotReady',
      'ContainersReady=False ContainersNotReady',
      'PodScheduled=True',
    ],
    ['Running', 'Initialized=True', 'Ready=True', 'ContainersReady=True', 'PodScheduled=True'],
    'Failed',
    ['PodInitializing', 'PodInitializing'],
  ])
})

test('a Pod that is over is not ready for that reason, a closed gate keeps it from being ready', () => {
  const gate = { readinessGates: [{ conditionType: 'lb/ready' }] }
  expect([short({ a: ended(0), b: ended(0) }, { restartPolicy: 'Never' }), short({ a: running, b: running }, gate)]).toEqual([
    ['Succeeded', 'Initialized=True', 'Ready=False PodCompleted', 'ContainersReady=False PodCompleted', 'PodScheduled=True'],
    ['Running', 'Initialized=True', 'Ready=False ReadinessGatesNotReady', 'ContainersReady=True', 'PodScheduled=True'],
  ])
})

test('the class of service follows from requests and limits', () => {
  const qos = (...resources: object[]) =>
    statusOf({}, { containers: resources.map((one, at) => ({ name: `c${at}`, image: 'busybox', resources: one })) }).qosClass
  expect([
    qos({}, {}),
    qos({ requests: { cpu: '1' } }, {}),
    qos({ limits: { cpu: '1', memory: '1Gi' } }),
    qos({ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } }),
  ]).toEqual(['BestEffort', 'Burstable', 'Guaranteed', 'Burstable'])
})
