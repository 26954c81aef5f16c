/** More Services than go into one message to the kernel: root's lab takes them in one COMMIT, an ordinary user's in pieces, and both hold every rule. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { netlab } from '../support/netlab.ts'

const SERVICES = 250
/** Of one Service: half a second of work for a kernel. */
const ENDPOINTS = 900
const n = netlab()
let folder: string

const LAB = `apiVersion: netlab.dev/v1
kind: Lab
metadata: { name: many }
spec:
  nodes: 1
  dns: none
`

const many = (count: number, endpoint: number): string =>
  Array.from({ length: count }, (_, at) => {
    const ports = '[{ name: http, port: 80 }]'
    const endpoints = [1, 2, 3, endpoint].map((one) => `{ addresses: [10.9.${at}.${one}] }`).join(', ')
    return `apiVersion: v1
kind: Service
metadata: { name: s${at} }
spec: { clusterIP: 10.96.1.${at + 1}, ports: ${ports} }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: s${at}-a, labels: { kubernetes.io/service-name: s${at} } }
addressType: IPv4
ports: ${ports}
endpoints: [${endpoints}]
`
  }).join('---\n')

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'netlab-many-'))
  mkdirSync(join(folder, 'manifests'))
  writeFileSync(join(folder, 'lab.yaml'), LAB)
})
afterAll(async () => {
  await n.clean()
  rmSync(folder, { recursive: true, force: true })
})

async function upWith(text: string): Promise<void> {
  writeFileSync(join(folder, 'manifests/many.yaml'), text)
  await n.ok('up', join(folder, 'lab.yaml'))
}

test('all rules are there, follow an endpoint of every Service, and go with their Services', async () => {
  const held = async (pattern: string): Promise<number> =>
    Number((await n.run('exec', 'node-1', '--', 'sh', '-c', `iptables-save -t nat | grep -c -- '${pattern}'`)).out)
  const TWICE = "iptables-save | grep -E '^-A (INPUT|FORWARD|OUTPUT|PREROUTING|POSTROUTING) ' | sort | uniq -d"
  const seen = []
  for (const [count, endpoint] of [[SERVICES, 4] as const, [SERVICES, 5] as const, [3, 5] as const]) {
    await upWith(many(count, endpoint))
    seen.push({
      drift: await n.ok('drift'),
      twice: await n.ok('exec', 'node-1', '--', 'sh', '-c', TWICE),
      endpoints: await held('DNAT --to-destination 10.9'),
      last: await held(`10.9.*.${endpoint}:80$`),
      ways: await held('A KUBE-SERVICES.* -d 10.96.1'),
    })
  }
  const well = (count: number) => ({ drift: '', twice: '', endpoints: count * 4, last: count, ways: count })
  expect(seen).toEqual([well(SERVICES), well(SERVICES), well(3)])
})

test('who looks at a kernel sees what was said before, also what takes the kernel a while', async () => {
  const endpoints = Array.from({ length: ENDPOINTS }, (_, at) => ({ addresses: [`10.9.${at >> 8}.${at & 255}`] }))
  const ports = [{ name: 'http', port: 80 }]
  const wide = [
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'wide' }, spec: { clusterIP: '10.96.2.1', ports } },
    {
      ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'wide-a', labels: { 'kubernetes.io/service-name': 'wide' } } },
      ...{ addressType: 'IPv4', ports, endpoints },
    },
  ]
  const held = () => n.sh('node-1', "iptables-save -t nat | grep -c -- 'default/wide:http.* DNAT ' || true")
  await n.apply(wide.map((object) => JSON.stringify(object)).join('\n---\n'))
  const applied = await held()
  await n.ok('delete', 'service', 'wide')
  expect([applied, await held()]).toEqual([`${ENDPOINTS}`, '0'])
})
