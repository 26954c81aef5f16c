/** Laws of run: a program, what it is given, what it answers, how it is stopped. */
import assert from 'node:assert/strict'
import type { Command } from '#kernel/command.ts'
import { a, ask, type Law, program, run, up, type World, within } from './world.ts'

/** Both ways through a driver: a command that may have to be stopped, and one that need not. */
const WAYS = [{}, { timeoutMs: 60_000 }] as const

const MB = 1024 * 1024

const TEXTS: readonly string[] = [
  '',
  'no end of line',
  'one line\n',
  '\n',
  '\n\n',
  `'single' "double" \`back\` $HOME $(id) \\ \\n \\\\ !! %s %d\n`,
  'END\nEND_\nEND__\n--netlab-end--0\nEOF\n',
  "<<'END'\nEND",
  'ü 🐧 \u0001\u0007\u007f \u0081\u0085 \ufeff\r\n\ttab',
  'with \0 in it\0',
  'x'.repeat(300_000),
  `${'ü'.repeat(70_000)}\n`,
]

const WORDS: readonly string[] = [
  '',
  ' ',
  'two words',
  `it's`,
  '"',
  '\\',
  '$HOME',
  '`id`',
  '*',
  '~',
  '-n',
  '--',
  '#',
  'a\nb',
  'ü🐧',
  '|',
  ';',
  '>x',
  'a=b',
  '%s',
  '!',
]

