import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { container, events, FOREVER, is, lab, logOf, pod, podOf, ready, until, worlds } from './testing.ts'

const { world, host } = worlds()
const folder = mkdtempSync(join(tmpdir(), 'netlab-engine-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('init containers run one after the other before the others; one that fails is tried again and holds them up', async () => {
  const at = world()
  const file = join(folder, 'order')
  const inits = `initContainers:
  - {name: first, image: busybox, command: [sh, -c, "sleep 0.1; echo first >> ${file}"]}
  - {name: second, image: busybox, command: [sh, -c, "echo second >> ${file}; [ -e ${file}.again ] || { touch ${file}.again; exit 1; }"]}`
  await at.up(lab(pod('one', `echo main >> ${file}; ${FOREVER}`, '', inits)))
  await until(
    () => logOf(at, 'default_one/main'),
    (lines) => lines.includes('ready'),
  )
  expect(readFileSync(file, 'utf8')).toBe('first\nsecond\nsecond\nmain\n')
  expect(podOf(at, 'one')?.status.initContainerStatuses?.map(({ name, restartCount, state }) => [name, restartCount, state.terminated?.reason])).toEqual([
    ['first', 0, 'Completed'],
    ['second', 1, 'Completed'],
  ])
})

test('a Pod is deleted with its grace: preStop, SIGTERM, and SIGKILL for who does not hear', async () => {
  const at = world()
  const file = join(folder, 'grace')
  const hook = `lifecycle: {preStop: {exec: {command: [sh, -c, "echo preStop >> ${file}"]}}}`
  const hears = `trap 'echo term >> ${file}; exit 0' TERM; echo ready; while :; do sleep 0.02; done`
  const deaf = "trap '' TERM; echo ready; while :; do sleep 0.02; done"
  await at.up(lab(`${pod('hears', hears, hook)}${pod('deaf', deaf)}`))
  await until(
    () => [...logOf(at, 'default_hears/main'), ...logOf(at, 'default_deaf/main')].length,
    (count) => count === 2,
  )
  const begun = Date.now()
  at.engine.store.delete('Pod', 'default', 'hears')
  at.engine.store.delete('Pod', 'default', 'deaf', { gracePeriodSeconds: 1 })
  await until(
    () => podOf(at, 'hears'),
    (one) => one === undefined,
  )
  expect(readFileSync(file, 'utf8')).toBe('preStop\nterm\n')
  expect(podOf(at, 'deaf')?.metadata.deletionTimestamp).toEqual(expect.any(String))
  await until(
    () => podOf(at, 'deaf'),
    (one) => one === undefined,
  )
  // The usual grace is thirty.
  expect([Date.now() - begun >= 1_000, Date.now() - begun < 20_000]).toEqual([true, true])
})

test('a Pod deleted without grace may come back under its name at once, and nothing of the old one stays', async () => {
  const at = world()
  const shop = lab(pod('one', FOREVER))
  await at.up(shop)
  const first = await ready(at, 'one')
  at.engine.store.delete('Pod', 'default', 'one', { gracePeriodSeconds: 0 })
  expect(podOf(at, 'one')).toBe(undefined)
  await at.up(shop)
  const second = await ready(at, 'one')
  await at.engine.settled()
  expect([second?.metadata.uid === first?.metadata.uid, container(second)?.restartCount]).toEqual([false, 0])
  expect(at.driver.holds('node-1').filter((line) => line === 'default_one:')).toEqual(['default_one:'])
})

test('readiness is asked again and again, and told to the Pod', async () => {
  const at = world()
  const file = join(folder, 'well')
  await at.up(lab(pod('one', FOREVER, `readinessProbe: {periodSeconds: 1, failureThreshold: 1, exec: {command: [test, -e, ${file}]}}`)))
  await until(
    () => events(at),
    (all) => all.includes('Unhealthy'),
  )
  expect(is(podOf(at, 'one'), 'Ready')).toBe(false)
  await host.spawn('', { kind: 'process', id: '', argv: ['touch', file], env: {}, mounts: [], onChange: 'keep', restart: 'Never' }, () => {})
  await ready(at, 'one')
  rmSync(file)
  await until(
    () => podOf(at, 'one'),
    (one) => !is(one, 'Ready'),
  )
  expect(container(podOf(at, 'one'))?.restartCount).toBe(0)
})

test('who fails its liveness probe is killed and started anew', async () => {
  const at = world()
  await at.up(lab(pod('one', FOREVER, 'livenessProbe: {periodSeconds: 1, failureThreshold: 1, exec: {command: ["false"]}}')))
  const one = await until(
    () => podOf(at, 'one'),
    (seen) => (container(seen)?.restartCount ?? 0) >= 1 && container(seen)?.state.running !== undefined,
  )
  expect(container(one)?.lastState).toMatchObject({ terminated: { exitCode: 137 } })
  expect(['Unhealthy', 'Killing'].map((reason) => events(at).includes(reason))).toEqual([true, true])
})

test('a Pod that is to run once ends as it ended: Succeeded or Failed, and what it printed can be read', async () => {
  const at = world()
  await at.up(lab(`${pod('well', 'echo result', '', 'restartPolicy: Never')}${pod('ill', 'echo why; exit 3', '', 'restartPolicy: Never')}`))
  const phase = (name: string) => podOf(at, name)?.status.phase
  await until(
    () => [phase('well'), phase('ill')],
    ([well, ill]) => well === 'Succeeded' && ill === 'Failed',
  )
  await at.engine.settled()
  expect([logOf(at, 'default_well/main'), logOf(at, 'default_ill/main'), container(podOf(at, 'ill'))?.state.terminated?.exitCode]).toEqual([
    ['result'],
    ['why'],
    3,
  ])
})
