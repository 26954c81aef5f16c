import { expect, test } from 'vitest'
import type { Step } from '#kernel/step.ts'
import { clusterWith } from '#model/build.ts'
import { cidr, ifName } from '#net/net.ts'
import { answering, type Chosen, isAll } from './addresses.ts'

const [node] = clusterWith().nodes
const there: readonly Step[] = ['10.244.0.0/32', '10.244.0.1/24'].map((text) => ({
  ...{ by: 'cni', why: '', kind: 'addr', dev: ifName('cni0'), cidr: cidr(text) },
}))
const of = (chosen: Chosen) => (node === undefined ? [] : answering(chosen, { node, there, family: 4 }))

test.each([
  ['primary', ['192.168.0.10']],
  [undefined, ['192.168.0.10', '10.244.0.0', '10.244.0.1', '127.0.0.1']],
  [[cidr('0.0.0.0/0')], ['192.168.0.10', '10.244.0.0', '10.244.0.1', '127.0.0.1']],
  [
    [cidr('192.168.0.0/16'), cidr('127.0.0.0/8')],
    ['192.168.0.10', '127.0.0.1'],
  ],
  [[cidr('10.0.0.0/8')], ['10.244.0.0', '10.244.0.1']],
  [[cidr('fd00::/8')], []],
] as const)('NodePorts on %j answer at %j', (chosen, addresses) => {
  expect(of(chosen)).toEqual(addresses)
})

test('no choice and the range of all addresses mean every address, of their family', () => {
  expect([undefined, [cidr('0.0.0.0/0')], [cidr('::/0')], 'primary' as const].map((chosen) => isAll(chosen, 4))).toEqual([true, true, false, false])
})
