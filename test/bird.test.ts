/** What is written for BIRD is read by the real one (`bird -p`), for every way in which a lab can be told to speak BGP. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { settle } from '#controllers/settle.ts'
import { issueText } from '#lab/issue.ts'
import { readLab } from '#lab/read.ts'
import { NOW } from '#model/build.ts'
import { clusterOf } from '#model/model.ts'
import { programsOf } from '#plan/plan.ts'

const folder = mkdtempSync(join(tmpdir(), 'netlab-bird-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const RACKS = `  underlay:
    segments: [{name: rack-1, cidr: 192.168.1.0/24}, {name: rack-2, cidr: 192.168.2.0/24}, {name: up-1, cidr: 172.16.1.0/30}, {name: up-2, cidr: 172.16.2.0/30}, {name: outside, cidr: 203.0.113.0/24}]
    routers:
      - {name: leaf-1, asn: 65001, addresses: [192.168.1.1, 172.16.1.2, 203.0.113.2], peers: [spine]}
      - {name: leaf-2, asn: 65002, addresses: [192.168.2.1, 172.16.2.2], peers: [spine]}
      - {name: spine, asn: 65000, addresses: [172.16.1.1, 172.16.2.1]}
`
const LABS: Readonly<Record<string, string>> = {
  'a full mesh': '  nodes: 3\n  cni: calico-bgp\n',
  'a node alone': '  nodes: 1\n  cni: calico-bgp\n',
  'route reflectors, BFD and graceful restart':
    '  nodes: 4\n  cni: {name: calico-bgp, asn: 65010, routeReflectors: [node-1, node-2], bfd: true, gracefulRestart: true}\n',
  'racks with a router each': `  nodes: [{name: node-1, ip: 192.168.1.11}, {name: node-2, ip: 192.168.2.11}]\n  cni: {name: calico-bgp, peers: [leaf-1, leaf-2]}\n${RACKS}`,
  'racks with BFD': `  nodes: [{name: node-1, ip: 192.168.1.11}, {name: node-2, ip: 192.168.2.11}]\n  cni: {name: calico-bgp, peers: [leaf-1, leaf-2], bfd: true}\n${RACKS}`,
  'routers below another network': `  nodes: [{name: node-1, ip: 192.168.1.11}, {name: node-2, ip: 192.168.2.11}]\n  cni: flannel-vxlan\n${RACKS}`,
}

/** By machine: what BIRD says of its configuration; nothing when all is well. */
function said(spec: string, spoil: (text: string) => string = (text) => text): Readonly<Record<string, string>> {
  const read = readLab(new Map([['lab.yaml', `apiVersion: netlab.dev/v1\nkind: Lab\nmetadata: {name: x}\nspec:\n${spec}`]]), 'lab.yaml')
  if (!read.ok) throw new Error(read.errors.map(issueText).join('\n'))
  const { lab } = read.value
  const programs = programsOf(clusterOf(lab, settle(lab, { now: NOW })))
  return Object.fromEntries(
    [...programs].flatMap(([machine, program]) => {
      const daemon = program.find((step) => step.kind === 'process' && step.id === 'bird')
      if (daemon?.kind !== 'process') return []
      const root = join(folder, machine)
      for (const step of program) {
        if (step.kind !== 'file' || !/\/bird[^/]*$/.test(step.path)) continue
        mkdirSync(dirname(join(root, step.path)), { recursive: true })
        writeFileSync(join(root, step.path), spoil(step.text.replaceAll('include "', `include "${root}`)))
      }
      const config = daemon.argv[daemon.argv.indexOf('-c') + 1] ?? ''
      const { status, stderr, error } = spawnSync('bird', ['-p', '-c', join(root, config)], {
        encoding: 'utf8',
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      })
      if (error !== undefined) throw error
      return [[machine, status === 0 ? '' : stderr.replaceAll(root, '').trim()]]
    }),
  )
}

test.each(Object.entries(LABS))('%s', (_, spec) => {
  const wrong = Object.entries(said(spec)).filter(([, words]) => words !== '')
  expect(wrong).toEqual([])
})

test('every node and every router of racks has one', () => {
  expect(Object.keys(said(LABS['racks with a router each'] ?? ''))).toEqual(['node-1', 'node-2', 'leaf-1', 'leaf-2', 'spine'])
})

test('a configuration that is none is refused', () => {
  const words = said(LABS['racks with a router each'] ?? '', (text) => text.replace('router id ', 'router it '))
  expect(new Set(Object.values(words).map((line) => /syntax error/.test(line)))).toEqual(new Set([true]))
})
