import { afterAll, expect, test } from 'vitest'
import { OUTPUT_MAX } from './output.ts'
import { fitsShell, openShell, type Shell } from './shell.ts'

const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8' }
const opened: Shell[] = []
const shell = (limitMs?: number, argv: readonly string[] = ['sh']): Shell => {
  const one = openShell(argv, env, limitMs)
  opened.push(one)
  return one
}
afterAll(() => {
  for (const one of opened) one.close()
})

const sh = (script: string) => ({ argv: ['sh', '-c', script] })
const well = (stdout: string) => ({ code: 0, stdout, stderr: '' })

test('a command answers with its exit code and both outputs, whole', async () => {
  const { run } = shell()
  expect(await run(sh('printf out; printf err >&2; exit 3'))).toEqual({ code: 3, stdout: 'out', stderr: 'err' })
  expect(await run(sh('printf "a\\n\\n"'))).toEqual(well('a\n\n'))
  expect(await run(sh('exit 255'))).toEqual({ code: 255, stdout: '', stderr: '' })
})

test('stdin arrives as it is: quotes, backslashes, ends of heredocs, no end of line, control bytes', async () => {
  const { run } = shell()
  const texts = [
    '\n',
    'no end of line',
    `'a' "b" \`c\` $HOME $(id) \\ \\\\ \\n %s !!\n`,
    'END\nEND_\nEND__\n',
    "<<'END'\nEND",
    '--netlab-end--0\n\n--netlab-end--0\n',
    '\u0001\u0007\u001b[0m\u007f\u0081\u0088\u009f\ufeff\r\n\t',
    `${'€'.repeat(100_000)}\n`,
  ]
  for (const stdin of texts) expect(await run({ argv: ['cat'], stdin })).toEqual(well(stdin))
})

test('without stdin, and with an empty one, a command reads the end at once', async () => {
  const { run } = shell()
  expect(await Promise.all([run({ argv: ['cat'] }), run({ argv: ['cat'], stdin: '' }), run(sh('read -r x; echo "$?"'))])).toEqual([
    well(''),
    well(''),
    well('1\n'),
  ])
})

test('what a command leaves unread is not read by the next one', async () => {
  const { run } = shell()
  expect(await run({ argv: ['true'], stdin: 'echo astray\n'.repeat(20_000) })).toEqual(well(''))
  expect(await run({ argv: ['true'], stdin: 'echo astray' })).toEqual(well(''))
  expect(await run(sh('echo on its way'))).toEqual(well('on its way\n'))
})

test('words are words, whatever a shell would make of them', async () => {
  const words = ['', ' ', "it's", '"', '\\', '$HOME', '`id`', '*', '~', '#', 'a\nb', ';', '>x', '|', '!', '-n', 'a=b', '€']
  expect((await shell().run({ argv: ['printf', '%s\\0', ...words] })).stdout.split('\0')).toEqual([...words, ''])
})

test('no builtin is run, and nothing that is run changes the shell', async () => {
  const { run } = shell()
  for (const argv of [['exit', '3'], ['cd', '/tmp'], ['exec', 'true'], ['a=b'], ['no-such-program']])
    expect([argv, (await run({ argv })).code]).toEqual([argv, 127])
  expect(await run(sh('echo "$a"; kill -0 $PPID && pwd'))).toEqual(well(`\n${process.cwd()}\n`))
})

test('two megabytes of letters of three bytes arrive untorn', async () => {
  const { stdout } = await shell().run({ argv: ['perl', '-e', 'print "\\xe2\\x82\\xac" x 700_000'] })
  expect([stdout.length, stdout.replaceAll('€', '')]).toEqual([700_000, ''])
})

test('a command that looks like the end of another is not one', async () => {
  const { run } = shell()
  const seen = await Promise.all([run(sh('printf "\\n--netlab-end--0\\n"; sleep 0.1; echo more')), run(sh('echo next'))])
  expect(seen).toEqual([well('\n--netlab-end--0\nmore\n'), well('next\n')])
})

test('commands asked for at once are answered in order, each with its own', async () => {
  const { run } = shell()
  const numbers = Array.from({ length: 30 }, (_, index) => index)
  expect(await Promise.all(numbers.map((number) => run(sh(`seq ${number} 200; echo ${number} >&2; exit ${number}`))))).toEqual(
    numbers.map((number) => ({
      code: number,
      stdout: Array.from({ length: 201 - number }, (_, index) => `${number + index}\n`).join(''),
      stderr: `${number}\n`,
    })),
  )
})

test('a command that kills the shell is told so, and the next one finds another shell', async () => {
  const { run } = shell()
  const seen = await Promise.all([run(sh('echo said; kill -9 $PPID; sleep 5')), run(sh('echo next'))])
  expect(seen).toEqual([{ code: undefined, signal: 'SIGKILL', stdout: 'said\n', stderr: "the machine's shell ended" }, well('next\n')])
})

test('a command that takes too long is stopped with its shell, and the next one finds another', async () => {
  const { run } = shell(200)
  const seen = await Promise.all([run(sh('echo said; sleep 60')), run(sh('echo next'))])
  expect(seen).toEqual([{ code: undefined, signal: 'SIGKILL', stdout: 'said\n', stderr: '', timedOut: true }, well('next\n')])
})

test('a flood is stopped and said to be one', async () => {
  const { run } = shell()
  const { stdout, ...rest } = await run({ argv: ['head', '-c', '40000000', '/dev/zero'] })
  expect([stdout.length <= OUTPUT_MAX, rest]).toEqual([true, { code: undefined, signal: 'SIGKILL', stderr: 'more than 32 MiB were printed' }])
  expect(await run(sh('echo dry'))).toEqual(well('dry\n'))
})

test('a shell that cannot be started is an answer, every time', async () => {
  const { run } = shell(undefined, ['/no/such/shell'])
  expect((await Promise.all([run(sh('true')), run(sh('true'))])).map(({ code, stderr }) => [code, /ENOENT/.test(stderr)])).toEqual([
    [127, true],
    [127, true],
  ])
})

test('a closed shell runs nothing any more, and what ran in it ends', async () => {
  const one = shell()
  const running = one.run(sh('sleep 60'))
  await new Promise((resolve) => setTimeout(resolve, 50))
  one.close()
  const ended = { code: undefined, signal: 'SIGKILL', stdout: '', stderr: "the machine's shell ended" }
  expect(await Promise.all([running, one.run(sh('echo more'))])).toEqual([ended, ended])
})

test('zero bytes do not fit into a shell', () => {
  expect([{ argv: ['cat'], stdin: 'a\0' }, { argv: ['echo', '\0'] }, { argv: ['cat'], stdin: '\u0001' }].map(fitsShell)).toEqual([false, false, true])
})
