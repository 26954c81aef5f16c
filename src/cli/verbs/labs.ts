/** Labs: start, stop and look at them. */
import type { Verb } from '../verb.ts'
import { lab, output } from './flags.ts'

export const labs: readonly Verb[] = [
  {
    name: 'up',
    aliases: ['deploy'],
    group: 'labs',
    summary: 'start a lab, or bring a running one to what its files say',
    about: `The lab is a name from labs/, a folder, or a lab.yaml. Everything the files say wrong is told before anything starts.
Ctrl-C while a lab starts takes it away again.`,
    args: [{ name: 'lab', what: 'lab' }],
    flags: [
      output('json'),
      { name: 'no-wait', type: 'boolean', says: 'return when the lab answers, without waiting until all Pods are ready' },
      { name: 'no-install', type: 'boolean', says: 'name missing programs, do not install them' },
      { name: 'driver', type: 'text', value: 'auto|netns', says: 'what nodes are made of' },
      { name: 'kernel', type: 'text', value: 'auto|host', says: 'which kernel the nodes run on' },
    ],
    examples: [
      ['netlab up flannel-vxlan', 'start labs/flannel-vxlan'],
      ['netlab up ./mine/lab.yaml', 'start a lab of your own'],
    ],
    load: () => import('../up.ts'),
  },
  {
    name: 'down',
    aliases: ['destroy'],
    group: 'labs',
    summary: 'stop labs; nothing of them stays',
    args: [{ name: 'lab', what: 'running-lab', optional: true, many: true }],
    flags: [lab, { name: 'all', type: 'boolean', says: 'every running lab' }],
    examples: [
      ['netlab down', 'stop the only running lab'],
      ['netlab down one two', 'stop two of several'],
      ['netlab down --all', 'stop them all'],
    ],
    load: () => import('../down.ts'),
  },
  {
    name: 'ls',
    aliases: ['list'],
    group: 'labs',
    summary: 'running labs, or with --labs those that can be started',
    args: [],
    flags: [{ name: 'labs', type: 'boolean', says: 'the labs in labs/, running or not' }, output('json', 'name')],
    examples: [['netlab ls --labs', 'what can be started']],
    load: () => import('../ls.ts'),
  },
  {
    name: 'status',
    aliases: ['inspect'],
    group: 'labs',
    summary: 'how a running lab fares',
    args: [{ name: 'lab', what: 'running-lab', optional: true }],
    flags: [lab, output('json')],
    examples: [['netlab status', 'nodes, Pods, Services and what is not ready']],
    load: () => import('../status.ts'),
  },
]
