/** Laws of up and down: machines come, change and go. */
import assert from 'node:assert/strict'
import type { Machine } from '#driver/driver.ts'
import { pod, sampleNode } from '#kernel/sample.ts'
import { cidr, ifName, ip } from '#net/net.ts'
import { isOfDocker } from './kernel-state.ts'
import { a, apply, ask, b, becomes, holdable, type Law, machine, never, nodes, outside, program, reaches, run, up, wired, within } from './world.ts'

const aPod = [...sampleNode.filter((step) => 'dev' in step && step.dev === 'cni0'), ...pod('default_client', 'veth0a', 2)]

export const machineLaws: readonly Law[] = [
  {
    says: 'machines reach each other and the router over their wires',
    needs: ['wires'],
    async keep(world) {
      await up(world, a, b)
      assert.deepEqual(await Promise.all([reaches(world, 'a', b.ip), reaches(world, 'b', a.ip), reaches(world, 'a', nodes.gateway)]), [true, true, true])
    },
  },
  {
    says: 'a bare machine has its name, its wire and its address, and nothing of Kubernetes',
    needs: ['programs'],
    async keep(world) {
      await up(world, a)
      const wire = JSON.parse(await ask(world, 'a', ['ip', '-j', '-4', 'addr', 'show', 'dev', 'eth0'])) as { mtu: number; addr_info: { local: string }[] }[]
      assert.deepEqual(
        {
          name: (await ask(world, 'a', ['hostname'])).trim(),
          file: (await ask(world, 'a', ['cat', '/etc/hostname'])).trim(),
          links: (await ask(world, 'a', ['ls', '/sys/class/net'])).trim().split(/\s+/),
          wire: wire.map(({ mtu, addr_info }) => [mtu, ...addr_info.map(({ local }) => local)]),
          routes: (await ask(world, 'a', ['ip', 'route']))
            .trim()
            .split('\n')
            .map((line) => line.trim().replace(/ proto kernel/, '')),
          rules: (await ask(world, 'a', ['iptables-save'])).split('\n').filter((line) => line.startsWith('-A') && !isOfDocker(line)),
          spaces: await ask(world, 'a', ['ip', 'netns']),
          processes: (await ask(world, 'a', ['ps', '-e', '-o', 'comm='])).split(/\s+/).filter((name) => /kube|flannel|dns|nginx|proxy/.test(name)),
        },
        {
          name: 'a',
          file: 'a',
          links: ['eth0', 'lo'],
          wire: [[1500, '192.168.0.10']],
          routes: ['default via 192.168.0.1 dev eth0', '192.168.0.0/24 dev eth0 scope link src 192.168.0.10'],
          rules: [],
          spaces: '',
          processes: [],
        },
      )
    },
  },
  {
    says: 'up twice is up once: what a machine holds stays',
    async keep(world) {
      await up(world, a, b)
      await apply(world, 'a', [], holdable(world, sampleNode))
      const before = await world.state('a')
      assert.deepEqual([await up(world, a, b), await up(world, b, a)], [[], []])
      assert.deepEqual(await world.state('a'), before)
    },
  },
  {
    says: 'a machine taken out of the wiring is gone, and one of its name is a bare one, at once and every time',
    async keep(world) {
      await up(world, a, b)
      const bare = await world.state('b')
      for (let round = 0; round < 4; round += 1) {
        await apply(world, 'b', [], aPod)
        await up(world, a)
        await assert.rejects(async () => world.driver.run('b', { kind: 'run', argv: ['true'], does: [] }), /no machine named b/)
        assert.deepEqual(await up(world, a, b), ['b'])
        assert.deepEqual(await world.state('b'), bare)
      }
    },
  },
  {
    says: 'a machine that comes later is joined to the others',
    needs: ['wires'],
    async keep(world) {
      await up(world, a)
      assert.equal(await reaches(world, 'a', nodes.gateway), true)
      await up(world, a, b)
      assert.deepEqual([await reaches(world, 'a', b.ip), await reaches(world, 'b', a.ip), await reaches(world, 'a', nodes.gateway)], [true, true, true])
    },
  },
  {
    says: 'a machine with another address is a new machine with that address',
    needs: ['wires', 'programs'],
    async keep(world) {
      await up(world, a, b)
      await apply(world, 'b', [], aPod)
      const moved = machine('b', '192.168.0.99')
      await up(world, a, moved)
      assert.deepEqual([await reaches(world, 'a', moved.ip), await reaches(world, 'a', b.ip), await ask(world, 'b', ['ip', 'netns'])], [true, false, ''])
    },
  },
  {
    says: 'segments come and go; the router joins them, and a machine may move to another',
    needs: ['wires'],
    async keep(world) {
      const { driver } = world
      const far = machine('far', '192.168.1.10', outside)
      await up(world, a)
      await driver.up(wired([a, far], [nodes, outside]), never())
      assert.deepEqual([await reaches(world, 'a', far.ip), await reaches(world, 'far', a.ip)], [true, true])
      await driver.up(wired([a, machine('b', '192.168.1.11', outside), far], [nodes, outside]), never())
      assert.equal(await reaches(world, 'b', far.ip), true)
      await driver.up(wired([a, b], [nodes]), never())
      assert.deepEqual([await reaches(world, 'a', b.ip), await reaches(world, 'a', outside.gateway)], [true, false])
      const moved = { ...outside, mtu: 1400 }
      await driver.up(wired([a, far], [nodes, moved]), never())
      assert.deepEqual([await reaches(world, 'a', far.ip), (await ask(world, 'far', ['cat', '/sys/class/net/eth0/mtu'])).trim()], [true, '1400'])
    },
  },
  {
    says: 'a machine with several wires joins segments on which the lab’s own router is not, and that one knows the way behind it',
    needs: ['wires', 'programs'],
    async keep(world) {
      const rack = { name: 'rack', cidr: cidr('192.168.2.0/24'), mtu: 1400 }
      const [inside, out] = [ip('192.168.2.1'), ip('192.168.0.2')]
      const leaf: Machine = {
        name: 'leaf',
        wires: [
          { dev: ifName('eth0'), ip: inside, segment: 'rack' },
          { dev: ifName('eth1'), ip: out, segment: 'nodes' },
        ],
      }
      const far: Machine = { name: 'far', wires: [{ dev: ifName('eth0'), ip: ip('192.168.2.10'), segment: 'rack' }], gateway: inside }
      const routes = [{ to: rack.cidr, via: out }]
      const raise = (...machines: readonly Machine[]) => world.driver.up(wired(machines, [rack, nodes], routes), never())
      await raise(leaf, far)
      await ask(world, 'leaf', ['sysctl', '-w', 'net.ipv4.ip_forward=1'])
      await ask(world, 'leaf', ['ip', 'route', 'add', 'default', 'via', nodes.gateway])
      const links = JSON.parse(await ask(world, 'leaf', ['ip', '-j', 'link', 'show', 'up'])) as { ifname: string; mtu: number }[]
      const wires = links.filter(({ ifname }) => ifname !== 'lo').map(({ ifname, mtu }) => `${ifname} ${mtu}`)
      assert.deepEqual(
        [wires.sort(), await reaches(world, 'far', inside), await reaches(world, 'far', nodes.gateway)],
        [['eth0 1400', 'eth1 1500'], true, true],
      )
      assert.deepEqual([await raise(far, leaf), await raise(far), await raise(far, leaf)], [[], [], ['leaf']])
      assert.deepEqual([await reaches(world, 'far', inside), await reaches(world, 'leaf', nodes.gateway)], [true, true])
      await up(world, a)
      assert.equal(await reaches(world, 'a', nodes.gateway), true)
    },
  },
  {
    says: 'names may be long and differ at their end only',
    needs: ['wires'],
    async keep(world) {
      const [one, two] = ['a', 'b'].map((last, index) => machine(`${'node-with-a-long-name-'.repeat(2)}${last}`, `192.168.0.${20 + index}`)) as [
        typeof a,
        typeof a,
      ]
      await up(world, one, two)
      assert.deepEqual([await reaches(world, one.name, two.ip), (await ask(world, two.name, ['hostname'])).trim()], [true, two.name])
    },
  },
  {
    says: 'a machine that died is made anew by the next up, and the others stay as they are',
    needs: ['wires', 'processes'],
    async keep(world) {
      await up(world, a, b)
      assert.equal(await reaches(world, 'b', a.ip), true)
      await apply(world, 'b', [], aPod)
      await world.crash('a')
      await becomes(async () => (await world.driver.run('a', { kind: 'run', argv: ['true'], does: [] }).catch(() => ({ code: 1 }))).code !== 0, true)
      await up(world, a, b)
      assert.deepEqual([await reaches(world, 'b', a.ip), await ask(world, 'a', ['ip', 'netns']), await reaches(world, 'a', b.ip)], [true, '', true])
      assert.match(await ask(world, 'b', ['ip', 'netns']), /default_client/)
    },
  },
  {
    says: 'an aborted up fails and leaves no half of a machine; the next one succeeds',
    needs: ['wires'],
    async keep(world) {
      const { driver } = world
      await assert.rejects(async () => driver.up(wired([a, b]), AbortSignal.abort()))
      for (const ms of [1, 5, 20, 60]) {
        await driver.up(wired([a, b]), AbortSignal.timeout(ms)).catch(() => undefined)
        await up(world, a, b)
        assert.equal(await reaches(world, 'a', b.ip), true, `aborted after ${ms} ms`)
        await up(world)
      }
    },
  },
  {
    says: 'down leaves nothing, twice as well as once, and up begins anew after it',
    needs: ['processes'],
    async keep(world) {
      await world.driver.down()
      const before = await world.traces()
      // Of processes that were on their way out then, nobody asks that they stay.
      const now = async () => {
        const after = await world.traces()
        return { ...after, processes: after.processes?.filter((pid) => !before.processes?.includes(pid)) ?? [] }
      }
      const none = { ...before, processes: [] }
      for (let round = 0; round < 2; round += 1) {
        await up(world, a, b)
        await ask(world, 'a', ['true'])
        await apply(world, 'a', [], aPod)
        const running = await world.driver.spawn('a', program(['sleep', '600'], { in: 'default_client' }), () => undefined)
        await world.driver.down()
        await within(5_000, running.exit, 'a program of a lab that is down ends')
        await becomes(now, none)
        await world.driver.down()
        await becomes(now, none)
      }
    },
  },
  {
    says: 'a machine that does not exist is named in the refusal',
    async keep(world) {
      await up(world, a)
      await assert.rejects(async () => run(world, 'nope', ['true']), /no machine named nope/)
      await assert.rejects(async () => world.driver.run('nope', { kind: 'write', files: [], does: [] }), /no machine named nope/)
      await assert.rejects(async () => world.driver.spawn('nope', program(['true']), () => undefined), /no machine named nope/)
      assert.throws(() => world.driver.enter('nope'), /no machine named nope/)
    },
  },
]
