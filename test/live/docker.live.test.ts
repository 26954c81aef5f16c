/** Labs whose nodes are Docker containers: as users meet them, and what is left when somebody is killed. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { whyNoDocker } from '../driver/docker.ts'
import { home, netlab, stateOf, until } from '../support/netlab.ts'
import { terminal } from '../support/terminal.ts'

const LAB = 'flannel-vxlan'
const BUILD_MS = 900_000
const SMALL = join(home, 'test/support/labs/small')
const SMALL_LAB = { apiVersion: 'netlab.dev/v1', kind: 'Lab', metadata: { name: 'small' }, spec: { nodes: 2, dns: 'none' } }
const n = netlab()
const why = await whyNoDocker()

const docker = async (...args: string[]): Promise<readonly string[]> => {
  const { stdout } = await execa('docker', args)
  return stdout.split('\n').filter((line) => line !== '')
}
const ofLab = (lab: string): readonly string[] => ['--filter', `label=dev.netlab.folder=${join(n.root, lab)}`, '-q']
/** Containers and networks that Docker holds of a lab. */
const held = async (lab: string): Promise<number> => (await docker('ps', '-a', ...ofLab(lab))).length + (await docker('network', 'ls', ...ofLab(lab))).length
const nothingOf = (lab: string) =>
  until(
    () => held(lab),
    (count) => count === 0,
    30_000,
  )

afterAll(n.clean)

