import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { hostPrograms } from '#driver/testing.ts'
import { createSupervisor, type Program, type Supervisor } from './supervisor.ts'
import { until } from './testing.ts'

const host = hostPrograms()
const folder = mkdtempSync(join(tmpdir(), 'netlab-supervisor-'))
const started: Supervisor[] = []
afterEach(async () => {
  for (const one of started.splice(0)) await one.sync('n1', [])
  host.clean()
})
afterAll(() => rmSync(folder, { recursive: true }))

/** RFC 3339, a second a look. */
function supervise(): Supervisor & { readonly changes: string[] } {
  let seconds = 0
  const changes: string[] = []
  const one = createSupervisor({
    driver: host,
    now: () => new Date(1_000 * seconds++).toISOString(),
    onChange: (machine, id) => changes.push(`${machine} ${id} ${one.get(machine, id)?.state.kind}`),
  })
  started.push(one)
  return { ...one, changes }
}

const sh = (script: string, more: Partial<Program> = {}): Program => ({
  kind: 'process',
  id: 'p',
  argv: ['sh', '-c', script],
  env: {},
  mounts: [],
  onChange: 'keep',
  restart: 'Never',
  ...more,
})
const want = (program: Program, owner = 'uid') => [{ program, owner }]
const FOREVER = 'echo ready; exec sleep 600'
const state = (of: Supervisor) => of.get('n1', 'p')?.state
const pidOf = (of: Supervisor): number => {
  const now = state(of)
  return now?.kind === 'running' ? now.pid : 0
}
const lines = (of: Supervisor): readonly string[] =>
  of
    .get('n1', 'p')
    ?.log.lines()
    .map(({ text }) => text) ?? []
const ended = (of: Supervisor) =>
  until(
    () => state(of),
    (now) => now?.kind === 'ended',
  )
const said = (of: Supervisor, text: string) =>
  until(
    () => lines(of),
    (now) => now.includes(text),
  )

function alive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test('what is wanted runs when sync resolves, and what is wanted no more ends', async () => {
  const supervisor = supervise()
  await supervisor.sync('n1', want(sh(FOREVER)))
  const pid = pidOf(supervisor)
  expect(alive(pid)).toBe(true)
  await supervisor.sync('n1', want(sh(FOREVER)))
  expect(pidOf(supervisor)).toBe(pid)
  await supervisor.sync('n2', [])
  expect(alive(pid)).toBe(true)
  await supervisor.sync('n1', [])
  expect(state(supervisor)).toBe(undefined)
  await until(
    () => alive(pid),
    (lives) => !lives,
  )
})

test('an end is told with its code, its times and all that was printed', async () => {
  const supervisor = supervise()
  await supervisor.sync('n1', want(sh('echo out; echo err >&2; printf rest; exit 3')))
  expect(await ended(supervisor)).toEqual({ kind: 'ended', code: 3, startedAt: '1970-01-01T00:00:00.000Z', finishedAt: expect.any(String) })
  expect([lines(supervisor).toSorted(), supervisor.changes]).toEqual([
    ['err', 'out', 'rest'],
    ['n1 p running', 'n1 p ended'],
  ])
})

test.each([
  ['Never', 'exit 0', 0],
  ['Never', 'exit 1', 0],
  ['OnFailure', 'exit 0', 0],
  ['OnFailure', 'exit 1', 1],
  ['Always', 'exit 0', 1],
  ['Always', 'kill -9 $$', 1],
] as const)('restart policy %s after `%s`', async (restart, script, restarts) => {
  const supervisor = supervise()
  await supervisor.sync('n1', want(sh(script, { restart })))
  await until(
    () => supervisor.get('n1', 'p'),
    (one) => one?.state.kind === (restarts > 0 ? 'backoff' : 'ended') && one.restarts === restarts,
  )
})

