/** `netlab learn`: on a real terminal (tmux), and as plain lines; and `netlab lab new|test` by what they promise. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, expect, test } from 'vitest'
import { home, netlab, until } from '../support/netlab.ts'

const n = netlab({ timeout: 400_000 })
const folder = mkdtempSync(join(tmpdir(), 'netlab-learn-'))
const socket = join(folder, 'tmux')
// In CI nothing is drawn: the learner's terminal is not there.
const { CI: _, TMUX: __, ...own } = process.env
const tmux = (...args: string[]): string =>
  execFileSync('tmux', ['-u', '-S', socket, ...args], { encoding: 'utf8', env: { ...own, TERM: 'xterm-256color', LC_ALL: 'C.UTF-8' } })
afterAll(async () => {
  await execa('tmux', ['-S', socket, 'kill-server'], { reject: false })
  await n.clean()
  rmSync(folder, { recursive: true, force: true })
})

const screen = (): string => tmux('capture-pane', '-p', '-S', '-200', '-t', 'learn')
const seen = (what: RegExp, ms = 60_000) => until(screen, (text) => what.test(text), ms)
const press = (...keys: string[]) => tmux('send-keys', '-t', 'learn', ...keys)
/** What is typed before the question stands there is taken for keys. */
async function answer(asked: RegExp, text: string): Promise<void> {
  press('a')
  await seen(new RegExp(`${asked.source}[^\\n]*\\s*$`))
  press('-l', text)
  await seen(new RegExp(`${asked.source}[^\\n]* ${text}\\s*$`))
  press('Enter')
}

