/** The map of a lab: as its files say it, and of one that runs with how its nodes and Pods fare. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { netlab, until } from '../support/netlab.ts'

const n = netlab()
beforeAll(async () => {
  await n.ok('up', 'calico-tor')
})
afterAll(() => n.clean())

/** Without what only a running lab can tell, in the order of names: Pods come in the order in which they were made. */
const planned = (text: string): unknown => {
  const { machines, pods, ...rest } = JSON.parse(text)
  const names = (all: readonly Record<string, unknown>[]): readonly string[] => all.map(({ status: _, ready: __, ...one }) => JSON.stringify(one)).sort()
  return { ...rest, machines: names(machines), pods: names(pods) }
}

test('a lab that has come up is wired as the map of its files says', async () => {
  expect(planned(await n.ok('graph', '--format', 'json'))).toEqual(planned(await n.ok('graph', 'calico-tor', '--format', 'json')))
})

test('a node whose plug is pulled is seen in each form, and so are its Pods', async () => {
  const shown = async (): Promise<readonly string[]> =>
    (await n.ok('graph'))
      .split('\n')
      .filter((line) => /node-[13]|far /.test(line) && /[✓✗]/.test(line))
      .map((line) => /(node-\d|far).*([✓✗] \w+(?: \w+)*)/.exec(line)?.slice(1).join(' ') ?? line)
  expect(await shown()).toEqual(['node-1 ✓ ready', 'node-3 ✓ ready', 'far ✓ Running'])
  await n.ok('node', 'stop', 'node-3')
  await until(shown, (lines) => lines.join() === 'node-1 ✓ ready,node-3 ✗ not ready,far ✗ Terminating', 30_000)
  const [svg, dot] = await Promise.all([n.ok('graph', '--format', 'svg'), n.ok('graph', '--format', 'dot')])
  const bad = /✗ not ready|· (?:Terminating|not ready)/g
  const told = ['✗ not ready', '· Terminating', '· not ready']
  expect([svg.match(bad), dot.match(bad)]).toEqual([told, told])
  await n.ok('node', 'start', 'node-3')
})
