/** Labs: start, stop and look at them. */
import type { Verb } from '../verb.ts'
import { kernel, lab, output, seed } from './flags.ts'

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
      {
        name: 'driver',
        type: 'text',
        value: 'auto|netns|docker',
        choices: ['auto', 'netns', 'docker'],
        says: 'what nodes are made of: namespaces, Docker containers, or those where this user may not make namespaces',
      },
      kernel,
      seed,
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
    name: 'clean',
    aliases: [],
    group: 'labs',
    summary: 'remove what labs left behind that are no more',
    about: `A lab of namespaces leaves nothing but a folder, however it ended; one in Docker may leave networks and containers after a kill -9 or a crash of
the machine. They bear netlab's mark; nothing else is touched.`,
    args: [],
    flags: [
      { name: 'all', type: 'boolean', says: 'stop running labs too, and remove those of other users and machines that use this Docker' },
      { name: 'images', type: 'boolean', says: "remove netlab's images from Docker as well" },
    ],
    examples: [['netlab clean', 'remove what is left of dead labs']],
    load: () => import('../clean.ts'),
  },
  {
    name: 'ls',
    aliases: ['list'],
    group: 'labs',
    summary: 'running labs, or with --labs those that can be started',
    args: [],
    flags: [{ name: 'labs', type: 'boolean', says: 'the labs in labs/ by level, with their exercises and the minutes they take' }, output('json', 'name')],
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
  {
    name: 'node',
    aliases: [],
    group: 'labs',
    summary: 'let a node join, leave, stop or start while the lab runs',
    about: `add makes a machine and its Node, with the next free address and the next share of the Pod range; DaemonSets come by themselves.
rm takes the machine away and its Pods with it; Deployments make others, the other nodes forget its routes.
stop pulls the plug: NotReady after 2 s (40 s in life), its Pods not ready, and 5 s later (300 s in life) those that do not tolerate it are deleted, but stay
Terminating until the node is back. start makes the machine anew with everything on it.
netlab up brings the lab back to what its files say.`,
    args: [
      { name: 'what', what: 'word', choices: ['add', 'rm', 'stop', 'start'] },
      { name: 'node', what: 'place' },
    ],
    flags: [
      { name: 'ip', type: 'text', value: 'IP', says: "add: the node's address, on one of the lab's segments" },
      { name: 'zone', type: 'text', value: 'ZONE', says: 'add: its topology.kubernetes.io/zone' },
      { name: 'label', type: 'list', value: 'KEY=VALUE', says: 'add: a label; may be repeated' },
      lab,
    ],
    examples: [
      ['netlab node add node-4', 'a fourth node'],
      ['netlab node stop node-2', 'pull the plug of node-2'],
      ['netlab node start node-2', 'and put it back in'],
    ],
    load: () => import('../node.ts'),
  },
]
