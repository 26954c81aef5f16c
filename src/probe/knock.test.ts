import { expect, test } from 'vitest'
import { ip } from '#net/net.ts'
import { type Knock, readKnocks } from './knock.ts'

const spot = (machine: string, netns: string) => ({ name: `pod/${netns}`, machine, netns, ip: ip('10.0.0.1') })
const asked = ['dns', 'dns', 'dns', 'deaf', 'own'].map((to): Knock => ({ from: spot('n1', 'a'), to: spot('n2', to), protocol: 'UDP', port: 53 }))
const lines = (...said: readonly object[]): string => said.map((one) => `${JSON.stringify(one)}\n`).join('')

test('at a port that a server has it counts what came there by two ways; where nobody could listen nothing is known', () => {
  const n2 = lines(
    { at: 'dns', held: 'udp 53' },
    { at: 'deaf', held: 'udp 53' },
    { opened: 3 },
    { at: 'dns', hears: 'udp 53' },
    ...[
      { heard: '0', try: '0' },
      { heard: '0', try: '1' },
      { heard: '1', try: '1' },
    ],
    { done: 0 },
  )
  const silent = asked.flatMap((_, id) => [0, 1].map((way) => ({ knock: `${id}`, try: `${way}`, outcome: id === 4 ? 'open' : 'timeout' })))
  expect(
    readKnocks(asked, [
      { machine: 'n1', text: lines({ opened: 0 }, ...silent, { done: 10 }) },
      { machine: 'n2', text: n2 },
    ]),
  ).toEqual([true, false, false, undefined, true])
})
