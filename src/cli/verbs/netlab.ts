/** netlab itself. */
import type { Verb } from '../verb.ts'
import { output } from './flags.ts'

export const netlab: readonly Verb[] = [
  {
    name: 'doctor',
    aliases: [],
    group: 'netlab',
    summary: 'try what this machine can do, and say how to mend the rest',
    args: [],
    flags: [output('json')],
    examples: [['netlab doctor', 'before the first lab']],
    load: () => import('../doctor.ts'),
  },
  {
    name: 'schema',
    aliases: [],
    group: 'netlab',
    summary: 'the JSON Schema of lab.yaml or exercise.yaml, for editors',
    args: [{ name: 'kind', what: 'word', optional: true, choices: ['Lab', 'Exercise'] }],
    flags: [],
    examples: [['netlab schema Lab > lab.schema.json', 'for yaml-language-server']],
    load: () => import('../schema.ts'),
  },
  {
    name: 'completion',
    aliases: [],
    group: 'netlab',
    summary: 'let a shell complete verbs, flags, labs and places',
    args: [{ name: 'shell', what: 'word', choices: ['bash', 'zsh', 'fish'] }],
    flags: [],
    examples: [
      ['source <(netlab completion bash)', 'for this bash'],
      ['netlab completion fish > ~/.config/fish/completions/netlab.fish', 'for every fish'],
    ],
    load: () => import('../completion.ts'),
  },
  {
    name: 'version',
    aliases: [],
    group: 'netlab',
    summary: 'which netlab this is',
    args: [],
    flags: [output('json')],
    examples: [],
    load: () => import('../version.ts'),
  },
]
