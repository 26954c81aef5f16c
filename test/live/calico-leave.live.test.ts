/** Calico's routes with kube-router's policies; and a node that leaves takes its session, its routes and its block with it. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { home, netlab, until } from '../support/netlab.ts'

const n = netlab()
const folder = mkdtempSync(join(tmpdir(), 'netlab-leave-'))
const POLICY = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: server}
spec: {podSelector: {matchLabels: {app: server}}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]}
`
beforeAll(async () => {
  const lab = join(folder, 'lab')
  cpSync(join(home, 'labs/calico-bgp'), lab, { recursive: true })
  writeFileSync(join(lab, 'lab.yaml'), readFileSync(join(lab, 'lab.yaml'), 'utf8').replace(/cni: calico-bgp.*/, 'cni: calico-bgp\n  policy: kube-router'))
  writeFileSync(join(lab, 'manifests/policy.yaml'), POLICY)
  await n.ok('up', lab)
})
afterAll(async () => {
  await n.clean()
  rmSync(folder, { recursive: true, force: true })
})

test('kube-router over Calico lets through what policies say and nothing else', async () => {
  const table = await n.ok('policy', 'matrix', '-n', 'default', '--port', '8080/tcp', '--probe')
  expect([/[.X]!/.test(table), table.includes('X')]).toEqual([false, true])
})

test('a node that leaves takes session, routes and block with it, and the next one has them all', async () => {
  const known = async (): Promise<readonly string[]> => {
    const said = await n.sh('node-1', 'birdc show protocols; ip route show proto bird')
    return [...said.matchAll(/^Mesh_\S+(?=.*Established)|^10\S+ via \S+/gm)].map(([word]) => word)
  }
  const rest = ['Mesh_192_168_0_11', '10.244.0.64/26 via 192.168.0.11']
  await n.ok('node', 'rm', 'node-3')
  await until(known, (now) => now.join() === rest.join(), 30_000)
  await n.ok('node', 'add', 'node-4')
  await until(
    known,
    (now) => now.join() === ['Mesh_192_168_0_11', 'Mesh_192_168_0_12', '10.244.0.64/26 via 192.168.0.11', '10.244.0.128/26 via 192.168.0.12'].join(),
    30_000,
  )
})
