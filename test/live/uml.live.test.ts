/** A lab on a kernel of its own: what the host's kernel lacks is there, programs are entered as in any lab, and whoever is killed, nothing stays. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa, execaSync } from 'execa'
import { afterAll, afterEach, expect, test } from 'vitest'
import { familyOf, home, netlab, stateOf, survivors, until } from '../support/netlab.ts'

const LAB = 'services-ipvs'
const UP_MS = 300_000
const n = netlab({ timeout: UP_MS })
afterEach(() => n.run('down', '--all'))
afterAll(n.clean)

test('IPVS is real there, programs are entered as anywhere, and a kernel that dies is told of and leaves nothing', { timeout: UP_MS }, async () => {
  await n.ok('up', LAB, '--kernel', 'auto')
  const servers = await n.ok('exec', 'node-1', '--', 'ipvsadm', '-Ln')
  const addresses = await n.ok('exec', 'node-1', '--', 'ip', '-o', 'addr', 'show', 'kube-ipvs0')
  expect({
    rr: /TCP {2}10\.96\.0\.20:80 rr/.test(servers),
    sticky: /TCP {2}10\.96\.0\.21:80 lc persistent 10800/.test(servers),
    address: addresses.includes('10.96.0.20/32'),
    asked: await n.run('exec', 'node-1', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7'),
    terminal: await onTerminal('stty rows 33 cols 99', `${home}/netlab exec node-1 -- stty size`),
    packets: await captured(),
    status: (JSON.parse(await n.ok('status', '-o', 'json')) as { kernel: { kind: string; why: string } }).kernel,
    written: (await n.run('exec', 'node-1', '--', 'sh', '-c', `mkdir /run/h && mount -t hostfs none /run/h -o / && touch /run/h${n.root}/written`)).code,
    there: existsSync(join(n.root, 'written')),
  }).toEqual({
    ...{ rr: true, sticky: true, address: true, asked: { code: 7, out: 'out', err: 'err' }, terminal: '33 99', packets: true },
    status: expect.objectContaining({ kind: 'uml', why: expect.stringContaining('this host') }),
    ...{ written: 1, there: false },
  })
  await n.ok('check', LAB)
  const family = killKernel(LAB)
  await until(
    () => survivors(family),
    (left) => left.length === 0,
    20_000,
  )
  expect([await n.run('ls'), await n.run('ls')]).toEqual([
    {
      code: 0,
      out: '',
      err: `the kernel of lab ${LAB} ended with SIGKILL; nothing of it stays\nno lab runs; netlab ls --labs shows those that can be started`,
    },
    { code: 0, out: '', err: 'no lab runs; netlab ls --labs shows those that can be started' },
  ])
})

test('an exercise begun on a kernel of its own is begun anew on one, and no other is taken for it', { timeout: UP_MS }, async () => {
  const learn = n.start('learn', LAB, '--kernel', 'uml')
  await until(
    () => n.run('reset'),
    ({ code }) => code === 0,
    UP_MS,
  )
  learn.kill('SIGINT')
  const { kernel } = JSON.parse(await n.ok('status', '-o', 'json')) as { kernel: { kind: string } }
  const other = await Promise.all([n.run('check', '--kernel', 'host'), n.run('learn', LAB, '--kernel', 'host')])
  expect([kernel.kind, await learn.end, ...other.map(({ code, err }) => [code, err.includes(`lab ${LAB} runs already, on a kernel of its own`)])]).toEqual([
    'uml',
    130,
    [2, true],
    [2, true],
  ])
})

test('a daemon killed in there is told of, and nothing of its lab stays', { timeout: UP_MS }, async () => {
  await n.ok('up', join(home, 'test/support/labs/small'), '--kernel', 'uml')
  const family = familyOf(stateOf(n.root, 'small').keeper)
  // How pkill ended may be lost with the daemon, when the kernel is gone before it could be told.
  await execa('perl', [join(home, 'images/guest/netlab-into'), join(n.root, 'small/guest.sock'), 'pkill', '-KILL', '-x', 'MainThread'], { reject: false })
  await until(
    () => survivors(family),
    (left) => left.length === 0,
    20_000,
  )
  expect(await n.run('status')).toEqual({
    code: 2,
    out: '',
    err: 'the daemon of lab small ended in its kernel with 137; nothing of it stays\nnetlab: no lab runs; netlab ls --labs shows those that can be started',
  })
  expect(left()).toEqual([])
})

test.each([500, 4_000])('kill -9 of the command line %i ms into the boot leaves nothing', async (ms) => {
  const up = n.start('up', LAB, '--kernel', 'uml')
  await until(ours, (some) => some.length > 0)
  await new Promise((resolve) => setTimeout(resolve, ms))
  up.kill('SIGKILL')
  await up.end
  await until(ours, (left) => left.length === 0)
  expect((await n.run('ls')).out).toBe('')
})

test('a kernel that dies while its lab is built is what up tells of', { timeout: UP_MS }, async () => {
  const up = n.run('up', join(home, 'test/support/labs/small'), '--kernel', 'uml')
  await until(
    () => existsSync(join(n.root, 'small/lab.json')),
    (there) => there,
    UP_MS,
  )
  killKernel('small')
  const { code, err } = await up
  expect([code, err.split('\n').slice(-2), left()]).toEqual([
    4,
    ['netlab: the kernel of lab small ended with SIGKILL; nothing of it stays', 'if nobody killed it, this host has no memory to spare for it: free -m'],
    [],
  ])
})

test('what such a kernel cannot give is refused at once', async () => {
  const said = await Promise.all([n.run('up', 'services-nftables', '--kernel', 'uml'), n.run('up', LAB, '--kernel', 'uml', '--driver', 'docker')])
  expect(said.map(({ code, err }) => [code, err])).toEqual([
    [4, "netlab: lab services-nftables wants kube-proxy in nftables mode, and Debian's user-mode Linux has no nftables for IPv4; leave --kernel uml out"],
    [2, "netlab: Docker's containers run on this host's kernel: leave --driver docker or --kernel uml out"],
  ])
})

/** Of labs; how far one has learnt is kept. */
const left = (): readonly string[] => readdirSync(n.root).filter((name) => name !== '.progress')

