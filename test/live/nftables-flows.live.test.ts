/** kube-proxy's nftables table in a lab of three nodes, beside what the table of flows says of it: other nodes' rules, the kernel's memory, drift and repair. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { home, netlab } from '../support/netlab.ts'

const n = netlab()
beforeAll(async () => {
  await n.ok('up', join(home, 'test/support/labs/nft/lab.yaml'))
})
afterAll(n.clean)

const CLUSTER = '10.96.1.1'
const STICKY = '10.96.1.3'
const [NODE_1, NODE_2, NODE_3] = ['192.168.0.10', '192.168.0.11', '192.168.0.12']

/** The distinct answers to `count` requests, or how they ended. */
async function ask(from: string, address: string, what: 'hostname' | 'clientip', count = 1): Promise<readonly string[]> {
  const once = `curl -s -m 5 http://${address}/${what} || echo "ends $?"; echo`
  const said = await n.ok('exec', from, '--', 'sh', '-c', `for i in $(seq ${count}); do ${once}; done`)
  const lines = said.split('\n').filter((line) => line !== '')
  return [...new Set(lines.map((line) => line.replace(/:\d+$/, '')))].sort()
}

/** Enough that one of two is missed once in a million runs. */
const MANY = 20

test('a NodePort answers on every node and hides the client', async () => {
  const nodes = [NODE_1, NODE_2, NODE_3]
  expect(await Promise.all(nodes.map((node) => ask('outside', `${node}:30080`, 'hostname', MANY)))).toEqual(nodes.map(() => ['web-1', 'web-2']))
  expect(await ask('outside', `${NODE_3}:30080`, 'clientip', MANY)).toEqual(['10.244.2.0'])
  expect(await ask('node-3', `${NODE_3}:30080`, 'hostname', MANY)).toEqual(['web-1', 'web-2'])
})

test('affinity leads a client to one endpoint, and the kernel remembers it', async () => {
  const [first, ...others] = await ask('client', STICKY, 'hostname', MANY)
  const sets = await n.ok('exec', 'node-1', '--', 'nft', 'list', 'sets', 'table', 'ip', 'kube-proxy')
  expect({ first, others, remembered: sets.match(/elements = \{ 10\.244\.0\.2 /g)?.length }).toEqual({
    first: expect.stringMatching(/^web-[12]$/),
    others: [],
    remembered: 1,
  })
})

test('the kernels hold what the plan says, through an endpoint that goes and a rule that is mended', async () => {
  expect(await n.ok('drift')).toBe('')
  await n.ok('exec', 'node-1', '--', 'nft', 'flush', 'chain', 'ip', 'kube-proxy', 'services')
  expect((await n.run('drift')).out).toMatch(/^node-1: changed: nft chain ip kube-proxy services/)
  await n.ok('repair')
  await n.ok('delete', 'pod', 'web-2')
  expect(await n.ok('drift')).toBe('')
  expect(await ask('client', CLUSTER, 'hostname', MANY)).toEqual(['web-1'])
})
