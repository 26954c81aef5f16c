/** Completion scripts for bash, zsh and fish, derived from the table of verbs. */
import { resources } from '#api/resources.ts'
import { type Arg, type Flag, flagsOf, type Run, type Verb, type What } from './verb.ts'

export const run: Run = async (args, io, verbs) => {
  io.out(scripts[args.words[0] as keyof typeof scripts](verbs))
  return 0
}

export const scripts = { bash, zsh, fish }

/** How a shell asks netlab for the names of a thing; what fails prints nothing. */
const ASK: Readonly<Partial<Record<What, string>>> = {
  lab: 'netlab ls --labs -o name 2>/dev/null',
  'running-lab': 'netlab ls -o name 2>/dev/null',
  place: 'netlab get nodes,pods -o name 2>/dev/null | cut -d/ -f2',
}
const KINDS = [...resources.map(({ plural }) => plural), 'all'].join(' ')

const words = (verb: Verb): readonly string[] => [verb.name, ...verb.aliases]

/** Flags that take a value, with what the value names. */
const valued = (verb: Verb): readonly Flag[] => flagsOf(verb).filter((flag) => flag.type !== 'boolean')
const spellings = (flag: Flag): readonly string[] => [`--${flag.name}`, ...(flag.short ? [`-${flag.short}`] : [])]

function bash(verbs: readonly Verb[]): string {
  const cases = verbs.map((verb) => {
    const values = valued(verb).map((flag) => `        ${spellings(flag).join('|')}) ${bashNames(flag.what, flag.choices)}; return ;;`)
    return `    ${words(verb).join('|')})
      case "$prev" in
${values.join('\n')}
      esac
      if [[ "$cur" == -* ]]; then COMPREPLY=($(compgen -W "${flagsOf(verb).flatMap(spellings).join(' ')}" -- "$cur")); return; fi
      _netlab_words '${valued(verb).flatMap(spellings).join(' ')}'
      case "\${#given[@]}" in
${verb.args.map(bashArg).join('\n')}
      esac ;;`
  })
  return `# netlab completion for bash
# The words before this one that are neither flags nor values of such flags as are named.
_netlab_words() {
  local i before=
  given=()
  for ((i = 2; i < COMP_CWORD; i++)); do
    if [[ "\${COMP_WORDS[i]}" != -* && ( -z "$before" || " $1 " != *" $before "* ) ]]; then given+=("\${COMP_WORDS[i]}"); fi
    before="\${COMP_WORDS[i]}"
  done
}
_netlab() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" verb="\${COMP_WORDS[1]}"
  local -a given
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W "${verbs.map((verb) => verb.name).join(' ')} help" -- "$cur")); return; fi
  case "$verb" in
${cases.join('\n')}
    help) COMPREPLY=($(compgen -W "${verbs.map((verb) => verb.name).join(' ')}" -- "$cur")) ;;
  esac
}
complete -F _netlab netlab ./netlab
`
}

const bashArg = ({ what, choices, many }: Arg, at: number): string => `        ${many ? '*' : at}) ${bashNames(what, choices)} ;;`

function bashNames(what: What | undefined, choices: readonly string[] | undefined): string {
  if (choices) return `COMPREPLY=($(compgen -W "${choices.join(' ')}" -- "$cur"))`
  if (what === 'file') return 'COMPREPLY=($(compgen -f -- "$cur"))'
  if (what === 'kind') return `COMPREPLY=($(compgen -W "${KINDS}" -- "$cur"))`
  if (what === 'name') return `COMPREPLY=($(compgen -W "$(netlab get "\${given[0]}" -o name 2>/dev/null | cut -d/ -f2)" -- "$cur"))`
  const ask = what && ASK[what]
  if (what === 'lab') return `COMPREPLY=($(compgen -W "$(${ask})" -- "$cur") $(compgen -f -- "$cur"))`
  return ask ? `COMPREPLY=($(compgen -W "$(${ask})" -- "$cur"))` : 'COMPREPLY=()'
}

