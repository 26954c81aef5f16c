/** Words of a command line → the verb and its arguments, or every mistake in them. */
import type { parseArgs } from 'node:util'
import { fail, ok, type Result } from '#net/result.ts'
import { offer } from './nearest.ts'
import { type Args, type Flag, flagsOf, type Verb, variableOf } from './verb.ts'
import { verbs } from './verbs.ts'

export type Call = { readonly kind: 'run'; readonly verb: Verb; readonly args: Args } | { readonly kind: 'help'; readonly verb?: Verb }
type Env = Readonly<Record<string, string | undefined>>
type Values = Record<string, string | boolean | string[]>

export function parse(argv: readonly string[], env: Env): Result<Call, string> {
  const { before, name, after } = splitAtVerb(argv)
  if (name === undefined) return withoutVerb(before)
  const verb = findVerb(name)
  if (name === 'help') return helpFor(after)
  if (verb === undefined) {
    return fail(`no verb named "${name}"${offer(name, [...verbs.flatMap((each) => [each.name, ...each.aliases])])}\nnetlab --help lists them`)
  }
  return readWords(verb, [...before, ...after], env)
}

const findVerb = (name: string): Verb | undefined => verbs.find((verb) => verb.name === name || verb.aliases.includes(name))

function called(name: string): Verb {
  const verb = findVerb(name)
  if (verb === undefined) throw new Error(`no verb ${name} in the table`)
  return verb
}

function withoutVerb(flags: readonly string[]): Result<Call, string> {
  if (flags.includes('--version')) return ok({ kind: 'run', verb: called('version'), args: NO_ARGS })
  const strange = flags.find((flag) => !['--help', '-h', '--no-color'].includes(flag))
  return strange === undefined ? ok({ kind: 'help' }) : fail(`${strange} needs a verb beside it`, 'netlab --help lists them')
}

const NO_ARGS: Args = { words: [], rest: [], flags: {} }

/** Flags may stand before the verb: `netlab --lab two get pods`. */
function splitAtVerb(argv: readonly string[]): { before: string[]; name?: string; after: string[] } {
  const before: string[] = []
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? ''
    if (!word.startsWith('-')) return { before, name: word, after: argv.slice(i + 1) }
    before.push(word)
    if (LEADING_WITH_VALUE.has(word) && argv[i + 1] !== undefined) before.push(argv[++i] ?? '')
  }
  return { before, after: [] }
}

const LEADING_WITH_VALUE: ReadonlySet<string> = new Set(['--lab', '-n', '--namespace'])

function helpFor(words: readonly string[]): Result<Call, string> {
  const [word] = words
  if (word === undefined || word.startsWith('-')) return ok({ kind: 'help' })
  const verb = findVerb(word)
  return verb === undefined
    ? fail(
        `no verb named "${word}"${offer(
          word,
          verbs.map((each) => each.name),
        )}`,
      )
    : ok({ kind: 'help', verb })
}

function readWords(verb: Verb, argv: readonly string[], env: Env): Result<Call, string> {
  const flags = flagsOf(verb)
  const tokens = tokensOf(argv, flags)
  const cut = verb.command ? commandStart(tokens, verb.args.length, argv.length) : argv.length
  const mistakes: string[] = []
  const words: string[] = []
  const rest = argv.slice(cut)
  const values: Values = {}
  for (const token of tokens) {
    if (token.index >= cut) break
    if (token.kind === 'positional') words.push(token.value)
    if (token.kind !== 'option') continue
    const flag = flags.find((each) => each.name === token.name)
    if (flag === undefined) mistakes.push(unknownFlag(verb, token.rawName, flags))
    else mistakes.push(...take(values, flag, wordOf(token), token.rawName))
  }
  if (values['help'] === true) return ok({ kind: 'help', verb })
  for (const flag of flags) mistakes.push(...fromEnv(values, flag, env))
  if (mistakes.length === 0) mistakes.push(...wordCount(verb, words))
  if (mistakes.length > 0) return fail(...mistakes, `netlab ${verb.name} --help tells more`)
  return ok({ kind: 'run', verb, args: { words, rest: rest[0] === '--' ? rest.slice(1) : rest, flags: values } })
}