test('the first restart is at once, the second after a pause; the last end and what it printed stay to be read', async () => {
  const supervisor = supervise()
  const begun = Date.now()
  await supervisor.sync('n1', want(sh(`echo $$; exit 7`, { restart: 'Always' })))
  const one = await until(
    () => supervisor.get('n1', 'p'),
    (now) => now?.restarts === 1 && now.state.kind === 'backoff',
  )
  expect([one?.state, one?.last?.code, Date.now() - begun < 900]).toEqual([{ kind: 'backoff', pauseMs: 1_000 }, 7, true])
  const [first, second] = [one?.previousLog?.lines()[0]?.text, one?.log.lines()[0]?.text]
  expect([first === second, /^\d+$/.test(first ?? ''), /^\d+$/.test(second ?? '')]).toEqual([false, true, true])
  await until(
    () => supervisor.get('n1', 'p')?.restarts,
    (count) => count === 2,
  )
  expect(Date.now() - begun).toBeGreaterThan(990)
})

test('ending: who hears SIGTERM ends in its own way, and is not started again', async () => {
  const supervisor = supervise()
  await supervisor.sync('n1', want(sh("trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.02; done", { restart: 'Always' })))
  await said(supervisor, 'ready')
  await supervisor.end('n1', 'p', 5_000)
  expect([state(supervisor), lines(supervisor)]).toMatchObject([{ kind: 'ended', code: 5 }, ['ready', 'bye']])
})

test('ending: who does not hear it is killed after its grace, not before', async () => {
  const supervisor = supervise()
  await supervisor.sync('n1', want(sh("trap '' TERM; echo ready; while :; do sleep 0.02; done")))
  await said(supervisor, 'ready')
  const begun = Date.now()
  await supervisor.end('n1', 'p', 300)
  const took = Date.now() - begun
  expect([state(supervisor), took >= 299, took < 20_000]).toMatchObject([{ kind: 'ended', code: 137, signal: 'SIGKILL' }, true, true])
})

test('ending what waits for its next start, has ended, or never was, is done at once', async () => {
  const supervisor = supervise()
  await supervisor.sync('n1', want(sh('exit 1', { restart: 'Always' })))
  await until(
    () => supervisor.get('n1', 'p'),
    (one) => one?.restarts === 1 && one.state.kind === 'backoff',
  )
  await supervisor.end('n1', 'p', 60_000)
  expect(state(supervisor)).toMatchObject({ kind: 'ended', code: 1 })
  await supervisor.end('n1', 'p', 60_000)
  await supervisor.end('n1', 'nobody', 60_000)
  await new Promise((resolve) => setTimeout(resolve, 1_100))
  expect(supervisor.get('n1', 'p')?.restarts).toBe(1)
})

test('a program told to end while it is being launched does not survive', async () => {
  const supervisor = supervise()
  const launching = supervisor.sync('n1', want(sh(FOREVER, { restart: 'Always' })))
  await Promise.all([supervisor.end('n1', 'p', 10_000), launching])
  expect(state(supervisor)).toMatchObject({ kind: 'ended', signal: 'SIGKILL' })
})

test('another owner is another process under the same id; the same one stays, whatever its program says, if it is to be kept', async () => {
  const supervisor = supervise()
  await supervisor.sync('n1', want(sh(FOREVER)))
  const first = pidOf(supervisor)
  await supervisor.sync('n1', want(sh(`: changed; ${FOREVER}`)))
  expect(pidOf(supervisor)).toBe(first)
  await supervisor.sync('n1', want(sh(FOREVER), 'another uid'))
  expect([pidOf(supervisor) === first, alive(pidOf(supervisor)), supervisor.get('n1', 'p')?.owner]).toEqual([false, true, 'another uid'])
  await until(
    () => alive(first),
    (lives) => !lives,
  )
})

test('a daemon with another program is started anew; with the same it stays', async () => {
  const supervisor = supervise()
  const daemon = (env: Record<string, string>) => want(sh(FOREVER, { onChange: 'restart', env }))
  await supervisor.sync('n1', daemon({}))
  const first = pidOf(supervisor)
  await supervisor.sync('n1', daemon({}))
  expect(pidOf(supervisor)).toBe(first)
  await supervisor.sync('n1', daemon({ NEW: '1' }))
  expect([pidOf(supervisor) === first, alive(pidOf(supervisor)), alive(first)]).toEqual([false, true, false])
})

