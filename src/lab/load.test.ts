import { expect, test } from 'vitest'
import type { KubeObject } from '#api/kinds.ts'
import { issueText } from './issue.ts'
import type { KubeProxy } from './lab.ts'
import { slowToLoad } from './load.ts'
import { readLab } from './read.ts'

const NFTABLES: KubeProxy['mode'] = 'nftables'
const services = (count: number): readonly KubeObject[] =>
  Array.from({ length: count }, () => ({ kind: 'Service', spec: { type: 'ClusterIP', ports: [{ port: 80 }] } }) as unknown as KubeObject)

test('more than a thousand Services in mode nftables are warned of with the time they take, in other modes not', () => {
  const asked: readonly (readonly [KubeProxy['mode'], number])[] = [
    [NFTABLES, 1000],
    ['iptables', 2000],
    ['none', 2000],
    [NFTABLES, 2000],
    [NFTABLES, 10_000],
  ]
  expect(asked.map(([proxy, count]) => slowToLoad(proxy, services(count))?.match(/^\d+|about \d+ s/g))).toEqual([
    ...[undefined, undefined, undefined],
    ['2000', 'about 3 s'],
    ['10000', 'about 70 s'],
  ])
})

test('the warning points at the mode in lab.yaml', () => {
  const lab = 'apiVersion: netlab.dev/v1\nkind: Lab\nmetadata: {name: x}\nspec:\n  nodes: 1\n  proxy: nftables\n'
  const one = (at: number) => `apiVersion: v1\nkind: Service\nmetadata: {name: s-${at}}\nspec: {ports: [{port: 80}]}\n`
  const read = readLab(
    new Map([
      ['x/lab.yaml', lab],
      ['x/manifests/s.yaml', Array.from({ length: 1001 }, (_, at) => one(at)).join('---\n')],
    ]),
    'x/lab.yaml',
  )
  expect(read.ok ? read.value.warnings.map((warning) => issueText(warning).slice(0, 80)) : read.errors.slice(0, 3)).toEqual([
    'x/lab.yaml:6:10 warning: spec.proxy: 1001 Service ports in mode nftables take ea',
  ])
})
