/** The docker driver, held to the laws of drivers; and what it alone has to promise. */
import assert from 'node:assert/strict'
import { expect, test } from 'vitest'
import { sampleNode } from '#kernel/sample.ts'
import { conformance, here } from '../driver/conformance.ts'
import { dockerWorld, whyNoDocker } from '../driver/docker.ts'
import { keepLaw } from '../driver/laws.ts'
import { a, apply, ask, type Law, up } from '../driver/world.ts'

const own: readonly Law[] = [
  {
    says: 'Docker’s own DNS answers before, while and after a machine holds rules of Kubernetes',
    async keep(world) {
      await up(world, a)
      const rules = async (): Promise<readonly string[]> =>
        (await ask(world, 'a', ['iptables-save', '-t', 'nat'])).split('\n').filter((line) => /-A .*DOCKER_/.test(line))
      const before = await rules()
      assert.equal(before.length, 6)
      await apply(world, 'a', [], sampleNode)
      assert.deepEqual(await rules(), before)
      await apply(world, 'a', sampleNode, [])
      assert.deepEqual(await rules(), before)
    },
  },
  {
    says: 'a machine may not write to what is not its own: its root, the settings of the whole kernel, the devices of the host',
    async keep(world) {
      await up(world, a)
      const tries = [': > /usr/x', ': > /x', 'echo 1 > /proc/sys/kernel/panic', 'echo b > /proc/sysrq-trigger', 'mknod /run/disk b 254 0', 'modprobe dummy']
      const said = await Promise.all(tries.map(async (script) => (await world.driver.run('a', { kind: 'run', argv: ['sh', '-c', script], does: [] })).code))
      assert.deepEqual(
        said.map((code) => code === 0),
        tries.map(() => false),
      )
    },
  },
]

const why = await whyNoDocker()
if (why === undefined) {
  conformance('docker', here(dockerWorld))
  for (const law of own) test(law.says, () => keepLaw(dockerWorld, law))
} else if (process.getuid?.() === 0) test('Docker is there', () => expect(why).toBeUndefined())
// Who may not use Docker is told so; that is tested where the command line is.
else test('an ordinary user who may not use Docker cannot be held to its laws', () => expect(why).toMatch(/Docker/))
