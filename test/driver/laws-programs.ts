/** Laws of programs of steps, through the driver into a kernel. */
import assert from 'node:assert/strict'
import { change } from '#kernel/compile.ts'
import { drift } from '#kernel/drift.ts'
import { StepFailed } from '#kernel/failure.ts'
import { observe } from '#kernel/observe.ts'
import { sampleNode } from '#kernel/sample.ts'
import type { NodeProgram, Step } from '#kernel/step.ts'
import { randomOf, variant } from '#kernel/variant.ts'
import { cidr, ip, mac } from '#net/net.ts'
import { a, apply, ask, holdable, type Law, machine, SLOWNESS, up, type World } from './world.ts'

/** A slow kernel gets fewer of them: what they are is the same, and whether a kernel takes them is told by a few. */
const VARIANTS = SLOWNESS > 1 ? 1 : 6

const programsFor = (world: World): readonly NodeProgram[] =>
  [[], sampleNode, ...Array.from({ length: VARIANTS }, (_, seed) => variant(randomOf(seed)))].map((program) => holdable(world, program))

/** A walk along every program and back: each step of it there and back again. */
const walk: readonly number[] = Array.from({ length: VARIANTS + 2 }).flatMap((_, index, all) => [index, (index * 3 + 2) % all.length, index])

const unroutable: Step = { by: 'cni/flannel', why: 'the Pods of node-9', kind: 'route', to: cidr('10.244.9.0/24'), via: ip('10.244.9.0'), dev: 'nope' as never }

/** One for each tool that changes a kernel. */
const impossible: readonly Step[] = [
  { by: 'x', why: 'x', kind: 'sysctl', key: 'net.ipv4.nope', value: '1' },
  { by: 'x', why: 'x', kind: 'fdb', mac: mac('02:00:00:00:00:01'), dst: ip('10.0.0.1'), dev: 'nope' as never },
  { by: 'x', why: 'x', kind: 'ipset', name: 'X', type: 'hash:ip', family: 4, members: ['10.0.0.1', '10.0.0.0/33'] },
  { by: 'x', why: 'x', kind: 'chain', family: 4, table: 'filter', chain: 'X', rules: ['-j NOWHERE'] },
  { by: 'x', why: 'x', kind: 'chain', family: 4, table: 'nat', chain: 'X', rules: ['-j NOWHERE'] },
  { by: 'x', why: 'x', kind: 'jump', family: 4, table: 'nat', chain: 'POSTROUTING', rule: '-m nope -j ACCEPT', place: 'first' },
  { by: 'x', why: 'x', kind: 'addr', dev: 'nope' as never, cidr: cidr('10.9.9.9/24') },
  { by: 'x', why: 'x', kind: 'port', dev: 'nope' as never, master: 'cni0' as never, hairpin: false },
  { by: 'x', why: 'x', in: 'default_web', kind: 'route', to: cidr('10.9.9.0/24'), via: ip('10.8.8.8') },
  { by: 'x', why: 'x', kind: 'file', path: '/proc/nope', text: '' },
]

async function drifts({ driver }: World, name: string, held: NodeProgram): Promise<readonly string[]> {
  const outputs = await Promise.all(observe(held).map((command) => driver.run(name, command)))
  return drift(held, outputs, name).map(({ what, wanted, found }) => `${what} ${wanted} | ${found}`)
}

