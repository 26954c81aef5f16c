import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { home } from './home.ts'
import type { Io } from './io.ts'
import { parse } from './parse.ts'
import { run } from './plan.ts'

async function planned(line: string, stdin = ''): Promise<string> {
  const call = parse(`plan ${line}`.split(' '), {})
  if (!call.ok || call.value.kind !== 'run') throw new Error('no call')
  let printed = ''
  const out = (text: string): void => {
    printed += text
  }
  const signal = new AbortController().signal
  const io: Io = {
    env: {},
    cwd: home,
    out,
    err: () => {},
    inIsTty: false,
    outIsTty: false,
    errIsTty: false,
    columns: () => 80,
    color: false,
    signal,
    stdin: async () => stdin,
  }
  await run(call.value.args, io, [])
  return printed
}

const SERVICE = `
{apiVersion: v1, kind: Service, metadata: {name: x}, spec: {clusterIP: 10.96.1.1, ports: [{port: 80}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: x-1, labels: {kubernetes.io/service-name: x}}
addressType: IPv4
endpoints: [{addresses: [10.244.1.9]}]
ports: [{port: 8080}]
`

test('hand-written slices are planned for, and the lab’s own manifests are left out', async () => {
  const rules = await planned('flannel-vxlan --node node-1 --format iptables -f -', SERVICE)
  expect([rules.includes('-j DNAT --to-destination 10.244.1.9:8080'), rules.includes('frontend')]).toEqual([true, false])
})

test('the script of a node is one that sh takes', async () => {
  const { status, stderr } = spawnSync('sh', ['-n'], { input: await planned('flannel-vxlan --node node-2 --format sh'), encoding: 'utf8' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

test('JSON and prose tell of every machine', async () => {
  const machines = Object.keys(JSON.parse(await planned('flannel-vxlan --format json')))
  const heads = [...(await planned('flannel-vxlan')).matchAll(/^(.+)\n=+$/gm)].map(([, name]) => name)
  expect([machines, heads]).toEqual([heads, ['node-1', 'node-2', 'node-3', 'internet']])
})

test('a machine that is not there is refused with the nearest', async () => {
  await expect(planned('flannel-vxlan --node nod-1')).rejects.toMatchObject({ exit: 2, says: expect.stringContaining('did you mean node-1') })
})

test('mistakes in manifests have their place', async () => {
  await expect(planned('flannel-vxlan -f -', 'apiVersion: v1\nkind: Sevice\n')).rejects.toMatchObject({
    exit: 2,
    says: expect.stringContaining('standard input:2:'),
  })
})