test('on a terminal: a tick within a second, a hint, a reset, and Ctrl-C leaves terminal and lab well', async () => {
  tmux('-f', '/dev/null', 'new-session', '-d', '-s', 'learn', '-x', '110', '-y', '40', 'sh')
  press(`stty -a | md5sum; NETLAB_STATE=${n.root} ${home}/netlab learn broken-services/coredns-down`, 'Enter')
  await seen(/✗ A Service is found by its name {2}not yet: no server answered/)
  press('h')
  await seen(/Hint: Whom does a Pod ask for names\?/)
  await n.ok('scale', 'deployment', 'coredns', '-n', 'kube-system', '--replicas=2')
  const ask = async () => {
    const asked = performance.now()
    const { out } = await n.run('exec', 'client-1', '--', 'dig', '+tries=1', '+time=1', '+search', '+short', 'web')
    return { out, took: performance.now() - asked }
  }
  await until(ask, ({ out }) => out.includes('10.96.2.1'))
  const mended = performance.now()
  await seen(/✓ A Service is found by its name/)
  // The machine may be busy with other things: then a question takes longer too.
  expect((performance.now() - mended) / (await ask()).took).toBeLessThan(30)
  await seen(/No name is found: done, 2 of 2 points/)
  await n.ok('scale', 'deployment', 'coredns', '-n', 'kube-system', '--replicas=0')
  await seen(/was passing, now broken/)
  press('l')
  await seen(/> ✓ coredns-down/)
  press('r')
  await seen(/r again builds the lab anew/)
  press('r')
  await seen(/building lab broken-services anew/)
  await seen(/not yet: no server answered[^✓]*$/)
  press('C-c')
  // Until the shell asks again, what is typed is the program's.
  await seen(/lab broken-services still runs: netlab learn broken-services\/coredns-down goes on[\s\S]*\n[#$]\s*$/)
  press('echo $?; stty -a | md5sum', 'Enter')
  const [first, second] = (await seen(/[0-9a-f]{32} {2}-[\s\S]*130\n[0-9a-f]{32} {2}-/)).match(/[0-9a-f]{32} {2}-/g) ?? []
  expect(second).toBe(first)
  expect(await n.ok('ls', '-o', 'name')).toBe('broken-services')
})

test('an exercise of several tasks: questions are answered, right and wrong, and n leads on to the next task in the same lab', async () => {
  press('clear', 'Enter')
  press(`NETLAB_STATE=${n.root} ${home}/netlab learn services-nftables/read-the-map`, 'Enter')
  await seen(/Whom does a NodePort lead to\? \(1 of 3\)/)
  await answer(/Which chain does kube-proxy go to for TCP port 30081\?/, 'service-4Z6N3DUC-default/local/tcp/http')
  await seen(/✗ The chain of NodePort 30081 {2}not yet: .*service-4Z6N3DUC/)
  await answer(/Which chain does kube-proxy go to for TCP port 30081\?/, 'external-4Z6N3DUC-default/local/tcp/http')
  await seen(/Whom does a NodePort lead to\?: done, 1 of 4 points/)
  press('n')
  await seen(/How many doors has the web Pod of node-2\? \(2 of 3\)/)
  await answer(/How many rules of node-1 translate to 10\.244\.1\.2:8080\?/, '4')
  await seen(/done, 2 of 4 points/)
  press('l')
  await seen(/✓ mark[\s\S]*✓ count/)
  press('n')
  await seen(/A Service without Pods gets one \(3 of 3\)/)
  await n.ok(
    'apply',
    '--lab',
    'services-nftables',
    '-f',
    join(home, 'labs/services-nftables/exercises/read-the-map/tasks/nobody/solution/manifests/slice.yaml'),
  )
  await seen(/A Service without Pods gets one: done, 4 of 4 points/)
  press('q')
  await seen(/lab services-nftables still runs/)
  await n.ok('down', 'services-nftables')
})

test('it goes on where it was left; reset elsewhere gives it a new lab', async () => {
  const learning = execa(join(home, 'netlab'), ['learn', 'broken-services/coredns-down'], {
    env: { NETLAB_STATE: n.root, NO_COLOR: '1' },
    stdin: 'ignore',
    reject: false,
    timeout: 250_000,
  })
  let out = ''
  learning.stdout.on('data', (chunk) => {
    out += chunk
  })
  await until(
    () => out,
    (text) => text.includes('✗ A Service is found by its name  not yet'),
    40_000,
  )
  expect(await n.ok('reset')).toBe('exercise coredns-down begins anew; go on with: netlab learn broken-services/coredns-down')
  await until(
    () => out.split('Every Pod says the same').length,
    (count) => count === 3,
    40_000,
  )
  await until(
    () => n.run('get', 'deployment', 'coredns', '-n', 'kube-system', '-o', 'json'),
    (said) => said.code === 0 && JSON.parse(said.out).spec.replicas === 0,
    30_000,
  )
  await n.ok('scale', 'deployment', 'coredns', '-n', 'kube-system', '--replicas=2')
  expect((await learning).exitCode).toBe(0)
  expect(out).toMatch(/✓ And answers to it\n[\s\S]*No name is found: done, 2 of 2 points/)
  expect((await n.run('reset', 'nothing')).err).toContain('coredns-down has no task "nothing"')
  await n.ok('down')
})

test('mistakes in the lab do not cost the one that runs, and learn says at its end whether a lab is there', async () => {
  const mine = join(folder, 'mistaken')
  await n.ok('lab', 'new', mine)
  const learning = execa(join(home, 'netlab'), ['learn', mine], { env: { NETLAB_STATE: n.root, NO_COLOR: '1' }, reject: false, timeout: 120_000 })
  let said = ''
  for (const stream of [learning.stdout, learning.stderr]) stream.on('data', (chunk) => (said += chunk))
  const says = (what: RegExp) =>
    until(
      () => said,
      (text) => what.test(text),
      40_000,
    )
  await says(/✗ web answers by its name/)
  const file = join(mine, 'lab.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace('spec:', 'spek:'))
  said = ''
  learning.stdin.write('r\nr\n')
  await says(/unknown field "spek"/)
  await n.ok('down', 'mistaken')
  await says(/lab mistaken is gone/)
  said = ''
  learning.stdin.write('r\nr\n')
  await says(/unknown field "spek"/)
  learning.stdin.write('q\n')
  expect((await learning).exitCode).toBe(0)
  expect(said).toMatch(/lab mistaken is gone[\s\S]*lab mistaken does not run\n$/)
})

test('a new lab passes its own trial, and faults of an exercise are found', async () => {
  const mine = join(folder, 'mine')
  await n.ok('lab', 'new', mine)
  const trial = await n.ok('lab', 'test', mine)
  expect(trial.replaceAll(/ \d+\.\d s$/gm, '')).toBe(`wrong-port
  ✓ unsolved, every scored probe fails
  ✓ wrong/other-port gets the verdicts it declares
  ✓ the solution passes
  ✓ and passes again, in another lab
1 exercise, 4 trials: all as they should be`)
  const exercise = join(mine, 'exercises/wrong-port')
  // A start that breaks nothing, a wrong solution that is right, and a part of the solution that nobody would miss.
  rmSync(join(exercise, 'start'), { recursive: true })
  cpSync(join(exercise, 'solution/manifests'), join(exercise, 'wrong/other-port/manifests'), { recursive: true })
  mkdirSync(join(exercise, 'solution/nodes'))
  writeFileSync(join(exercise, 'solution/nodes/node-1.sh'), 'sysctl -q -w net.ipv4.ip_default_ttl=65\n')
  const found = await n.run('lab', 'test', mine)
  expect([found.code, found.out.replaceAll(/ \d+\.\d s$/gm, '').replaceAll(/[^ ]*\/mine\//g, 'mine/')]).toEqual([
    1,
    `wrong-port
  ✗ unsolved, every scored probe fails
      unsolved, answers is "pass", expected fail or blocked
      unsolved, all is "pass", expected fail or blocked
  ✗ wrong/other-port gets the verdicts it declares
      wrong/other-port, answers is "pass", declared fail
      wrong/other-port, all is "pass", declared blocked
  ✓ the solution passes
  ✓ and passes again, in another lab
  ✗ noticed: without Service web of mine/exercises/wrong-port/solution/manifests/web.yaml
      without Service web of mine/exercises/wrong-port/solution/manifests/web.yaml every probe passes all the same
  ✗ noticed: without "sysctl -q -w net.ipv4.ip_default_ttl=65" of mine/exercises/wrong-port/solution/nodes/node-1.sh
      without "sysctl -q -w net.ipv4.ip_default_ttl=65" of mine/exercises/wrong-port/solution/nodes/node-1.sh every probe passes all the same
1 exercise, 6 trials: 4 with faults, 0 undecided`,
  ])
  expect(await n.ok('ls', '-o', 'name')).toBe('')
}, 400_000)

test('mistakes in an exercise are told before anything starts', async () => {
  const wrong = join(folder, 'wrong')
  await n.ok('lab', 'new', wrong)
  const file = join(wrong, 'exercises/wrong-port/exercise.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace('within: 15s', 'withing: 15s').replace('text/01.md', 'text/1.md'))
  for (const verb of [
    ['learn', wrong],
    ['lab', 'test', wrong],
    ['lab', 'lint', wrong],
  ]) {
    const { code, err } = await n.run(...verb)
    expect([code, err.match(/exercise\.yaml:\d+:\d+ [^\n]*/g)]).toEqual([
      2,
      [
        expect.stringMatching(/exercise\.yaml:9:13 spec\.tasks\[0\]\.text: there is no file /),
        expect.stringMatching(/withing: unknown field "withing"; did you mean "within"\?/),
      ],
    ])
  }
})
