/** kube-proxy's nftables table, taken by the real nft into a bare machine; no root needed. */
import { expect } from 'vitest'
import { change } from '#kernel/compile.ts'
import { drift, repair } from '#kernel/drift.ts'
import { failureOf } from '#kernel/failure.ts'
import { inPieces, nftText } from '#kernel/nft.ts'
import { observe } from '#kernel/observe.ts'
import type { NodeProgram } from '#kernel/step.ts'
import type { Cluster } from '#model/cluster.ts'
import { kubeProxyNftables } from '#proxy/nftables/nftables.ts'
import { exposed, sampleCluster, sampleObjects } from '#proxy/sample.ts'
import { type BareMachine, bareMachines } from '../support/bare.ts'

const { live, bare } = bareMachines('nftables.live')

const nft = (cluster: Cluster): Cluster => ({ ...cluster, proxy: { mode: 'nftables', masqueradeAll: false } })
const programOf = (cluster: Cluster): NodeProgram => cluster.nodes.slice(0, 1).flatMap((node) => kubeProxyNftables.steps(nft(cluster), node))

const sticky = (seconds: number) =>
  exposed('sticky', {
    ...{ clusterIP: '10.96.0.48', endpoints: ['10.180.0.8:80', '10.180.0.9:80'] },
    spec: { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: seconds } } },
  })
const OBJECTS = [
  ...sampleObjects,
  ...exposed('local', {
    ...{ clusterIP: '10.96.0.47', nodePort: 30004, balancer: ['5.6.7.9'], endpoints: ['10.180.0.6:80@node-1', '10.180.1.6:80@node-2'] },
    spec: { type: 'LoadBalancer', internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local', loadBalancerSourceRanges: ['192.168.0.0/24'] },
  }),
  ...exposed('dns', { clusterIP: '10.96.0.10', endpoints: ['10.180.0.7:53'], spec: { ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] } }),
  ...exposed('stream', { clusterIP: '10.96.0.11', endpoints: ['10.180.0.7:9'], spec: { ports: [{ name: 'data', port: 9, protocol: 'SCTP' }] } }),
  ...exposed('six', { clusterIP: 'fd00:96::9', nodePort: 30005, endpoints: ['[fd00:244::3]:80', '[fd00:244::4]:80'], spec: { type: 'NodePort' } }),
]
const FULL = programOf(sampleCluster([...OBJECTS, ...sticky(60)]))
const OTHER = programOf(
  sampleCluster([
    ...OBJECTS.filter(({ metadata }) => metadata.name !== 'svc1' && metadata.name !== 'svc4'),
    ...exposed('svc4', { namespace: 'ns4', clusterIP: '10.96.0.44', endpoints: ['10.180.0.5:80', '10.180.0.6:80'] }),
    ...sticky(30),
  ]),
)

async function machineWith(...programs: readonly NodeProgram[]): Promise<BareMachine> {
  const machine = await bare()
  programs.forEach((program, at) => {
    lead(machine, programs[at - 1] ?? [], program)
  })
  return machine
}

function lead(machine: BareMachine, from: NodeProgram, to: NodeProgram): void {
  for (const command of change(from, to)) {
    const output = machine.run(command)
    const pieces = inPieces(command, output)
    const failures = pieces?.map((piece) => failureOf('node-1', piece, machine.run(piece))) ?? [failureOf('node-1', command, output)]
    for (const failure of failures) if (failure !== undefined) throw failure
  }
}

const drifts = (machine: BareMachine, program: NodeProgram) =>
  drift(
    program,
    observe(program).map((command) => machine.run(command)),
  )
const listed = (machine: BareMachine): string => machine.sh('nft list ruleset').stdout

live('nft takes the printed text, in both families', async () => {
  const machine = await machineWith()
  const text = nftText(FULL)
  const { code, stderr } = machine.sh(`nft -c -f - <<'EOF'\n${text}EOF\nnft -f - <<'EOF'\n${text}EOF\n`)
  expect({
    code,
    stderr,
    lost: drifts(
      machine,
      FULL.filter((step) => step.kind === 'nft'),
    ),
  }).toEqual({ code: 0, stderr: '', lost: [] })
})

live('what the kernel holds after a change is what a fresh start would make, there and back', async () => {
  const machine = await machineWith(FULL, OTHER)
  const after = drifts(machine, OTHER)
  lead(machine, OTHER, FULL)
  const back = drifts(machine, FULL)
  const chains = listed(machine).match(/chain \S*\/\S*/g)?.length
  lead(machine, FULL, [])
  expect({ after, back, chains, left: listed(machine) }).toEqual({
    ...{ after: [], back: [], left: '' },
    chains: FULL.filter((step) => step.kind === 'nft' && step.object === 'chain' && step.name.includes('/')).length,
  })
})