type Token = NonNullable<ReturnType<typeof parseArgs>['tokens']>[number]

/** Without a flag there is nothing to parse, and node:util is slow to load. */
function tokensOf(argv: readonly string[], flags: readonly Flag[]): readonly Token[] {
  if (!argv.some((word) => word.startsWith('-'))) return argv.map((value, index) => ({ kind: 'positional', index, value }))
  const options = flags.map(({ name, type, short }) => [name, { type: type === 'boolean' ? 'boolean' : 'string', ...(short && { short }) }] as const)
  const { parseArgs: parsed } = process.getBuiltinModule('node:util')
  return parsed({ args: [...argv], options: Object.fromEntries(options), strict: false, tokens: true, allowPositionals: true }).tokens
}

/** `-o=yaml` is `-o yaml`, as other tools read it. */
const wordOf = ({ value, rawName }: Extract<Token, { kind: 'option' }>): string | undefined => (rawName.startsWith('--') ? value : value?.replace(/^=/, ''))

/** Where the program's own words begin: at `--`, or at the first word after the declared arguments. */
function commandStart(tokens: readonly Token[], args: number, end: number): number {
  let seen = 0
  for (const token of tokens) {
    if (token.kind === 'option-terminator') return token.index
    if (token.kind === 'positional' && ++seen > args) return token.index
  }
  return end
}

function unknownFlag(verb: Verb, raw: string, flags: readonly Flag[]): string {
  const names = flags.map((flag) => `--${flag.name}`)
  return `netlab ${verb.name} has no flag ${raw}${raw.startsWith('--') ? offer(raw, names) : ''}`
}

function take(values: Values, flag: Flag, value: string | undefined, raw: string): readonly string[] {
  if (flag.type === 'boolean') {
    if (value !== undefined && !['true', 'false'].includes(value)) return [`${raw} is on or off and takes no value`]
    values[flag.name] = value !== 'false'
    return []
  }
  if (value === undefined || /^--?[a-z]/.test(value)) return [`${raw} needs a value: ${flag.value ?? 'a word'}`]
  if (flag.type === 'number' && !(/^-?\d+(\.\d+)?$/.test(value) && Number(value) >= (flag.least ?? 0))) return [`${raw} wants a number, not "${value}"`]
  if (flag.choices && !flag.choices.includes(value)) return [`${raw} is one of ${flag.choices.join(', ')}, not "${value}"`]
  const before = values[flag.name]
  values[flag.name] = flag.type === 'list' ? [...(Array.isArray(before) ? before : []), ...value.split(',')] : value
  return []
}

function fromEnv(values: Values, flag: Flag, env: Env): readonly string[] {
  const given = env[variableOf(flag)]
  if (flag.name === 'help' || values[flag.name] !== undefined || given === undefined || given === '') return []
  if (flag.type !== 'boolean') return take(values, flag, given, variableOf(flag))
  values[flag.name] = !['0', 'false', 'no'].includes(given)
  return []
}

function wordCount(verb: Verb, words: readonly string[]): readonly string[] {
  const missing = verb.args.slice(words.length).filter((arg) => !arg.optional)
  const [first] = missing
  const among = first?.choices === undefined ? '' : `: ${first.choices.join(', ')}`
  if (first !== undefined) return [`netlab ${verb.name} needs ${missing.map((arg) => `<${arg.name}>`).join(' ')}${among}`]
  const many = verb.args.at(-1)?.many
  const extra = many || verb.command ? [] : words.slice(verb.args.length)
  if (extra.length > 0) return [`netlab ${verb.name} takes no "${extra.join(' ')}"`]
  return verb.args.flatMap((arg, i) => {
    const word = words[i]
    return arg.choices && word !== undefined && !arg.choices.includes(word) ? [`<${arg.name}> is one of ${arg.choices.join(', ')}, not "${word}"`] : []
  })
}
