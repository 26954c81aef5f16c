/** Understanding: what should be, what is, and why. */
import type { Verb } from '../verb.ts'
import { files, kernel, lab, namespace, output, seed } from './flags.ts'

export const understand: readonly Verb[] = [
  {
    name: 'plan',
    aliases: [],
    group: 'understand',
    summary: "what every node's kernel should hold, by whom and why",
    about: `Needs no root and no running lab. With -f the manifests given take the place of those of the lab.
The forms iptables, nft and ipvs print text for the program that loads it, and nothing else; where kube-proxy's rules are not among it, stderr says which form shows them.`,
    args: [{ name: 'lab', what: 'lab' }],
    flags: [
      { ...files, says: 'manifests instead of those of the lab; hand-written EndpointSlices too' },
      { name: 'node', type: 'text', value: 'NAME', says: 'one node only' },
      seed,
      {
        name: 'format',
        type: 'text',
        value: 'text|sh|json|iptables|nft|ipvs',
        choices: ['text', 'sh', 'json', 'iptables', 'nft', 'ipvs'],
        says: 'prose, a shell script that builds the node by hand, JSON, iptables-restore text, the text for nft -f, or ipvsadm, ipset and iptables as saved',
      },
    ],
    examples: [
      ['netlab plan flannel-vxlan --node node-1', 'the whole of one node as prose'],
      ['netlab plan flannel-vxlan --node node-1 --format sh', 'the same as a shell script'],
      ['netlab plan flannel-vxlan -f mine.yaml --format iptables', 'rules for your own Services'],
    ],
    load: () => import('../plan.ts'),
  },
  {
    name: 'graph',
    aliases: [],
    group: 'understand',
    summary: 'draw a lab: segments, routers, nodes with their Pods, and who is behind each Service',
    about: `With LAB as its files say it: that needs no root and no running lab. Without, the running lab, and how its nodes and Pods fare.
svg is a picture for light and dark pages, dot is for Graphviz, mermaid for Markdown on GitHub and GitLab; json is what they are drawn from.`,
    args: [{ name: 'lab', what: 'lab', optional: true }],
    flags: [
      {
        name: 'format',
        type: 'text',
        value: 'text|svg|dot|mermaid|json',
        choices: ['text', 'svg', 'dot', 'mermaid', 'json'],
        says: 'lines for a terminal, or one of the others',
      },
      seed,
      lab,
    ],
    examples: [
      ['netlab graph calico-tor', 'who is wired to whom'],
      ['netlab graph calico-tor --format svg > calico-tor.svg', 'the same as a picture'],
      ['netlab graph', 'the running lab'],
    ],
    load: () => import('../graph.ts'),
  },
  {
    name: 'trace',
    aliases: [],
    group: 'understand',
    summary: 'which rules a packet would meet, and where it would go',
    about:
      "From a Pod (its node's rules), a node, a router or a machine outside. Read from the plan of the running lab; no packet is sent.\nWhere rules draw lots, every way is shown with its odds.",
    args: [
      { name: 'from', what: 'place' },
      { name: 'to', what: 'place' },
    ],
    flags: [{ name: 'udp', type: 'boolean', says: 'UDP instead of TCP' }, namespace, lab],
    examples: [
      ['netlab trace client svc/frontend', 'from a Pod through a Service'],
      ['netlab trace node-1 10.96.0.10:53 --udp', 'from a node to an address and port'],
    ],
    load: () => import('../trace.ts'),
  },
  {
    name: 'explain',
    aliases: [],
    group: 'understand',
    summary: 'why a Service answers nobody',
    about: `Asked of objects and kernels: selector, readiness, ports, rules, forwarding, DNS. Each cause comes with its evidence and the next command.
Exit code 0: nothing found; 1: something found.`,
    args: [
      { name: 'kind', what: 'kind' },
      { name: 'name', what: 'name', optional: true, many: true },
    ],
    flags: [namespace, lab, output('json')],
    examples: [['netlab explain svc/frontend', 'what is wrong with a Service']],
    load: () => import('../explain.ts'),
  },
  {
    name: 'policy',
    aliases: [],
    group: 'understand',
    summary: 'who may talk to whom, as NetworkPolicies say it and as it is measured',
    about: `matrix draws the table of the running lab; --probe measures it from inside every Pod at once and marks where the two differ.
explain A B [PORT] names the policies that isolate and the rule that lets through. A and B are Pods (client, shop/web), machines or addresses;
B may be a Service, of which everybody ready behind its PORT (number or name) is told: policies are judged there.
test LAB -f FILES computes the table that objects make and needs no running lab; --live builds the lab as well, measures and compares.
Ports default to those the Pods declare. Exit code 1: measured is not what policies say.`,
    args: [
      { name: 'what', what: 'word', choices: ['matrix', 'explain', 'test'] },
      { name: 'word', what: 'word', optional: true, many: true },
    ],
    flags: [
      { name: 'port', type: 'list', value: 'PORT', says: 'such as 80, 53/udp or 80,443; may be repeated' },
      { name: 'from', type: 'list', value: 'IP', says: 'an address that calls, of a machine or outside; may be repeated' },
      { name: 'to', type: 'list', value: 'IP', says: 'an address that is called, of a machine or outside; may be repeated' },
      { name: 'probe', type: 'boolean', says: 'measure it' },
      { ...files, says: 'with test: manifests instead of those of the lab' },
      { name: 'live', type: 'boolean', says: 'with test: build the lab, measure, compare, take it down' },
      { ...kernel, says: `with --live: ${kernel.says}` },
      { name: 'no-install', type: 'boolean', says: 'name missing programs, do not install them' },
      { ...namespace, says: 'matrix and test: Pods of this namespace only; explain: the namespace of Pods named without one' },
      lab,
      output('json'),
    ],
    examples: [
      ['netlab policy matrix -n shop --port 80', 'who may call whom on port 80'],
      ['netlab policy matrix --probe', 'the same measured'],
      ['netlab policy explain client web 80/tcp', 'which policy decides'],
      ['netlab policy test lab.yaml -f objects.yaml -o json', 'what these objects would mean'],
    ],
    load: () => import('../policy.ts'),
  },
  {
    name: 'drift',
    aliases: [],
    group: 'understand',
    summary: 'where the kernels differ from the plan',
    about: 'Exit code 0: nowhere; 1: somewhere.',
    args: [],
    flags: [lab, output('json')],
    examples: [['netlab drift', 'after changing something by hand']],
    load: () => import('../drift.ts'),
  },
  {
    name: 'repair',
    aliases: [],
    group: 'understand',
    summary: 'put back what differs from the plan',
    args: [{ name: 'machine', what: 'place', optional: true }],
    flags: [lab, output('json')],
    examples: [['netlab repair node-1', 'one node only']],
    load: () => import('../repair.ts'),
  },
  {
    name: 'check',
    aliases: ['validate'],
    group: 'understand',
    summary: "run a lab's probes and say what does not hold",
    about: `A lab that does not run is brought up for it and taken down again.
Exit code 0: all hold; 1: one does not; 2: wrong use; 3: netlab could not decide; 4: the lab did not start.`,
    args: [{ name: 'lab', what: 'lab', optional: true }],
    flags: [
      { name: 'only', type: 'list', value: 'ID', says: 'only these probes or groups' },
      output('text', 'json', 'junit'),
      { ...kernel, says: `of a lab that does not run: ${kernel.says}` },
      { name: 'no-install', type: 'boolean', says: 'name missing programs, do not install them' },
      lab,
    ],
    examples: [
      ['netlab check', 'the running lab'],
      ['netlab check flannel-vxlan -o junit > junit.xml', 'for a CI server'],
    ],
    load: () => import('../check.ts'),
  },
  {
    name: 'dash',
    aliases: [],
    group: 'understand',
    summary: 'watch a lab live: topology and rates, packets, tables, objects, events',
    about: `Draws on the whole terminal, from 60 columns by 16 rows; 140 columns show all panes at once. ? shows the keys:
Tab moves between panes, Enter selects, s opens a shell at the selected node or Pod, p captures packets there, c runs the
lab's checks, : takes commands, / filters, q leaves the terminal as it was. The lab goes on.`,
    args: [{ name: 'lab', what: 'running-lab', optional: true }],
    flags: [{ name: 'every', type: 'number', value: 'MS', least: 50, says: 'read the counters of links this often (default: 100)' }, lab],
    examples: [
      ['netlab dash', 'the running lab'],
      ['netlab dash flannel-vxlan --every 1000', 'one of several, and calmly'],
    ],
    load: () => import('../dash.ts'),
  },
  {
    name: 'grade',
    aliases: [],
    group: 'understand',
    summary: 'grade a submission in a fresh lab, or a folder of them',
    about: `A submission is a folder: manifests/*.yaml are applied, nodes/NODE.sh and pods/POD.sh run there, answers.yaml is read; nothing else is.
The lab is made for it and removed after it; what the submission runs cannot leave the lab. grade.json is written step by step, grade.html beside it when all is
over: one page with points, evidence and the lab as a picture. With --batch index.html leads to them, and class.csv is the table.
Exit code 0: pass mark reached; 1: below it; 2: exercise or submission cannot be read; 3: netlab could not decide, which costs nobody points;
4: the lab did not start; 130: interrupted. With --batch 0 when every submission was decided, else 3.`,
    args: [
      { name: 'lab', what: 'lab' },
      { name: 'submission', what: 'file', optional: true },
    ],
    flags: [
      { name: 'batch', type: 'text', value: 'DIR', what: 'file', says: 'grade every folder in this one' },
      { name: 'jobs', short: 'j', type: 'number', value: 'N', least: 1, says: 'with --batch: so many labs at once (default: 1)' },
      { name: 'resume', type: 'boolean', says: 'with --batch: what was graded already and has not changed is not graded again' },
      { name: 'out', type: 'text', value: 'DIR', what: 'file', says: 'where grade.json and grade.html are written (default: here, with --batch grades/)' },
      { name: 'pass', type: 'number', value: 'POINTS', says: 'points that must be reached (default: all)' },
      { name: 'seed', type: 'text', value: 'KEY', says: "the course's key: each student's variant is drawn from it and the submission's name" },
      { name: 'seconds', type: 'number', value: 'N', least: 1, says: 'how long each script of a submission may run (default: 30)' },
      { name: 'memory', type: 'number', value: 'MIB', least: 256, says: 'how much memory a lab may take (default: 2048)' },
      { name: 'student', type: 'boolean', says: 'print, and write as grade.html, what the student may see: hidden probes are counted and not named' },
      output('text', 'json', 'markdown', 'html', 'junit', 'tap', 'gradescope', 'classroom', 'csv', 'github'),
    ],
    examples: [
      ['netlab grade broken-services/selector-typo ann', 'one submission'],
      ['netlab grade broken-services/selector-typo --batch submissions --jobs 2 --resume', 'a class, two labs at a time'],
    ],
    load: () => import('../grade.ts'),
  },
]
