/** Exercises: to learn with them, and to write them. */
import type { Verb } from '../verb.ts'

export const learn: readonly Verb[] = [
  {
    name: 'lab',
    aliases: [],
    group: 'learn',
    summary: 'for authors: read a lab and its exercises through',
    about: `lint reads lab.yaml, manifests, check.yaml and every exercise, and tells all mistakes at once; nothing is started.
docs/AUTHORING.md leads from an empty folder to a tested lab.`,
    args: [
      { name: 'what', what: 'word', choices: ['lint'] },
      { name: 'lab', what: 'lab', optional: true },
    ],
    flags: [],
    examples: [['netlab lab lint broken-services', 'a lab and all of its exercises']],
    load: () => import('../lab.ts'),
  },
]