if (why !== undefined) {
  test('who may not use Docker, or has none, is told why and what to do', async () => {
    const { code, err } = await n.run('up', LAB, '--driver', 'docker')
    expect([code, process.getuid?.() !== 0, /docker/i.test(err) && err.includes('\n')]).toEqual([4, true, true])
  })
} else {
  // Where nobody has used Docker for a lab yet, the nodes' image is built first: from the registry, or package by package.
  beforeAll(async () => {
    const patient = netlab({ timeout: BUILD_MS })
    await patient.ok('up', SMALL, '--driver', 'docker')
    await patient.clean()
  }, BUILD_MS)

  afterEach(async () => {
    await n.run('down', '--all')
    for (const lab of [LAB, 'small']) await nothingOf(lab)
  })

  test('a lab stands on containers: up again changes nothing, a node that ended is made anew, down leaves nothing', async () => {
    await n.ok('up', LAB, '--driver', 'docker')
    const { driver } = JSON.parse(await n.ok('status', '-o', 'json')) as { driver: unknown }
    expect(driver).toEqual({ kind: 'docker', why: 'it was asked for' })
    expect(await held(LAB)).toBe(7)
    expect(await n.ok('exec', 'client', '--', 'curl', '-s', 'http://frontend/hostname')).toMatch(/^frontend-/)
    expect((await n.run('exec', 'node-1', '--', 'sh', '-c', 'exit 7')).code).toBe(7)
    const again = await n.run('up', LAB)
    expect({ code: again.code, says: /nothing to change/.test(again.err) }).toEqual({ code: 0, says: true })
    const other = await n.run('up', LAB, '--driver', 'netns')
    expect([other.code, other.err.includes('runs already, with driver docker')]).toEqual([2, true])
    await docker('kill', `netlab_${LAB}_node-2`)
    await until(
      async () => (await n.run('status')).out,
      (said) => said.includes('node-2'),
    )
    await n.ok('up', LAB)
    expect(await n.ok('status')).toContain('3 of 3 nodes ready')
    await n.ok('check', LAB)
    await n.ok('down', LAB)
    expect(await held(LAB)).toBe(0)
  })

  test.each(['services-iptables', 'services-nftables', 'calico-bgp'])('%s holds on containers as well', async (lab) => {
    await n.ok('up', lab, '--driver', 'docker')
    await n.ok('check', lab)
    await n.ok('down')
    await nothingOf(lab)
  })

  test('nodes join, stop, start and leave as containers', async () => {
    await n.ok('up', SMALL, '--driver', 'docker')
    const machines = async () =>
      (await docker('ps', '--filter', ofLab('small')[1] ?? '', '--format', '{{.Names}}')).map((name) => name.replace('netlab_small_', '')).sort()
    const web = () => n.run('exec', 'node-3', '--', 'curl', '-sm', '3', 'http://10.244.0.2:8080/hostname')
    await n.ok('node', 'add', 'node-3')
    const joined = [await machines(), (await web()).out]
    await n.ok('node', 'stop', 'node-2')
    const stopped = [await machines(), (await n.run('exec', 'node-2', '--', 'true')).code === 0]
    await n.ok('node', 'start', 'node-2')
    const started = [await machines(), (await n.run('exec', 'node-2', '--', 'hostname')).out]
    await n.ok('node', 'rm', 'node-3')
    const left = [await machines(), (await n.run('drift')).err]
    expect({ joined, stopped, started, left }).toEqual({
      joined: [['', 'node-1', 'node-2', 'node-3'], 'web'],
      stopped: [['', 'node-1', 'node-3'], false],
      started: [['', 'node-1', 'node-2', 'node-3'], 'node-2'],
      left: [['', 'node-1', 'node-2'], 'every kernel holds what the plan says'],
    })
  })

  test('a lab that stands gets an outside host and loses it: the API stays where it was', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'netlab-small-'))
    const up = async (hosts: readonly object[]): Promise<readonly unknown[]> => {
      writeFileSync(join(folder, 'lab.yaml'), JSON.stringify({ ...SMALL_LAB, spec: { ...SMALL_LAB.spec, hosts } }))
      await n.ok('up', folder, '--driver', 'docker')
      const api = await n.run('exec', 'node-1', '--', 'curl', '-sm', '5', 'http://192.168.0.1:6443/version')
      const host = await n.run('exec', 'node-1', '--', 'ping', '-c1', '-W3', '203.0.113.10')
      return [api.code, host.code === 0]
    }
    try {
      expect([await up([]), await up([{ name: 'internet', ip: '203.0.113.10' }]), await up([])]).toEqual([
        [0, false],
        [0, true],
        [0, false],
      ])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('terminals, logs that are followed, packets and the dashboard are as on any lab', async () => {
    await n.ok('up', SMALL, '--driver', 'docker')
    const screen = await terminal(100, 30, { NETLAB_STATE: n.root })
    try {
      await screen.type('./netlab shell web; echo "with $?"\n')
      await screen.shows(/web:.*#/)
      await screen.type('stty size; exit 3\n')
      await screen.shows('30 100')
      await screen.shows('with 3')
      await screen.type('clear; ./netlab dash\n')
      await screen.shows(/\bnode-2\b[^\n]*✓ ready/)
      await screen.keys('q')
      await screen.shows(/^ready\$/m)
      await screen.type('clear; ./netlab logs -f web | grep --line-buffered GET\n')
      await until(
        async () => {
          await n.run('exec', 'node-2', '--', 'curl', '-s', 'http://10.244.0.2:8080/hostname')
          return screen.screen()
        },
        (seen) => seen.includes('GET /hostname 200'),
        30_000,
      )
    } finally {
      await screen.close()
    }
    const capture = n.run('capture', 'node-1/flannel.1', 'icmp', '-c', '1')
    let done = false
    void capture.then(() => {
      done = true
    })
    await until(
      () => n.run('exec', 'node-2', '--', 'ping', '-c', '1', '-W', '1', '10.244.0.2'),
      () => done,
      30_000,
    )
    expect((await capture).out).toContain('10.244.1.0 > 10.244.0.2: ICMP echo request')
  })

  test.each([200, 500, 900, 1_500, 2_500])('kill -9 of the command line %i ms into up leaves nothing', async (ms) => {
    const up = n.start('up', SMALL, '--driver', 'docker')
    await new Promise((resolve) => setTimeout(resolve, ms))
    up.kill('SIGKILL')
    await up.end
    // It was up in time and stays whole, or nothing of it stays.
    await until(
      async () => ({ count: await held('small'), up: (await n.run('ls')).out.includes('small') }),
      ({ count, up: stands }) => stands || count === 0,
      30_000,
    )
  })

  test('kill -9 of the keeper takes the machines away at once, and the next command the rest', async () => {
    await n.ok('up', SMALL, '--driver', 'docker')
    process.kill(stateOf(n.root, 'small').keeper, 'SIGKILL')
    await until(
      async () => (await docker('ps', '-a', ...ofLab('small'))).length,
      (count) => count === 0,
      30_000,
    )
    await n.ok('ls')
    await nothingOf('small')
  })

  test('two labs with the same addresses stand side by side on two drivers', async () => {
    await Promise.all([n.ok('up', SMALL), n.ok('up', LAB, '--driver', 'docker')])
    for (const lab of ['small', LAB])
      expect(await n.ok('exec', '--lab', lab, 'node-1', '--', 'ip', '-4', '-br', 'addr', 'show', 'eth0')).toContain('192.168.0.10/24')
  })

  test('a config of Docker that cannot be read is nothing a learner hears of', async () => {
    const folder = join(n.root, '.config-of-another')
    // Even root cannot read a folder like a file.
    mkdirSync(join(folder, 'config.json'), { recursive: true })
    const asked = { env: { NETLAB_STATE: n.root, DOCKER_CONFIG: folder }, reject: false } as const
    const told = async (...args: string[]) => {
      const { exitCode, stderr } = await execa(join(home, 'netlab'), args, asked)
      return [exitCode, /config/i.test(stderr)]
    }
    expect([await told('up', SMALL, '--driver', 'docker'), await told('exec', 'node-1', '--', 'true'), await told('down')]).toEqual(Array(3).fill([0, false]))
  })

  test('what strangers have keeps its name and its range, and stays', async () => {
    const [image = ''] = await docker('images', '-q', 'netlab-node')
    const names = { container: 'netlab_small_node-1', network: 'netlab_small_nodes' }
    await docker('network', 'create', '--subnet', '192.168.0.0/24', names.network)
    await docker('create', '--name', names.container, '--network', names.network, image)
    try {
      await n.ok('up', SMALL, '--driver', 'docker')
      expect(await n.ok('exec', 'node-1', '--', 'hostname')).toBe('node-1')
      await n.ok('down')
      await n.ok('clean')
      expect(
        [await docker('ps', '-aqf', `name=^${names.container}$`), await docker('network', 'ls', '-qf', `name=^${names.network}$`)].map((all) => all.length),
      ).toEqual([1, 1])
    } finally {
      await docker('rm', names.container)
      await docker('network', 'rm', names.network)
    }
  })
}

test('where no Docker listens the refusal says so, and auto takes namespaces', async () => {
  const { exitCode, stderr } = await execa(join(home, 'netlab'), ['up', SMALL, '--driver', 'docker'], {
    env: { NETLAB_STATE: n.root, DOCKER_HOST: 'unix:///no/such/docker.sock' },
    reject: false,
    timeout: 20_000,
  })
  expect([exitCode, stderr]).toEqual([
    4,
    "netlab: no Docker here: there is no socket /no/such/docker.sock\nstart it (systemctl start docker; Debian's package is docker.io), or set DOCKER_HOST",
  ])
  expect((await n.run('up', SMALL)).err).toContain('driver netns: it is the fastest and needs nothing')
  await n.ok('down')
})