export const runLaws: readonly Law[] = [
  {
    says: 'a series is run up to the first that does not end with 0, which answers alone',
    needs: ['programs'],
    async keep(world) {
      await up(world, a)
      const says = (text: string, code = 0): Command => ({ kind: 'run', argv: ['sh', '-c', `cat; echo ${text}; exit ${code}`], stdin: `${text}\n`, does: [] })
      for (const commands of [
        [says('a'), says('b', 3), says('c')],
        [says('a'), says('b', 3), { kind: 'run', argv: ['true', '\0'], does: [] }],
      ] as const)
        assert.deepEqual(await world.driver.run('a', { kind: 'series', commands }), { code: 3, stdout: 'b\nb\n', stderr: '', ran: 2 })
    },
  },
  {
    says: 'a program answers with its exit code, its stdout and its stderr, each whole',
    needs: ['programs'],
    async keep(world) {
      await up(world, a)
      for (const way of WAYS) {
        const script = 'printf out; printf err >&2; exit 3'
        assert.deepEqual(await run(world, 'a', ['sh', '-c', script], way), { code: 3, stdout: 'out', stderr: 'err' })
        assert.deepEqual(await run(world, 'a', ['printf', 'a\\n\\n'], way), { code: 0, stdout: 'a\n\n', stderr: '' })
        assert.deepEqual(await run(world, 'a', ['sh', '-c', 'exit 255'], way), { code: 255, stdout: '', stderr: '' })
        assert.deepEqual(await run(world, 'a', ['true'], way), { code: 0, stdout: '', stderr: '' })
      }
    },
  },
  {
    says: 'stdin arrives byte for byte, and is empty when there is none',
    needs: ['programs'],
    async keep(world) {
      await up(world, a)
      for (const way of WAYS) {
        assert.deepEqual(await run(world, 'a', ['cat'], way), { code: 0, stdout: '', stderr: '' })
        for (const stdin of TEXTS) {
          const said = await ask(world, 'a', ['cat'], { ...way, stdin })
          assert.ok(
            said === stdin,
            `${JSON.stringify(stdin.slice(0, 60))} came out as ${JSON.stringify(said.slice(0, 60))} (${said.length} of ${stdin.length})`,
          )
        }
        assert.equal((await run(world, 'a', ['true'], { ...way, stdin: 'unread '.repeat(100_000) })).code, 0)
      }
    },
  },
  {
    says: 'words arrive as they are, whatever a shell would make of them',
    needs: ['programs'],
    async keep(world) {
      await up(world, a)
      for (const way of WAYS)
        for (const how of [way, { ...way, stdin: 'x' }])
          assert.deepEqual((await ask(world, 'a', ['printf', '%s\\0', ...WORDS], how)).split('\0'), [...WORDS, ''])
    },
  },
  {
    says: 'a program that does not exist is an answer: 127 and its name',
    needs: ['programs'],
    async keep(world) {
      await up(world, a)
      await ask(world, 'a', ['ip', 'netns', 'add', 'p'])
      for (const way of WAYS)
        for (const argv of [['no-such-program'], ['/no/such/program', 'x'], ['exit', '3'], ['cd', '/tmp'], ['export', 'A=b'], ['a=b'], ['exec', 'true']]) {
          for (const how of [way, { ...way, in: 'p' }]) {
            const { code, stdout, stderr } = await run(world, 'a', argv, how)
            assert.deepEqual([argv, code, stdout, stderr.includes(argv[0] ?? '')], [argv, 127, '', true])
          }
        }
      assert.equal(await ask(world, 'a', ['pwd']), '/\n')
    },
  },
  {
    says: 'a text for perl is done as perl does it, whoever does it: its words, its stdin, its end, its last words',
    needs: ['programs'],
    async keep(world) {
      await up(world, a)
      await ask(world, 'a', ['ip', 'netns', 'add', 'p'])
      const text = 'use strict; my @lines = <STDIN>; sub end { print "@ARGV|", scalar @lines, "|$ENV{HOME}"; warn "said\n"; exit 7 } end()'
      for (const way of WAYS)
        for (const how of [way, { ...way, in: 'p' }]) {
          assert.deepEqual(await run(world, 'a', ['perl', '-e', text, 'two words', 'x'], { ...how, stdin: 'a\nb\n' }), {
            code: 7,
            stdout: 'two words x|2|/root',
            stderr: 'said\n',
          })
          const { code, stdout, stderr } = await run(world, 'a', ['perl', '-e', 'print "so far"; die "no more"'], how)
          assert.deepEqual([code === 0, stdout, stderr], [false, 'so far', 'no more at -e line 1.\n'])
          assert.deepEqual(await run(world, 'a', ['perl', '-e', 'print $x = 1; kill 9, $$'], how), await run(world, 'a', ['sh', '-c', 'kill -9 $$'], how))
        }
    },
  },
  {
    says: 'what cannot be given to a program at all is an answer too',
    needs: ['programs'],
    async keep(world) {
      await up(world, a)
      for (const way of WAYS) {
        assert.notEqual((await run(world, 'a', ['true', 'x'.repeat(200_000)], way)).code, 0)
        assert.notEqual((await run(world, 'a', ['true', 'nul\0'], way)).code, 0)
      }
      await ask(world, 'a', ['true'])
    },
  },
  {
    says: '`in` is a network namespace of the machine, with the machine’s files; one that is not there is refused',
    needs: ['programs'],
    async keep(world) {
      await up(world, a)
      await ask(world, 'a', ['sh', '-c', 'ip netns add p && ip -n p link add name own type bridge && echo here > /run/file'])
      for (const way of WAYS) {
        const how = { ...way, in: 'p' }
        assert.equal(
          await ask(world, 'a', ['sh', '-c', 'cd /proc/sys/net/ipv4/conf; ls -d own eth0 2>/dev/null; cat /run/file; cat'], { ...how, stdin: 'in' }),
          'own\nhere\nin',
        )
        const refused = await run(world, 'a', ['true'], { ...way, in: 'nope' })
        assert.deepEqual([refused.code, refused.stderr.includes('/run/netns/nope')], [1, true])
      }
    },
  },
  {
    says: 'a link in the place of a network namespace leads to nothing outside the machine',
    needs: ['programs'],
    async keep(world) {
      await up(world, a)
      const devices = ['ls', '/proc/sys/net/ipv4/conf']
      const own = await ask(world, 'a', devices)
      await ask(world, 'a', ['sh', '-c', 'ip netns add p && ln -s /proc/1/ns/net /run/netns/out && mkfifo /run/netns/pipe'])
      for (const way of WAYS) {
        const { code, stdout } = await run(world, 'a', devices, { ...way, in: 'out' })
        assert.deepEqual([code === 0, stdout], code === 0 ? [true, own] : [false, ''])
      }
      assert.notEqual((await run(world, 'a', devices, { timeoutMs: 5_000, in: 'pipe' })).code, 0)
    },
  },
  {
    says: '`view` is what a running program sees: its files, host name, processes and network',
    needs: ['processes'],
    async keep(world) {
      await up(world, a)
      await ask(world, 'a', ['sh', '-c', 'ip netns add p && mkdir /run/own && echo its > /run/own/file'])
      const mounts = [{ from: '/run/own/file', to: '/etc/hosts', readOnly: true }]
      const running = await world.driver.spawn('a', program(['sleep', '600'], { in: 'p', hostname: 'box', mounts }), () => undefined)
      await within(5_000, settled(world, 'a', running.pid, 'box'), 'the program has its own view')
      const script = 'hostname; cat /etc/hosts; ls /proc/sys/net/ipv4/conf | grep -c eth0; ps -e -o comm= | sort -u | grep -c sleep'
      assert.equal((await run(world, 'a', ['sh', '-c', script], { view: running.pid, timeoutMs: 20_000 })).stdout, 'box\nits\n0\n1\n')
      running.kill('SIGKILL')
      await running.exit
      assert.notEqual((await run(world, 'a', ['true'], { view: running.pid })).code, 0)
    },
  },
  {
    says: 'a program that takes too long is stopped, and its answer does not wait for children that hide',
    needs: ['programs'],
    async keep(world) {
      await up(world, a)
      for (const script of [
        'sleep 601',
        'sleep 601 & sleep 601',
        "trap '' TERM; while :; do sleep 601; done",
        'setsid sleep 601 & sleep 601',
        'echo said; exec sleep 601',
      ]) {
        const output = await within(4_000, run(world, 'a', ['sh', '-c', script], { timeoutMs: 200 }), script)
        const said = script.includes('echo') ? 'said\n' : ''
        assert.deepEqual([script, output], [script, { code: undefined, signal: 'SIGKILL', timedOut: true, stdout: said, stderr: '' }])
      }
    },
  },
  {
    says: 'an abort stops a program, before it began as well as while it runs',
    needs: ['programs'],
    async keep(world) {
      await up(world, a)
      const marker = ['sh', '-c', 'sleep 600; touch /run/marker']
      const stopped = { code: undefined, signal: 'SIGKILL', stdout: '', stderr: '' }
      assert.deepEqual(await within(2_000, run(world, 'a', marker, { signal: AbortSignal.abort() }), 'aborted before'), stopped)
      assert.deepEqual(await within(2_000, run(world, 'a', marker, { signal: AbortSignal.timeout(100) }), 'aborted on the way'), stopped)
      const done = new AbortController()
      assert.equal((await run(world, 'a', ['true'], { signal: done.signal })).code, 0)
      done.abort()
      assert.equal((await run(world, 'a', ['ls', '/run/marker'])).code, 2)
    },
  },
  {
    says: 'a flood is cut at 32 MiB and said to be one; what comes after is not drowned in it',
    needs: ['programs'],
    async keep(world) {
      await up(world, a)
      for (const way of WAYS) {
        const { code, signal, stdout, stderr } = await within(20_000, run(world, 'a', ['head', '-c', `${40 * MB}`, '/dev/zero'], way), 'a flood ends')
        assert.deepEqual([code, signal, stdout.length <= 32 * MB, stderr], [undefined, 'SIGKILL', true, 'more than 32 MiB were printed'])
        assert.equal(await ask(world, 'a', ['echo', 'dry'], way), 'dry\n')
      }
    },
  },
  {
    says: 'two megabytes of many-byte letters arrive whole',
    needs: ['programs'],
    async keep(world) {
      await up(world, a)
      for (const way of WAYS) {
        const said = await ask(world, 'a', ['perl', '-e', 'print "\\xe2\\x82\\xac" x 700_000'], way)
        assert.deepEqual([said.length, said.replaceAll('€', '')], [700_000, ''])
      }
    },
  },
  {
    says: 'many programs at once on one machine do not mix what they print',
    needs: ['programs'],
    async keep(world) {
      await up(world, a)
      const numbers = Array.from({ length: 40 }, (_, number) => number)
      const said = await Promise.all(
        numbers.map((number) =>
          run(world, 'a', ['sh', '-c', `seq -f '${number} %g' 1 300; echo ${number} >&2; cat; exit ${number}`], { ...WAYS[number % 2], stdin: `${number}` }),
        ),
      )
      const lines = (number: number): string => Array.from({ length: 300 }, (_, line) => `${number} ${line + 1}\n`).join('')
      assert.deepEqual(
        said,
        numbers.map((number) => ({ code: number, stdout: `${lines(number)}${number}`, stderr: `${number}\n` })),
      )
    },
  },
  {
    says: 'a program that kills what runs it hurts no later one',
    needs: ['programs'],
    async keep(world) {
      await up(world, a)
      // What runs it may be out of its reach.
      const { code, signal, stderr } = await within(5_000, run(world, 'a', ['sh', '-c', 'kill -9 $PPID; sleep 1']), 'the end is noticed')
      assert.deepEqual([code, signal, stderr.includes('ended')], code === 0 ? [0, undefined, false] : [undefined, 'SIGKILL', true])
      assert.deepEqual(await Promise.all([1, 2, 3].map((number) => ask(world, 'a', ['echo', `${number}`]))), ['1\n', '2\n', '3\n'])
    },
  },
  {
    says: 'programs know nothing of the environment of whoever started the lab',
    needs: ['programs'],
    async keep(world) {
      process.env['NETLAB_SECRET'] = 'of the user'
      await up(world, a)
      for (const way of WAYS) {
        const text = await ask(world, 'a', ['env'], way)
        assert.deepEqual([text.includes('NETLAB_SECRET'), /^PATH=.*\/usr\/sbin/m.test(text), /^LC_ALL=C.UTF-8$/m.test(text)], [false, true, true])
      }
    },
  },
]

/** The launcher gives itself its host name before anything else. */
async function settled(world: World, name: string, pid: number, hostname: string): Promise<void> {
  while ((await run(world, name, ['sh', '-c', 'hostname; ps -e -o comm='], { view: pid, timeoutMs: 2_000 })).stdout.match(`^${hostname}\n[^]*sleep`) === null);
}