/** Yields all processes of the lab as they were before. */
function killKernel(lab: string): ReturnType<typeof familyOf> {
  const family = familyOf(stateOf(n.root, lab).keeper)
  const kernel = family.find(({ pid }) => execaSync('ps', ['-o', 'comm=', '-p', `${pid}`], { reject: false }).stdout.startsWith('linux.uml'))
  if (kernel === undefined) throw new Error('no kernel runs')
  process.kill(kernel.pid, 'SIGKILL')
  return family
}

/** What commands print last on a terminal. */
async function onTerminal(...commands: readonly string[]): Promise<string> {
  const { stdout } = await execa('script', ['-qec', commands.join('; '), '/dev/null'], { env: { NETLAB_STATE: n.root }, stdin: 'ignore' })
  return /\d+ \d+$/.exec(stdout.trim())?.[0] ?? stdout
}

/** Whether packets come out as tcpdump writes them; its file's head has 24 bytes. */
async function captured(): Promise<boolean> {
  const capture = n.run('capture', 'node-1/lo', '-c', '1', '-w', '-')
  let done = false
  void capture.then(() => {
    done = true
  })
  await until(
    () => n.run('exec', 'node-1', '--', 'ping', '-c', '1', '127.0.0.1'),
    () => done,
    60_000,
  )
  return (await capture).out.length > 24
}

/** Processes of labs in this test's folder. */
const ours = (): readonly string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && pid !== `${process.pid}` && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`NETLAB_FOLDER=${n.root}`)
    } catch {
      return false
    }
  })
