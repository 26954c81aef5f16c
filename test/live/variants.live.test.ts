/** A lab whose params are drawn from a seed: what runs is the variant, its checks know it, and it stays the one that it is. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { drawn } from '#lab/params.ts'
import { netlab } from '../support/netlab.ts'

const n = netlab()
const lab = mkdtempSync(join(tmpdir(), 'netlab-variant-'))
afterAll(async () => {
  await n.clean()
  rmSync(lab, { recursive: true, force: true })
})
mkdirSync(join(lab, 'manifests'))
writeFileSync(
  join(lab, 'lab.yaml'),
  `apiVersion: netlab.dev/v1
kind: Lab
metadata: {name: variant}
spec:
  params: {vni: {seeded: [100, 4000]}, third: {oneOf: [50, 60, 70]}}
  nodes: 2
  dns: none
  podCIDR: 10.{{third}}.0.0/16
  cni: {name: flannel-vxlan, vni: "{{vni}}"}
`,
)
writeFileSync(
  join(lab, 'manifests/pods.yaml'),
  'apiVersion: v1\nkind: Pod\nmetadata: {name: client, labels: {vni: "v{{vni}}"}}\nspec: {nodeName: node-1, containers: [{name: c, image: busybox}]}\n',
)
writeFileSync(
  join(lab, 'check.yaml'),
  `apiVersion: netlab.dev/v1
kind: Check
spec:
  groups:
    - {id: g, title: G, probes: [{id: vni, title: Its own VNI, vxlan: {node: node-1, dev: "flannel.{{vni}}", vni: {{vni}}}}]}
`,
)

test('up --seed, check, up again, and another seed', async () => {
  const { vni, third } = drawn({ vni: { seeded: [100, 4000] }, third: { oneOf: [50, 60, 70] } }, 'ann')
  await n.ok('up', lab, '--seed', 'ann')
  const pod = await n.json('pod', 'client')
  expect([pod.metadata.labels, pod.status.podIP]).toEqual([{ vni: `v${vni}` }, `10.${third}.0.2`])
  expect((await n.run('check', lab)).code).toBe(0)
  expect(await n.ok('exec', 'node-1', '--', 'ip', '-d', 'link', 'show', `flannel.${vni}`)).toContain(`vxlan id ${vni} `)
  const again = await n.run('up', lab)
  expect([again.code, (await n.json('pod', 'client')).metadata.uid]).toEqual([0, pod.metadata.uid])
  const other = await n.run('up', lab, '--seed', 'bob')
  expect([other.code, other.err]).toEqual([
    2,
    expect.stringContaining('lab variant runs already, as the variant of seed "ann": netlab down variant, then up --seed bob'),
  ])
})
