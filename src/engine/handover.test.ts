import { expect, test } from 'vitest'
import { FOREVER, lab, pod, ready, until, worlds } from './testing.ts'

const { world } = worlds()

test('an address that is given anew is first forgotten by the sets of all nodes, and then somebody has it', async () => {
  const at = world()
  const on = (name: string, label: string, node: number): string =>
    pod(name, FOREVER).replace('node-1', `node-${node}`).replace('metadata: {', `metadata: {labels: {app: ${label}}, `)
  const rest = `${on('guarded', 'guarded', 2)}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: only-friends}
spec: {podSelector: {matchLabels: {app: guarded}}, ingress: [{from: [{podSelector: {matchLabels: {app: friend}}}]}]}
---`
  const spec = '{nodes: 2, dns: none, policy: kube-router}'
  await at.up(lab(`${on('a', 'friend', 1)}${rest}`, spec))
  const friend = (await ready(at, 'a'))?.status.podIP ?? ''
  const order: string[] = []
  at.driver.interrupt = (machine, command) => {
    const text = JSON.stringify(command)
    if (machine === 'node-2' && new RegExp(`del KUBE-SRC-\\w+ ${friend}`).test(text)) order.push('forgotten')
    if (machine === 'node-1' && text.includes('default_b')) order.push('given')
    return undefined
  }
  at.engine.store.delete('Pod', 'default', 'a', { gracePeriodSeconds: 0 })
  await at.up(lab(`${on('b', 'stranger', 1)}${rest}`, spec))
  expect([(await ready(at, 'b'))?.status.podIP, order[0], order.includes('given')]).toEqual([friend, 'forgotten', true])
})

test('a node that refuses twice to forget whose an address was holds nobody else up, and the Pod that has it now tells so', async () => {
  const at = world()
  const both = '{nodes: 2, dns: none}'
  await at.up(lab(pod('a', FOREVER), both))
  const first = (await ready(at, 'a'))?.status.podIP
  let refusals = 0
  at.driver.interrupt = (machine, command) => {
    if (machine !== 'node-2' || command.kind !== 'run' || command.argv[0] !== 'ip') return undefined
    refusals += 1
    return { code: 2, stdout: '', stderr: 'RTNETLINK answers: No' }
  }
  at.engine.store.delete('Pod', 'default', 'a', { gracePeriodSeconds: 0 })
  const next = lab(`${pod('b', FOREVER)}${pod('c', FOREVER).replace('node-1', 'node-2')}`, both)
  await expect(at.up(next)).rejects.toThrow('RTNETLINK answers: No')
  const second = (await ready(at, 'b'))?.status.podIP
  const told = at.engine.store.list('Event').filter(({ reason }) => reason === 'AddressReused')
  expect([second, refusals > 1, told.map(({ involvedObject, message }) => [involvedObject.name, message])]).toEqual([
    first,
    true,
    [['b', `${first} was another Pod's: node-2 may still take it for that one, having refused to change`]],
  ])
})

test('the address of a Pod that has finished is somebody else’s, though that Pod is still there', async () => {
  const at = world()
  const done = pod('done', 'true', '', 'restartPolicy: Never')
  await at.up(lab(done))
  const finished = await until(
    () => at.engine.store.get('Pod', 'default', 'done'),
    (found) => found?.status.phase === 'Succeeded',
  )
  await at.up(lab(`${done}${pod('next', FOREVER)}`))
  expect([(await ready(at, 'next'))?.status.podIP, at.engine.store.get('Pod', 'default', 'done')?.status.phase]).toEqual([finished?.status.podIP, 'Succeeded'])
})
