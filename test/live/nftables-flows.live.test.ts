/** Who reaches whom through kube-proxy's nftables table, and whom the endpoint sees: the same answers as in iptables mode, but for those that are known to differ. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { home, netlab } from '../support/netlab.ts'

const n = netlab()
beforeAll(async () => {
  await n.ok('up', join(home, 'test/support/labs/nft/lab.yaml'))
})
afterAll(n.clean)

const CLUSTER = '10.96.1.1'
const LOCAL = '10.96.1.2'
const STICKY = '10.96.1.3'
const HAIRPIN = '10.96.1.4'
const EMPTY = '10.96.1.5'
const [NODE_1, NODE_2, NODE_3] = ['192.168.0.10', '192.168.0.11', '192.168.0.12']

/** curl's exit codes. */
const ENDINGS: Readonly<Record<number, string>> = { 7: 'refused', 28: 'silence' }

/** The distinct answers to `count` requests, or how they ended. */
async function ask(from: string, address: string, what: 'hostname' | 'clientip', count = 1): Promise<readonly string[]> {
  const once = `curl -s -m 2 http://${address}/${what} || echo "ends $?"; echo`
  const said = await n.ok('exec', from, '--', 'sh', '-c', `for i in $(seq ${count}); do ${once}; done`)
  const lines = said.split('\n').filter((line) => line !== '')
  return [...new Set(lines.map((line) => ENDINGS[Number(/^ends (\d+)$/.exec(line)?.[1])] ?? line.replace(/:\d+$/, '')))].sort()
}

/** Enough that one of two is missed once in a million runs. */
const MANY = 20

test('a ClusterIP leads a Pod, a node and no host without a route to every endpoint', async () => {
  expect(await Promise.all(['client', 'node-3', 'outside'].map((from) => ask(from, CLUSTER, 'hostname', from === 'outside' ? 1 : MANY)))).toEqual([
    ['web-1', 'web-2'],
    ['web-1', 'web-2'],
    [expect.stringMatching(/silence|refused/)],
  ])
})

test('an endpoint sees a Pod as it is, a node under the address it speaks from', async () => {
  expect(await Promise.all(['client', 'node-3'].map((from) => ask(from, CLUSTER, 'clientip', MANY)))).toEqual([['10.244.0.3'], ['10.244.2.0']])
})

test('a NodePort answers on every node and hides the client', async () => {
  const nodes = [NODE_1, NODE_2, NODE_3]
  expect(await Promise.all(nodes.map((node) => ask('outside', `${node}:30080`, 'hostname', MANY)))).toEqual(nodes.map(() => ['web-1', 'web-2']))
  expect(await ask('outside', `${NODE_3}:30080`, 'clientip', MANY)).toEqual(['10.244.2.0'])
  expect(await ask('node-3', `${NODE_3}:30080`, 'hostname', MANY)).toEqual(['web-1', 'web-2'])
})

test('a NodePort does not answer on localhost, unlike in iptables mode', async () => {
  expect(await ask('node-1', '127.0.0.1:30080', 'hostname')).toEqual(['refused'])
})

test('externalTrafficPolicy Local keeps the client and the node; without an endpoint there, silence', async () => {
  expect(await Promise.all([NODE_1, NODE_2, NODE_3].map((node) => ask('outside', `${node}:30081`, 'hostname', node === NODE_3 ? 1 : MANY)))).toEqual([
    ['web-1'],
    ['web-2'],
    ['silence'],
  ])
  expect(await ask('outside', `${NODE_1}:30081`, 'clientip')).toEqual(['203.0.113.10'])
})

test('Pods and the node itself are not bound by policy Local', async () => {
  expect(await ask('client', `${NODE_1}:30081`, 'hostname', MANY)).toEqual(['web-1', 'web-2'])
  expect(await ask('client', `${NODE_1}:30081`, 'clientip', MANY)).toEqual(['10.244.0.3'])
  expect(await ask('node-3', `${NODE_3}:30081`, 'hostname', MANY)).toEqual(['web-1', 'web-2'])
  expect(await ask('client', LOCAL, 'hostname', MANY)).toEqual(['web-1', 'web-2'])
})

test('affinity leads a client to one endpoint, and the kernel remembers it', async () => {
  const [first, ...others] = await ask('client', STICKY, 'hostname', MANY)
  const sets = await n.ok('exec', 'node-1', '--', 'nft', 'list', 'sets', 'table', 'ip', 'kube-proxy')
  expect({ first, others, remembered: sets.match(/elements = \{ 10\.244\.0\.3 /g)?.length }).toEqual({
    first: expect.stringMatching(/^web-[12]$/),
    others: [],
    remembered: 1,
  })
})

test('without endpoints, and on ports that no Service has, there is a refusal at once', async () => {
  const places = [`client ${EMPTY}`, `client ${CLUSTER}:81`, `node-3 ${EMPTY}`, `node-3 ${CLUSTER}:81`, `outside ${NODE_1}:30082`, `client ${NODE_1}:30082`]
  expect(await Promise.all(places.map((place) => ask(place.split(' ')[0] ?? '', place.split(' ')[1] ?? '', 'hostname')))).toEqual(places.map(() => ['refused']))
})

test('a Pod that draws itself sees its node as the client', async () => {
  expect([await ask('alone', HAIRPIN, 'hostname'), await ask('alone', HAIRPIN, 'clientip')]).toEqual([['alone'], ['10.244.0.1']])
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
