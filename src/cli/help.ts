/** The help texts, derived from the table of verbs. */
import { type Arg, type Flag, flagsOf, type Group, type Verb, variableOf } from './verb.ts'
import { verbs } from './verbs.ts'

const GROUPS: readonly (readonly [Group, string])[] = [
  ['labs', 'Labs'],
  ['learn', 'Learn and teach'],
  ['objects', 'Objects'],
  ['inside', 'Inside'],
  ['understand', 'Understand'],
  ['netlab', 'netlab itself'],
]

export function rootHelp(): string {
  const groups = GROUPS.map(
    ([group, title]) => `${title}:\n${columns(verbs.filter((verb) => verb.group === group).map((verb) => [named(verb), verb.summary]))}`,
  )
  return `netlab: Kubernetes networking with the real parts, on this machine, without root.

Usage: netlab <verb> [words] [flags]

${groups.join('\n\n')}

Begin with:
  netlab up flannel-vxlan
  netlab exec client -- curl -s http://frontend

netlab <verb> --help tells more about one. Every flag has a variable: --lab is NETLAB_LAB.
`
}

export function verbHelp(verb: Verb): string {
  const flags = flagsOf(verb)
  return [
    `netlab ${verb.name}: ${verb.summary}\n`,
    `Usage: ${usage(verb)}\n`,
    ...(verb.aliases.length > 0 ? [`Also called: ${verb.aliases.join(', ')}\n`] : []),
    ...(verb.about ? [`${verb.about}\n`] : []),
    ...(verb.examples.length > 0 ? [`Examples:\n${verb.examples.map(([command, says]) => `  # ${says}\n  ${command}`).join('\n')}\n`] : []),
    `Flags:\n${columns(flags.map((flag) => [flagWords(flag), flagSays(flag)]))}\n`,
  ].join('\n')
}

const usage = (verb: Verb): string =>
  ['netlab', verb.name, ...verb.args.map(argWords), ...(verb.command ? ['[--] <program> [words]'] : []), '[flags]'].join(' ')

function argWords(arg: Arg): string {
  const word = arg.choices ? arg.choices.join('|') : arg.name
  return arg.optional ? `[${word}${arg.many ? ' …' : ''}]` : `<${word}>`
}

const named = (verb: Verb): string => [verb.name, ...verb.aliases].join(', ')

function flagWords(flag: Flag): string {
  const value = flag.type === 'boolean' ? '' : ` ${flag.value ?? 'WORD'}`
  return `${flag.short ? `-${flag.short}, ` : '    '}--${flag.name}${value}`
}

const flagSays = (flag: Flag): string => (flag.name === 'help' ? flag.says : `${flag.says} (${variableOf(flag)})`)

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
}
