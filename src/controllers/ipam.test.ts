import { expect, test } from 'vitest'
import { labWith } from '#model/build.ts'
import { cidr } from '#net/net.ts'
import { scene } from './scene.ts'

const TINY = { podCIDR: cidr('10.244.0.0/24'), nodePrefix: 29, nodes: 1 } as const
const spec = { containers: [{ name: 'c', image: 'netlab/echo' }] }

test('a Pod gets the lowest free address after the bridge, and gives it back when it is gone', () => {
  const { apply, delete: erase, all } = scene(labWith({ nodes: 1 }))
  for (const name of ['a', 'b', 'c']) apply('Pod', { metadata: { name }, spec })
  const before = all('Pod').map(({ status }) => status.podIP)
  erase('Pod', 'b')
  apply('Pod', { metadata: { name: 'd' }, spec })
  apply('Pod', { metadata: { name: 'e' }, spec })
  expect([before, all('Pod').map(({ metadata, status }) => `${metadata.name} ${status.podIP}`)]).toEqual([
    ['10.244.0.2', '10.244.0.3', '10.244.0.4'],
    ['a 10.244.0.2', 'c 10.244.0.4', 'd 10.244.0.3', 'e 10.244.0.5'],
  ])
})

test('a full range makes the next Pod wait and say so, once; the first address that is free is its', () => {
  const { apply, delete: erase, all, events, settle } = scene(labWith(TINY))
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) apply('Pod', { metadata: { name }, spec })
  settle()
  const waits = all('Pod').at(-1)
  expect([waits?.status.phase, waits?.status.podIP, events().filter((text) => text.includes('Sandbox') || text.includes('SandBox'))]).toEqual([
    'Pending',
    undefined,
    ['FailedCreatePodSandBox: Failed to create pod sandbox: failed to allocate for range 0: no IP addresses available in range set: 10.244.0.1-10.244.0.6'],
  ])
  erase('Pod', 'c')
  expect(all('Pod').at(-1)?.status).toMatchObject({ phase: 'Running', podIP: '10.244.0.4' })
})

test("a Pod on the host network has its node's address and takes none", () => {
  const { apply, all } = scene(labWith({ nodes: 1 }))
  apply('Pod', { metadata: { name: 'a' }, spec: { ...spec, hostNetwork: true } })
  apply('Pod', { metadata: { name: 'b' }, spec })
  expect(all('Pod').map(({ status }) => [status.podIP, status.hostIP])).toEqual([
    ['192.168.0.10', '192.168.0.10'],
    ['10.244.0.2', '192.168.0.10'],
  ])
})

test('a finished Pod holds no address', () => {
  const { apply, patch, all } = scene(labWith({ nodes: 1 }))
  apply('Pod', { metadata: { name: 'a' }, spec })
  patch('Pod', 'a', { status: { phase: 'Succeeded' } }, 'status')
  apply('Pod', { metadata: { name: 'b' }, spec })
  expect(all('Pod').map(({ status }) => status.podIP)).toEqual(['10.244.0.2', '10.244.0.2'])
})
