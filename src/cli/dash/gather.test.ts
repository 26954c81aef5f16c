import { expect, test } from 'vitest'
import { readChecks } from '#probe/checks.ts'
import { linksOf, type Samples, sampled, steady } from './rates.ts'
import { tableFailure, tableLines, tablesOn } from './tables.ts'
import { tasksOf, withEvent } from './tasks.ts'
import { type Counters, readTold } from './watcher.ts'

const counters = (rx: number): ReadonlyMap<string, Counters> => new Map([['node-1', new Map([['eth0', { rx, tx: 2 * rx }]])]])
const after = (...samples: readonly (readonly [ms: number, rx: number])[]): Samples =>
  samples.reduce<Samples>((kept, [ms, rx]) => sampled(kept, { ms, counters: counters(rx) }), [])

test('a rate is that of the last second, whatever went before', () => {
  expect(linksOf(after([0, 0], [500, 9_000], [1_000, 9_500], [1_500, 10_000]), 'node-1')).toEqual([{ dev: 'eth0', rx: 1_000, tx: 2_000 }])
  expect(after([0, 0], [500, 1], [1_000, 2], [1_500, 3], [2_600, 4]).map(({ ms }) => ms)).toEqual([1_500, 2_600])
})

test('what was counted before one looked is no rate, and a counter that begins anew has counted what it says', () => {
  expect(linksOf(after([0, 5_000]), 'node-1')).toEqual([{ dev: 'eth0', rx: 0, tx: 0 }])
  expect(linksOf(after([0, 5_000], [1_000, 300]), 'node-1')).toEqual([{ dev: 'eth0', rx: 300, tx: 600 }])
  expect(linksOf([{ ms: 0, counters: new Map([['node-1', new Map()]]) }, ...after([1_000, 300])], 'node-1')).toEqual([{ dev: 'eth0', rx: 0, tx: 0 }])
})

test('a rate stays while it is nearly the same, and is 0 at once', () => {
  const shown = [{ dev: 'eth0', rx: 1_000, tx: 1_000 }]
  expect([steady([{ dev: 'eth0', rx: 1_050, tx: 1_100 }], shown), steady([{ dev: 'eth0', rx: 0, tx: 950 }], shown)]).toEqual([
    [{ dev: 'eth0', rx: 1_000, tx: 1_100 }],
    [{ dev: 'eth0', rx: 0, tx: 1_000 }],
  ])
})

test('a watcher is read whole, wherever its output is torn', () => {
  const bytes = Buffer.from('links lo 1 2 eth0 30 40\nanswer 7 1 5\nä\nb\n')
  const first = readTold(bytes)
  expect([first, readTold(bytes.subarray(first.used)), readTold(bytes.subarray(0, 9)), readTold(bytes.subarray(first.used, bytes.length - 1))]).toEqual([
    {
      told: {
        kind: 'links',
        counters: new Map([
          ['lo', { rx: 1, tx: 2 }],
          ['eth0', { rx: 30, tx: 40 }],
        ]),
      },
      used: 24,
    },
    { told: { kind: 'answer', id: '7', answer: { code: 1, text: 'ä\nb\n' } }, used: 18 },
    { used: 0 },
    { used: 0 },
  ])
})

const lines = (text: string, before = '') => tableLines({ code: 0, text }, tableLines({ code: 0, text: before }, []))

test('counters of iptables are numbers beside their rules, and how far they moved since the last look', () => {
  const saved = (packets: number): string =>
    `# Generated\n*nat\n:INPUT ACCEPT [3:180]\n:KUBE-SERVICES - [0:0]\n[${packets}:60] -A KUBE-SERVICES -d 10.96.0.1/32 -m comment --comment "default/web cluster IP" -j KUBE-SVC-A\nCOMMIT\n`
  expect(lines(saved(9), saved(4))).toEqual([
    { text: 'INPUT policy ACCEPT', count: 3 },
    { text: 'KUBE-SERVICES -d 10.96.0.1/32 /* default/web cluster IP */ -j KUBE-SVC-A', count: 9, more: 5 },
  ])
})

test('counters of nftables too, and the rest as it was printed', () => {
  expect(lines('table ip x {\n\tchain y {\n\t\tip saddr 10.0.0.1 counter packets 2 bytes 90 drop\n\t}\n}\n')).toEqual([
    { text: 'table ip x {' },
    { text: '  chain y {' },
    { text: '    ip saddr 10.0.0.1 counter drop', count: 2 },
    { text: '  }' },
    { text: '}' },
  ])
})

test('IPVS is a table of nodes where kube-proxy uses it, BGP one of routers, and of nodes where Calico speaks it', () => {
  const more = (proxy: string, cni: string) =>
    (['node', 'router', 'ext'] as const).map((kind) => tablesOn({ proxy, cni }, kind).filter((name) => name === 'ipvs' || name === 'bgp'))
  expect([more('iptables', 'flannel-vxlan'), more('ipvs', 'flannel-vxlan'), more('iptables', 'calico-bgp')]).toEqual([
    [[], ['bgp'], []],
    [['ipvs'], ['bgp'], []],
    [['bgp'], ['bgp'], []],
  ])
})

test('a failure is told in the words of the program', () => {
  expect([
    tableFailure({ code: 1, text: 'x\nCannot open network namespace\n' }, 'routes'),
    tableFailure({ code: 127, text: 'birdc: No such file' }, 'bgp'),
    tableFailure({ code: 0, text: '' }, 'neigh'),
  ]).toEqual(['Cannot open network namespace', 'no BIRD runs here', undefined])
})

test('a check is a list of tasks with its ways, and what is told of each', () => {
  const read = readChecks(
    `apiVersion: netlab.dev/v1
kind: Check
spec:
  groups:
    - id: g
      title: Reach
      probes:
        - {id: url, title: by address, http: {from: pod/client, url: "http://{{pod.web.ip}}:8080/x"}}
        - {id: name, title: by name, http: {from: node/node-1, url: "http://web.default:80/"}}
        - {id: ping, ping: {from: "pods[app=a][0]", to: ext/internet}}
        - {id: route, route: {node: node-1, dst: 10.0.0.0/8}}
`,
    'check.yaml',
  )
  const tasks = read.ok ? tasksOf(read.value) : []
  expect(tasks.map(({ id, group, title, path }) => [id, group, title, path && `${path.from} > ${path.to}`])).toEqual([
    ['url', 'Reach', 'by address', 'client > web'],
    ['name', 'Reach', 'by name', 'node/node-1 > web.default'],
    ['ping', 'Reach', 'ping', 'pods[app=a][0] > ext/internet'],
    ['route', 'Reach', 'route', undefined],
  ])
  const result = {
    id: 'url',
    title: '',
    group: 'g',
    verdict: 'fail',
    expected: 'a',
    observed: 'b',
    evidence: [],
    reproduce: 'c',
    attempts: [],
    ms: 1,
    points: 1,
  } as const
  expect(withEvent(withEvent(tasks, { kind: 'probing', id: 'url' }), { kind: 'result', result })[0]).toEqual({
    ...tasks[0],
    verdict: 'fail',
    tells: ['expected a', 'observed b', 'try: c'],
  })
})
