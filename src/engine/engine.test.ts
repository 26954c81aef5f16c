import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import type { PodObject } from '#api/kinds.ts'
import { hostPrograms } from '#driver/testing.ts'
import type { Lab } from '#lab/lab.ts'
import { readLab } from '#lab/read.ts'
import { createEngine, type Engine } from './engine.ts'
import { type HalfDriver, halfDriver, until } from './testing.ts'

const host = hostPrograms()
const folder = mkdtempSync(join(tmpdir(), 'netlab-engine-'))
const engines: Engine[] = []
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.stop()
  host.clean()
})
afterAll(() => rmSync(folder, { recursive: true }))

const never = new AbortController().signal
const now = (): string => `${new Date().toISOString().slice(0, 19)}Z`

function lab(manifests: string, spec = '{nodes: 2, dns: none}'): Lab {
  const files = new Map([
    ['lab.yaml', `apiVersion: netlab.dev/v1\nkind: Lab\nmetadata: {name: test}\nspec: ${spec}\n`],
    ['manifests/all.yaml', manifests],
  ])
  const read = readLab(files, 'lab.yaml')
  if (!read.ok) throw new Error(read.errors.map(({ at, says }) => `${at} ${says}`).join('\n'))
  return read.value.lab
}

type World = { readonly engine: Engine; readonly driver: HalfDriver; readonly errors: Error[]; readonly up: (next: Lab) => Promise<readonly string[]> }

function world(): World {
  const driver = halfDriver(host)
  const errors: Error[] = []
  const engine = createEngine({ lab: lab(''), driver, now, onError: (error) => errors.push(error) })
  engines.push(engine)
  return {
    engine,
    driver,
    errors,
    async up(next) {
      const said = engine.declare(next)
      await engine.build(next, never)
      await engine.settled()
      return said
    },
  }
}

const pod = (name: string, script: string, more = '', spec = ''): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  nodeName: node-1
  ${spec}
  containers:
  - name: main
    image: busybox
    command: [sh, -c, ${JSON.stringify(script)}]
    ${more}
---`

const FOREVER = 'echo ready; exec sleep 600'
const HEARS = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.02; done"
const podOf = ({ engine }: World, name: string): PodObject | undefined => engine.store.get('Pod', 'default', name)
const is = (one: PodObject | undefined, condition: string): boolean =>
  one?.status.conditions.some(({ type, status }) => type === condition && status === 'True') ?? false
const ready = (at: World, name: string) =>
  until(
    () => podOf(at, name),
    (one) => is(one, 'Ready'),
  )
const container = (one: PodObject | undefined) => one?.status.containerStatuses[0]
const events = ({ engine }: World): readonly string[] => engine.store.list('Event').map(({ reason }) => reason ?? '')
const logOf = ({ engine }: World, id: string): readonly string[] =>
  engine.supervisor
    .get('node-1', id)
    ?.log.lines()
    .map(({ text }) => text) ?? []

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

test('exclusive work runs between turns, and its failure is its own', async () => {
  const at = world()
  await at.up(lab(''))
  const commands = at.driver.commands().length
  const seen = at.engine.exclusively(async () => {
    at.engine.declare(lab(pod('one', FOREVER)))
    await new Promise((resolve) => setTimeout(resolve, 50))
    return at.driver.commands().length
  })
  expect(await seen).toBe(commands)
  await expect(at.engine.exclusively(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
  await ready(at, 'one')
  await at.engine.settled()
  expect(at.errors).toEqual([])
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
