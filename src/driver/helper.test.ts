import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Run, Series, Write } from '#kernel/command.ts'
import type { Step } from '#kernel/step.ts'
import { type Helper, openHelper, startHelper } from './helper.ts'
import { OUTPUT_MAX } from './output.ts'

const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8' }
const opened: Helper[] = []
const helper = (limitMs?: number, place: readonly string[] = []): Helper => {
  const one = openHelper(() => startHelper(place, env), limitMs)
  opened.push(one)
  return one
}
afterAll(() => {
  for (const one of opened) one.close()
})

const folder = mkdtempSync(join(tmpdir(), 'netlab-files-'))
afterAll(() => rmSync(folder, { recursive: true }))

const sh = (script: string) => ({ argv: ['sh', '-c', script] })
const well = (stdout: string) => ({ code: 0, stdout, stderr: '' })

test('a command answers with its exit code and both outputs, whole', async () => {
  const { run } = helper()
  expect(await run(sh('printf out; printf err >&2; exit 3'))).toEqual({ code: 3, stdout: 'out', stderr: 'err' })
  expect(await run(sh('printf "a\\n\\n"'))).toEqual(well('a\n\n'))
  expect(await run(sh('exit 255'))).toEqual({ code: 255, stdout: '', stderr: '' })
})

test('stdin arrives as it is: quotes, backslashes, ends of heredocs, no end of line, control bytes', async () => {
  const { run } = helper()
  const texts = [
    '\n',
    'zero bytes \0\0',
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
  const { run } = helper()
  expect(await Promise.all([run({ argv: ['cat'] }), run({ argv: ['cat'], stdin: '' }), run(sh('read -r x; echo "$?"'))])).toEqual([
    well(''),
    well(''),
    well('1\n'),
  ])
})

test('what a command leaves unread is not read by the next one', async () => {
  const { run } = helper()
  expect(await run({ argv: ['true'], stdin: 'echo astray\n'.repeat(20_000) })).toEqual(well(''))
  expect(await run({ argv: ['true'], stdin: 'echo astray' })).toEqual(well(''))
  expect(await run(sh('echo on its way'))).toEqual(well('on its way\n'))
})

test('words are words, whatever a shell would make of them', async () => {
  const words = ['', ' ', "it's", '"', '\\', '$HOME', '`id`', '*', '~', '#', 'a\nb', ';', '>x', '|', '!', '-n', 'a=b', '€']
  expect((await helper().run({ argv: ['printf', '%s\\0', ...words] })).stdout.split('\0')).toEqual([...words, ''])
})

test('no builtin is run, and nothing that is run changes the helper', async () => {
  const { run } = helper()
  for (const argv of [['exit', '3'], ['cd', '/tmp'], ['exec', 'true'], ['a=b'], ['no-such-program']])
    expect([argv, (await run({ argv })).code]).toEqual([argv, 127])
  expect(await run(sh('echo "$a"; kill -0 $PPID && pwd'))).toEqual(well(`\n${process.cwd()}\n`))
})

test('two megabytes of letters of three bytes arrive untorn', async () => {
  const { stdout } = await helper().run({ argv: ['perl', '-e', 'print "\\xe2\\x82\\xac" x 700_000'] })
  expect([stdout.length, stdout.replaceAll('€', '')]).toEqual([700_000, ''])
})

test('a command that looks like the end of another is not one', async () => {
  const { run } = helper()
  const seen = await Promise.all([run(sh('printf "\\n--netlab-end--0\\n"; sleep 0.1; echo more')), run(sh('echo next'))])
  expect(seen).toEqual([well('\n--netlab-end--0\nmore\n'), well('next\n')])
})

test('commands asked for at once are answered in order, each with its own', async () => {
  const { run } = helper()
  const numbers = Array.from({ length: 30 }, (_, index) => index)
  expect(await Promise.all(numbers.map((number) => run(sh(`seq ${number} 200; echo ${number} >&2; exit ${number}`))))).toEqual(
    numbers.map((number) => ({
      code: number,
      stdout: Array.from({ length: 201 - number }, (_, index) => `${number + index}\n`).join(''),
      stderr: `${number}\n`,
    })),
  )
})

const does: readonly Step[] = []
const series = (...commands: readonly (Pick<Run, 'argv' | 'stdin' | 'quiet'> | Pick<Write, 'files'>)[]): Series => ({
  kind: 'series',
  commands: commands.map((one) => ('files' in one ? { kind: 'write', ...one, does } : { kind: 'run', ...one, does })),
})

test('a series is run up to the first that does not end with 0, which answers alone', async () => {
  const { run } = helper()
  const path = join(folder, 'never')
  const said = sh('echo out; echo err >&2')
  const seen = await Promise.all([
    run(series(said, { argv: ['true'] }, sh('printf "only this"; exit 3'), { files: [{ path, text: '' }] }, said)),
    run(series(said)),
    run(series({ ...said, quiet: true }, { ...said, quiet: true })),
    run(sh('echo next')),
  ])
  expect([...seen, statSync(path, { throwIfNoEntry: false })]).toEqual([
    { code: 3, stdout: 'only this', stderr: '', ran: 3 },
    { code: 0, stdout: 'out\n', stderr: 'err\n', ran: 1 },
    { code: 0, stdout: '', stderr: 'err\n', ran: 2 },
    well('next\n'),
    undefined,
  ])
})

test('every program of a series gets its own stdin, whole', async () => {
  const { run } = helper()
  const [a, b, c] = ['a', 'b', 'c'].map((name) => join(folder, `stdin-${name}`))
  const keeps = (path = '', size = 0) => ({ argv: ['sh', '-c', 'cat >"$0"', path], stdin: path.repeat(size) })
  expect(await run(series(keeps(a, 10), keeps(b, 20_000), { argv: ['true'], stdin: 'for nobody' }, keeps(c, 1000)))).toEqual({ ...well(''), ran: 4 })
  expect([a, b, c].map((path = '') => readFileSync(path, 'utf8').length / path.length)).toEqual([10, 20_000, 1000])
})

test('a series that is stopped says at which of its programs', async () => {
  const { run } = helper()
  const { signal, stdout, ran } = await run(series(sh('echo before'), { argv: ['true'] }, sh('echo said; kill -9 $PPID; sleep 5'), { argv: ['true'] }))
  expect([signal, stdout, ran]).toEqual(['SIGKILL', 'said\n', 3])
})

test('a command that kills the helper is told so, and the next one finds another helper', async () => {
  const { run } = helper()
  const seen = await Promise.all([run(sh('echo said; kill -9 $PPID; sleep 5')), run(sh('echo next'))])
  expect(seen).toEqual([{ code: undefined, signal: 'SIGKILL', stdout: 'said\n', stderr: "the machine's helper ended" }, well('next\n')])
})

test('a command that takes too long is stopped with its helper, and the next one finds another', async () => {
  const { run } = helper(200)
  const seen = await Promise.all([run(sh('echo said; sleep 60')), run(sh('echo next'))])
  expect(seen).toEqual([{ code: undefined, signal: 'SIGKILL', stdout: 'said\n', stderr: '', timedOut: true }, well('next\n')])
})

test('a flood is stopped and said to be one', async () => {
  const { run } = helper()
  const { stdout, ...rest } = await run({ argv: ['head', '-c', '40000000', '/dev/zero'] })
  expect([stdout.length <= OUTPUT_MAX, rest]).toEqual([true, { code: undefined, signal: 'SIGKILL', stderr: 'more than 32 MiB were printed' }])
  expect(await run(sh('echo dry'))).toEqual(well('dry\n'))
})

test('a helper that cannot be started is an answer, every time', async () => {
  const { run } = helper(undefined, ['/no/such/place'])
  expect((await Promise.all([run(sh('true')), run(sh('true'))])).map(({ code, stderr }) => [code, /ENOENT/.test(stderr)])).toEqual([
    [127, true],
    [127, true],
  ])
})

test('a closed helper runs nothing any more, and what ran in it ends', async () => {
  const one = helper()
  const running = one.run(sh('sleep 60'))
  await new Promise((resolve) => setTimeout(resolve, 50))
  one.close()
  const ended = { code: undefined, signal: 'SIGKILL', stdout: '', stderr: "the machine's helper ended" }
  expect(await Promise.all([running, one.run(sh('echo more'))])).toEqual([ended, ended])
})

test('a file arrives as it is, whatever stands in it, in folders made for it', async () => {
  const text = `it's $HOME \`x\` "y" \\n %s\n\n\tümlaut\0`
  const path = join(folder, 'a b/c/file')
  expect([await helper().run({ files: [{ path, text, mode: 0o600 }] }), readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual([
    well(''),
    text,
    0o600,
  ])
})

test('what is printed for nobody is not kept, however much it is', async () => {
  const { run } = helper()
  expect(await run({ argv: ['sh', '-c', 'head -c 40000000 /dev/zero; echo but this is >&2; exit 3'], quiet: true })).toEqual({
    ...{ code: 3, stdout: '', stderr: 'but this is\n' },
  })
  expect(await run(sh('echo kept'))).toEqual(well('kept\n'))
})

test('a file without text goes, and one that is not there is gone already', async () => {
  const path = join(folder, 'gone')
  const { run } = helper()
  await run({ files: [{ path, text: '' }] })
  expect([
    await run({ files: [{ path }, { path: `${path}-never` }, { path: `${folder}/no/such/folder` }] }),
    statSync(path, { throwIfNoEntry: false }),
  ]).toEqual([well(''), undefined])
})

test('a failure to write begins with the path', async () => {
  const path = join(folder, 'folder')
  mkdirSync(path)
  const refused = { code: 1, stdout: '', stderr: `${path}: Is a directory\n` }
  expect([await helper().run({ files: [{ path, text: 'x' }] }), await helper().run({ files: [{ path }] })]).toEqual([refused, refused])
})
