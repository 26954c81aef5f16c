import { expect, test } from 'vitest'
import type { KubeObject } from '#api/kinds.ts'
import { change } from '#kernel/compile.ts'
import { prose } from '#kernel/text.ts'
import { clusterWith, pod } from '#model/build.ts'
import { client, policy, web } from '../testing.ts'
import { kubeRouter } from './kube-router.ts'

const far = pod('far', { node: 'node-2', ip: '10.244.1.2', labels: { role: 'client' } })

const web80 = policy('web', {
  podSelector: { matchLabels: { app: 'web' } },
  policyTypes: ['Ingress', 'Egress'],
  ingress: [
    {
      from: [{ podSelector: { matchLabels: { role: 'client' } } }, { ipBlock: { cidr: '0.0.0.0/0', except: ['10.0.0.0/8'] } }],
      ports: [{ port: 'http' }, { port: 90, endPort: 99 }],
    },
  ],
  egress: [{ ports: [{ protocol: 'UDP', port: 53 }] }],
})

const programOf = (objects: Parameters<typeof clusterWith>[0], at = 0) => {
  const cluster = clusterWith({ policy: 'kube-router', ...objects })
  return cluster.nodes.slice(at, at + 1).flatMap((node) => kubeRouter.steps(cluster, node))
}

test('a node judges its own Pods by the policies that select them', async () => {
  await expect(prose(programOf({ objects: [web, client, far, web80] }))).toMatchFileSnapshot('kube-router.test.txt')
})

test('a policy is on the nodes of the Pods it selects and on no other', () => {
  const chains = (at: number) =>
    programOf({ objects: [web, client, far, web80] }, at).filter((step) => step.kind === 'chain' && step.chain.startsWith('KUBE-NWPLCY-'))
  expect([0, 1].map((at) => chains(at).length)).toEqual([5, 3])
})

test('a peer that comes is one line in one set; no chain is written', () => {
  const before = programOf({ objects: [web, client, web80] })
  const commands = change(before, programOf({ objects: [web, client, far, web80] }))
  expect(commands.map((command) => (command.kind === 'run' ? [command.argv[0], command.stdin] : command))).toEqual([
    ['ipset', expect.stringMatching(/^add KUBE-SRC-\w{16} 10\.244\.1\.2\n$/)],
  ])
})

test.each(['kube-router', 'kube-router-nftables'] as const)(
  '%s: a policy that means what it meant has the very same Steps at the next turn, and others once it means another',
  (engine) => {
    const chains = (...objects: readonly KubeObject[]) =>
      programOf({ policy: engine, objects: [...objects] }).filter((step) => step.by === 'policy/kube-router' && /^what default\/web lets into/.test(step.why))
    const elsewhere = pod('elsewhere', { node: 'node-2', ip: '10.244.1.9' })
    const [first, same, other] = [
      chains(web, client, web80),
      chains(web, client, elsewhere, web80),
      chains({ ...web, spec: { ...web.spec, containers: [] } }, client, web80),
    ]
    expect([first.length, same[0] === first[0], other[0] === first[0]]).toEqual([1, true, false])
  },
)