live('a change whose things were taken away by hand still goes through', async () => {
  const machine = await machineWith(FULL)
  const { code, stderr } = machine.sh(`
    nft delete element ip kube-proxy service-ips '{ 10.96.0.41 . tcp . 80 }'
    nft flush chain ip kube-proxy service-ULMVA6XW-ns1/svc1/tcp/p80
    nft delete chain ip kube-proxy service-ULMVA6XW-ns1/svc1/tcp/p80`)
  lead(machine, FULL, OTHER)
  expect({ code, stderr, lost: drifts(machine, OTHER) }).toEqual({ code: 0, stderr: '', lost: [] })
})

live('what was changed by hand is found and put back', async () => {
  const machine = await machineWith(FULL)
  machine.sh(`
    nft flush chain ip kube-proxy masquerading
    nft add rule ip kube-proxy services counter drop
    nft delete element ip kube-proxy service-ips '{ 10.96.0.44 . tcp . 80 }'
    nft add element ip kube-proxy cluster-ips '{ 10.9.9.9 }'
    nft delete table ip6 kube-proxy`)
  const found = drifts(machine, FULL)
  for (const command of repair(FULL, found)) {
    const failure = failureOf('node-1', command, machine.run(command))
    if (failure !== undefined) throw failure
  }
  const four = found.filter(({ step }) => step.kind === 'nft' && step.family === 4).map((one) => [one.what, one.wanted.split(' {')[0], one.found])
  expect({
    four,
    six: new Set(found.filter(({ step }) => step.kind === 'nft' && step.family === 6).map(({ what }) => what)),
    left: drifts(machine, FULL),
  }).toEqual({
    four: [
      ['changed', 'nft chain ip kube-proxy services: no more', 'counter drop'],
      ['changed', 'nft chain ip kube-proxy masquerading: meta mark & 0x00004000 == 0x00000000 return', 'empty'],
      ['changed', 'nft set ip kube-proxy cluster-ips', '10.9.9.9'],
      ['changed', 'nft map ip kube-proxy service-ips', 'the others without it'],
    ],
    six: new Set(['missing']),
    left: [],
  })
})

live('what affinity remembers is no drift, and lives through changes of other Services', async () => {
  const machine = await machineWith(FULL)
  const set = FULL.flatMap((step) => (step.kind === 'nft' && step.object === 'set' && step.name.includes('default/sticky') ? [step.name] : []))[0] ?? ''
  machine.sh(`nft add element ip kube-proxy ${set} '{ 10.180.0.77 }'`)
  const found = drifts(machine, FULL)
  lead(machine, FULL, programOf(sampleCluster([...OBJECTS.filter(({ metadata }) => metadata.name !== 'svc1'), ...sticky(60)])))
  expect({ found, remembered: /10\.180\.0\.77/.test(machine.sh(`nft list set ip kube-proxy ${set}`).stdout) }).toEqual({ found: [], remembered: true })
})

live('a rule that nft refuses is told by its owner, with the line to paste', async () => {
  const machine = await machineWith()
  const program: NodeProgram = [
    { by: 'x', why: 'a table', kind: 'nft', family: 4, table: 't', object: 'table', declared: '' },
    { by: 'x', why: 'a wrong rule', kind: 'nft', family: 4, table: 't', object: 'chain', name: 'c', declared: '', rules: ['goto nowhere'] },
  ]
  expect(() => lead(machine, [], program)).toThrow(
    "node-1: x wanted a wrong rule\n  nft -f - <<'EOF'\nadd rule ip t c goto nowhere\nEOF\n  ended with 1: Could not process rule: No such file or directory",
  )
})

live('what is too much for one transaction of an ordinary user goes in pieces, a change of it in one', async () => {
  const many = Array.from({ length: 300 }, (_, at) => [`svc-${at}`, [1, 2, 3, 4, 5].map((n) => `10.180.${at % 250}.${n}:8080`)] as const)
  const objects = many.flatMap(([name, endpoints], at) => exposed(name, { clusterIP: `10.97.${at >> 8}.${at & 255}`, endpoints }))
  const fewer = exposed('svc-0', { clusterIP: '10.97.0.0', endpoints: ['10.180.0.1:8080'] })
  const [before, after] = [
    programOf(sampleCluster(objects)),
    programOf(sampleCluster([...fewer, ...objects.filter(({ metadata }) => !/^svc-0\b/.test(metadata.name))])),
  ]
  const machine = await machineWith(before, after)
  expect(drifts(machine, after)).toEqual([])
})