test('of one id there are never two at once: what replaces another waits for its end', async () => {
  const supervisor = supervise()
  const lock = join(folder, 'lock')
  const holder = (env: string) => sh(`exec 9>${lock}; flock -n 9 || { echo taken; exit 1; }; echo held; exec sleep 600`, { onChange: 'restart', env: { env } })
  for (let round = 0; round < 10; round += 1) {
    await supervisor.sync('n1', want(holder(`${round}`), `${round % 2}`))
    await said(supervisor, 'held')
  }
  supervisor.forget('n1', 'p')
  await supervisor.sync('n1', want(holder('last')))
  await said(supervisor, 'held')
})

test('a program that cannot be launched is an end with words, and restarted as its policy says', async () => {
  const supervisor = supervise()
  await supervisor.sync('n1', want(sh('', { argv: ['/no/such/program'], restart: 'Always' })))
  const one = await until(
    () => supervisor.get('n1', 'p'),
    (now) => now?.restarts === 1 && now.state.kind === 'backoff',
  )
  expect([one?.last?.code, /no\/such\/program/.test(lines(supervisor).join('\n'))]).toEqual([128, true])
})

test('what a finished program printed is kept until it is forgotten', async () => {
  const supervisor = supervise()
  await supervisor.sync('n1', want(sh('echo result')))
  await ended(supervisor)
  await supervisor.sync('n1', [])
  expect(lines(supervisor)).toEqual(['result'])
  supervisor.forget('n1', 'p')
  expect(supervisor.get('n1', 'p')).toBe(undefined)
})

test('a program killed for being unwell is restarted and counted', async () => {
  const supervisor = supervise()
  await supervisor.sync('n1', want(sh(FOREVER, { restart: 'Always' })))
  const first = pidOf(supervisor)
  supervisor.restart('n1', 'p')
  const one = await until(
    () => supervisor.get('n1', 'p'),
    (now) => now?.restarts === 1 && now.state.kind === 'running',
  )
  expect([one?.last, pidOf(supervisor) === first]).toMatchObject([{ code: 137, signal: 'SIGKILL' }, false])
})

test('on a machine made anew nothing waits, and what failed there before is forgotten', async () => {
  const supervisor = supervise()
  await supervisor.sync('n1', want(sh('exit 1', { restart: 'Always' })))
  await until(
    () => supervisor.get('n1', 'p'),
    (one) => one?.restarts === 2 && one.state.kind === 'backoff',
    3_000,
  )
  supervisor.hurry('n1')
  const one = await until(
    () => supervisor.get('n1', 'p'),
    (now) => (now?.restarts ?? 0) >= 4 && now?.state.kind === 'backoff',
    900,
  )
  expect(one?.state).toEqual({ kind: 'backoff', pauseMs: 1_000 })
})

test('a program that asks for stdin gets what is written, and writing to nobody is no failure', async () => {
  const supervisor = supervise()
  await supervisor.sync('n1', want(sh('read -r line; echo "got $line"', { stdin: true })))
  supervisor.write('n1', 'p', 'hello\n')
  await said(supervisor, 'got hello')
  await ended(supervisor)
  supervisor.write('n1', 'p', 'too late\n')
  supervisor.write('n1', 'nobody', 'hello\n')
})

test('what is written to a program that is being launched reaches it, in its order', async () => {
  const supervisor = supervise()
  const launching = supervisor.sync('n1', want(sh('read -r a; read -r b; echo "$a $b"', { stdin: true })))
  supervisor.write('n1', 'p', 'early\n')
  await launching
  supervisor.write('n1', 'p', 'later\n')
  await said(supervisor, 'early later')
})

test('many programs are started side by side', async () => {
  const supervisor = supervise()
  const programs = Array.from({ length: 30 }, (_, index) => ({
    program: { ...sh('echo $N; exec sleep 600', { env: { N: `${index}` } }), id: `p${index}` },
    owner: 'uid',
  }))
  await supervisor.sync('n1', programs)
  const logs = () => programs.map(({ program }) => supervisor.get('n1', program.id)?.log.lines()[0]?.text)
  await until(logs, (all) => all.every((text, index) => text === `${index}`))
})
