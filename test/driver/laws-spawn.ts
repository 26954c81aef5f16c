/** Laws of spawn and enter: long-lived programs with their own view of the machine. */
import assert from 'node:assert/strict'
import type { Running } from '#driver/driver.ts'
import type { Process } from '#kernel/step.ts'
import { a, ask, b, becomes, type Law, program, run, up, type World, within } from './world.ts'

type Started = Running & { readonly said: () => string; readonly end: () => Promise<Awaited<Running['exit']>> }

async function start(world: World, argv: readonly string[], more: Partial<Process & { in: string }> = {}): Promise<Started> {
  let text = ''
  const running = await within(
    5_000,
    world.driver.spawn('a', program(argv, more), (chunk) => {
      text += chunk
    }),
    `${argv[0]} starts`,
  )
  return { ...running, said: () => text, end: () => within(5_000, running.exit, `${argv.join(' ')} ends`) }
}

/** Starts a program that ends by itself. @returns what it said, once it has ended. */
async function whole(world: World, script: string, more: Partial<Process & { in: string }> = {}): Promise<string> {
  const running = await start(world, ['sh', '-c', script], more)
  const { code } = await running.end()
  assert.equal(code, 0, running.said())
  return running.said()
}

const mount = (from: string, to: string, readOnly = false) => ({ from, to, readOnly })

