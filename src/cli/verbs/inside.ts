/** Inside Pods and nodes. */
import type { Verb } from '../verb.ts'
import { container, lab, namespace, PLACES } from './flags.ts'

export const inside: readonly Verb[] = [
  {
    name: 'exec',
    aliases: [],
    group: 'inside',
    summary: 'run a program inside a Pod or a node',
    about: `${PLACES}\nInput, terminal and exit code pass through.`,
    args: [{ name: 'place', what: 'place' }],
    flags: [
      container,
      namespace,
      { name: 'stdin', short: 'i', type: 'boolean', says: 'as kubectl has it; input always passes through' },
      { name: 'tty', short: 't', type: 'boolean', says: 'as kubectl has it; a terminal always passes through' },
      lab,
    ],
    command: true,
    examples: [
      ['netlab exec client -- curl -s http://frontend', 'a request from a Pod'],
      ['netlab exec node-1 -- ip -d link show flannel.1', 'look at a node'],
      ['netlab exec client -c web -- sh', 'a shell in a certain container'],
    ],
    load: () => import('../exec.ts'),
  },
  {
    name: 'shell',
    aliases: ['connect'],
    group: 'inside',
    summary: 'a shell inside a Pod or a node',
    about: PLACES,
    args: [{ name: 'place', what: 'place' }],
    flags: [container, namespace, lab],
    examples: [['netlab shell node-2', 'a shell on node-2']],
    load: () => import('../shell.ts'),
  },
  {
    name: 'capture',
    aliases: [],
    group: 'inside',
    summary: 'watch packets at a place with tcpdump',
    about: `${PLACES}\nA device follows a slash: node-1/flannel.1, client/eth0. Without one, a node's and a Pod's eth0.`,
    args: [
      { name: 'place', what: 'place' },
      { name: 'filter', what: 'word', optional: true, many: true },
    ],
    flags: [
      { name: 'write', short: 'w', type: 'text', value: 'FILE', what: 'file', says: 'write the packets to a file (- for standard output) for Wireshark' },
      { name: 'count', short: 'c', type: 'number', value: 'N', says: 'end after N packets' },
      { name: 'seconds', type: 'number', value: 'S', says: 'end after S seconds' },
      { name: 'verbose', short: 'v', type: 'boolean', says: 'print more of each packet' },
      { name: 'link-level', short: 'e', type: 'boolean', says: 'print the MAC addresses too' },
      namespace,
      lab,
    ],
    examples: [
      ['netlab capture node-1 udp port 8472', 'VXLAN on the wire of node-1'],
      ['netlab capture node-1/cni0 icmp -c 4', 'four pings on the bridge'],
      ['netlab capture client -w - tcp port 80 | wireshark -k -i -', 'into Wireshark'],
    ],
    load: () => import('../capture.ts'),
  },
]
