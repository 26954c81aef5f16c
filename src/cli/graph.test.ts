import { expect, test } from 'vitest'
import { clusterWith, pod } from '#model/build.ts'
import { topologyOf } from '#model/topology.ts'
import { inLines } from './graph.ts'
import { printedBy } from './testing.ts'

test('a lab as lines: segments, their machines, Pods, Services; a router on each of its segments', async () => {
  const labs = ['flannel-vxlan', 'calico-tor', 'pod-by-hand', 'dns-deep-dive']
  const texts = await Promise.all(labs.map((lab) => printedBy(['graph', lab])))
  await expect(texts.join('\n')).toMatchFileSnapshot('graph.golden.txt')
})

test('a lab that runs tells how its nodes and Pods fare', () => {
  const topology = topologyOf(
    clusterWith({ nodes: 2, objects: [pod('web', { node: 'node-1', ip: '10.244.0.2' }), pod('db', { node: 'node-1', ip: '10.244.0.3' })] }),
  )
  const seen = {
    ...topology,
    machines: topology.machines.map((machine, i) => ({ ...machine, ready: i === 0 })),
    pods: topology.pods.map((one, i) => ({ ...one, status: i === 0 ? 'Running' : 'CrashLoopBackOff', ready: i === 0 })),
  }
  const lines = inLines(seen, { color: false, outIsTty: true, columns: () => 80 })
  expect(lines.split('\n').slice(4, 10)).toEqual([
    '      name       address         state               device',
    'nodes 192.168.0.0/24, router 192.168.0.1',
    '├─ node-1        192.168.0.10    ✓ ready             eth0            Pods 10.244.0.0/24',
    '│  ├─ db         10.244.0.3      ✓ Running           vethe8853f44',
    '│  └─ web        10.244.0.2      ✗ CrashLoopBackOff  veth82b3ade9',
    '└─ node-2        192.168.0.11    ✗ not ready         eth0            Pods 10.244.1.0/24',
  ])
})

test('plan and graph show the variant that a seed draws', async () => {
  const variant = (seed: string) =>
    Promise.all([
      printedBy(['plan', 'src/cli/testdata/variant', '--node', 'node-1', '--seed', seed]).then((text) => /vni (\d+)/.exec(text)?.[1]),
      printedBy(['graph', 'src/cli/testdata/variant', '--seed', seed]).then((text) => /Pods (10[^,]+)/.exec(text)?.[1]),
    ])
  expect(await Promise.all(['ann', 'bob', 'eve', 'ann'].map(variant))).toEqual([
    ['1747', '10.20.0.0/16'],
    ['3321', '10.20.0.0/16'],
    ['3089', '10.30.0.0/16'],
    ['1747', '10.20.0.0/16'],
  ])
})

test('a seed without a lab is refused: one that runs stays the variant that it is', async () => {
  await expect(printedBy(['graph', '--seed', 'ann'])).rejects.toMatchObject({ exit: 2, says: expect.stringContaining('netlab graph LAB --seed TEXT') })
})