export const spawnLaws: readonly Law[] = [
  {
    says: 'a program has a pid, prints as it goes, and its exit comes after its last word',
    needs: ['processes'],
    async keep(world) {
      await up(world, a)
      for (const code of [0, 7]) {
        const running = await start(world, ['sh', '-c', `echo out; echo err >&2; read -r line; seq 1 20000; printf end; exit ${code}`], { stdin: true })
        await becomes(() => running.said().split('\n').toSorted(), ['', 'err', 'out'])
        assert.ok(running.pid > 1)
        running.write('go on\n')
        assert.deepEqual(await running.end(), { code })
        assert.deepEqual([running.said().length, running.said().slice(-9)], [8 + 108_894 + 3, '20000\nend'])
      }
    },
  },
  {
    says: 'a listener that happens to answer something, as short functions do, hears everything all the same',
    needs: ['processes'],
    async keep(world) {
      await up(world, a)
      let text = ''
      const hear: (chunk: string) => void = (chunk) => (text += chunk)
      const script = 'echo one; sleep 0.1; echo two; seq 1 20000 | tail -n 1'
      const running = await within(5_000, world.driver.spawn('a', program(['sh', '-c', script]), hear), 'sh starts')
      await within(5_000, running.exit, 'sh ends')
      assert.equal(text, 'one\ntwo\n20000\n')
    },
  },
  {
    says: 'without stdin of its own a program reads the end at once',
    needs: ['processes'],
    async keep(world) {
      await up(world, a)
      assert.equal(await whole(world, 'cat; echo done'), 'done\n')
    },
  },
  {
    says: 'letters of many bytes are not torn, in whatever pieces they come',
    needs: ['processes'],
    async keep(world) {
      await up(world, a)
      assert.equal(
        await whole(world, `printf '\\342'; sleep 0.1; printf '\\202'; sleep 0.1; printf '\\254'; perl -e 'print "\\xe2\\x82\\xac" x 100_000'`),
        '€'.repeat(100_001),
      )
    },
  },
  {
    says: 'SIGTERM may be heard or ignored, SIGKILL not; a program that left no word is told by its signal',
    needs: ['processes'],
    async keep(world) {
      await up(world, a)
      const hears = await start(world, ['sh', '-c', "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done"])
      await becomes(hears.said, 'ready\n')
      hears.kill('SIGTERM')
      assert.deepEqual([await hears.end(), hears.said()], [{ code: 5 }, 'ready\nbye\n'])
      const deaf = await start(world, ['sh', '-c', "trap '' TERM; echo ready; while :; do sleep 0.05; done"])
      await becomes(deaf.said, 'ready\n')
      deaf.kill('SIGTERM')
      await new Promise((resolve) => setTimeout(resolve, 200))
      deaf.kill('SIGKILL')
      assert.deepEqual(ending(await deaf.end()), 'SIGKILL')
      const plain = await start(world, ['sh', '-c', 'echo ready; exec sleep 600'])
      await becomes(plain.said, 'ready\n')
      plain.kill('SIGTERM')
      assert.deepEqual(ending(await plain.end()), 'SIGTERM')
      plain.kill('SIGTERM')
      plain.kill('SIGKILL')
      plain.write('to nobody')
    },
  },
  {
    says: 'a program that cannot be run ends with words that name what is missing',
    needs: ['processes'],
    async keep(world) {
      await up(world, a)
      const cases = [
        [['no-such-program'], {}, /no-such-program/],
        [['true'], { cwd: '/no/such/folder' }, /no\/such\/folder/],
        [['true'], { in: 'nope' }, /nope/],
        [['true'], { mounts: [mount('/run/missing', '/data')] }, /missing/],
        [['true'], { mounts: [mount('/run/', '/no-such-top/x')] }, /no-such-top/],
      ] as const
      for (const [argv, more, words] of cases) {
        const running = await start(world, argv, more)
        const { code } = await running.end()
        assert.deepEqual([more, code === 0, words.test(running.said())], [more, false, true], running.said())
      }
    },
  },
  {
    says: 'a program sees its own processes, its host name, its working folder and the network it was put into',
    needs: ['processes'],
    async keep(world) {
      await up(world, a)
      await ask(world, 'a', ['sh', '-c', 'ip netns add p && ip -n p link add name own type bridge'])
      const script = 'hostname; pwd; ls /proc/sys/net/ipv4/conf | grep -cE "own|eth0"; ps -e -o comm= | grep -cvE "^(tini|sh|ps|grep)$"'
      assert.equal(await whole(world, `${script}; true`, { hostname: 'box', cwd: '/tmp', in: 'p' }), 'box\n/tmp\n1\n0\n')
      assert.equal(await whole(world, `${script}; true`), 'a\n/\n1\n0\n')
      assert.equal((await ask(world, 'a', ['hostname'])).trim(), 'a')
    },
  },
  {
    says: 'volumes: a file, a folder made where it is missing, a place the machine lacks, read-only where said, seen by nobody else',
    needs: ['processes'],
    async keep(world) {
      await up(world, a)
      await ask(world, 'a', ['sh', '-c', 'mkdir -p /run/v && echo config > /run/v/file && echo its > /run/v/hosts'])
      const mounts = [
        mount('/run/v/hosts', '/etc/hosts', true),
        mount('/run/v/file', '/etc/app/deep/app.conf', true),
        mount('/run/v/new/', '/data'),
        mount('/run/v/new/', '/usr/share/nginx/html/v', true),
        mount('/run/v/other folder/', '/srv/two words'),
        ...['/etc/one', '/etc/two/more', '/etc/three', '/etc/app/more', '/usr/one', '/usr/two', '/usr/three', '/var/one/x', '/var/two'].map((to) =>
          mount('/run/v/new/', to, true),
        ),
      ]
      const script = [
        'cat /etc/hosts /etc/app/deep/app.conf',
        'echo written > /data/note; cat /usr/share/nginx/html/v/note',
        'echo more > "/srv/two words/x"',
        'for f in /etc/hosts /etc/app/deep/app.conf /usr/share/nginx/html/v/x; do (echo x > $f) 2>/dev/null && echo "$f is writable"; done',
        'ls /etc/passwd /usr/bin/env /etc/three/note /usr/three/note /var/one/x/note',
      ].join('\n')
      assert.equal(
        await whole(world, script, { mounts }),
        ['its', 'config', 'written', '/etc/passwd', '/etc/three/note', '/usr/bin/env', '/usr/three/note', '/var/one/x/note', ''].join('\n'),
      )
      assert.equal(await ask(world, 'a', ['cat', '/run/v/new/note', '/run/v/other folder/x']), 'written\nmore\n')
      assert.deepEqual(
        [
          (await run(world, 'a', ['ls', '/etc/app', '/usr/share/nginx/html/v', '/data/note', '/var/one'])).stdout,
          (await run(world, 'a', ['cat', '/etc/hosts'])).stdout,
        ],
        ['', '127.0.0.1\tlocalhost\n'],
      )
    },
  },
  {
    says: 'two programs share a volume, and each has its own',
    needs: ['processes'],
    async keep(world) {
      await up(world, a)
      const writer = await start(world, ['sh', '-c', 'echo hello > /data/x; echo done; exec sleep 600'], { mounts: [mount('/run/shared/', '/data')] })
      await becomes(writer.said, 'done\n')
      assert.equal(await whole(world, 'cat /data/x', { mounts: [mount('/run/shared/', '/data')] }), 'hello\n')
      assert.equal(await whole(world, 'ls /data', { mounts: [mount('/run/other/', '/data')] }), '')
      writer.kill('SIGKILL')
      await writer.end()
    },
  },
  {
    says: 'a hundred kilobytes of environment arrive, one word too long for the kernel is refused with words',
    needs: ['processes'],
    async keep(world) {
      await up(world, a)
      const env = { ...Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`V${index}`, `${index} ü$"'\n`.repeat(100)])), LONG: 'x'.repeat(100_000) }
      assert.equal(
        await whole(world, 'printf %s "$V7" | head -n 1; printf %s "$V99$LONG" | wc -c; env | grep -c NETLAB || true', { env }),
        `7 ü$"'\n100900\n0\n`,
      )
      await assert.rejects(
        world.driver.spawn('a', program(['true'], { env: { LONG: 'x'.repeat(200_000) } }), () => undefined),
        /E2BIG/,
      )
    },
  },
  {
    says: 'programs end with their machine, and only with theirs',
    needs: ['processes'],
    async keep(world) {
      await up(world, a, b)
      const mine = await start(world, ['sleep', '600'])
      const other = await world.driver.spawn('b', program(['sh', '-c', 'sleep 600']), () => undefined)
      await up(world, a)
      assert.equal(ending(await within(5_000, other.exit, 'the other machine’s program ends')), 'SIGKILL')
      const first = await Promise.race([mine.exit, new Promise((resolve) => setTimeout(() => resolve('runs'), 100))])
      assert.equal(first, 'runs')
      mine.kill('SIGKILL')
      await mine.end()
    },
  },
  {
    says: 'twenty programs started at once all run, each with its own pid',
    needs: ['processes'],
    async keep(world) {
      await up(world, a)
      const all = await Promise.all(Array.from({ length: 20 }, (_, index) => start(world, ['sh', '-c', `echo ${index}; exec sleep 600`])))
      await becomes(
        () => all.map((one) => one.said()),
        all.map((_, index) => `${index}\n`),
      )
      assert.equal(new Set(all.map(({ pid }) => pid)).size, 20)
      for (const one of all) one.kill('SIGKILL')
      await Promise.all(all.map((one) => one.end()))
    },
  },
  {
    says: 'one enters a machine, a namespace of it, and the view of a program',
    needs: ['processes'],
    async keep(world) {
      await up(world, a)
      await ask(world, 'a', ['sh', '-c', 'ip netns add p && ip -n p link add name own type bridge'])
      const running = await start(world, ['sh', '-c', 'echo ready; exec sleep 600'], { in: 'p', hostname: 'box' })
      await becomes(running.said, 'ready\n')
      // It has said so a moment before it becomes `sleep`.
      await becomes(async () => (await run(world, 'a', ['sh', '-c', 'ps -e -o args= | grep -cx "sleep 600"'])).stdout, '1\n')
      const look = ['sh', '-c', 'hostname; cd /proc/sys/net/ipv4/conf; echo $(ls -d eth0 own 2>/dev/null); ps -e -o args= | grep -cx "sleep 600"']
      const through = async (prefix: readonly string[]): Promise<string> => {
        const { stdout, stderr } = await world.outside([...prefix, ...look])
        return stdout + stderr
      }
      assert.deepEqual(
        await Promise.all([world.driver.enter('a'), world.driver.enter('a', { netns: 'p' }), world.driver.enter('a', { pid: running.pid })].map(through)),
        ['a\neth0\n1\n', 'a\nown\n1\n', 'box\nown\n1\n'],
      )
      running.kill('SIGKILL')
      await running.end()
    },
  },
]

/** A shell or an init between the program and its driver tells a signal as 128 + its number. */
function ending({ code, signal }: Awaited<Running['exit']>): string | number {
  return signal ?? (code === 143 ? 'SIGTERM' : code === 137 ? 'SIGKILL' : (code ?? 'nothing'))
}
