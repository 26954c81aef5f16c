/** What every case of test/support/policies means: who may talk to whom, as computed, and that the rules of every data plane say the same. That it is so in a kernel is test/live/policy's. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { settle } from '#controllers/settle.ts'
import { firstDrawn, trace } from '#kernel/trace.ts'
import { issueText } from '#lab/issue.ts'
import { readLab } from '#lab/read.ts'
import { NOW } from '#model/build.ts'
import type { Cluster } from '#model/cluster.ts'
import { clusterOf } from '#model/model.ts'
import { ip } from '#net/net.ts'
import { programsOf } from '#plan/plan.ts'
import { addressOf, decide } from '#policy/decide.ts'
import { endName } from '#policy/matrix.ts'
import { parsePort, tableOf, tableText, type Way, waysOf } from '#policy/table.ts'
import { CASES, type Json, policies } from './support/policies/cases.ts'
import { addressed, BEYOND, expected, UPSTREAM, type Upstream } from './support/policies/upstream.ts'

const folder = join(import.meta.dirname, 'support/labs/policy')
const files = ['lab.yaml', ...readdirSync(join(folder, 'manifests')).map((name) => `manifests/${name}`)]
const texts = files.map((file) => [file, readFileSync(join(folder, file), 'utf8')] as const)

const wish = {
  ports: [{ protocol: 'TCP', port: 80 } as const, { protocol: 'UDP', port: 81 } as const],
  from: [ip('203.0.113.10')],
  to: [ip('203.0.113.10')],
}

/** The lab of these policies, with what stands in place of its `policy: kube-router`. */
function clusterOfCase(specs: readonly Json[], setting = 'policy: kube-router'): Cluster {
  const own = ['manifests/policies.yaml', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: policies(specs) })] as const
  const set = texts.map(([file, text]) => [file, text.replace('policy: kube-router', setting)] as const)
  const read = readLab(new Map([...set, own]), 'lab.yaml')
  if (!read.ok) throw new Error(read.errors.map(issueText).join('\n'))
  const { lab } = read.value
  return clusterOf(lab, settle(lab, { now: NOW }))
}

test('who may talk to whom, for every example of the documentation and what is often got wrong', async () => {
  const told = Object.entries(CASES).map(([name, specs]) => `${name}\n\n${tableText(tableOf(clusterOfCase(specs), wish))}`)
  await expect(`${told.join('\n\n')}`).toMatchFileSnapshot('policies.txt')
}, 60_000)

const free = clusterOfCase([])
const addressOfPod = (name: string): string => free.pods.find((pod) => `${pod.namespace}/${pod.name}` === name)?.ip ?? `no Pod ${name}`
const specsOf = (one: Upstream): readonly Json[] => addressed(one, addressOfPod)

test.each(Object.entries(UPSTREAM))('as Kubernetes’ own tests expect it: %s', (_, one) => {
  const cluster = clusterOfCase(specsOf(one))
  for (const [port, lines] of Object.entries(one.expects)) {
    const outside = lines.some((line) => line.includes('outside')) ? [ip('203.0.113.10')] : []
    const { flows } = tableOf(cluster, { ports: [parsePort(port) ?? []].flat(), from: outside, to: outside })
    const known = (name: string): string => (name.includes('/') ? name : 'outside')
    expect([port, flows.map(({ from, to, allowed }) => [from, to, allowed])]).toEqual([
      port,
      flows.map(({ from, to }) => [from, to, expected(lines, known(from), known(to))]),
    ])
  }
})

const ALL = {
  ...CASES,
  ...Object.fromEntries(Object.entries(UPSTREAM).flatMap(([name, one]) => (BEYOND.includes(name) ? [[`upstream: ${name}`, specsOf(one)]] : []))),
}

const ENGINES = [
  ['kube-router', 'flannel-vxlan'],
  ['kube-router-nftables', 'flannel-vxlan'],
  ['calico', 'calico-bgp'],
  ['calico-nftables', 'calico-vxlan'],
] as const

describe.each(ENGINES)('the rules of %s over %s let through what is computed', (engine, cni) => {
  test.each(Object.entries(ALL))('%s', { timeout: 60_000 }, (_, specs) => {
    const cluster = clusterOfCase(specs, `policy: ${engine}\n  cni: ${cni}`)
    const programs = programsOf(cluster)
    const said = (may: (way: Way) => boolean): readonly string[] =>
      waysOf(cluster, wish).map((way) => `${endName(way.from)} ${endName(way.to)} ${way.asked.port} ${may(way)}`)
    expect(said((way) => passes(cluster, programs, way))).toEqual(said(({ from, to, asked }) => decide(cluster, { from, to, ...asked }).allowed))
  })
})

/** Past the rules of the caller's node, and past those of the called one's. */
function passes({ nodes }: Cluster, programs: ReturnType<typeof programsOf>, { from, to, asked }: Way): boolean {
  const places = [...new Set([from, to].flatMap((end) => ('pod' in end ? [end.pod.node] : [])))]
  return nodes
    .filter(({ name }) => places.includes(name))
    .every((node) => {
      const proto = asked.protocol === 'TCP' ? 'tcp' : 'udp'
      const packet = { family: 4, proto, from: addressOf(from), to: addressOf(to), dport: asked.port, nodeIPs: [node.ip] } as const
      return trace(programs.get(node.name) ?? [], packet, firstDrawn).verdict === 'accept'
    })
}
