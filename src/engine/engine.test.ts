import { expect, test } from 'vitest'
import { events, FOREVER, HEARS, is, lab, never, pod, podOf, ready, until, worlds } from './testing.ts'

const { world } = worlds()

test('what is declared and built is applied, runs and is ready; doing it again does nothing', async () => {
  const at = world()
  const shop = lab(`${pod('one', FOREVER)}${pod('two', FOREVER)}`)
  expect((await at.up(shop)).filter((line) => line.startsWith('pod/'))).toEqual(['pod/one created', 'pod/two created'])
  await Promise.all([ready(at, 'one'), ready(at, 'two')])
  await at.engine.settled()
  const [held, commands] = [at.driver.holds('node-1'), at.driver.commands().length]
  expect(held.filter((line) => line.startsWith('default_') && line.endsWith(':'))).toEqual(['default_one:', 'default_two:'])
  expect(at.engine.applied('node-1')).toEqual(
    at.engine
      .programs()
      .get('node-1')
      ?.filter(({ kind }) => kind !== 'process'),
  )
  expect([await at.up(shop), at.driver.holds('node-1'), at.driver.commands().length]).toEqual([[], held, commands])
})

test('what left the lab file leaves the machine: its process, its network, its object', async () => {
  const at = world()
  await at.up(lab(`${pod('one', FOREVER)}${pod('two', HEARS)}`))
  await Promise.all([ready(at, 'one'), ready(at, 'two')])
  expect(await at.up(lab(pod('one', FOREVER)))).toEqual(['pod/two deleted'])
  await until(
    () => podOf(at, 'two'),
    (one) => one === undefined,
  )
  await at.engine.settled()
  expect([at.driver.holds('node-1').filter((line) => line.includes('default_two')), at.engine.supervisor.get('node-1', 'default_two/main')]).toEqual([
    [],
    undefined,
  ])
})

test('a Deployment’s Pod that is deleted is replaced by another with another name', async () => {
  const at = world()
  const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: busybox, command: [sh, -c, ${JSON.stringify(HEARS)}]}]
`
  await at.up(lab(deployment))
  const names = () =>
    at.engine.store
      .list('Pod')
      .filter((one) => is(one, 'Ready'))
      .map(({ metadata }) => metadata.name)
  const before = await until(names, (all) => all.length === 2)
  at.engine.store.delete('Pod', 'default', before[0] ?? '')
  const after = await until(names, (all) => all.length === 2 && !all.includes(before[0] ?? ''))
  expect([after.includes(before[1] ?? ''), after.filter((name) => !before.includes(name)).length]).toEqual([true, 1])
})

test('a kernel that refuses is told of, holds up no other machine, and is tried again', async () => {
  const at = world()
  const refusal = { code: 1, stdout: '', stderr: 'RTNETLINK answers: Operation not permitted\nCommand failed -:1\n' }
  at.driver.interrupt = (machine, command) => (machine === 'node-2' && command.kind === 'run' && command.argv[0] === 'ip' ? refusal : undefined)
  await expect(at.up(lab(`${pod('one', FOREVER)}`))).rejects.toThrow(
    /^node-2: .* wanted .*\n {2}ip .*\n {2}ended with 1: RTNETLINK answers: Operation not permitted/,
  )
  expect([at.engine.applied('node-2'), at.errors.length > 0, events(at).includes('FailedApply')]).toEqual([[], true, true])
  await ready(at, 'one')
  at.driver.interrupt = undefined
  await until(
    () => at.engine.applied('node-2').length,
    (steps) => steps > 0,
  )
  await at.engine.settled()
})

test('a build that fails leaves what stood, and the next one goes on', async () => {
  const at = world()
  const shop = lab(pod('one', FOREVER))
  await at.up(shop)
  await ready(at, 'one')
  const held = at.driver.holds('node-1')
  const { up } = at.driver
  Object.assign(at.driver, { up: () => Promise.reject(new Error('no room')) })
  await expect(at.engine.build(shop, never)).rejects.toThrow('no room')
  Object.assign(at.driver, { up })
  await at.engine.settled()
  expect([at.driver.holds('node-1'), is(podOf(at, 'one'), 'Ready')]).toEqual([held, true])
  expect(await at.up(lab(`${pod('one', FOREVER)}${pod('two', FOREVER)}`))).toEqual(['pod/two created'])
  await ready(at, 'two')
})

test('whoever listens hears of turns until it lets go', async () => {
  const at = world()
  await at.up(lab(''))
  let heard = 0
  const off = at.engine.onTurn(() => {
    heard += 1
  })
  at.engine.declare(lab(pod('one', FOREVER)))
  await at.engine.settled()
  const then = heard
  off()
  at.engine.declare(lab(''))
  await at.engine.settled()
  expect([then > 0, heard]).toEqual([true, then])
})

test('who waits for the kernels to follow waits for what was said until then, and not for what is said meanwhile', async () => {
  const at = world()
  await at.up(lab(''))
  await at.engine.followed()
  let more = 0
  const talk = () => {
    more += 1
    at.engine.declare(lab(`${pod('one', FOREVER)}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: talk}\ndata: {more: "${more}"}\n`))
  }
  const talking = setInterval(talk, 0)
  const holds = () => at.driver.holds('node-1').some((line) => line.includes('default_one'))
  talk()
  const before = holds()
  await at.engine.followed()
  expect([before, holds()]).toEqual([false, true])
  clearInterval(talking)
})