export const programLaws: readonly Law[] = [
  {
    says: 'a program applied twice is the program applied once',
    async keep(world) {
      const sample = holdable(world, sampleNode)
      await up(world, a)
      await apply(world, 'a', [], sample)
      const once = await world.state('a')
      assert.deepEqual(change(sample, structuredClone(sample)), [])
      // Also when nobody remembers that it was applied before: what is ours says so.
      const again = sample.filter((step) => !['netns', 'bridge', 'vxlan', 'veth'].includes(step.kind) && step.kind !== 'jump')
      await apply(world, 'a', [], again)
      assert.deepEqual(await world.state('a'), once)
    },
  },
  {
    says: 'whatever way led to a program, the kernel is as a fresh one',
    async keep(world) {
      const programs = programsFor(world)
      const walker = machine('walker', '192.168.0.19')
      const fresh = programs.map((_, index) => machine(`fresh-${index}`, `192.168.0.${40 + index}`))
      await up(world, walker, ...fresh)
      const holds = async ({ name, ip: address }: ReturnType<typeof machine>): Promise<unknown> =>
        lasting(
          JSON.parse(
            JSON.stringify(await world.state(name))
              .replaceAll(name, 'NAME')
              .replaceAll(address, 'ADDRESS'),
          ),
        )
      const wanted = await Promise.all(
        fresh.map(async (one, index) => {
          await apply(world, one.name, [], programs[index] ?? [])
          return holds(one)
        }),
      )
      let applied: NodeProgram = []
      let last = 0
      for (const index of walk) {
        applied = await apply(world, walker.name, applied, programs[index] ?? [])
        assert.deepEqual(await holds(walker), wanted[index], `program ${index} after ${last}`)
        last = index
      }
    },
  },
  {
    says: 'the kernel does not differ from any plan along a walk',
    needs: ['programs'],
    async keep(world) {
      const programs = programsFor(world)
      await up(world, a)
      let applied: NodeProgram = []
      for (const wanted of programs.toReversed()) {
        applied = await apply(world, 'a', applied, wanted)
        assert.deepEqual(await drifts(world, 'a', applied), [])
      }
    },
  },
  {
    says: 'a step that fails says who wanted what, and takes away what came with it',
    async keep(world) {
      const programs = programsFor(world)
      await up(world, a)
      for (const [index, held] of programs.entries()) {
        await apply(world, 'a', index === 0 ? [] : (programs[index - 1] ?? []), held)
        const before = lasting(await world.state('a'))
        const wanted: NodeProgram = [...(programs[(index + 3) % programs.length] ?? []), unroutable]
        const failure: unknown = await apply(world, 'a', held, wanted).then(
          () => undefined,
          (error: unknown) => error,
        )
        assert.ok(failure instanceof StepFailed, `program ${index}: ${failure}`)
        assert.deepEqual(
          { machine: failure.machine, step: failure.step, command: failure.command, says: failure.message.split('\n')[0] },
          {
            machine: 'a',
            step: unroutable,
            command: 'ip route replace 10.244.9.0/24 via 10.244.9.0 dev nope',
            says: 'a: cni/flannel wanted the Pods of node-9',
          },
        )
        assert.match(failure.message, /Cannot find device "nope"/)
        assert.deepEqual(lasting(await world.state('a')), before, `program ${index}`)
      }
    },
  },
  {
    says: 'at whatever step a change fails, the machine is as it was before',
    needs: ['programs'],
    async keep(world) {
      const programs = programsFor(world)
      await up(world, a)
      const [from = [], to = []] = programs.slice(-2)
      await apply(world, 'a', [], from)
      const before = await world.state('a')
      for (const step of impossible) {
        await assert.rejects(apply(world, 'a', from, [...to, step]), StepFailed)
        assert.deepEqual(await world.state('a'), before, JSON.stringify(step))
        if (SLOWNESS > 1) continue
        await assert.rejects(apply(world, 'a', from, [...from, step]), StepFailed)
        assert.deepEqual(await world.state('a'), before, JSON.stringify(step))
      }
    },
  },
  {
    says: 'files are written with their mode, again with another, and removed; a missing one is as good as removed',
    needs: ['programs'],
    async keep(world) {
      await up(world, a)
      const write = (...files: { path: string; text?: string; mode?: number }[]) => world.driver.run('a', { kind: 'write', files, does: [] })
      const look = () => ask(world, 'a', ['sh', '-c', 'cd /run/x && for f in $(ls); do stat -c "%a %n" $f; cat $f; done'])
      const well = { code: 0, stdout: '', stderr: '' }
      assert.deepEqual(await write({ path: '/run/x/one', text: 'ü \\ "$HOME"\n', mode: 0o600 }, { path: '/run/x/two', text: '' }), well)
      assert.equal(await look(), '600 one\nü \\ "$HOME"\n644 two\n')
      assert.deepEqual(await write({ path: '/run/x/one', text: 'less', mode: 0o755 }, { path: '/run/x/two' }, { path: '/run/x/three' }), well)
      assert.equal(await look(), '755 one\nless')
      const folder = await write({ path: '/run/x/one/under', text: '' })
      assert.deepEqual([folder.code, folder.stderr.startsWith('/run/x/one/under: ')], [1, true])
      const gone = await write({ path: '/run/x' })
      assert.deepEqual([gone.code, gone.stderr.startsWith('/run/x: ')], [1, true])
    },
  },
  {
    says: 'a file behind a link of the machine stays on the machine',
    needs: ['programs'],
    async keep(world) {
      await up(world, a)
      const write = (path: string, text?: string) =>
        world.driver.run('a', { kind: 'write', files: [{ path, ...(text === undefined ? {} : { text }) }], does: [] })
      await ask(world, 'a', ['sh', '-c', 'mkdir /run/real && ln -s /run/real /run/link && ln -s ../real/up /run/real/side && ln -s /run/link/side /tmp/far'])
      for (const path of ['/run/link/one', '/tmp/far', '/etc/hosts', '/run/../../run/link/two'])
        assert.deepEqual([path, (await write(path, `${path}\n`)).code], [path, 0])
      assert.equal(
        await ask(world, 'a', ['cat', '/run/real/one', '/run/real/up', '/run/netlab/etc/hosts', '/run/real/two']),
        '/run/link/one\n/tmp/far\n/etc/hosts\n/run/../../run/link/two\n',
      )
      await write('/run/link/one')
      assert.equal((await ask(world, 'a', ['ls', '/run/real'])).trim(), 'side\ntwo\nup')
      await ask(world, 'a', ['ln', '-s', 'loop', '/run/loop'])
      assert.equal((await write('/run/loop/x', '')).code, 1)
      await write('/tmp/far')
      assert.equal((await ask(world, 'a', ['ls', '/tmp'])).trim(), '', 'a link is removed, not what it leads to')
    },
  },
]

/** The kernel's settings outlive the wish for them: a machine in memory lists them. */
const lasting = (state: unknown): unknown => (Array.isArray(state) ? state.filter((line) => !`${line}`.includes('sysctl ')) : state)
