import { expect, test } from 'vitest'
import { placeAndDevice } from './capture.ts'
import type { Client } from './client.ts'
import { findSpot, parsePlace } from './places.ts'

test.each([
  ['node/node-1', { kind: 'node', name: 'node-1' }],
  ['client', { kind: 'any', name: 'client' }],
  ['pod/client', { kind: 'pod', namespace: 'shop', name: 'client' }],
  ['pod/production/client', { kind: 'pod', namespace: 'production', name: 'client' }],
  ['deploy/frontend', { kind: 'deploy', namespace: 'shop', name: 'frontend' }],
  ['svc/production/x', { kind: 'svc', namespace: 'production', name: 'x' }],
  ['ext/internet', { kind: 'ext', name: 'internet' }],
])('%s is a place', (text, place) => {
  expect(parsePlace(text, 'shop')).toEqual(place)
})

test.each(['cm/x', 'pod/', 'node/a/b', 'pod/a/b/c'])('%s is none', (text) => {
  expect(() => parsePlace(text, 'shop')).toThrow(expect.objectContaining({ stop: true, exit: 2 }))
})

test.each([
  ['node-1', 'node-1', 'eth0'],
  ['node-1/flannel.1', 'node-1', 'flannel.1'],
  ['node/node-1', 'node/node-1', 'eth0'],
  ['node/node-1/cni0', 'node/node-1', 'cni0'],
  ['pod/client', 'pod/client', 'eth0'],
  ['pod/production/client', 'pod/production/client', 'eth0'],
  ['pod/client/eth0', 'pod/client', 'eth0'],
  ['pod/production/client/lo', 'pod/production/client', 'lo'],
])('a capture at %s is at %s on %s', (word, place, dev) => {
  expect(placeAndDevice(word)).toEqual({ place, dev })
})

/** A daemon that answers these paths and knows nothing else. */
const lab = (answers: Readonly<Record<string, unknown>>): Client => {
  const send = async ({ path }: { path: string }) => {
    const found = answers[decodeURIComponent(path)]
    return { status: found === undefined ? 404 : 200, text: JSON.stringify(found ?? { message: 'not found' }) }
  }
  return { send, json: async (call) => JSON.parse((await send(call)).text), lines: () => nothing(), text: () => nothing() }
}

async function* nothing<T>(): AsyncGenerator<T> {}

const pod = (name: string, namespace: string, ready: boolean) => ({
  metadata: { name, namespace },
  spec: { containers: [{ name: 'main' }] },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
})
const shop = lab({
  '/api/v1/nodes/node-1': {},
  '/api/v1/nodes': { items: [{ metadata: { name: 'node-1' } }] },
  '/api/v1/namespaces/shop/pods/client': pod('client', 'shop', true),
  '/api/v1/namespaces/shop/pods': { items: [pod('client', 'shop', true)] },
  '/api/v1/pods': { items: [pod('client', 'shop', true), pod('db', 'store', true)] },
  '/apis/apps/v1/namespaces/shop/deployments/web': { spec: { selector: { matchLabels: { app: 'web', tier: 'front' } } } },
  '/api/v1/namespaces/shop/pods?labelSelector=app=web,tier=front': { items: [pod('web-1', 'shop', false), pod('web-2', 'shop', true)] },
  '/netlab/v1/enter?place=ext/internet': { argv: [], env: {} },
})

test('a bare name is a node, a Pod of the namespace, or a machine outside', async () => {
  const found = await Promise.all(['node-1', 'client', 'internet'].map(async (name) => (await findSpot(shop, name, 'shop')).place))
  expect(found).toEqual(['node/node-1', 'pod/shop/client', 'ext/internet'])
})

test('a Deployment means its first ready Pod', async () => {
  expect((await findSpot(shop, 'deploy/web', 'shop')).place).toBe('pod/shop/web-2')
})

test.each([
  ['clinet', 'no node, or Pod in namespace shop, named "clinet"; did you mean client?'],
  ['db', 'no node, or Pod in namespace shop, named "db"; there is one in store: add -n store'],
  ['node/node-2', 'no node named "node-2"; did you mean node-1?'],
  ['pod/clent', 'no Pod named "clent" in namespace shop; did you mean client?'],
])('%s is not there, and what is near is offered', async (word, says) => {
  await expect(findSpot(shop, word, 'shop')).rejects.toMatchObject({ says })
})
