/** The dashboard on a real terminal, with a real lab below it. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { familyOf, netlab, processes, survivors, until } from '../support/netlab.ts'
import { type Terminal, terminal } from '../support/terminal.ts'

const LAB = 'flannel-vxlan'
const n = netlab()
let t: Terminal

beforeAll(async () => {
  await n.ok('up', LAB)
})
afterAll(n.clean)
beforeEach(async () => {
  t = await terminal(120, 40, { NETLAB_STATE: n.root })
})
afterEach(() => t.close())

const CLEAR = /\bnode-3\b[^\n]*✓ ready/
async function open(): Promise<void> {
  await t.type('echo written before; ./netlab dash; echo "it ended with $?"\n')
  await t.shows(CLEAR)
}
/** The dashboard's own process. */
const dashboard = async (): Promise<number> => {
  const shell = await t.shell()
  const found = processes().find(({ parent }) => parent === shell)
  if (found === undefined) throw new Error('no dashboard runs')
  return found.pid
}

/** The terminal's settings are those that the shell keeps in `before`. */
async function isAsBefore(): Promise<void> {
  await t.type('clear; [ "$before" = "$(stty -g)" ]; echo "differs: $?"\n')
  expect(await t.shows(/^differs: \d/m)).toContain('differs: 0')
}

test('a terminal of any size is filled, and a change of its size fills it anew', async () => {
  await open()
  for (const [columns, rows, sees] of [
    [200, 60, '6 events'],
    [80, 24, '[1 topology] 2 checks 3 tables 4 capture 5 objects 6 events'],
    [60, 16, '[1 topology] 2 3 4 5 6'],
    [120, 40, '4 capture [5 objects] 6 events'],
  ] as const) {
    await t.resize(columns, rows)
    const screen = await t.shows(sees)
    await until(
      t.screen,
      (text) =>
        text.includes('q quit') &&
        text
          .split('\n')
          .slice(-3, -1)
          .some((line) => line.startsWith('╰')),
    )
    expect([columns, screen.split('\n').every((line) => line.length <= columns)]).toEqual([columns, true])
  }
})

test('q leaves the terminal as it was', async () => {
  await t.type('stty -g >/dev/null; before=$(stty -g)\n')
  await open()
  expect(await t.screen()).not.toContain('written before')
  await t.keys('q')
  await t.shows('it ended with 0')
  await isAsBefore()
})

test.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('%s restores the terminal', async (signal) => {
  await t.type('before=$(stty -g)\n')
  await open()
  const family = familyOf(await dashboard())
  process.kill(await dashboard(), signal)
  const screen = await t.shows('it ended with 130')
  expect([screen.includes('written before'), screen.includes('╭')]).toEqual([true, false])
  await isAsBefore()
  await until(
    () => survivors(family),
    (left) => left.length === 0,
  )
})

test('kill -9 leaves nothing running in the lab: no watcher, no tcpdump', async () => {
  await open()
  await t.type('p')
  await t.shows('as tcpdump takes it')
  await t.keys('Enter')
  await t.shows('● running')
  const pid = await dashboard()
  const family = await until(
    () => familyOf(pid),
    (all) => all.length > 8,
  )
  process.kill(pid, 'SIGKILL')
  await until(
    () => survivors(family),
    (left) => left.length === 0,
  )
})

test('rates move with the traffic, at ten times a second below 15 kB/s', async () => {
  await t.resize(200, 60)
  await open()
  const ping = execa(
    join(import.meta.dirname, '../../netlab'),
    ['exec', 'client', '--', 'ping', '-q', '-w', '60', '-i', '0.02', '-s', '1000', '192.168.0.11'],
    {
      env: { NETLAB_STATE: n.root },
      reject: false,
    },
  )
  await t.shows(/\bclient\b[^\n]*↓ +\d+k ↑ +\d+k/)
  const seconds = 4
  const bytes = await t.bytes(() => sleep(seconds * 1000))
  await n.sh('client', 'pkill -x ping')
  await ping
  expect([bytes > 1_000, Math.round(bytes / seconds)]).toEqual([true, expect.toSatisfy((rate: number) => rate < 15_000)])
})

