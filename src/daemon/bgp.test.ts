import { expect, test } from 'vitest'
import { missingBlocks, missingSessions } from './bgp.ts'

const said = (stdout: string, code = 0) => ({ code, stdout, stderr: '' })
const session = (name: string, status: string, peer: string, state: string, error = '') =>
  `${name} BGP        ---        ${status}  06:18:30.885\n  BGP state:          ${state}\n    Neighbor address: ${peer}\n    Neighbor AS:      65000\n${error}\n`
const PROTOCOLS = `BIRD 2.0.12 ready.
Name       Proto      Table      State  Since         Info
${session('Fabric_spine_1', 'up   ', '172.16.11.1', 'Established')}${session('Fabric_spine_2', 'start', '172.16.21.1', 'Active', '    Last error:       Received: Bad peer AS\n')}${session('Rack_node_1', 'down ', '192.168.1.11', 'Down')}${session('Rack_node_2', 'start', '192.168.1.12', 'Passive')}`

test('a session that does not stand is told with its state and why; one that somebody switched off is no use waiting for; one with a node that does not run is not missed', () => {
  expect(missingSessions('leaf-1', said(PROTOCOLS), new Set(['192.168.1.12'])).map(({ says, ask, hopeless }) => [says, ask, hopeless])).toEqual([
    ['Fabric_spine_2 with 172.16.21.1 is Active (Received: Bad peer AS)', 'birdc show protocols all Fabric_spine_2', false],
    ['Rack_node_1 with 192.168.1.11 is switched off', 'birdc show protocols all Rack_node_1', true],
  ])
})

test('a BIRD that does not answer is no BIRD whose sessions stand', () => {
  expect(missingSessions('leaf-1', said('Unable to connect to server control socket', 1), new Set()).map(({ says }) => says)).toEqual(['BIRD does not answer'])
})

test('a node misses the blocks that its kernel has no route to', () => {
  const routes = said('[{"dst":"10.244.0.0/26","type":"blackhole"},{"dst":"10.244.0.64/26","gateway":"192.168.1.1"}]')
  expect([
    missingBlocks('node-1', routes, ['10.244.0.64/26']),
    missingBlocks('node-1', routes, ['10.244.0.64/26', '10.244.0.128/26']).map(({ says }) => says),
  ]).toEqual([[], ['nobody told it where 10.244.0.128/26 is']])
})
