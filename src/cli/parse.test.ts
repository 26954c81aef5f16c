import { expect, test } from 'vitest'
import { parse } from './parse.ts'
import { verbs } from './verbs.ts'

const said = (line: string, env: Readonly<Record<string, string>> = {}) => {
  const call = parse(line.split(' ').filter(Boolean), env)
  if (!call.ok) return call.errors
  return call.value.kind === 'help' ? `help ${call.value.verb?.name ?? ''}`.trim() : { verb: call.value.verb.name, ...call.value.args }
}

test('words and flags may come in any order', () => {
  expect(said('get pods -o wide web --namespace=production')).toEqual({
    verb: 'get',
    words: ['pods', 'web'],
    rest: [],
    flags: { output: 'wide', namespace: 'production' },
  })
})

test('flags of every verb may stand before it', () => {
  expect(said('--lab two --no-color -n x get pods')).toEqual({
    verb: 'get',
    words: ['pods'],
    rest: [],
    flags: { lab: 'two', 'no-color': true, namespace: 'x' },
  })
})

test('without a verb there is help, or the version, and any other flag is a mistake', () => {
  expect(['', '--help', '--no-color', '--version', '--frob', '-v'].map((line) => said(line))).toEqual([
    'help',
    'help',
    'help',
    { verb: 'version', words: [], rest: [], flags: {} },
    ['--frob needs a verb beside it', 'netlab --help lists them'],
    ['-v needs a verb beside it', 'netlab --help lists them'],
  ])
})

test('short flags may be joined and carry their value', () => {
  expect(said('get pods -Aowide')).toEqual({ verb: 'get', words: ['pods'], rest: [], flags: { 'all-namespaces': true, output: 'wide' } })
})

test('the value of a short flag may follow a sign of equality', () => {
  expect(said('get pods -o=yaml -n=shop')).toEqual({ verb: 'get', words: ['pods'], rest: [], flags: { output: 'yaml', namespace: 'shop' } })
})

test("a program's own words are taken as they are, with and without --", () => {
  const curl = { verb: 'exec', words: ['client'], rest: ['curl', '-s', '--lab', 'x'], flags: { container: 'web' } }
  expect([said('exec client -c web -- curl -s --lab x'), said('exec -c web client curl -s --lab x')]).toEqual([curl, curl])
})

test('only the first -- is taken from a program', () => {
  expect(said('exec client -it -- sh -c x -- y')).toMatchObject({ rest: ['sh', '-c', 'x', '--', 'y'], flags: { stdin: true, tty: true } })
})

test('a list may be repeated or written with commas', () => {
  expect(said('apply -f a.yaml,b.yaml -f -')).toMatchObject({ flags: { file: ['a.yaml', 'b.yaml', '-'] } })
})

test('a variable stands in for a flag that is not given', () => {
  const env = { NETLAB_NAMESPACE: 'production', NETLAB_OUTPUT: 'json', NETLAB_ALL_NAMESPACES: '0' }
  expect(said('get pods -o wide', env)).toMatchObject({ flags: { namespace: 'production', output: 'wide', 'all-namespaces': false } })
})

test('words other tools taught mean the same verb', () => {
  expect(['deploy x', 'destroy', 'inspect', 'validate', 'connect node-1'].map((line) => said(line))).toMatchObject(
    ['up', 'down', 'status', 'check', 'shell'].map((verb) => ({ verb })),
  )
})

test('help is asked for in four ways', () => {
  expect(['', '--help', 'help up', 'up -h', 'exec x --help'].map((line) => said(line))).toEqual(['help', 'help', 'help up', 'help up', 'help exec'])
})

test.each([
  ['pu flannel', ['no verb named "pu"; did you mean up?\nnetlab --help lists them']],
  ['get pods --namspace x', ['netlab get has no flag --namspace; did you mean --namespace?', 'netlab get --help tells more']],
  ['get', ['netlab get needs <kinds>', 'netlab get --help tells more']],
  ['policy', ['netlab policy needs <what>: matrix, explain, test', 'netlab policy --help tells more']],
  ['get pods -o xml', ['-o is one of wide, json, yaml, name, not "xml"', 'netlab get --help tells more']],
  ['get pods -n --lab', ['-n needs a value: NS', 'netlab get --help tells more']],
  ['version now', ['netlab version takes no "now"', 'netlab version --help tells more']],
  ['logs x --tail many', ['--tail wants a number, not "many"', 'netlab logs --help tells more']],
  ['logs x --tail -2', ['--tail wants a number, not "-2"', 'netlab logs --help tells more']],
  ['scale x --replicas -1', ['--replicas wants a number, not "-1"', 'netlab scale --help tells more']],
  ['completion tcsh', ['<shell> is one of bash, zsh, fish, not "tcsh"', 'netlab completion --help tells more']],
  [
    'status --no-color=maybe --foo',
    [
      '--no-color is on or off and takes no value',
      'netlab status has no flag --foo; there is --lab, --output, --no-color, --help',
      'netlab status --help tells more',
    ],
  ],
])('netlab %s is refused with the way out', (line, errors) => {
  expect(said(line)).toEqual(errors)
})

test('no verb, alias or short flag is there twice', () => {
  const names = verbs.flatMap((verb) => [verb.name, ...verb.aliases])
  const twice = verbs.flatMap((verb) => verb.flags.flatMap((flag) => flag.short ?? []).filter((short, i, all) => all.indexOf(short) !== i || short === 'h'))
  expect([names.filter((name, i) => names.indexOf(name) !== i), twice]).toEqual([[], []])
})

test('every verb can be loaded', async () => {
  const loaded = await Promise.all(verbs.map(async (verb) => typeof (await verb.load()).run))
  expect(new Set(loaded)).toEqual(new Set(['function']))
})