test('s is a shell where one is, and its end leads back', async () => {
  await open()
  await t.type(':select node-2\n')
  await t.type('3s')
  await t.shows('node-2:/#')
  await t.type('hostname; exit\n')
  await t.shows(CLEAR)
  await t.type(':shell client\n')
  await t.shows(/client:.*#/)
  await t.type('echo in $(hostname)\n')
  await t.shows('in client')
  await t.type('exit\n')
  await t.shows(CLEAR)
})

test('a capture shows the packets at a place, is frozen, and is saved', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'netlab-dash-'))
  await open()
  await t.type(':capture client icmp\n')
  await t.type('z')
  await t.shows('● running pod/default/client/eth0 icmp')
  // Its socket, below the list's head; then tcpdump sets its filter.
  await until(
    () => n.sh('client', 'cat /proc/net/packet'),
    (sockets) => sockets.includes('\n'),
  )
  await sleep(1_000)
  await n.ok('exec', 'client', '--', 'ping', '-c', '2', '-i', '0.2', '192.168.0.11')
  await t.shows('ICMP echo request')
  await t.shows('4 packets')
  await t.type('f')
  await t.shows('‖ frozen')
  await t.type(`:save ${folder}/seen.pcap\n`)
  await t.shows('packets are in')
  const { stdout } = await execa('tcpdump', ['-nr', join(folder, 'seen.pcap')])
  expect(stdout.split('\n').map((line) => line.replace(/^.*(ICMP echo \w+).*$/, '$1'))).toEqual([
    'ICMP echo request',
    'ICMP echo reply',
    'ICMP echo request',
    'ICMP echo reply',
  ])
  await t.type('fx')
  await t.shows('■ over')
  await t.type('/no such filter\n')
  await t.shows(/syntax error|can't parse filter/)
  rmSync(folder, { recursive: true })
})

test('tables of the chosen node are the kernel’s, and counters that move are marked', async () => {
  await open()
  await t.type(':select node-1\n:table neigh\nz')
  await t.shows('netlab exec node/node-1 -- ip neigh')
  await t.type(':table nat\n/POSTROUTING\n')
  await t.shows('iptables-save -c -t nat')
  // What moved before the first look is not seen to move.
  await until(
    async () => {
      await n.sh('client', 'for i in 1 2 3 4 5; do curl -s -m 2 http://frontend/hostname >/dev/null; done')
      return t.screen()
    },
    (screen) => /▲\d+ .*KUBE-POSTROUTING/.test(screen),
    40_000,
  )
  await t.type(':table bgp\n')
  await t.shows('node/node-1 has the tables routes, neigh')
})

test('objects and events are those of the lab, as they change', async () => {
  await t.resize(200, 60)
  await open()
  await n.apply('{apiVersion: v1, kind: Pod, metadata: {name: fresh}, spec: {containers: [{name: a, image: netlab/echo}]}}')
  await t.shows(/│ fresh +1\/1 +Running/)
  await t.shows(/Normal +Scheduled +pod\/fresh/)
  await n.ok('delete', 'pod', 'fresh')
  await until(t.screen, (text) => !/│ fresh +1\/1/.test(text), 40_000)
})

test('the lab’s checks run from here, one at a time too', async () => {
  await open()
  await t.type(':check pods-reach-pods\n2')
  await t.shows(/✓ pass +Every Pod reaches every Pod/)
})

test('without a terminal nothing is drawn, and it is said what else there is', async () => {
  const { code, out, err } = await n.run('dash')
  expect([code, out, /this is none/.test(err)]).toEqual([2, '', true])
})

test('the tasks of an exercise that is learnt beside it stand in place of the checks, and h gives a hint to both', async () => {
  await open()
  const learning = execa(join(import.meta.dirname, '../../netlab'), ['learn', `${LAB}/no-masquerade`, '--seed', 'of-its-own'], {
    env: { NETLAB_STATE: n.root, NO_COLOR: '1' },
    stdin: 'ignore',
    reject: false,
    timeout: 250_000,
  })
  await t.shows(/2 tasks[\s\S]*no-masquerade: 0 of 3 points[\s\S]*✗ fail +client reaches the machine outside/)
  await t.keys('h')
  await t.shows('hint: Ask and listen at the other end:')
  await n.ok('exec', 'node-1', '--', 'iptables', '-t', 'nat', '-A', 'POSTROUTING', '-m', 'comment', '--comment', 'flanneld masq', '-j', 'FLANNEL-POSTRTG')
  await t.shows(/no-masquerade: 3 of 3 points[\s\S]*✓ pass +client reaches the machine outside/)
  const { exitCode, stdout } = await learning
  expect([exitCode, /Hint: Ask and listen at the other end[\s\S]*done, 3 of 3 points/.test(stdout)]).toEqual([0, true])
})

test('a lab that goes down while it is watched is told', async () => {
  await open()
  await n.ok('down', LAB)
  await t.shows('✗ down')
  await t.keys('q')
  await t.shows('it ended with 0')
  expect(existsSync(join(n.root, LAB))).toBe(false)
})
