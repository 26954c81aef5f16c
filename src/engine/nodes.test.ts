import { expect, test } from 'vitest'
import { container, events, FOREVER, is, lab, never, pod, podOf, ready, until, worlds } from './testing.ts'

const { world } = worlds()

test('a machine that dies is told of after the grace, and again when it was made anew', async () => {
  const at = world()
  await at.up(lab(''))
  const node = () => at.engine.store.get('Node', undefined, 'node-1')?.status.conditions.map(({ type, status, reason }) => ({ type, status, reason }))
  const told = () => at.engine.store.list('Event').map(({ involvedObject, type, message }) => [involvedObject.name, type, message])
  const prober = () => at.engine.supervisor.get('node-1', 'kubelet/prober')
  at.engine.supervisor.restart('node-1', 'kubelet/prober')
  await until(prober, (seen) => seen?.restarts === 1 && seen.state.kind === 'running')
  expect([node(), told()]).toEqual([[{ type: 'Ready', status: 'True', reason: 'KubeletReady' }], []])
  await at.driver.crash('node-1')
  await until(node, (seen) => seen?.[0]?.status !== 'True')
  expect([node(), told()]).toEqual([
    [{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown' }],
    [['node-1', 'Warning', 'Node node-1 status is now: NodeNotReady: its first process has ended; netlab up makes it anew']],
  ])
  await at.up(lab(''))
  expect([node(), told().toSorted()]).toEqual([
    [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
    [
      ['node-1', 'Normal', 'Node node-1 status is now: NodeReady'],
      ['node-1', 'Warning', 'Node node-1 status is now: NodeNotReady: its first process has ended; netlab up makes it anew'],
    ],
  ])
})

test('a node that is stopped holds nothing and says nothing; its Pods wait for it, those deleted meanwhile end when it is back', async () => {
  const at = world()
  const shop = lab(`${pod('one', FOREVER)}${pod('two', FOREVER)}`)
  await at.up(shop)
  await Promise.all([ready(at, 'one'), ready(at, 'two')])
  const held = at.driver.holds('node-1')
  await at.engine.build(shop, never, new Set(['node-1']))
  await at.engine.settled()
  expect([[...at.engine.off()], at.engine.applied('node-1'), is(podOf(at, 'one'), 'Ready')]).toEqual([['node-1'], [], true])
  await until(
    () => podOf(at, 'one'),
    (one) => !is(one, 'Ready'),
  )
  at.engine.store.delete('Pod', 'default', 'two', { gracePeriodSeconds: 1 })
  await at.engine.settled()
  expect([podOf(at, 'two')?.metadata.deletionTimestamp !== undefined, podOf(at, 'one')?.status.phase]).toEqual([true, 'Running'])
  await at.engine.build(shop, never)
  const one = await ready(at, 'one')
  await until(
    () => podOf(at, 'two'),
    (two) => two === undefined,
  )
  await at.engine.settled()
  expect([container(one)?.restartCount, events(at).includes('BackOff'), at.errors]).toEqual([1, false, []])
  const ofOne = (lines: readonly string[]) => lines.filter((line) => line.startsWith('default_one:'))
  expect([ofOne(at.driver.holds('node-1')), at.driver.holds('node-1').filter((line) => line.includes('default_two'))]).toEqual([ofOne(held), []])
})

test('a machine that died is made anew and gets back all it had', async () => {
  const at = world()
  const shop = lab(`${pod('one', FOREVER)}`)
  await at.up(shop)
  await ready(at, 'one')
  const held = at.driver.holds('node-1')
  await at.driver.crash('node-1')
  await at.up(shop)
  expect(at.driver.holds('node-1')).toEqual(held)
  const one = await until(
    () => podOf(at, 'one'),
    (seen) => is(seen, 'Ready') && container(seen)?.restartCount === 1,
  )
  expect(one?.status.phase).toBe('Running')
})

test('a node that left the lab takes its programs with it', async () => {
  const at = world()
  await at.up(lab('', '{nodes: 2, dns: none}'))
  expect(at.engine.supervisor.get('node-2', 'kubelet/prober')?.state.kind).toBe('running')
  await at.up(lab('', '{nodes: 1, dns: none}'))
  expect([at.engine.supervisor.get('node-2', 'kubelet/prober'), [...at.engine.programs().keys()], at.engine.applied('node-2')]).toEqual([
    undefined,
    ['node-1'],
    [],
  ])
})
