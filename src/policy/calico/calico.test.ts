import { expect, test } from 'vitest'
import type { KubeObject } from '#api/kinds.ts'
import { change } from '#kernel/compile.ts'
import type { Step } from '#kernel/step.ts'
import { prose } from '#kernel/text.ts'
import type { Cni, PolicyEngine } from '#lab/lab.ts'
import { clusterWith, pod } from '#model/build.ts'
import { client, policy, web } from '../testing.ts'
import { calicoPolicy } from './calico.ts'

const BGP: Cni = { name: 'calico-bgp', blockSize: 26, asn: 64512, routeReflectors: [], peers: [], bfd: false, gracefulRestart: false }

const far = pod('far', { node: 'node-2', ip: '10.244.0.65', labels: { role: 'client' } })

const ofWeb = { podSelector: { matchLabels: { app: 'web' } } }
const own = policy('own', {
  ...ofWeb,
  policyTypes: ['Ingress', 'Egress'],
  ingress: [
    {
      from: [{ podSelector: { matchLabels: { role: 'client' } } }, { ipBlock: { cidr: '0.0.0.0/0', except: ['10.0.0.0/8'] } }],
      ports: [{ port: 'http' }, { port: 91, endPort: 99 }, { port: 90 }, { protocol: 'SCTP', port: 80 }],
    },
  ],
  egress: [{ ports: [{ protocol: 'UDP', port: 53 }] }, { to: [{ namespaceSelector: {} }], ports: [{ port: 'http' }] }],
})
const deny = policy('deny', { ...ofWeb, policyTypes: ['Ingress'] })

const programOf = (objects: readonly KubeObject[], at = 0, engine: PolicyEngine = 'calico'): readonly Step[] => {
  const cluster = clusterWith({ policy: engine, cni: BGP, nodePrefix: 26, objects: [...objects] })
  return cluster.nodes.slice(at, at + 1).flatMap((node) => calicoPolicy.steps(cluster, node))
}
const chainsOf = (program: readonly Step[]): readonly string[] => program.flatMap((step) => (step.kind === 'chain' ? [step.chain] : []))

test('a node judges its own workloads: by policies, by groups of them, by profiles', async () => {
  await expect(prose(programOf([web, client, far, own, deny]))).toMatchFileSnapshot('calico.test.txt')
})

test('with nftables the same is one table, and a look-up leads to a workload', async () => {
  await expect(prose(programOf([web, client, far, own, deny], 0, 'calico-nftables'))).toMatchFileSnapshot('nftables.test.txt')
})

test('a policy is on the nodes of the Pods it selects and on no other', () => {
  const objects = [web, client, far, own]
  expect([0, 1].map((at) => chainsOf(programOf(objects, at)).filter((name) => /^cali-p[io]-/.test(name)))).toEqual([
    ['cali-pi-knp/default/own', 'cali-po-knp/default/own'],
    [],
  ])
})

test('a peer that comes is one line in one set; no chain is written', () => {
  const commands = change(programOf([web, client, own]), programOf([web, client, far, own]))
  expect(commands.map((command) => (command.kind === 'run' ? [command.argv[0], command.stdin] : command))).toEqual([
    ['ipset', expect.stringMatching(/^add cali40s:\S+ 10\.244\.0\.65\n$/)],
  ])
})

test('a policy that changes is one chain, and one that comes besides is the chains of the Pods it selects', () => {
  const other = policy('own', { ...own.spec, egress: [] })
  const written = (before: readonly KubeObject[], after: readonly KubeObject[]) =>
    change(programOf([web, client, ...before]), programOf([web, client, ...after])).flatMap((command) =>
      command.kind === 'run' ? command.does.flatMap((step) => (step.kind === 'chain' ? [step.chain.replace(/^(cali-[ft]w-).*/, '$1')] : [])) : [],
    )
  expect([written([own], [other]), written([other], [other, deny])]).toEqual([
    ['cali-po-knp/default/own'],
    ['cali-pi-knp/default/deny', expect.stringMatching(/^cali-gi-/), 'cali-tw-'],
  ])
})

test('many workloads are found by a letter first, few by name, and unknown ones are dropped everywhere', () => {
  const chains = (count: number) => {
    const program = programOf(Array.from({ length: count }, (_, at) => pod(`p${at}`, { node: 'node-1', ip: `10.244.0.${at + 2}` })))
    return program.flatMap((step) =>
      step.kind === 'chain' && step.chain.startsWith('cali-to-wl-dispatch') ? [`${step.chain}: ${step.rules.map(plain).join(', ')}`] : [],
    )
  }
  expect([chains(0), chains(1), chains(9)]).toMatchInlineSnapshot(`
    [
      [
        "cali-to-wl-dispatch: -j DROP",
      ],
      [
        "cali-to-wl-dispatch: -o cali2c1f6c05f3a -g cali-tw-cali2c1f6c05f3a, -j DROP",
      ],
      [
        "cali-to-wl-dispatch-1: -o cali182c452fe96 -g cali-tw-cali182c452fe96, -o cali198fe91b720 -g cali-tw-cali198fe91b720, -j DROP",
        "cali-to-wl-dispatch: -o cali1+ -g cali-to-wl-dispatch-1, -o cali2c1f6c05f3a -g cali-tw-cali2c1f6c05f3a, -o cali450dcb1a707 -g cali-tw-cali450dcb1a707, -o cali52f14208ed8 -g cali-tw-cali52f14208ed8, -o cali6a91d87bb13 -g cali-tw-cali6a91d87bb13, -o caliaab32ae05d2 -g cali-tw-caliaab32ae05d2, -o calib3a9b371b64 -g cali-tw-calib3a9b371b64, -o calidb61184940c -g cali-tw-calidb61184940c, -j DROP",
      ],
    ]
  `)
})

const plain = (rule: string): string => rule.replace(/-m comment --comment "[^"]*" ?/g, '')

test('a port list is cut after fifteen, and what touches is one', () => {
  const ports = Array.from({ length: 16 }, (_, at) => ({ port: 100 + 2 * at }))
  const rules = (spec: object) =>
    programOf([web, policy('p', { ...ofWeb, ...spec })]).flatMap((step) =>
      step.kind === 'chain' && step.chain === 'cali-pi-knp/default/p' ? step.rules.map(plain) : [],
    )
  expect([
    rules({ ingress: [{ ports }] }),
    rules({ ingress: [{ ports: [{ port: 81 }, { port: 80 }, { port: 70, endPort: 79 }] }] }),
    rules({ ingress: [{}] }),
    rules({}),
  ]).toMatchInlineSnapshot(`
    [
      [
        "-j MARK --set-xmark 0x0/0x180000",
        "-p tcp -m multiport --dports 100,102,104,106,108,110,112,114,116,118,120,122,124,126,128 -j MARK --set-xmark 0x80000/0x80000",
        "-p tcp -m multiport --dports 130 -j MARK --set-xmark 0x80000/0x80000",
        "-p tcp -m mark --mark 0x80000/0x80000 -j MARK --set-xmark 0x10000/0x10000",
      ],
      [
        "-p tcp -m multiport --dports 70:81 -j MARK --set-xmark 0x10000/0x10000",
      ],
      [
        "-j MARK --set-xmark 0x10000/0x10000",
      ],
      [
        "",
      ],
    ]
  `)
})