function zsh(verbs: readonly Verb[]): string {
  const cases = verbs.map((verb) => {
    const flags = flagsOf(verb).flatMap((flag) =>
      spellings(flag).map(
        (word) =>
          `'${flag.type === 'list' ? '*' : ''}${word}[${zshText(flag.says)}]${flag.type === 'boolean' ? '' : `:${zshText(flag.value ?? 'word')}:${zshNames(flag.what, flag.choices)}`}'`,
      ),
    )
    const args = verb.args.map((arg, i) => `'${arg.many ? '*' : i + 1}:${arg.name}:${zshNames(arg.what, arg.choices)}'`)
    return `    ${words(verb).join('|')}) _arguments -s ${[...flags, ...args, ...(verb.command ? ["'*::program:_normal'"] : [])].join(' ')} ;;`
  })
  return `#compdef netlab
# netlab completion for zsh
_netlab_ask() { compadd -- \${(f)"$(eval "$1")"} }
_netlab() {
  local -a verbs
  verbs=(${verbs.map((verb) => `'${verb.name}:${zshText(verb.summary)}'`).join(' ')})
  if (( CURRENT == 2 )); then _describe verb verbs; return; fi
  local verb=$words[2]
  shift words; (( CURRENT-- ))
  case $verb in
${cases.join('\n')}
    help) _describe verb verbs ;;
  esac
}
if [ "$funcstack[1]" = "_netlab" ]; then _netlab "$@"; else compdef _netlab netlab; fi
`
}

function zshNames(what: What | undefined, choices: readonly string[] | undefined): string {
  if (choices) return `(${choices.join(' ')})`
  if (what === 'file') return '_files'
  if (what === 'kind') return `(${KINDS})`
  const ask = what && ASK[what]
  return ask ? `{_netlab_ask "${ask}"}` : ' '
}

const zshText = (text: string): string => text.replaceAll("'", "'\\''").replaceAll(/[[\]:\\]/g, (sign) => (sign === '\\' ? sign : `\\${sign}`))

function fish(verbs: readonly Verb[]): string {
  const lines = verbs.flatMap((verb) => {
    const seen = `-n '__fish_seen_subcommand_from ${words(verb).join(' ')}'`
    const args = verb.args.map(({ what, choices, many }, at) => {
      const turn = `-n '__fish_seen_subcommand_from ${words(verb).join(' ')}; and __netlab_words ${many ? '-ge' : '-eq'} ${at}'`
      return `complete -c netlab ${turn} ${fishNames(what, choices)}`
    })
    const flags = flagsOf(verb).map((flag) => {
      const value = flag.type === 'boolean' ? '' : ` ${flag.what === 'file' ? '-r' : '-x'} ${fishNames(flag.what, flag.choices)}`
      return `complete -c netlab ${seen} -l ${flag.name}${flag.short ? ` -s ${flag.short}` : ''}${value} -d ${fishText(flag.says)}`
    })
    return [`complete -c netlab -n __fish_use_subcommand -a ${verb.name} -d ${fishText(verb.summary)}`, ...args, ...flags]
  })
  return `# netlab completion for fish
# Whether so many words, flags left out, stand behind the verb.
function __netlab_words
  set -l words (commandline -opc | string match --invert -- '-*')
  test (math (count $words) - 2) $argv
end
complete -c netlab -f
${lines.join('\n')}
`
}

function fishNames(what: What | undefined, choices: readonly string[] | undefined): string {
  if (choices) return `-a '${choices.join(' ')}'`
  if (what === 'file') return '-F'
  if (what === 'kind') return `-a '${KINDS}'`
  if (what === 'name') return '-a \'(netlab get (commandline -opc | string match --invert -- "-*")[3] -o name 2>/dev/null | cut -d/ -f2)\''
  const ask = what && ASK[what]
  return ask ? `${what === 'lab' ? '-F ' : ''}-a '(${ask})'` : ''
}

const fishText = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
