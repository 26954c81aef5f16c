/** kube-proxy's rules, taken by the real iptables-restore into a bare machine; no root needed. */
import { expect } from 'vitest'
import { change } from '#kernel/compile.ts'
import { failureOf } from '#kernel/failure.ts'
import type { NodeProgram } from '#kernel/step.ts'
import type { Cluster } from '#model/cluster.ts'
import type { Family } from '#net/net.ts'
import { kubeProxyIptables } from '#proxy/iptables/iptables.ts'
import { exposed, sampleCluster, sampleObjects } from '#proxy/sample.ts'
import { type BareMachine, bareMachines } from '../support/bare.ts'

const { live, bare } = bareMachines('iptables.live')

const programOf = (cluster: Cluster): NodeProgram => cluster.nodes.slice(0, 1).flatMap((node) => kubeProxyIptables.steps(cluster, node))

const FULL = programOf(
  sampleCluster([
    ...sampleObjects,
    ...exposed('local', {
      ...{ clusterIP: '10.96.0.47', nodePort: 30004, balancer: ['5.6.7.9'], endpoints: ['10.180.0.6:80@node-1', '10.180.1.6:80@node-2'] },
      spec: { type: 'LoadBalancer', internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local', loadBalancerSourceRanges: ['192.168.0.0/24'] },
    }),
    ...exposed('dns', { clusterIP: '10.96.0.10', endpoints: ['10.180.0.7:53'], spec: { ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] } }),
    ...exposed('stream', { clusterIP: '10.96.0.11', endpoints: ['10.180.0.7:9'], spec: { ports: [{ name: 'data', port: 9, protocol: 'SCTP' }] } }),
    ...exposed('six', { clusterIP: 'fd00:96::9', nodePort: 30005, endpoints: ['[fd00:244::3]:80', '[fd00:244::4]:80'], spec: { type: 'NodePort' } }),
  ]),
)

async function holding(...programs: readonly NodeProgram[]): Promise<BareMachine> {
  const machine = await bare()
  programs.forEach((program, at) => {
    for (const command of change(programs[at - 1] ?? [], program)) {
      const failure = failureOf('node-1', command, machine.run(command))
      if (failure !== undefined) throw failure
    }
  })
  return machine
}

type Counts = Readonly<Record<string, number>>

/** Rules per chain, by what the kernel says it holds. */
function held(machine: BareMachine, family: Family): Counts {
  const { code, stdout, stderr } = machine.sh(family === 6 ? 'ip6tables-save' : 'iptables-save')
  if (code !== 0) throw new Error(stderr)
  let table = ''
  const counts: Record<string, number> = {}
  for (const line of stdout.split('\n')) {
    const [, opened, chain, builtIn, rule] = /^(?:\*(\w+)|:(\S+) (-|\w+)|-A (\S+) )/.exec(line) ?? []
    if (opened !== undefined) table = opened
    if (chain !== undefined && builtIn === '-') counts[`${table} ${chain}`] = 0
    if (rule !== undefined) counts[`${table} ${rule}`] = (counts[`${table} ${rule}`] ?? 0) + 1
  }
  return counts
}

function planned(program: NodeProgram, family: Family): Counts {
  const counts: Record<string, number> = {}
  for (const step of program) {
    if ((step.kind !== 'chain' && step.kind !== 'jump') || step.family !== family) continue
    const name = `${step.table} ${step.chain}`
    counts[name] = (counts[name] ?? 0) + (step.kind === 'chain' ? step.rules.length : 1)
  }
  return counts
}

live('the kernel takes every rule of a Service of each kind, in both families', async () => {
  const machine = await holding(FULL)
  expect({ four: held(machine, 4), six: held(machine, 6) }).toEqual({ four: planned(FULL, 4), six: planned(FULL, 6) })
})

live('an endpoint that comes and a Service that goes leave what a fresh start would make', async () => {
  const before = sampleObjects.filter((object) => object.metadata.name !== 'svc1')
  const changed = [...before, ...exposed('svc9', { clusterIP: '10.96.0.49', endpoints: ['10.180.0.9:80', '10.180.1.9:80'] })]
  const program = programOf(sampleCluster(changed))
  const machine = await holding(programOf(sampleCluster()), program)
  expect(held(machine, 4)).toEqual(planned(program, 4))
})

live('iptables-save shows the rules in the words that kubectl users know', async () => {
  const machine = await holding(FULL)
  const shown = machine.sh('iptables -t nat -S KUBE-SVC-4SW47YFZTEDKD3PK; iptables -t nat -S KUBE-MARK-MASQ; iptables -S INPUT').stdout
  expect(shown).toBe(`-N KUBE-SVC-4SW47YFZTEDKD3PK
-A KUBE-SVC-4SW47YFZTEDKD3PK ! -s 10.180.0.0/16 -d 10.96.0.44/32 -p tcp -m comment --comment "ns4/svc4:p80 cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-4SW47YFZTEDKD3PK -m comment --comment "ns4/svc4:p80 -> 10.180.0.4:80" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-UKSFD7AGPMPPLUHC
-A KUBE-SVC-4SW47YFZTEDKD3PK -m comment --comment "ns4/svc4:p80 -> 10.180.0.5:80" -j KUBE-SEP-C6EBXVWJJZMIWKLZ
-N KUBE-MARK-MASQ
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-P INPUT ACCEPT
-A INPUT -j KUBE-FIREWALL
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
-A INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
`)
})
