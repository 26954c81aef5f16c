/** Exercises: to learn with them, and to write them. */
import type { Flag, Verb } from '../verb.ts'
import { kernel, lab, output } from './flags.ts'

const install: Flag = { name: 'no-install', type: 'boolean', says: 'name missing programs, do not install them' }

export const learn: readonly Verb[] = [
  {
    name: 'learn',
    aliases: [],
    group: 'learn',
    summary: 'do the exercises of a lab, watched while you work in another terminal',
    about: `LAB, or LAB/EXERCISE. The lab comes up with the exercise's fault in it; each thing mended is ticked within a second.
Keys: n next, h hint, c check (what was expected and what was seen), a answer, l list, r reset, q quit; where there is no terminal, each with Enter.
What was done is kept. Ctrl-C and q leave the lab running.`,
    args: [{ name: 'lab', what: 'lab' }],
    flags: [
      { name: 'seed', type: 'text', value: 'TEXT', says: 'another variant, where the exercise has values to be drawn' },
      { name: 'answer', type: 'list', value: 'ID=VALUE', says: 'the answer to a question; may be repeated' },
      kernel,
      install,
    ],
    examples: [
      ['netlab learn broken-services', 'the first exercise that is not done'],
      ['netlab learn broken-services/coredns-down', 'this one'],
    ],
    load: () => import('../learn.ts'),
  },
  {
    name: 'reset',
    aliases: [],
    group: 'learn',
    summary: 'build the lab anew as the task of its exercise begins',
    about: 'TASK, one of the exercise, jumps there. A `netlab learn` in another terminal goes on with the new lab.',
    args: [{ name: 'task', what: 'word', optional: true }],
    flags: [lab, install],
    examples: [['netlab reset', 'after having made it worse']],
    load: () => import('../reset.ts'),
  },
  {
    name: 'lab',
    aliases: [],
    group: 'learn',
    summary: 'for authors: begin a lab, read it through, try its exercises',
    about: `new makes a folder with a small lab and an exercise, to be changed into one's own.
lint reads lab.yaml, manifests, check.yaml and every exercise, and tells all mistakes at once; nothing is started.
test tries LAB, or LAB/EXERCISE, in fresh labs of its own: unsolved, every scored probe fails; each wrong/* gets the verdicts it declares; the solution passes
twice; a part of it left out is noticed. docs/AUTHORING.md leads from an empty folder to a tested lab.
Exit code 0: all as it should be; 1: an exercise has faults; 2: mistakes in the files; 3: something could not be decided; 4: the lab did not start.`,
    args: [
      { name: 'what', what: 'word', choices: ['new', 'lint', 'test'] },
      { name: 'lab', what: 'lab', optional: true },
    ],
    flags: [
      { name: 'seed', type: 'text', value: 'TEXT', says: 'test: the variant of this seed' },
      { name: 'fault', type: 'text', value: 'NAME', says: 'test: of an exercise that draws a fault, this one only' },
      { ...kernel, says: `test: ${kernel.says}` },
      output('json'),
      install,
    ],
    examples: [
      ['netlab lab new mine', 'a folder mine/ to begin with'],
      ['netlab lab lint broken-services', 'a lab and all of its exercises'],
      ['netlab lab test broken-services/coredns-down', 'one exercise, tried'],
    ],
    load: () => import('../lab.ts'),
  },
]
